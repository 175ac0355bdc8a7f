"""What a purchase of each unit is believed to amount to; what it earns is among the margins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations.credibility import (
    capping_limits,
    credible_mean,
    estimate_credibility,
    merge_purchases,
)
from services.analytics.calculations.parameters import ValueParameters
from services.analytics.calculations.purchases import Floats, Integers, Purchases, float_column


@dataclass(frozen=True, slots=True, eq=False)
class OrderValues:
    """What purchases amount to.

    Attributes
    ----------
    order_value
        Expected amount of a purchase; base currency, NaN without a purchase; shape (units,).
    valued_purchase_count
        Purchases of known amount, which every value of the unit rests on; shape (units,).
    base_order_value
        Mean amount of a purchase of the base; base currency, NaN without one of known amount.
    """

    order_value: Floats
    valued_purchase_count: Integers
    base_order_value: float


def order_values(
    deals: pd.DataFrame, *, purchases: Purchases, parameters: ValueParameters
) -> OrderValues:
    """Weigh each unit's own amount per purchase with that of the base.

    Parameters
    ----------
    deals
        ``amount`` of every won deal; base currency, NaN unknown.
    purchases
        Of all units.
    parameters
        Percentiles at which single amounts are capped, limits of the credibility.

    Notes
    -----
    The credibility mean of amounts that a percentage is paid on, found like that of margins. Source:
    domain specification 6.2, 3.2.
    """
    count = len(purchases.purchase_count)
    amount = float_column(deals, "amount")[purchases.deal_rows]
    lowest, highest = capping_limits(amount, parameters=parameters)
    unit, merged = merge_purchases(purchases, np.clip(amount, lowest, highest))
    known = np.bincount(unit, minlength=count)
    number = known.astype(np.float64)
    total = np.bincount(unit, weights=merged, minlength=count).astype(np.float64, copy=False)
    credibility, _, _ = estimate_credibility(merged, number, total, parameters=parameters)
    base = float(total.sum() / number.sum()) if len(merged) else np.nan
    value = credible_mean(total, number, base_mean=base, credibility=credibility)
    value[~purchases.has_purchase] = np.nan
    return OrderValues(value, known, base)
