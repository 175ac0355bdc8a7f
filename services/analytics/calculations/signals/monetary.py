"""C-MON: the last orders are smaller than the earlier ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.analytics.calculations.purchases import Floats, Integers
from services.analytics.calculations.signals.by_unit import (
    count_by_unit,
    places_within,
    ratio,
    sum_by_unit,
)


@dataclass(frozen=True, slots=True)
class MonetaryParameters:
    """How orders of late are compared with those before (domain specification 4).

    Attributes
    ----------
    recent_purchases, from_earlier_purchases
        Purchases of late, and how many there must be before; count; defaults 3 and 3.
    drop_of_full_strength
        By how much the mean has to fall for the full strength; share; default 0.5.
    """

    recent_purchases: int = 3
    from_earlier_purchases: int = 3
    drop_of_full_strength: float = 0.5


def monetary_drop(
    unit: Integers, amounts: Floats, *, unit_count: int, parameters: MonetaryParameters
) -> Floats:
    """Return how far order values have fallen; shape (units,), NaN with too little data.

    Parameters
    ----------
    unit, amounts
        Unit and net amount (base currency, NaN unknown) of each purchase, ordered by unit and day;
        those of unknown amount are left out.

    Notes
    -----
    ``clip((1 - mean of last 3 / mean of earlier) / 0.5)``; not to be told where the earlier ones
    brought nothing. Source: domain specification 4.
    """
    is_known = ~np.isnan(amounts)
    unit, amounts = unit[is_known], amounts[is_known]
    count = count_by_unit(unit, unit_count)
    is_recent = places_within(unit) >= count[unit] - parameters.recent_purchases
    recent, earlier = (
        ratio(sum_by_unit(unit[rows], amounts[rows], unit_count), number)
        for rows, number in (
            (is_recent, np.minimum(count, parameters.recent_purchases)),
            (~is_recent, count - parameters.recent_purchases),
        )
    )
    drop = 1 - ratio(recent, earlier)
    strength = np.clip(drop / parameters.drop_of_full_strength, 0.0, 1.0)
    needed = parameters.recent_purchases + parameters.from_earlier_purchases
    return np.where(count >= needed, strength, np.nan)


def net_amounts(amount: Floats, refund: Floats, starts: Integers) -> Floats:
    """Sum amounts less refunds up to purchases; NaN where an amount is unknown.

    Parameters
    ----------
    amount, refund
        Of each deal, in the order of the purchases; base currency, a refund is NaN without one.
    starts
        Where each purchase starts.
    """
    if not len(starts):
        return np.zeros(0)
    net = amount - np.where(np.isnan(refund), 0.0, refund)
    return np.asarray(np.add.reduceat(net, starts), dtype=np.float64)
