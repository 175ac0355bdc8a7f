"""How much a unit's own mean counts against that of the base; of margins and amounts alike."""

from __future__ import annotations

import numpy as np

from services.analytics.calculations.parameters import ValueParameters
from services.analytics.calculations.purchases import Floats, Integers, Purchases

_ROUNDING = 1e-12


def credible_mean(
    total: Floats, purchase_count: Floats, *, base_mean: float, credibility: float
) -> Floats:
    """Weigh own and base mean per purchase: ``(k mu0 + S) / (k + n)``.

    Totals and the base mean in base currency; shape (units,). Source: domain specification 3.2.
    """
    weighed: Floats = (credibility * base_mean + total) / (credibility + purchase_count)
    return weighed


def estimate_credibility(
    values: Floats, number: Floats, total: Floats, *, parameters: ValueParameters
) -> tuple[float, float, float]:
    """Return ``k`` with the variances within and between units, NaN before there are enough units.

    Values of each purchase, and their number and sum of each unit; base currency. Source: domain
    specification 3.2.
    """
    if int((number >= 2).sum()) < parameters.credibility_from_repeat_buyers:
        return parameters.credibility_default, np.nan, np.nan
    within, between = within_and_between_variance(values, number, total)
    return credibility_factor(within, between, parameters=parameters), within, between


def within_and_between_variance(
    values: Floats, number: Floats, total: Floats
) -> tuple[float, float]:
    r"""Estimate the variance of values within and between units (Buehlmann-Straub).

    Parameters
    ----------
    values
        Of each purchase, base currency; shape (purchases,).
    number, total
        Purchases and sum of values of each unit; shape (units,).

    Returns
    -------
    tuple
        :math:`s^2 = \sum_i \sum_j (m_{ij} - \bar m_i)^2 / (N - G)` and
        :math:`(\sum_i n_i (\bar m_i - \bar m)^2 - (G - 1) s^2) / (N - \sum_i n_i^2 / N)`, which may
        be negative; base currency squared; NaN where a denominator is 0. Source: domain
        specification 3.2.
    """
    purchases, groups = float(number.sum()), int((number > 0).sum())
    overall = float(total.sum()) / purchases
    apart = float(number @ (total / np.maximum(number, 1.0) - overall) ** 2)
    deviation = values - overall
    spread = purchases - float(number @ number) / purchases
    if purchases <= groups or spread <= 0:
        return np.nan, np.nan
    within = max(float(deviation @ deviation) - apart, 0.0) / (purchases - groups)
    between = (apart - (groups - 1) * within) / spread
    return within, between if abs(between) > _ROUNDING * overall**2 else 0.0


def credibility_factor(within: float, between: float, *, parameters: ValueParameters) -> float:
    """Divide the variances, within limits: the upper one where units do not differ at all.

    Source: domain specification 3.2.
    """
    if not between > 0:
        return parameters.credibility_max
    ratio = within / between
    return float(min(max(ratio, parameters.credibility_min), parameters.credibility_max))


def capping_limits(values: Floats, *, parameters: ValueParameters) -> tuple[float, float]:
    """Find the values at the capping percentiles, themselves in the data: few are never capped."""
    is_known = ~np.isnan(values)
    known = values.copy() if is_known.all() else values[is_known]
    if not len(known):
        return np.nan, np.nan
    last = len(known) - 1
    low = int(np.floor(last * parameters.lowest_percentile / 100))
    high = int(np.ceil(last * parameters.highest_percentile / 100))
    known.partition((low, high))
    return float(known[low]), float(known[high])


def merge_purchases(purchases: Purchases, values: Floats) -> tuple[Integers, Floats]:
    """Add up the values of the deals of each purchase; purchases of unknown value are left out.

    Returns the unit and the value of each purchase that is known.
    """
    unit = purchases.purchase_unit
    known = ~np.isnan(values)
    is_known = known.all()
    if len(purchases.starts) < len(values):
        if not is_known:
            values = np.where(known, values, 0.0)
            known = np.logical_or.reduceat(known, purchases.starts)
        values = np.add.reduceat(values, purchases.starts)
    if is_known:
        return unit, values
    return unit[known], values[known]
