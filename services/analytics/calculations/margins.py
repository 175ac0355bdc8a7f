"""What deals earned, and what a purchase of each unit is believed to earn; no lifetimes here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations.parameters import ValueParameters
from services.analytics.calculations.purchases import (
    Booleans,
    Floats,
    Integers,
    Purchases,
    float_column,
)

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class DealMargins:
    """What each won deal earned.

    Attributes
    ----------
    margin
        Base currency; NaN where the amount is unknown, such deals are left out of every value.
    is_cost_estimated
        Whether the margin rests on the default margin instead of a known cost.
    """

    margin: Floats
    is_cost_estimated: Booleans


@dataclass(frozen=True, slots=True)
class Credibility:
    """How much a unit's own margins count against those of the base.

    Attributes
    ----------
    base_purchase_contribution
        ``mu0``: mean contribution per purchase of the base, base currency.
    credibility
        ``k``: purchases the base mean counts for.
    within_variance, between_variance
        Of margins within and between units, base currency squared; NaN where not estimated.
    lowest_margin, highest_margin
        Where single margins are capped, base currency; NaN without margins.
    """

    base_purchase_contribution: float
    credibility: float
    within_variance: float
    between_variance: float
    lowest_margin: float
    highest_margin: float


def deal_margins(deals: pd.DataFrame, *, default_margin: float) -> DealMargins:
    """Compute the margin of each won deal.

    Parameters
    ----------
    deals
        ``amount``, ``list_amount``, ``cost``, ``refund``, ``cost_recovered``, ``written_off`` (base
        currency) and ``discount_pct`` (percent); NaN is unknown, for the last three: none.
    default_margin
        Share of the list amount, where the cost is unknown.

    Notes
    -----
    ``amount - refund - cost + cost_recovered - written_off``; an unknown cost is
    ``list_amount * (1 - default_margin)``, an unknown list amount ``amount / (1 - discount)``, or
    the amount where the discount is unknown or total. Source: domain specification 3.1.
    """
    amount, cost = float_column(deals, "amount"), float_column(deals, "cost")
    margin = amount - cost
    rows = np.flatnonzero(np.isnan(cost))
    if len(rows):
        listed = float_column(deals, "list_amount")[rows]
        paid_share = 1 - float_column(deals, "discount_pct")[rows] / 100
        paid_share[~(paid_share > 0)] = 1.0
        listed = np.where(np.isnan(listed), amount[rows] / paid_share, listed)
        margin[rows] = amount[rows] - listed * (1 - default_margin)
    for name, sign in (("refund", -1.0), ("cost_recovered", 1.0), ("written_off", -1.0)):
        values = float_column(deals, name)
        known = np.flatnonzero(values == values)
        if len(known) == len(values):
            margin += sign * values
        elif len(known):
            margin[known] += sign * values[known]
    is_estimated = np.zeros(len(margin), dtype=np.bool_)
    is_estimated[rows] = ~np.isnan(amount[rows])
    return DealMargins(margin, is_estimated)


def margin_per_purchase(
    units: pd.DataFrame,
    deals: pd.DataFrame,
    *,
    margins: DealMargins,
    purchases: Purchases,
    parameters: ValueParameters,
) -> tuple[Floats, Credibility]:
    """Weigh each unit's own contribution per purchase with that of the base.

    Parameters
    ----------
    units
        ``service_cost`` (base currency; unknown is none), in the order of the surrogate.
    deals
        ``unit`` of every won deal.
    margins
        Of those deals; capped at percentiles of the margins of all purchases first.
    purchases
        Of those units.
    parameters
        Percentiles, limits and what holds before any data.

    Returns
    -------
    tuple
        Contribution per purchase in base currency, shape (units,), NaN without a purchase; and how
        it was weighed.

    Notes
    -----
    ``(k mu0 + S) / (k + n)`` with ``S`` the contribution and ``n`` the purchases of the unit,
    deals of unknown amount left out of both. Source: domain specification 3.2.
    """
    count = len(units)
    unit = deals["unit"].to_numpy(dtype=np.int64)
    earned = margins.margin[purchases.deal_rows]
    lowest, highest = _caps(earned, parameters)
    merged_unit, merged = _merged_margins(purchases, np.clip(earned, lowest, highest))
    number = np.bincount(merged_unit, minlength=count).astype(np.float64)
    total = np.bincount(merged_unit, weights=merged, minlength=count).astype(np.float64, copy=False)
    is_known = number > 0
    credibility, within, between = parameters.credibility_default, np.nan, np.nan
    if int((number >= 2).sum()) >= parameters.credibility_from_repeat_buyers:
        within, between = within_and_between_variance(merged, number, total)
        credibility = credibility_factor(within, between, parameters=parameters)
    if len(purchases.deal_rows) < len(unit):
        rest = np.ones(len(unit), dtype=np.bool_)
        rest[purchases.deal_rows] = False
        rest &= ~np.isnan(margins.margin)
        capped = np.clip(margins.margin[rest], lowest, highest)
        total = total + np.bincount(unit[rest], weights=capped, minlength=count)
    own = np.where(
        is_known, total - np.nan_to_num(float_column(units, "service_cost"), nan=0.0), 0.0
    )
    base = parameters.base_purchase_contribution
    if is_known.any():
        base = float(own.sum() / number.sum())
    value = credible_margin(own, number, base_purchase_contribution=base, credibility=credibility)
    value[~purchases.has_purchase] = np.nan
    return value, Credibility(base, credibility, within, between, lowest, highest)


def credible_margin(
    contribution: Floats,
    purchase_count: Floats,
    *,
    base_purchase_contribution: float,
    credibility: float,
) -> Floats:
    """Weigh own and base contribution per purchase: ``(k mu0 + S) / (k + n)``.

    Contributions in base currency, shape (units,). Source: domain specification 3.2.
    """
    weighed: Floats = (credibility * base_purchase_contribution + contribution) / (
        credibility + purchase_count
    )
    return weighed


def within_and_between_variance(
    margin: Floats, number: Floats, total: Floats
) -> tuple[float, float]:
    r"""Estimate the variance of margins within and between units (Buehlmann-Straub).

    Parameters
    ----------
    margin
        Of each purchase, base currency; shape (purchases,).
    number, total
        Purchases and sum of margins of each unit; shape (units,).

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
    deviation = margin - overall
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


def _caps(earned: Floats, parameters: ValueParameters) -> tuple[float, float]:
    """Find the margins at the capping percentiles, themselves in the data: few are never capped."""
    is_known = ~np.isnan(earned)
    known = earned.copy() if is_known.all() else earned[is_known]
    if not len(known):
        return np.nan, np.nan
    last = len(known) - 1
    low = int(np.floor(last * parameters.lowest_percentile / 100))
    high = int(np.ceil(last * parameters.highest_percentile / 100))
    known.partition((low, high))
    return float(known[low]), float(known[high])


def _merged_margins(purchases: Purchases, earned: Floats) -> tuple[Integers, Floats]:
    """Add up the margins within each purchase; purchases of unknown margin are left out."""
    unit = purchases.purchase_unit
    known = ~np.isnan(earned)
    is_known = known.all()
    if len(purchases.starts) < len(earned):
        if not is_known:
            earned = np.where(known, earned, 0.0)
            known = np.logical_or.reduceat(known, purchases.starts)
        earned = np.add.reduceat(earned, purchases.starts)
    if is_known:
        return unit, earned
    return unit[known], earned[known]
