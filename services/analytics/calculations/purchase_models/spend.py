"""The gamma-gamma model of what a purchase brings: for positive margins that vary by unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.special import digamma, gammaln

from services.analytics.calculations.parameters import SpendParameters
from services.analytics.calculations.purchase_models.histories import distinct
from services.analytics.calculations.purchase_models.maximization import Maximum, maximize
from services.analytics.calculations.purchases import Floats

SpendBasis: TypeAlias = Literal[
    "gamma_gamma", "too_few_units", "not_positive", "depends_on_frequency", "no_mean"
]

_LOG_BOUND = 10.0
_BLOCK_ROWS = 8_192  # more would be spread over threads, which costs more than it brings
_LEAST_DEGREES = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Spending:
    """What units brought, as far as a gamma-gamma model can take it; additive over parts of a base.

    Attributes
    ----------
    number, total
        Purchases and their sum of the units that brought more than nothing, base currency; shape
        (rows,), ordered.
    weight
        Units with that number and total; shape (rows,).
    rejected_count
        Units with purchases that brought nothing or less.
    """

    number: Floats
    total: Floats
    weight: Floats
    rejected_count: float

    def every(self, step: int) -> Spending:
        """Take every n-th row: deterministic, and spread over all of their order."""
        columns = (self.number[::step], self.total[::step], self.weight[::step])
        return Spending(*columns, self.rejected_count)


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """What a purchase brings is gamma-distributed, its scale inverse-gamma-distributed over units.

    Attributes
    ----------
    p
        Shape of what single purchases of a unit bring; no unit, > 0.
    q
        Shape of the spread over units; no unit, > 0; the base has a mean only above 1.
    v
        Scale (``gamma`` in the literature), base currency, > 0; ``p v / (q - 1)`` is the mean.

    Source: Fader, Hardie (2013), The Gamma-Gamma Model of Monetary Value.
    """

    p: float
    q: float
    v: float

    def mean_margin(self, number: Floats, total: Floats) -> Floats:
        r"""Expect what a purchase of each unit brings: :math:`p (v + S) / (p n + q - 1)`.

        Parameters
        ----------
        number, total
            Purchases ``n`` and their sum ``S``, base currency; shape (units,).
        """
        mean: Floats = self.p * (self.v + total) / (self.p * number + self.q - 1)
        return mean

    def variances(self, number: Floats, mean: Floats) -> tuple[Floats, Floats]:
        """Tell the variance of what is believed of each unit's mean, and of purchases around it.

        Parameters
        ----------
        number, mean
            Purchases, and what is expected of each, base currency; shape (units,).
        """
        # The variance of the belief is infinite up to 2; few purchases of a wide base come near.
        degrees = np.maximum(self.p * number + self.q - 2, _LEAST_DEGREES)
        of_unit = mean**2 / degrees
        return of_unit, (mean**2 + of_unit) / self.p


@dataclass(frozen=True, slots=True)
class SpendFit:
    """A gamma-gamma model, or why there is none.

    Attributes
    ----------
    basis
        ``gamma_gamma``, or what speaks against it: ``too_few_units``, ``not_positive`` (margins of
        zero or less are frequent), ``depends_on_frequency``, ``no_mean``.
    model
        The estimate, if there is one.
    log_likelihood
        Of the data under it; NaN without.
    log_covariance
        Of the logarithms of ``p, q, v``: inverse of the observed information; NaN is unknown.
    unit_count
        Units it rests on.
    rejected_share
        Share of units that brought nothing or less.
    correlation
        Between the logarithms of number and mean of units with two purchases; NaN if undefined.
    """

    basis: SpendBasis
    model: GammaGamma | None
    log_likelihood: float
    log_covariance: tuple[tuple[float, ...], ...]
    unit_count: int
    rejected_share: float
    correlation: float


def group_spending(number: Floats, total: Floats) -> Spending:
    """Group what units brought; the order of the units does not matter.

    Parameters
    ----------
    number, total
        Purchases of known value and their sum, base currency; shape (units,).
    """
    bought = number > 0
    is_positive = bought & (total > 0)
    weight = np.ones(int(is_positive.sum()))
    rejected = float(bought.sum() - len(weight))
    return _grouped(number[is_positive], total[is_positive], weight, rejected)


def merge_spending(parts: Sequence[Spending]) -> Spending:
    """Combine parts of a base: the same as the whole base."""
    number, total, weight = (
        np.concatenate([np.empty(0), *(getattr(part, name) for part in parts)])
        for name in ("number", "total", "weight")
    )
    return _grouped(number, total, weight, sum(part.rejected_count for part in parts))


def fit_spending(spending: Spending, *, parameters: SpendParameters) -> SpendFit:
    """Estimate the gamma-gamma model where the margins allow it, else say what does not.

    Parameters
    ----------
    spending
        What the units of the whole base brought.
    parameters
        What the margins must be like.
    """
    units = float(spending.weight.sum())
    repeat_buyers = float(spending.weight @ (spending.number >= 2))
    everybody = units + spending.rejected_count
    share = spending.rejected_count / everybody if everybody else 0.0
    correlation = _correlation(spending)

    def without(basis: SpendBasis) -> SpendFit:
        return SpendFit(basis, None, np.nan, (), int(units), share, correlation)

    if repeat_buyers < parameters.from_repeat_buyers:
        return without("too_few_units")
    if share > parameters.rejected_share_max:
        return without("not_positive")
    if abs(correlation) > parameters.correlation_max:
        return without("depends_on_frequency")
    found = estimate_gamma_gamma(spending)
    model = GammaGamma(*(float(value) for value in np.exp(found.logs)))
    if not (found.is_converged and model.q > 1):
        return without("no_mean")
    covariance = tuple(tuple(row) for row in found.log_covariance.tolist())
    return SpendFit(
        "gamma_gamma", model, found.log_likelihood, covariance, int(units), share, correlation
    )


def estimate_gamma_gamma(spending: Spending) -> Maximum:
    """Maximize the likelihood over the logarithms of ``p, q, v``; from a start of no scale."""
    purchases = float(spending.weight @ spending.number)
    mean = float(spending.weight @ spending.total) / purchases if purchases else 1.0
    center = np.log([2.0, 3.0, mean])
    return maximize(_log_likelihood, spending, center=center, log_bound=_LOG_BOUND)


def _log_likelihood(logs: Floats, spending: Spending) -> tuple[float, Floats]:
    r"""Give the log-likelihood of what units brought and its gradient by the logarithms.

    Per unit :math:`\ln\Gamma(pn+q) - \ln\Gamma(pn) - \ln\Gamma(q) + q \ln v + (pn-1) \ln S + \ln n
    - (pn+q) \ln(v+S)`. Source: Fader, Hardie (2013).
    """
    p, q, v = np.exp(logs)
    number, index = distinct(spending.number)
    weight = np.bincount(index, weights=spending.weight, minlength=len(number))
    units = float(weight.sum())
    both = digamma(p * number + q)
    value = float(weight @ (gammaln(p * number + q) - gammaln(p * number) + np.log(number)))
    value += units * float(q * logs[2] - gammaln(q))
    gradient = np.array(
        [
            (weight * number) @ (both - digamma(p * number)),
            weight @ both + units * (logs[2] - digamma(q)),
            units * q / v,
        ]
    )
    for start in range(0, len(spending.weight), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        total, per_unit = spending.total[rows], spending.weight[rows]
        purchases = per_unit * spending.number[rows]
        log_total, log_until = np.log(total), np.log(v + total)
        # The share of the total keeps its digits however large the exponents are.
        apart = float(purchases @ (log_total - log_until))
        value += p * apart - float(per_unit @ (log_total + q * log_until))
        gradient += (
            apart,
            -(per_unit @ log_until),
            -((p * purchases + q * per_unit) @ (1 / (v + total))),
        )
    return value, gradient * np.exp(logs)


def _correlation(spending: Spending) -> float:
    rows = spending.number >= 2
    weight = spending.weight[rows]
    if not len(weight):
        return np.nan
    number = np.log(spending.number[rows])
    mean = np.log(spending.total[rows]) - number
    number, mean = (each - weight @ each / weight.sum() for each in (number, mean))
    spread = float(np.sqrt((weight @ number**2) * (weight @ mean**2)))
    return float(weight @ (number * mean)) / spread if spread > 0 else np.nan


def _grouped(number: Floats, total: Floats, weight: Floats, rejected: float) -> Spending:
    order = np.lexsort((total, number))
    number, total, weight = number[order], total[order], weight[order]
    is_first = np.ones(len(number), dtype=np.bool_)
    is_first[1:] = (number[1:] != number[:-1]) | (total[1:] != total[:-1])
    first = np.flatnonzero(is_first)
    summed = np.add.reduceat(weight, first) if len(first) else weight
    return Spending(number[first], total[first], summed, rejected)
