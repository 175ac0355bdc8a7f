"""C-FREQ: fewer purchases lately than the own earlier rate predicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import pdtr

from services.analytics.calculations.purchases import Floats, Integers, Purchases


@dataclass(frozen=True, slots=True)
class FrequencyParameters:
    """How purchases of late are compared with those before (domain specification 4).

    Attributes
    ----------
    window_interpurchase_times
        Expected gaps in the window of late; no unit; default 4.
    window_min_days, window_max_days
        Limits of the window, which is never longer than half the time since the first purchase;
        days; defaults 60 and 365.
    from_purchases, from_earlier_purchases
        Purchases in all, and repeat purchases before the window, from which it can be told; count;
        defaults 4 and 2.
    chance_without_signal
        Chance of so few purchases from which on there is no signal; probability; default 0.5.
    """

    window_interpurchase_times: float = 4.0
    window_min_days: float = 60.0
    window_max_days: float = 365.0
    from_purchases: int = 4
    from_earlier_purchases: int = 2
    chance_without_signal: float = 0.5


def frequency_window(
    interpurchase_days: Floats, age_days: Floats, *, parameters: FrequencyParameters
) -> Floats:
    """Return the length of the window of late; days: ``min(clip(4 * ipt, 60, 365), T / 2)``."""
    times = parameters.window_interpurchase_times
    window = np.clip(
        times * interpurchase_days, parameters.window_min_days, parameters.window_max_days
    )
    return np.minimum(window, age_days / 2)


def frequency_drop(
    recent: Floats,
    earlier: Floats,
    window: Floats,
    age_days: Floats,
    *,
    r: float,
    alpha: float,
    parameters: FrequencyParameters,
) -> Floats:
    """Return how surprising so few purchases are; shape (units,), NaN with too little data.

    Parameters
    ----------
    recent, earlier
        Purchases in the window, and repeat purchases (not the first) before it; count.
    window, age_days
        ``W`` and ``T``; days.
    r, alpha
        Shape and rate of the gamma distribution of purchase rates; no unit, days.

    Notes
    -----
    ``mu = W * (r + x_prev) / (alpha + T - W)``; ``clip(1 - Poisson_cdf(x_recent; mu) / 0.5)``.
    Source: domain specification 4.
    """
    expected = window * (r + earlier) / (alpha + age_days - window)
    chance = pdtr(recent, expected)
    strength = np.clip(1 - chance / parameters.chance_without_signal, 0.0, 1.0)
    is_enough = (recent + earlier + 1 >= parameters.from_purchases) & (
        earlier >= parameters.from_earlier_purchases
    )
    return np.where(is_enough & (window > 0), strength, np.nan)


def recent_purchases(purchases: Purchases, days: Integers, window: Floats) -> Floats:
    """Count the purchases of each unit that lie in its window, the day itself included.

    Parameters
    ----------
    days
        Day of each purchase, in the order of `purchases`.
    window
        Days; shape (units,), NaN without a purchase.
    """
    unit = purchases.purchase_unit
    is_recent = purchases.as_of_day - days < window[unit]
    count = np.bincount(unit[is_recent], minlength=len(purchases.purchase_count))
    return count.astype(np.float64)
