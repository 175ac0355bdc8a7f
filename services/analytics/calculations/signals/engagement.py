"""C-ENG: the customer reacts less often to messages than before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Floats
from services.analytics.calculations.signals.by_unit import (
    Signal,
    ages,
    are,
    count_by_unit,
    shown_by,
    units_of,
)


@dataclass(frozen=True, slots=True)
class EngagementParameters:
    """How reactions of late are compared with those before (domain specification 4).

    Attributes
    ----------
    window_days, earlier_days
        Window of late, and the time before it; days; defaults 90 and 365.
    from_touches, from_earlier_touches
        Touches in the window and before it from which it can be told; count; defaults 3 and 5.
    prior_responses, prior_touches
        What the earlier rate is drawn towards; count; defaults 1 and 10.
    prior_recent_touches
        Touches that the earlier rate counts for in the rate of late; count; default 2.
    unsubscribed_days, unsubscribed_strength
        How long unsubscribing counts, and the least strength it gives; days and share; defaults 180
        and 0.6.
    """

    window_days: int = 90
    earlier_days: int = 365
    from_touches: int = 3
    from_earlier_touches: int = 5
    prior_responses: float = 1.0
    prior_touches: float = 10.0
    prior_recent_touches: float = 2.0
    unsubscribed_days: int = 180
    unsubscribed_strength: float = 0.6


def response_rates(
    earlier_responses: Floats,
    earlier_touches: Floats,
    responses: Floats,
    touches: Floats,
    *,
    parameters: EngagementParameters,
) -> tuple[Floats, Floats]:
    """Return the rates of reaction before and of late; shares, shape of the input.

    ``rp = (k_p + 1) / (n_p + 10)``, ``rr = (k_r + 2 * rp) / (n_r + 2)``.
    """
    before = (earlier_responses + parameters.prior_responses) / (
        earlier_touches + parameters.prior_touches
    )
    weight = parameters.prior_recent_touches
    return before, (responses + weight * before) / (touches + weight)


def engagement_drop(
    interactions: pd.DataFrame, *, unit_count: int, as_of_day: int, parameters: EngagementParameters
) -> Signal:
    """Return the signal; NaN with too few touches, unless the customer has unsubscribed.

    Parameters
    ----------
    interactions
        Frame of events: ``unit``, ``day``, ``kind``, ``outcome``, ``interaction_id``.

    Notes
    -----
    ``clip(1 - rr / rp)`` of campaign touches and offers that did not bounce; a response is clicked,
    replied or accepted. Unsubscribed within 180 days: at least 0.6. Source: domain specification 4.
    """
    is_touch = are(interactions["kind"], "campaign_touch", "offer")
    age = ages(interactions, as_of_day)
    oldest = max(parameters.window_days + parameters.earlier_days, parameters.unsubscribed_days)
    rows = np.flatnonzero(is_touch & (age < oldest) & ~are(interactions["outcome"], "bounced"))
    columns = ["unit", "day", "outcome", "interaction_id"]
    touches, age = interactions[columns].iloc[rows], age[rows]
    unit = units_of(touches)
    responded = are(touches["outcome"], "clicked", "replied", "accepted")
    is_recent = age < parameters.window_days
    is_earlier = ~is_recent & (age < parameters.window_days + parameters.earlier_days)
    has_left = are(touches["outcome"], "unsubscribed") & (age < parameters.unsubscribed_days)
    k_before, n_before, k_now, n_now, left = (
        count_by_unit(unit[chosen], unit_count)
        for chosen in (
            is_earlier & responded,
            is_earlier,
            is_recent & responded,
            is_recent,
            has_left,
        )
    )
    before, now = response_rates(k_before, n_before, k_now, n_now, parameters=parameters)
    is_enough = (n_before >= parameters.from_earlier_touches) & (n_now >= parameters.from_touches)
    strength = np.where(is_enough, np.clip(1 - now / before, 0.0, 1.0), np.nan)
    least = np.where(left > 0, parameters.unsubscribed_strength, np.nan)
    strength = np.fmax(strength, least)
    telling = np.flatnonzero(has_left | (is_recent & ~responded))
    weight = np.where(has_left[telling], 1, 0) * oldest - age[telling]
    return Signal(strength, shown_by(strength, touches, telling, weight))
