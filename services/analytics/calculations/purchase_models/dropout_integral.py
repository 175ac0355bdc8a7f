"""Expected purchases of a unit alive that may drop out after each: an integral, tamed."""

from __future__ import annotations

import numpy as np
from scipy.special import betaln, expit

from services.analytics.calculations.purchases import Floats

_GRID_CELLS = 200_000
_STEPS_STEP = 16  # the same number of steps for many histories: they are computed together


def expected_purchases_of_ratio(shape: Floats, a: float, stays: Floats, ratio: Floats) -> Floats:
    r"""Expect purchases of units alive, for every history and every ``u = H / (alpha + T)``.

    Parameters
    ----------
    shape
        ``r + x``; shape (k,).
    a, stays
        Shapes of the beta distribution of the probability ``p`` to drop out after a purchase,
        given the history; the latter of shape (k,).
    ratio
        ``u``; shape (n,).

    Returns
    -------
    numpy.ndarray
        Shape (k, n).

    Notes
    -----
    For the MBG/NBD, ``stays = b + x + 1``, domain specification 3.2 gives
    :math:`\frac{a+b+x}{a-1}\left(1 - {}_2F_1(r+x, b+x+1; a+b+x; \tfrac{u}{1+u})
    (1+u)^{-(r+x)}\right)`,
    which is :math:`\int_0^1 \frac{1 - (1+pu)^{-(r+x)}}{p}\,\mathrm{Beta}(p; a, b+x+1)\,dp`. The
    integral has no singularity at ``a = 1`` and no overflow at large exponents. With ``p`` in
    log-odds its integrand is analytic and decays exponentially, so that the trapezoidal rule is
    exact to rounding. What the integrand is near ``p = 0``,
    :math:`(r+x)\,u\,(1-p)^{m+1}` with :math:`m = (r+x+1)u/2`, and near ``p = 1``,
    :math:`(1-(1+u)^{-(r+x)})\,p`, is taken out and integrated in closed form, which keeps the tails
    short where dropout has almost vanished or is almost certain. No history depends on the others,
    to the last digit.
    """
    power = 1 + (shape[:, None] + 1) * ratio / 2
    spread = np.sqrt(1 / (1 + a) + 1 / (1 + stays))
    knee = np.minimum(np.log(a / stays), -np.log1p(power.max(axis=1, initial=0.0)))
    low = knee - 40 / (1 + a) - 9 * spread
    high = np.maximum(np.log(a / stays), -np.log(stays)) + 40 / (1 + stays) + 9 * spread
    # Nothing counts beyond the density either, which is narrow where its shapes are large.
    width = 9 * np.sqrt(1 / a + 1 / stays)
    low = np.maximum(low, np.log(a / stays) - width - 60 / a)
    high = np.minimum(high, np.log(a / stays) + width + 60 / stays)
    needed = (high - low) / np.minimum(0.35, 0.75 * spread)
    steps = (np.ceil(needed / _STEPS_STEP) * _STEPS_STEP).astype(np.int64)
    closed = np.exp(betaln(a, stays[:, None] + power) - betaln(a, stays[:, None]))
    certain = -np.expm1(-shape[:, None] * np.log1p(ratio))
    expected: Floats = shape[:, None] * ratio * closed
    expected += certain * (a / (a + stays))[:, None]
    for count in np.unique(steps):
        same = np.flatnonzero(steps == count)
        block = max(1, _GRID_CELLS // (len(ratio) * int(count + 1)))
        for start in range(0, len(same), block):
            rows = same[start : start + block]
            log_odds = np.linspace(low[rows], high[rows], int(count) + 1, axis=0)
            staying = -np.logaddexp(0, log_odds)
            beta = stays[rows]
            density = np.exp(log_odds * a + (a + beta) * staying - betaln(a, beta))
            density *= (high - low)[rows] / count
            dropout = expit(log_odds)[:, :, None]
            gain = -shape[rows, None] * np.log1p(dropout * ratio)
            gain = -np.expm1(gain) / dropout
            gain -= (shape[rows, None] * ratio) * np.exp(power[rows] * staying[:, :, None])
            gain -= certain[rows] * dropout
            gain *= density[:, :, None]
            expected[rows] += gain.sum(axis=0)  # point after point
    return expected


def terms_for_decay(shape: Floats, a: float, stays: Floats, span: float) -> Floats:
    """Count the terms that the decay of each series over ``ln(1 + u)`` needs; shape (k,)."""
    likely_dropout = np.minimum((a + 6 * np.sqrt(a) + 6) / (a + stays), 1.0)
    terms: Floats = 8.4 * np.sqrt((shape + 1) * likely_dropout * span / 2)
    return terms
