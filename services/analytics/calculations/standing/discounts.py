"""Which purchases were at a discount, and in what share of a unit's purchases that is so."""

from __future__ import annotations

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Booleans, Purchases, float_column


def discounted_deals(
    deals: pd.DataFrame, *, from_percent: float = 0.0
) -> tuple[Booleans, Booleans]:
    """Tell which deals certainly, and which possibly, were at a discount; shape (deals,).

    Parameters
    ----------
    deals
        ``discount_pct`` (percent), ``amount`` and ``list_amount`` (base currency); NaN unknown.
    from_percent
        Discounts that count; percent; any above 0 if it is 0.

    Notes
    -----
    A discount is what is recorded as one, or an amount below the list amount; of a deal without both
    nobody knows.
    """
    percent, listed, amount = (
        float_column(deals, name) for name in ("discount_pct", "list_amount", "amount")
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        given = np.fmax(percent, np.where(listed > 0, 100 * (1 - amount / listed), np.nan))
    certain = (given > 0) & (given >= from_percent)
    return certain, certain | np.isnan(given)


def discounted_purchases(
    deals: pd.DataFrame, purchases: Purchases, *, from_percent: float = 0.0
) -> tuple[Booleans, Booleans]:
    """Tell the same of purchases, in the order of ``purchases.purchase_unit``.

    Of several deals on a day one suffices.
    """
    certain, possible = (
        rows[purchases.deal_rows] for rows in discounted_deals(deals, from_percent=from_percent)
    )
    if not len(purchases.starts):
        return certain, possible
    return (
        np.logical_or.reduceat(certain, purchases.starts),
        np.logical_or.reduceat(possible, purchases.starts),
    )
