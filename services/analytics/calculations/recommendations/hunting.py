"""Who buys at a discount and leaves little: a condition of the catalogue that deals decide."""

from __future__ import annotations

import numpy as np
import pandas as pd

from services.analytics.calculations.margins import DealMargins
from services.analytics.calculations.purchases import (
    Booleans,
    Floats,
    Integers,
    Purchases,
    float_column,
)
from services.analytics.calculations.recommendations.candidates import StrategyParameters


def find_deal_hunters(
    deals: pd.DataFrame,
    *,
    margins: DealMargins,
    purchases: Purchases,
    parameters: StrategyParameters,
) -> pd.arrays.BooleanArray:
    """Tell who is a deal hunter, missing where the records leave it open; shape (units,).

    Parameters
    ----------
    deals
        ``day``, ``amount``, ``list_amount``, ``refund`` (base currency) and ``discount_pct``
        (percent) of every won deal; NaN unknown, for the refund: none.
    margins
        Of those deals.
    purchases
        Of all units.
    parameters
        Window, number of purchases, share of discounted ones and margin rate.

    Notes
    -----
    At least 4 purchases in 730 days, 60 % of them at a discount, and a margin below 15 % of the net
    revenue. A purchase is discounted if a discount or a list amount says so; nobody knows of one
    without both. Source: catalogue, condition ``deal_hunter``.
    """
    count = len(purchases.purchase_count)
    day = deals["day"].to_numpy(dtype=np.int64)[purchases.deal_rows[purchases.starts]]
    is_recent = day > purchases.as_of_day - parameters.hunting_window_days
    number = np.bincount(purchases.purchase_unit[is_recent], minlength=count)
    is_regular = number >= parameters.hunting_from_purchases
    counted = is_recent & is_regular[purchases.purchase_unit]
    lengths = np.diff(np.append(purchases.starts, len(purchases.deal_rows)))
    rows = purchases.deal_rows[np.repeat(counted, lengths)]
    if not len(rows):
        return pd.arrays.BooleanArray(is_regular, np.zeros_like(is_regular))
    unit, lengths = purchases.purchase_unit[counted], lengths[counted]
    starts = np.cumsum(lengths) - lengths

    def total(of_purchase: Floats | Booleans) -> Floats:
        sums = np.bincount(unit, weights=of_purchase, minlength=count)
        return sums.astype(np.float64)

    is_discounted, may_be = _discounts(deals, rows)
    limit = parameters.hunting_discount_share * number
    certainly = total(np.logical_or.reduceat(is_discounted, starts)) >= limit
    possibly = total(np.logical_or.reduceat(may_be, starts)) >= limit
    refund = np.nan_to_num(float_column(deals, "refund")[rows], nan=0.0)
    revenue = float_column(deals, "amount")[rows] - refund
    # One unknown amount makes the sum unknown.
    left = margins.margin[rows] - parameters.hunting_margin_rate * revenue
    left = total(np.add.reduceat(left, starts))
    is_mostly_discounted = pd.arrays.BooleanArray(certainly, possibly & ~certainly)
    is_thin = pd.arrays.BooleanArray(left < 0, np.isnan(left))
    hunters: pd.arrays.BooleanArray = is_mostly_discounted & is_thin & is_regular
    return hunters


def _discounts(deals: pd.DataFrame, rows: Integers) -> tuple[Booleans, Booleans]:
    """Tell which deals were certainly, and which were possibly, at a discount."""
    percent, listed, amount = (
        float_column(deals, name)[rows] for name in ("discount_pct", "list_amount", "amount")
    )
    certain: Booleans = (percent > 0) | (listed > amount)
    return certain, certain | (np.isnan(percent) & np.isnan(listed - amount))
