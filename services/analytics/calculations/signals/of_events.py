"""The signals of what has happened besides purchases: words, complaints, answers, payments, losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.analytics.calculations.events import Events, known_on
from services.analytics.calculations.purchases import Floats
from services.analytics.calculations.signals.burst import support_burst
from services.analytics.calculations.signals.by_unit import Signal
from services.analytics.calculations.signals.competitors import competitor_loss
from services.analytics.calculations.signals.complaints import unresolved_complaint
from services.analytics.calculations.signals.engagement import engagement_drop
from services.analytics.calculations.signals.leaving import leave_intent
from services.analytics.calculations.signals.parameters import SignalParameters
from services.analytics.calculations.signals.payment import payment_delay
from services.analytics.calculations.signals.satisfaction import Satisfaction, satisfaction_gap
from services.analytics.calculations.signals.sentiment import negative_sentiment
from services.analytics.calculations.signals.whole_base import SignalBase


@dataclass(frozen=True, slots=True, eq=False)
class EventSignals:
    """The signals of events by id, and what two of them are made of.

    Attributes
    ----------
    sentiment_level
        Mood of late, -1 to 1; shape (units,), NaN unknown.
    """

    signals: dict[str, Signal]
    sentiment_level: Floats
    satisfaction: Satisfaction


def event_signals(
    events: Events,
    *,
    last_purchase_day: Floats,
    unit_count: int,
    as_of_day: int,
    base: SignalBase,
    parameters: SignalParameters,
) -> EventSignals:
    """Compute every churn signal that purchases do not tell; local to each unit.

    Parameters
    ----------
    events
        What has happened to the units; what came later than the day counts as not happened.
    last_purchase_day
        Days since 1970-01-01; shape (units,), NaN without a purchase.
    as_of_day
        The day looked from, days since 1970-01-01.
    base
        What the whole base says.

    Source: domain specification 4.
    """
    events = known_on(events, as_of_day)
    on_day: dict[str, Any] = {"unit_count": unit_count, "as_of_day": as_of_day}
    interactions = events.interactions
    mood, level = negative_sentiment(interactions, parameters=parameters.sentiment, **on_day)
    satisfaction = satisfaction_gap(
        events.ratings,
        interactions,
        median_expectation=base.median_expectation,
        parameters=parameters.satisfaction,
        **on_day,
    )
    signals = {
        "negative_sentiment": mood,
        "unresolved_complaint": unresolved_complaint(
            interactions, parameters=parameters.complaints, **on_day
        ),
        "satisfaction_gap": satisfaction.signal,
        "support_burst": support_burst(
            interactions,
            requests_per_year=base.requests_per_year,
            parameters=parameters.burst,
            **on_day,
        ),
        "engagement_drop": engagement_drop(
            interactions, parameters=parameters.engagement, **on_day
        ),
        "competitor_loss": competitor_loss(
            events.lost_deals, interactions, parameters=parameters.competitors, **on_day
        ),
        "payment_delay": payment_delay(events.invoices, parameters=parameters.payment, **on_day),
        "leave_intent": leave_intent(
            interactions,
            events.contracts,
            events.open_deals,
            last_purchase_day=last_purchase_day,
            parameters=parameters.leaving,
            **on_day,
        ),
    }
    return EventSignals(signals, level, satisfaction)
