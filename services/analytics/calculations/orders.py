"""What a purchase of each unit is believed to amount to; what it earns is among the margins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.analytics.calculations.credibility import (
    Credibility,
    DealValues,
    capping_limits,
    credible_mean,
    estimate_credibility,
)
from services.analytics.calculations.parameters import ValueParameters
from services.analytics.calculations.purchases import Booleans, Floats, Integers


@dataclass(frozen=True, slots=True, eq=False)
class OrderValues:
    """What purchases amount to.

    Attributes
    ----------
    order_value
        Expected amount of a purchase; base currency, NaN without a purchase; shape (units,).
    valued_purchase_count
        Purchases of known amount, which every value of the unit rests on; shape (units,).
    """

    order_value: Floats
    valued_purchase_count: Integers


def estimate_orders(amounts: DealValues, *, parameters: ValueParameters) -> Credibility:
    """Estimate from a base how much a unit's own amount per purchase counts, as with margins.

    Source: domain specification 6.2, 3.2.
    """
    lowest, highest = capping_limits(amounts.value, parameters=parameters)
    unit, merged = amounts.capped(lowest, highest)
    number, total = amounts.totals(unit, merged)
    factor, within, between = estimate_credibility(merged, number, total, parameters=parameters)
    base = float(total.sum() / number.sum()) if len(merged) else np.nan
    return Credibility(base, factor, within, between, lowest, highest)


def order_values(
    amounts: DealValues, *, has_purchase: Booleans, credibility: Credibility
) -> OrderValues:
    """Weigh each unit's own amount per purchase with that of the base.

    Parameters
    ----------
    amounts
        Of the deals of purchases; base currency.
    has_purchase
        Whether each unit has bought; shape (units,).
    credibility
        Estimated from the base.

    Notes
    -----
    The credibility mean of amounts that a percentage is paid on. Source: domain specification 6.2,
    3.2.
    """
    unit, merged = amounts.capped(credibility.lowest, credibility.highest)
    number, total = amounts.totals(unit, merged)
    value = credible_mean(
        total, number, base_mean=credibility.base_mean, credibility=credibility.credibility
    )
    value[~has_purchase] = np.nan
    return OrderValues(value, number.astype(np.int64))
