"""What channels ask for, and how often people may be addressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

BARRIERS: Final = (
    "allowed",
    "not_active",
    "refused",
    "no_address",
    "consent_pending",
    "no_consent",
)
"""Why a channel may not be used for marketing; the first that holds, the first of all: it may."""

Address = Literal["email", "phone", "postal", "used"]


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """A channel that can address a person.

    Attributes
    ----------
    id
        Id of the catalogue.
    consent
        Whether one asks first (``opt_in``), or may until somebody refuses (``opt_out``).
    base_response
        Share of touches that are answered; probability above 0; from the catalogue.
    address
        What has to be known of the person; ``used``: that it came over this channel before.
    """

    id: str
    consent: Literal["opt_in", "opt_out", "none"]
    base_response: float
    address: Address


@dataclass(frozen=True, slots=True)
class ReachParameters:
    """Who may be reached, how and how often (domain specification 6.3, 6.4, 11).

    Attributes
    ----------
    channels
        The channels that can address a person, from the catalogue; none by default.
    style_caps
        Touches in the pressure window by communication style; count; from the catalogue; defaults
        brief 2, others 4 (6.4, 11).
    default_cap
        The same of a person whose style is not known; count; default 4 (6.4).
    prior_touches
        Touches that the base response counts as; count; default 10 (6.3).
    preferred_factor
        How much better the preferred channel is; no unit; default 1.2 (6.3).
    quality_min, quality_max
        Limits of the quality of a channel; no unit; defaults 0.5 and 1.5 (6.3).
    response_window_days
        Window of own touches and answers, the day itself included; days; default 730 (6.3).
    pressure_window_days
        Up to which age a touch counts; days; default 30 (6.4).
    unanswered_touches
        So many last touches without an answer halve the cap; count; default 3 (6.4).
    gap_days
        Least time between two touches; days; default 3 (6.4, 11).
    survey_window_days
        Window with one survey at most, the day itself included; days; default 90 (6.4, 11).
    spend_window_days
        Window of what was spent on a unit, the day itself included; days; default 365 (6.2).
    answer_hours
        How long a message may wait for its answer; hours; default 24 (6.1, 11).
    answer_window_days
        Window in which an unanswered message is still an obligation, the day itself included; days;
        default 90; older ones were settled in a way that nobody recorded.
    need_window_days
        Window in which a voiced need counts, the day itself included; days; default 365 (catalogue,
        condition ``need_voiced``).
    declined_window_days
        Window in which a declined offer is recent, the day itself included; days; default 180 (6.6).
    overdue_days
        Up to how many days overdue an invoice says nothing; days; default 30 (catalogue, condition
        ``solvent``).
    """

    channels: tuple[ChannelRule, ...] = ()
    style_caps: Mapping[str, int] = field(
        default_factory=lambda: {"brief": 2, "normal": 4, "extensive": 4}
    )
    default_cap: int = 4
    prior_touches: float = 10.0
    preferred_factor: float = 1.2
    quality_min: float = 0.5
    quality_max: float = 1.5
    response_window_days: int = 730
    pressure_window_days: int = 30
    unanswered_touches: int = 3
    gap_days: int = 3
    survey_window_days: int = 90
    spend_window_days: int = 365
    answer_hours: int = 24
    answer_window_days: int = 90
    need_window_days: int = 365
    declined_window_days: int = 180
    overdue_days: int = 30
