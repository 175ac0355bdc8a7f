"""Expected purchases of a unit alive that may drop out after each: an integral, tamed."""

from __future__ import annotations

import numpy as np
from scipy.special import betaln, expit

from services.analytics.calculations.purchases import Floats

_GRID_CELLS = 1_000_000


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
    short where dropout has almost vanished or is almost certain.
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
    steps = int(np.ceil(((high - low) / np.minimum(0.35, 0.75 * spread)).max(initial=1)))
    closed = np.exp(betaln(a, stays[:, None] + power) - betaln(a, stays[:, None]))
    certain = -np.expm1(-shape[:, None] * np.log1p(ratio))
    expected: Floats = shape[:, None] * ratio * closed
    expected += certain * (a / (a + stays))[:, None]
    block = max(1, _GRID_CELLS // (len(ratio) * (steps + 1)))
    for start in range(0, len(shape), block):
        rows = slice(start, start + block)
        log_odds = np.linspace(low[rows], high[rows], steps + 1, axis=1)
        staying = -np.logaddexp(0, log_odds)
        beta = stays[rows, None]
        density = np.exp(log_odds * a + (a + beta) * staying - betaln(a, beta))
        density *= ((high - low)[rows] / steps)[:, None]
        dropout = expit(log_odds)[:, None, :]
        gain = -shape[rows, None, None] * np.log1p(dropout * ratio[:, None])
        gain = -np.expm1(gain) / dropout
        shared = np.exp(power[rows, :, None] * staying[:, None, :])
        gain -= (shape[rows, None] * ratio)[:, :, None] * shared
        gain -= certain[rows, :, None] * dropout
        expected[rows] += np.einsum("knp,kp->kn", gain, density)
    return expected


def terms_for_decay(shape: Floats, a: float, stays: Floats, span: float) -> float:
    """Count the terms that the steepest decay of a series over ``ln(1 + u)`` needs."""
    likely_dropout = np.minimum((a + 6 * np.sqrt(a) + 6) / (a + stays), 1.0)
    steepness = float(((shape + 1) * likely_dropout).max(initial=0.0))
    return float(8.4 * np.sqrt(steepness * span / 2))
