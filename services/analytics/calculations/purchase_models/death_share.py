"""Which comes first, death or the next purchase: the integral of the Pareto/NBD, tamed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import betaln, digamma, expit

from services.analytics.calculations.purchase_models.series import Series, interval_between, product
from services.analytics.calculations.purchases import Floats, Integers

_TABLE_CELLS = 2_000_000


class DeathShare:
    r"""The probability that a unit alive at ``t`` drops out before it buys again.

    With :math:`\lambda \sim \Gamma(q, \alpha+t)` and :math:`\mu \sim \Gamma(s, \beta+t)` it is
    :math:`H = E\frac{\mu}{\lambda+\mu}`, and depends on the time through
    :math:`\ln\kappa = \ln\frac{\alpha+t}{\beta+t}` only: :math:`H = E\,\sigma(\ln\kappa + Z)` with
    :math:`\sigma(Z) \sim \mathrm{Beta}(s, q)`. The likelihood's integral from ``t_x`` to ``T``
    is a difference of two such values, each scaled by the probability to come so far. :math:`H` is
    analytic in a strip of half-width :math:`\pi`, so a short Chebyshev series per ``q`` holds it
    exact to rounding, for all times from 0 on.

    Parameters
    ----------
    repeats
        The distinct ``x``; shape (k,).
    r, alpha, s, beta
        Of the model.
    with_gradient
        Whether to hold the derivatives by ``q``, ``s`` and :math:`\ln\kappa`, too.
    is_together
        Whether all ``x`` are those of a whole base, which is quicker. Otherwise the values of an
        ``x`` do not depend on the others, to the last digit.
    """

    def __init__(
        self,
        repeats: Floats,
        *,
        r: float,
        alpha: float,
        s: float,
        beta: float,
        with_gradient: bool = False,
        is_together: bool = False,
    ) -> None:
        self.alpha, self.beta, self.is_together = alpha, beta, is_together
        # Log-kappa at 0, and what it comes near in the end.
        ends = sorted((float(np.log(alpha) - np.log(beta)), 0.0))
        interval = interval_between(*ends, strip=np.pi)
        values = np.empty((4 if with_gradient else 1, len(repeats), interval.terms))
        group = np.zeros(len(repeats)) if is_together else np.floor(np.log2(repeats + 1))
        for number in np.unique(group):
            rows = np.flatnonzero(group == number)
            first, last = 2**number - 1, 2 ** (number + 1) - 2
            if is_together:
                first, last = float(repeats.min()), float(repeats.max())
            values[:, rows] = _death_share(
                r + repeats[rows],
                s,
                interval.nodes,
                bounds=(r + first, r + last),
                with_gradient=with_gradient,
            )
        self.series: Series = interval.interpolate(values)

    def table(self, times: Floats) -> Floats:
        """Evaluate for every ``q`` at every time; shape (1 or 4, k, times)."""
        return self.series.table(self._log_kappa(times), is_quick=self.is_together)

    def rows(self, function: Integers, times: Floats) -> Floats:
        """Evaluate for one ``q`` and one time per row; shape (1 or 4, rows)."""
        return self.series.rows(function, self._log_kappa(times))

    def cells(self, times: Floats, *, row_count: int) -> Callable[[Integers, Integers], Floats]:
        """Prepare to evaluate for one ``q`` and one of some distinct times per row.

        Parameters
        ----------
        times
            Distinct times.
        row_count
            How many rows there are: a table is made unless it were much larger.

        Returns
        -------
        Callable
            Takes which ``q`` and which time of each row; gives the shape (1 or 4, rows).
        """
        if not row_count:
            functions = self.series.coefficients.shape[0]
            return lambda *_: np.empty((functions, 0))
        cells = len(times) * self.series.coefficients.shape[-2]
        if cells > min(_TABLE_CELLS, 10 * row_count):
            return lambda function, time: self.rows(function, times[time])
        table = self.table(times).reshape(-1, cells)
        return lambda function, time: np.take(table, function * len(times) + time, axis=1)

    def _log_kappa(self, times: Floats) -> Floats:
        kappa: Floats = np.log(self.alpha + times) - np.log(self.beta + times)
        return kappa


def _death_share(
    shape: Floats,
    s: float,
    log_kappa: Floats,
    *,
    bounds: tuple[float, float],
    with_gradient: bool,
) -> Floats:
    r"""Integrate :math:`\sigma(\ln\kappa + z)` over the log-odds ``z`` of a beta distribution.

    What is known in closed form, :math:`E\,\sigma(Z) = s / (s + q)`, is taken out, so that the rest
    decays exponentially on both sides even for tiny shapes; the trapezoidal rule is then exact to
    rounding. The grid is the one for all shapes within `bounds`. Shape (1 or 4, k, points).
    """
    ends = np.array(bounds)
    spread = np.sqrt(1 / s + 1 / ends)
    knees = (0.0, float(-log_kappa.min()), float(-log_kappa.max()))
    center = np.log(s / ends)
    # Nothing counts beyond the knees, where the difference decays, nor beyond the density.
    low = max(
        min(*knees, float(center.min())) - 40 / (1 + s),
        float((center - 9 * spread).min()) - 40 / s,
    )
    high = min(
        max(*knees, float(center.max())) + 40 / (1 + bounds[0]),
        float((center + 9 * spread).max()) + 40 / bounds[0],
    )
    steps = int(np.ceil((high - low) / min(0.35, 0.7 * float(spread.min()))))
    z, step = np.linspace(low, high, steps + 1, retstep=True)
    log_odds, log_rest = -np.logaddexp(0, -z), -np.logaddexp(0, z)
    density = step * np.exp(s * log_odds + shape[:, None] * log_rest - betaln(s, shape)[:, None])
    share = expit(z[:, None] + log_kappa)
    apart = share - expit(z)[:, None]
    total = s + shape[:, None]
    value = s / total + product(density, apart)
    if not with_gradient:
        return value[None]
    both = digamma(total)
    by_shape = density * (log_rest + (both - digamma(shape)[:, None]))
    by_s = density * (log_odds + (both - digamma(s)))
    return np.stack(
        [
            value,
            product(by_shape, apart) - s / total**2,
            product(by_s, apart) + shape[:, None] / total**2,
            product(density, share * (1 - share)),
        ]
    )
