"""The Pareto/NBD: a unit may drop out at any time, whether it buys or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import digamma, exprel, gammaln

from services.analytics.calculations.parameters import DAYS_PER_MONTH, Family
from services.analytics.calculations.purchase_models.death_share import DeathShare
from services.analytics.calculations.purchase_models.histories import Histories, distinct
from services.analytics.calculations.purchase_models.model import PurchaseModel, arguments
from services.analytics.calculations.purchase_models.purchases_ahead import (
    Block,
    PurchasesAhead,
)
from services.analytics.calculations.purchases import Floats, Integers

_BLOCK_ROWS = 8_192  # more would be spread over threads, which costs more than it brings
_TINIEST = 1e-300


@dataclass(frozen=True, slots=True)
class ParetoNbd(PurchaseModel):
    """Purchase and dropout rates follow gamma distributions.

    Attributes
    ----------
    s
        Shape of the distribution of dropout rates; no unit, > 0.
    beta
        Its rate in the time unit of the data, > 0; ``s / beta`` is the mean dropout rate.

    Source: Schmittlein, Morrison, Colombo (1987), Counting Your Customers.
    """

    family: ClassVar[Family] = "pareto_nbd"

    s: float
    beta: float

    @classmethod
    def log_likelihood(cls, logs: Floats, histories: Histories) -> tuple[float, Floats]:
        r"""Give the log-likelihood of histories and its gradient by ``logs``.

        Notes
        -----
        Per unit :math:`\ln\Gamma(r+x) - \ln\Gamma(r) + r\ln\alpha + s\ln\beta - (r+x)\ln(\alpha+t_x)
        - s\ln(\beta+t_x) + \ln\left(H(t_x) + (1 - H(T)) e^{-E}\right)`,
        :math:`E = (r+x)\ln\frac{\alpha+T}{\alpha+t_x} + s\ln\frac{\beta+T}{\beta+t_x}`, with ``H``
        the `DeathShare`. Source: Fader, Hardie (2005), A Note on Deriving the Pareto/NBD Model.
        """
        r, alpha, s, beta = np.exp(logs)
        x, x_index, weight = histories.repeats
        times, last_index, now_index = histories.times
        count = float(weight.sum())
        value = float(weight @ gammaln(r + x)) + count * (
            r * logs[1] + s * logs[3] - float(gammaln(r))
        )
        gradient = np.array(
            [
                weight @ digamma(r + x) + count * (logs[1] - digamma(r)),
                count * r / alpha,
                count * logs[3],
                count * s / beta,
            ]
        )
        if not len(times):
            return value, gradient * np.exp(logs)
        share = DeathShare(
            x, r=r, alpha=alpha, s=s, beta=beta, with_gradient=True, is_together=True
        )
        cells = share.cells(times, row_count=2 * len(histories.weight))
        for start in range(0, len(histories.weight), _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            at_last = cells(x_index[rows], last_index[rows])
            at_now = cells(x_index[rows], now_index[rows])
            value += _add_silence(
                gradient, (r, alpha, s, beta), histories, rows, at_last=at_last, at_now=at_now
            )
        return float(value), gradient * np.exp(logs)

    def alive_probability(self, repeat_count: Floats, recency: Floats, age: Floats) -> Floats:
        r"""Give P(alive) :math:`= 1 / (1 - H(T) + H(t_x) e^E)`."""
        x, t_x, until = arguments(repeat_count, recency, age)
        share, index = self._share(x)
        last, now = (_of_times(share, index, times) for times in (t_x, until))
        kept = np.exp(-self._leaving(x, t_x, until))
        alive: Floats = kept / np.maximum((1 - now) * kept + last, _TINIEST)
        alive[until <= t_x] = 1.0
        result: Floats = np.minimum(alive, 1.0)
        return result

    def buying_if_alive(self, repeat_count: Floats, age: Floats, horizon: Floats | float) -> Floats:
        """Give the probability that the next purchase comes before the horizon and before death."""
        x, until, ahead = arguments(repeat_count, age, horizon)
        share, index = self._share(x)
        now = _of_times(share, index, until)
        later = share.rows(index, until + ahead)[0]
        kept = np.exp(-self._leaving(x, until, until + ahead))
        buying: Floats = np.clip(1 - now - kept * (1 - later), 0.0, 1.0)
        return buying

    def expected_if_alive(
        self, repeat_count: Floats, age: Floats, horizon: Floats | float
    ) -> Floats:
        r"""Give :math:`\frac{r+x}{\alpha+T} \cdot \frac{\beta+T}{s-1}
        \left(1 - \left(\frac{\beta+T}{\beta+T+H}\right)^{s-1}\right)`, its limit at ``s = 1``.
        """
        x, until, ahead = arguments(repeat_count, age, horizon)
        expected: Floats = (self.r + x) / (self.alpha + until) * self.lived(until, ahead)
        return expected

    def lived(self, age: Floats, horizon: Floats | float) -> Floats:
        """Expect the time that units alive will live within the horizon."""
        until = self.beta + age
        reached = np.log1p(horizon / until)
        time: Floats = until * reached * exprel((1 - self.s) * reached)
        return time

    def tabulate(self, repeat_count: Floats, age: Floats, *, months: int) -> PurchasesAhead:
        """Prepare the expectation by month of units alive, for up to some months; times in days."""
        x, until = arguments(repeat_count, age)
        return _ParetoAhead(self, x, until, months=months)

    def death_share(self, repeats: Floats) -> DeathShare:
        """Prepare the death share of some distinct ``x``."""
        return DeathShare(repeats, r=self.r, alpha=self.alpha, s=self.s, beta=self.beta)

    def _share(self, x: Floats) -> tuple[DeathShare, Integers]:
        repeats, index = distinct(x)
        return self.death_share(repeats), index

    def _leaving(self, x: Floats, before: Floats, after: Floats) -> Floats:
        """Give ``E``: minus the logarithm of neither buying nor dropping out between two times."""
        passed = after - before
        leaving: Floats = (self.r + x) * np.log1p(passed / (self.alpha + before))
        leaving += self.s * np.log1p(passed / (self.beta + before))
        return leaving


class _ParetoAhead(PurchasesAhead):
    """Purchases ahead, in closed form: a rate by ``x`` times the time lived by ``T``."""

    def __init__(
        self, model: ParetoNbd, repeat_count: Floats, age_days: Floats, *, months: int
    ) -> None:
        super().__init__(repeat_count, age_days, months=months)
        self.model = model

    def _weighted(self, weights: Floats) -> Block:
        by_age = self._lived(weights)[-1] / (self.model.alpha + self.ages)
        return lambda block: np.outer(self.model.r + self.repeats[block], by_age)

    def _pairs(self, weights: Floats) -> Block:
        """Tabulate pairs: the square of the purchase rate, while alive at the later purchase."""
        by_age = self._lived(weights)[-1] / (self.model.alpha + self.ages) ** 2
        shape = self.model.r + self.repeats
        return lambda block: np.outer((shape * (shape + 1))[block], by_age)

    def _buying(self, days: float) -> Block:
        model, ages = self.model, self.ages
        not_dying = model.s * np.log1p(days / (model.beta + ages))
        not_buying = np.log1p(days / (model.alpha + ages))

        def table(block: slice) -> Floats:
            repeats = self.repeats[block]
            share = model.death_share(repeats)
            now, later = share.table(ages)[0], share.table(ages + days)[0]
            kept = np.exp(-np.outer(model.r + repeats, not_buying) - not_dying)
            buying: Floats = np.clip(1 - now - kept * (1 - later), 0.0, 1.0)
            return buying

        return table

    def within_each(self, months: Integers, *, discount_rate: float, rows: Integers) -> Floats:
        lived = self._lived(self._discounts(int(months.max(initial=0)), discount_rate))
        ages = self.age_index[rows]
        rate = (self.model.r + self.repeats[self.repeat_index[rows]]) / (
            self.model.alpha + self.ages[ages]
        )
        expected: Floats = rate * lived[months, ages]
        return expected

    def _lived(self, weights: Floats) -> Floats:
        """Weigh the time lived in no month, one month and so on; (months + 1, distinct ``T``)."""
        until = [
            self.model.lived(self.ages, month * DAYS_PER_MONTH) for month in range(len(weights) + 1)
        ]
        lived = np.zeros((len(until), len(self.ages)))
        lived[1:] = np.cumsum(weights[:, None] * np.diff(until, axis=0), axis=0)
        return lived


def _of_times(share: DeathShare, index: Integers, times: Floats) -> Floats:
    values, time_index = distinct(times)
    share_of_rows: Floats = share.cells(values, row_count=len(index))(index, time_index)[0]
    return share_of_rows


def _add_silence(
    gradient: Floats,
    theta: tuple[float, float, float, float],
    histories: Histories,
    rows: slice,
    *,
    at_last: Floats,
    at_now: Floats,
) -> float:
    """Add what depends on ``t_x`` and ``T`` to the gradient; return its log-likelihood."""
    r, alpha, s, beta = theta
    shape, weight = r + histories.repeat_count[rows], histories.weight[rows]
    last, now = histories.recency[rows], histories.age[rows]
    buying_last, buying_now, dying_last, dying_now = (
        alpha + last,
        alpha + now,
        beta + last,
        beta + now,
    )
    log_buying, log_dying = np.log(buying_last), np.log(dying_last)
    by_shape, by_s = np.log(buying_now) - log_buying, np.log(dying_now) - log_dying
    kept = np.exp(-(shape * by_shape + s * by_s))
    living = (1 - at_now[0]) * kept
    seen = np.maximum(living + at_last[0], _TINIEST)
    alive, dead = weight * (living / seen), weight / seen
    still = dead * kept
    gradient[0] -= weight @ log_buying + alive @ by_shape
    gradient[0] += dead @ at_last[1] - still @ at_now[1]
    gradient[1] -= shape @ (weight / buying_last + alive * (1 / buying_now - 1 / buying_last))
    gradient[1] += dead @ (at_last[3] / buying_last) - still @ (at_now[3] / buying_now)
    gradient[2] -= weight @ log_dying + alive @ by_s
    gradient[2] += dead @ at_last[2] - still @ at_now[2]
    gradient[3] -= s * float((weight / dying_last + alive * (1 / dying_now - 1 / dying_last)).sum())
    gradient[3] -= dead @ (at_last[3] / dying_last) - still @ (at_now[3] / dying_now)
    return float(weight @ (np.log(seen) - shape * log_buying - s * log_dying))
