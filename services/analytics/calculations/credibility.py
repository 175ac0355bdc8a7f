"""How much a unit's own mean counts against that of the base; of margins and amounts alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from services.analytics.calculations.parameters import ValueParameters
from services.analytics.calculations.purchases import Floats, Integers, Purchases

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Credibility:
    """How much a unit's own values count against those of the base; estimated from the base.

    Attributes
    ----------
    base_mean
        ``mu0``: mean value per purchase of the base, base currency; NaN without one.
    credibility
        ``k``: purchases the base mean counts for.
    within_variance, between_variance
        Of values within and between units, base currency squared; NaN where not estimated.
    lowest, highest
        Where single values are capped, base currency; NaN without values.
    """

    base_mean: float
    credibility: float
    within_variance: float
    between_variance: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True, eq=False)
class DealValues:
    """A value of every deal that is part of a purchase, in the order of unit and day.

    Attributes
    ----------
    value
        Margin or amount, base currency, NaN unknown; shape (deals,).
    starts
        Where each purchase starts; shape (purchases,).
    unit
        Unit of each purchase; shape (purchases,).
    unit_count
        Number of units.
    """

    value: Floats
    starts: Integers
    unit: Integers
    unit_count: int

    @classmethod
    def of(cls, values: Floats, purchases: Purchases) -> Self:
        """Take the values of all won deals, in the order of the deals frame."""
        return cls(
            values[purchases.deal_rows],
            purchases.starts,
            purchases.purchase_unit,
            len(purchases.purchase_count),
        )

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Put parts of a base behind each other."""
        deals, units = (
            np.cumsum([0, *counts])
            for counts in ([len(part.value) for part in parts], [p.unit_count for p in parts])
        )
        return cls(
            np.concatenate([part.value for part in parts]),
            np.concatenate(
                [part.starts + first for part, first in zip(parts, deals, strict=False)]
            ),
            np.concatenate([part.unit + first for part, first in zip(parts, units, strict=False)]),
            int(units[-1]),
        )

    def capped(self, lowest: float, highest: float) -> tuple[Integers, Floats]:
        """Return unit and value of each purchase that is known; single values are capped first."""
        value, known = np.clip(self.value, lowest, highest), ~np.isnan(self.value)
        is_known = known.all()
        if len(self.starts) < len(value):
            if not is_known:
                value = np.where(known, value, 0.0)
                known = np.logical_or.reduceat(known, self.starts)
            value = np.add.reduceat(value, self.starts)
        if is_known:
            return self.unit, value
        return self.unit[known], value[known]

    def totals(self, unit: Integers, value: Floats) -> tuple[Floats, Floats]:
        """Return number and sum of the purchases of each unit."""
        number = np.bincount(unit, minlength=self.unit_count).astype(np.float64)
        total = np.bincount(unit, weights=value, minlength=self.unit_count)
        return number, total.astype(np.float64, copy=False)


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


def given_back(total: float, capped_total: float, *, parameters: ValueParameters) -> float:
    """Tell by what capped values are multiplied so that they add up as the uncapped ones do.

    What capping takes from a few is given back to all, within a limit: one value alone shall not
    raise everybody. 1 where a total is not positive. No unit.
    """
    if not (total > 0 and capped_total > 0):
        return 1.0
    limit = parameters.given_back_max
    return float(min(max(total / capped_total, 1 / limit), limit))


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
