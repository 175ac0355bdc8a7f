"""Expected purchases of a unit that is alive, plain and discounted, for any base at little cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev
from scipy.special import betaln, expit

from services.analytics.calculations.parameters import DAYS_PER_MONTH, PurchaseModel
from services.analytics.calculations.purchases import Floats, Integers

_TABLE_CELLS = 4_000_000
_GRID_CELLS = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedPurchases:
    r"""The expectation of purchases of a base as Chebyshev series, one per distinct ``x``.

    The expectation depends on ``T`` and ``H`` through
    :math:`s = \ln\frac{\alpha + T + H}{\alpha + T}` only, and is analytic in a strip of width
    :math:`2\pi` around the real ``s``; a series of some thirty terms is exact to rounding. So the
    costly part is done for the distinct ``x`` instead of for every unit and month, and the rest
    is one product of matrices.

    Attributes
    ----------
    alpha
        Of the purchase model, days.
    ages
        Distinct ``T`` of the base, days.
    repeat_index, age_index
        Where each unit's ``x`` and ``T`` lie among the distinct ones; shape (units,).
    coefficients
        Series in ``s`` scaled from ``[0, span]`` to ``[-1, 1]``; shape (distinct ``x``, terms).
    span
        Largest ``s`` the series holds for.
    """

    alpha: float
    ages: Floats
    repeat_index: Integers
    age_index: Integers
    coefficients: Floats
    span: float

    def within(
        self, *, months: int, discount_rate: float = 0.0, table_cells: int = _TABLE_CELLS
    ) -> Floats:
        """Expect purchases within some months, discounted to today at the middle of each month.

        Parameters
        ----------
        months
            Months of 365/12 days, at most those the series was made for.
        discount_rate
            Per year; 0 counts the purchases.
        table_cells
            How large a table of distinct ``x`` by distinct ``T`` may grow before it is worked
            through in blocks.

        Returns
        -------
        numpy.ndarray
            Purchases if alive; shape (units,). Source: domain specification 3.2.
        """
        x_index, age_index = self.repeat_index, self.age_index
        *_, basis = self._bases(months=months, discount_rate=discount_rate)
        block = max(1, table_cells // max(1, len(self.ages)))
        if block >= len(self.coefficients):
            return (self.coefficients @ basis.T)[x_index, age_index]
        expected = np.empty(len(x_index))
        order = np.argsort(x_index, kind="stable")
        firsts = np.arange(0, len(self.coefficients), block)
        edges = np.searchsorted(x_index[order], np.append(firsts, len(self.coefficients)))
        for first, start, end in zip(firsts, edges[:-1], edges[1:], strict=True):
            part = order[start:end]
            table = self.coefficients[first : first + block] @ basis.T
            expected[part] = table[x_index[part] - first, age_index[part]]
        return expected

    def within_each(self, months: Integers, *, discount_rate: float, rows: Integers) -> Floats:
        """Expect purchases within a horizon of each unit's own.

        Parameters
        ----------
        months
            Months of 365/12 days; shape (rows,).
        discount_rate
            Per year; 0 counts the purchases.
        rows
            Which units.

        Returns
        -------
        numpy.ndarray
            Purchases if alive; shape (rows,).
        """
        expected = np.zeros(len(rows))
        longest = int(months.max(initial=0))
        bases = self._bases(months=longest, discount_rate=discount_rate)
        for month, basis in enumerate(bases, start=1):
            chosen = np.flatnonzero(months == month)
            units = rows[chosen]
            expected[chosen] = np.einsum(
                "ij,ij->i",
                self.coefficients[self.repeat_index[units]],
                basis[self.age_index[units]],
            )
        return expected

    def _bases(self, *, months: int, discount_rate: float) -> Iterator[Floats]:
        """Weigh the series' terms over one month after the other; shape (distinct ``T``, terms)."""
        last_term = self.coefficients.shape[1] - 1
        before = chebyshev.chebvander(np.full(len(self.ages), -1.0), last_term)
        basis = np.zeros((len(self.ages), last_term + 1))
        for month in range(1, months + 1):
            reached = np.log1p(month * DAYS_PER_MONTH / (self.alpha + self.ages))
            until = chebyshev.chebvander(2 * reached / self.span - 1, last_term)
            basis += (1 + discount_rate) ** (-(month - 0.5) / 12) * (until - before)
            before = until
            yield basis


