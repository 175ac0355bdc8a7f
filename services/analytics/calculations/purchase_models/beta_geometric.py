"""The MBG/NBD and the BG/NBD: after a purchase a unit may drop out for good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.special import betaln, digamma, gammaln

from services.analytics.calculations.parameters import DAYS_PER_MONTH, Family
from services.analytics.calculations.purchase_models.dropout_integral import (
    expected_purchases_of_ratio,
    terms_for_decay,
)
from services.analytics.calculations.purchase_models.histories import Histories, distinct
from services.analytics.calculations.purchase_models.model import PurchaseModel, arguments
from services.analytics.calculations.purchase_models.purchases_ahead import (
    Block,
    PurchasesAhead,
)
from services.analytics.calculations.purchase_models.series import (
    Interval,
    Series,
    column_products,
    interval_between,
    product,
)
from services.analytics.calculations.purchases import Floats, Integers

_BLOCK_ROWS = 8_192
_TERMS_STEP = 8  # the same number of terms for many ``x``: they are computed together


@dataclass(frozen=True, slots=True)
class BetaGeometric(PurchaseModel):
    """What the two families share.

    Attributes
    ----------
    a, b
        Shapes of the beta distribution of the probability to drop out after a purchase; no unit,
        > 0; ``a / (a + b)`` is its mean.
    """

    first_chance: ClassVar[float]
    """Chances to drop out after the first purchase: ``x`` plus this is ``y``, the chances so far."""

    a: float
    b: float

    @classmethod
    def log_likelihood(cls, logs: Floats, histories: Histories) -> tuple[float, Floats]:
        r"""Give the log-likelihood of histories and its gradient by ``logs``.

        Notes
        -----
        Per unit :math:`\ln\Gamma(r+x) - \ln\Gamma(r) + r\ln\alpha + \ln B(a, b+y) - \ln B(a, b)
        - (r+x)\ln(\alpha+T) + \ln(1 + e^q)`,
        :math:`q = \ln\frac{a}{b+y-1} + (r+x)\ln\frac{\alpha+T}{\alpha+t_x}`, and
        :math:`q = -\infty` for :math:`y = 0`. Sources: domain specification 2.2; Fader, Hardie, Lee
        (2005) for the BG/NBD.
        """
        r, alpha, a, b = np.exp(logs)
        x, _, weight = histories.repeats
        count = float(weight.sum())
        chances = x + cls.first_chance
        value = float(
            weight @ (gammaln(r + x) + betaln(a, b + chances))
            + count * (r * logs[1] - gammaln(r) - betaln(a, b))
        )
        by_both = digamma(a + b) - digamma(a + b + chances)
        gradient = np.array(
            [
                weight @ digamma(r + x) + count * (logs[1] - digamma(r)),
                count * r / alpha,
                weight @ by_both,
                weight @ (by_both + digamma(b + chances)) - count * digamma(b),
            ]
        )
        for start in range(0, len(histories.weight), _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            value += cls._add_silence(gradient, (r, alpha, a, b), histories, rows)
        return value, gradient * np.exp(logs)

    @classmethod
    def _add_silence(
        cls,
        gradient: Floats,
        theta: tuple[float, float, float, float],
        histories: Histories,
        rows: slice,
    ) -> float:
        """Add what depends on ``t_x`` and ``T`` to the gradient; return its log-likelihood."""
        r, alpha, a, b = theta
        x, weight = histories.repeat_count[rows], histories.weight[rows]
        until_now, until_last = alpha + histories.age[rows], alpha + histories.recency[rows]
        shape = r + x
        offset = x + (b + cls.first_chance - 1)
        if not cls.first_chance:
            offset[x == 0] = 1.0
        log_now, log_last = np.log(until_now), np.log(until_last)
        exponent = shape * (log_now - log_last) + (np.log(a) - np.log(offset))
        if not cls.first_chance:
            exponent[x == 0] = -np.inf
        small = np.exp(-np.abs(exponent))
        softplus = np.maximum(exponent, 0.0) + np.log1p(small)
        dead = weight * np.exp(np.minimum(exponent, 0.0)) / (1 + small)
        alive = weight - dead
        gradient[0] -= alive @ log_now + dead @ log_last
        gradient[1] -= shape @ (alive / until_now + dead / until_last)
        gradient[2] += dead.sum() / a
        gradient[3] -= (dead / offset).sum()
        return float(weight @ (softplus - shape * log_now))

    def alive_probability(self, repeat_count: Floats, recency: Floats, age: Floats) -> Floats:
        r"""Give P(alive) :math:`= 1 / (1 + k e^E)`, ``k`` the odds to have dropped out at once.

        Source: domain specification 2.1.
        """
        x, t_x, until = arguments(repeat_count, recency, age)
        with np.errstate(over="ignore", invalid="ignore"):
            dead_odds = self.dropout_odds(x) * np.exp(self.silence(x, t_x, until))
        dead_odds[np.isnan(dead_odds)] = 0.0  # 0 times infinity: no chance to drop out yet
        alive: Floats = 1 / (1 + dead_odds)
        return alive

    def dropout_odds(self, repeat_count: Floats) -> Floats:
        """Give the odds that a unit dropped out right after its last purchase."""
        chances = repeat_count + self.first_chance
        odds = np.zeros(len(chances))
        tried = chances > 0
        odds[tried] = self.a / (self.b + chances[tried] - 1)
        return odds

    def buying_if_alive(self, repeat_count: Floats, age: Floats, horizon: Floats | float) -> Floats:
        r"""Give :math:`1 - (1 + H / (\alpha + T))^{-(r + x)}`. Source: domain specification 2.1."""
        x, until, ahead = arguments(repeat_count, age, horizon)
        buying: Floats = -np.expm1(-(self.r + x) * np.log1p(ahead / (self.alpha + until)))
        return buying

    def expected_if_alive(
        self, repeat_count: Floats, age: Floats, horizon: Floats | float
    ) -> Floats:
        """Expect the number of purchases within the horizon, if alive now."""
        x, until, ahead = arguments(repeat_count, age, horizon)
        repeats, index = distinct(x)
        reached = np.log1p(ahead / (self.alpha + until))
        return self.series(repeats, float(ahead.max(initial=0.0))).rows(index, reached)

    def series(self, repeats: Floats, horizon: float) -> Series:
        r"""Make series of the expectation over :math:`s = \ln\frac{\alpha+T+H}{\alpha+T}`.

        The expectation depends on ``T`` and ``H`` through ``s`` only, and is analytic in a strip of
        half-width :math:`\pi` around the real ``s``. It is made for units of any age and horizons
        up to the longest, and for each ``x`` from as many terms as that needs, so that it does not
        depend on the other ``x``; terms that are not needed are 0.
        """
        shape, stays = self.r + repeats, self.b + repeats + self.first_chance
        span = float(np.log1p(horizon / self.alpha))
        plain = interval_between(0.0, span, strip=np.pi)
        needed = np.maximum(terms_for_decay(shape, self.a, stays, span), plain.terms)
        terms = (np.ceil(needed / _TERMS_STEP) * _TERMS_STEP).astype(np.int64)
        longest = Interval(plain.low, plain.high, int(terms.max(initial=plain.terms)))
        coefficients = np.zeros((len(repeats), longest.terms))
        for count in np.unique(terms):
            rows, interval = np.flatnonzero(terms == count), replace(longest, terms=int(count))
            values = expected_purchases_of_ratio(
                shape[rows], self.a, stays[rows], np.expm1(interval.nodes)
            )
            coefficients[rows, :count] = interval.interpolate(values).coefficients
        return Series(longest, coefficients)

    def tabulate(self, repeat_count: Floats, age: Floats, *, months: int) -> PurchasesAhead:
        """Prepare the expectation by month of units alive, for up to some months; times in days."""
        x, until = arguments(repeat_count, age)
        return _BetaGeometricAhead(self, x, until, months=months)


class MbgNbd(BetaGeometric):
    """A unit may drop out after every purchase, the first included.

    Source: domain specification 2.1 (Batislam, Denizel, Filiztekin 2007).
    """

    __slots__ = ()
    family: ClassVar[Family] = "mbg_nbd"
    first_chance: ClassVar[float] = 1.0


class BgNbd(BetaGeometric):
    """A unit may drop out after every purchase but the first: who bought once is alive for sure.

    Source: Fader, Hardie, Lee (2005), Counting Your Customers the Easy Way.
    """

    __slots__ = ()
    family: ClassVar[Family] = "bg_nbd"
    first_chance: ClassVar[float] = 0.0


class _BetaGeometricAhead(PurchasesAhead):
    """Purchases ahead from series over the logarithm of time, one per distinct ``x``."""

    def __init__(
        self, model: BetaGeometric, repeat_count: Floats, age_days: Floats, *, months: int
    ) -> None:
        super().__init__(repeat_count, age_days, months=months)
        self.model = model
        self.series = model.series(self.repeats, months * DAYS_PER_MONTH)

    @cached_property
    def _series_of_next(self) -> Series:
        """The series after one more purchase."""
        return self.model.series(self.repeats + 1, self.months * DAYS_PER_MONTH)

    def _weighted(self, weights: Floats) -> Block:
        *_, basis = self._bases(self.series, weights)
        return lambda block: product(self.series.coefficients[block], basis)

    def _pairs(self, weights: Floats) -> Block:
        r"""Tabulate pairs: a purchase at rate :math:`\frac{r+x}{\alpha+T}`, survived, and another.

        The product density of two purchases, the later at ``v``, is
        :math:`E[\lambda^2 (1-p) e^{-\lambda p v}]`, whatever the time of the earlier.
        """
        model, series = self.model, self._series_of_next
        *_, basis = self._bases(series, weights)
        stays = model.b + self.repeats + model.first_chance
        survived = (model.r + self.repeats) * stays / (model.a + stays)
        until = model.alpha + self.ages
        return lambda block: (
            survived[block, None] * product(series.coefficients[block], basis) / until
        )

    def _buying(self, days: float) -> Block:
        reached = np.log1p(days / (self.model.alpha + self.ages))
        return lambda block: -np.expm1(np.outer(-(self.model.r + self.repeats[block]), reached))

    def within_each(self, months: Integers, *, discount_rate: float, rows: Integers) -> Floats:
        expected = np.zeros(len(rows))
        weights = self._discounts(int(months.max(initial=0)), discount_rate)
        for month, basis in enumerate(self._bases(self.series, weights)):
            chosen = np.flatnonzero(months == month)
            units = rows[chosen]
            if len(units):
                own = self.series.coefficients[self.repeat_index[units]].T
                expected[chosen] = column_products(own, basis[:, self.age_index[units]])
        return expected

    def _bases(self, series: Series, weights: Floats) -> Iterator[Floats]:
        """Weigh the polynomials over no month, one month and so on; (terms, distinct ``T``)."""
        until = self.model.alpha + self.ages
        before = series.interval.polynomials(np.zeros(len(until)))
        basis = np.zeros_like(before)
        yield basis
        for month, weight in enumerate(weights, start=1):
            reached = series.interval.polynomials(np.log1p(month * DAYS_PER_MONTH / until))
            basis += weight * (reached - before)
            before = reached
            yield basis
