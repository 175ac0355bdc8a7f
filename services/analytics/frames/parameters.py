"""What has to be assumed where the records say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.analytics.calculations.reach.parameters import ReachParameters


@dataclass(frozen=True, slots=True)
class FrameParameters:
    """What has to be assumed where the records say nothing.

    Attributes
    ----------
    channel_cost
        Cost of a campaign touch or an offer by channel; base currency; from the catalogue.
    kind_cost
        Cost of an interaction by kind; base currency; other kinds 0 (domain specification 1).
    service_window_days
        Window of the recent service cost, the day itself included; days; default 730 (3.1).
    lead_window_days
        Window in which a lead is active, the day itself included; days; default 180 (2.3, 11).
    reason_window_days
        Window in which a named problem counts, the day itself included; days; default 730
        (catalogue, condition `leave_reason_known`).
    survey_window_days
        Window in which a survey is recent, the day itself included; days; default 90 (6.4, 11).
    occasion_window_days
        Window in which a product that was bought can be an occasion, the day itself included; days;
        default 90 (catalogue, the longest of `marketing_events`).
    reach
        Channels and how often people may be addressed; no channels by default.
    """

    channel_cost: Mapping[str, float]
    kind_cost: Mapping[str, float] = field(
        default_factory=lambda: {
            "call": 6.0,
            "visit": 80.0,
            "meeting": 60.0,
            "chat": 4.0,
            "email": 2.0,
            "social": 2.0,
            "complaint": 25.0,
            "service_request": 12.0,
            "payment_reminder": 3.0,
        }
    )
    service_window_days: int = 730
    lead_window_days: int = 180
    reason_window_days: int = 730
    survey_window_days: int = 90
    occasion_window_days: int = 90
    reach: ReachParameters = field(default_factory=ReachParameters)