def tabulate_expected_purchases(
    repeat_count: Floats, age_days: Floats, *, model: PurchaseModel, months: int
) -> ExpectedPurchases:
    """Prepare the expectation for every ``x`` and ``T`` of a base and horizons up to some months.

    Parameters
    ----------
    repeat_count, age_days
        ``x`` and ``T`` of the base, whole numbers and days; shape (units,).
    model
        The purchase model in days.
    months
        The longest horizon, months of 365/12 days.
    """
    repeats, repeat_index = _distinct(repeat_count)
    ages, age_index = _distinct(age_days)
    youngest = float(ages.min(initial=np.inf))
    span = float(np.log1p(months * DAYS_PER_MONTH / (model.alpha + youngest))) or 1.0
    terms = _term_count(repeats, span, model=model)
    angles = (np.arange(terms) + 0.5) * (np.pi / terms)
    ratio = np.expm1(span * (np.cos(angles) + 1) / 2)
    to_series = np.cos(np.outer(angles, np.arange(terms))) * (2 / terms)
    to_series[:, 0] /= 2
    values = expected_purchases_of_ratio(repeats, ratio, model=model)
    return ExpectedPurchases(model.alpha, ages, repeat_index, age_index, values @ to_series, span)


def expected_purchases_of_ratio(
    repeat_count: Floats, ratio: Floats, *, model: PurchaseModel
) -> Floats:
    r"""Expect purchases of units alive, for every ``x`` and every ``u = H / (alpha + T)``.

    Parameters
    ----------
    repeat_count
        ``x``; shape (k,).
    ratio
        ``u``; shape (n,).

    Returns
    -------
    numpy.ndarray
        Shape (k, n).

    Notes
    -----
    Domain specification 3.2 gives
    :math:`\frac{a+b+x}{a-1}\left(1 - {}_2F_1(r+x, b+x+1; a+b+x; \tfrac{u}{1+u})
    (1+u)^{-(r+x)}\right)`,
    which is :math:`\int_0^1 \frac{1 - (1+pu)^{-(r+x)}}{p}\,\mathrm{Beta}(p; a, b+x+1)\,dp` over the
    probability ``p`` to drop out. The integral has no singularity at ``a = 1`` and no overflow at
    large exponents. With ``p`` in log-odds its integrand is analytic and decays exponentially, so
    that the trapezoidal rule is exact to rounding. What the integrand shares near ``p = 0`` with
    :math:`(r+x)\,u\,(1-p)^m`, :math:`m = (r+x+1)u/2`, is taken out and integrated in closed form,
    which keeps the tail short where dropout has almost vanished.
    """
    a, b = model.a, model.b + repeat_count + 1
    shape = model.r + repeat_count
    power = (shape[:, None] + 1) * ratio / 2
    spread = np.sqrt(1 / (1 + a) + 1 / b)
    knee = np.minimum(np.log(a / b), -np.log1p(power.max(axis=1, initial=0.0)))
    low = knee - 40 / (2 + a) - 9 * spread
    high = np.maximum(np.log(a / b), -np.log(b)) + 40 / b + 9 * spread
    steps = int(np.ceil(((high - low) / np.minimum(0.35, 0.75 * spread)).max(initial=1)))
    closed = np.exp(betaln(a, b[:, None] + power) - betaln(a, b[:, None]))
    expected: Floats = shape[:, None] * ratio * closed
    block = max(1, _GRID_CELLS // (len(ratio) * (steps + 1)))
    for start in range(0, len(repeat_count), block):
        rows = slice(start, start + block)
        log_odds = np.linspace(low[rows], high[rows], steps + 1, axis=1)
        staying = -np.logaddexp(0, log_odds)
        beta = b[rows, None]
        density = np.exp(log_odds * a + (a + beta) * staying - betaln(a, beta))
        density *= ((high - low)[rows] / steps)[:, None]
        dropout = expit(log_odds)[:, None, :]
        gain = -shape[rows, None, None] * np.log1p(dropout * ratio[:, None])
        gain = -np.expm1(gain) / dropout
        shared = np.exp(power[rows, :, None] * staying[:, None, :])
        gain -= (shape[rows, None] * ratio)[:, :, None] * shared
        expected[rows] += np.einsum("knp,kp->kn", gain, density)
    return expected


def _term_count(repeat_count: Floats, span: float, *, model: PurchaseModel) -> int:
    """Count the terms a series needs: by its strip of analyticity, and by its steepest decay."""
    likely_dropout = np.minimum(
        (model.a + 6 * np.sqrt(model.a) + 6) / (model.a + model.b + repeat_count + 1), 1.0
    )
    steepness = float(((model.r + repeat_count + 1) * likely_dropout).max(initial=0.0))
    by_strip = 36 / np.arcsinh(2 * np.pi / span)
    by_decay = 8.4 * np.sqrt(steepness * span / 2)
    return int(np.ceil(max(by_strip, by_decay))) + 4


def _distinct(whole: Floats) -> tuple[Floats, Integers]:
    """Find the distinct whole numbers of an array, and where each of its elements is in them."""
    values = whole.astype(np.int64)
    is_present = np.bincount(values) > 0
    return np.flatnonzero(is_present).astype(np.float64), (np.cumsum(is_present) - 1)[values]
