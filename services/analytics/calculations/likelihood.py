"""The log-likelihood of purchase histories under the MBG/NBD or BG/NBD, with its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, digamma, gammaln

from services.analytics.calculations.purchases import Floats

Family: TypeAlias = Literal["mbg_nbd", "bg_nbd"]

_BLOCK_ROWS = 8_192


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """Distinct purchase histories with the number of units that share each.

    Attributes
    ----------
    repeat_count, recency, age
        ``x``, ``t_x`` and ``T`` in one time unit; shape (histories,), ordered.
    weight
        Units with that history; shape (histories,).
    distinct_repeat_count, distinct_weight
        The distinct ``x`` and the units that have each.
    """

    repeat_count: Floats
    recency: Floats
    age: Floats
    weight: Floats
    distinct_repeat_count: Floats
    distinct_weight: Floats


def group_histories(repeat_count: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Histories:
    """Group equal histories; their order does not depend on the order of the units.

    Parameters
    ----------
    repeat_count, recency, age
        ``x`` (whole), ``t_x`` and ``T`` in any one time unit; shape (units,).
    """
    x, t_x, until = (
        np.asarray(values, dtype=np.float64) for values in (repeat_count, recency, age)
    )
    if len(x) and np.array_equal(t_x, np.floor(t_x)) and np.array_equal(until, np.floor(until)):
        x, t_x, until, weight = _grouped_whole(x, t_x, until)
    else:
        order = np.lexsort((until, t_x, x))
        x, t_x, until, weight = x[order], t_x[order], until[order], np.ones(len(x))
    distinct, first = np.unique(x, return_index=True)
    per_distinct = np.add.reduceat(weight, first) if len(x) else weight
    return Histories(x, t_x, until, weight, distinct, per_distinct)


def every_history(histories: Histories, step: int) -> Histories:
    """Take every n-th history: deterministic, and spread over all of their order."""
    x = histories.repeat_count[::step]
    weight = histories.weight[::step]
    distinct, first = np.unique(x, return_index=True)
    return Histories(
        x,
        histories.recency[::step],
        histories.age[::step],
        weight,
        distinct,
        np.add.reduceat(weight, first),
    )


def log_likelihood_and_gradient(
    logs: Floats, histories: Histories, *, family: Family
) -> tuple[float, Floats]:
    r"""Log-likelihood of histories and its gradient by the logarithms of the parameters.

    Parameters
    ----------
    logs
        Logarithms of ``r, alpha, a, b``; shape (4,).
    histories
        Distinct histories with weights.
    family
        Which model; it only changes how many times ``y`` a unit could have dropped out before the
        end: ``x + 1`` in the MBG/NBD, ``x`` in the BG/NBD.

    Notes
    -----
    Per unit :math:`\ln\Gamma(r+x) - \ln\Gamma(r) + r\ln\alpha + \ln B(a, b+y) - \ln B(a, b)
    - (r+x)\ln(\alpha+T) + \ln(1 + e^q)`,
    :math:`q = \ln\frac{a}{b+y-1} + (r+x)\ln\frac{\alpha+T}{\alpha+t_x}`, and :math:`q = -\infty`
    for :math:`y = 0`. Sources: domain specification 2.2; Fader, Hardie, Lee (2005) for the BG/NBD.
    """
    r, alpha, a, b = np.exp(logs)
    tries = 1.0 if family == "mbg_nbd" else 0.0
    x, weight = histories.distinct_repeat_count, histories.distinct_weight
    count = float(weight.sum())
    dropouts = x + tries
    value = float(
        weight @ (gammaln(r + x) + betaln(a, b + dropouts))
        + count * (r * logs[1] - gammaln(r) - betaln(a, b))
    )
    by_both = digamma(a + b) - digamma(a + b + dropouts)
    gradient = np.array(
        [
            weight @ digamma(r + x) + count * (logs[1] - digamma(r)),
            count * r / alpha,
            weight @ by_both,
            weight @ (by_both + digamma(b + dropouts)) - count * digamma(b),
        ]
    )
    for start in range(0, len(histories.weight), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        value += _add_silence(gradient, (r, alpha, a, b), histories, rows, tries=tries)
    return value, gradient * np.exp(logs)


def _add_silence(
    gradient: Floats,
    theta: tuple[float, float, float, float],
    histories: Histories,
    rows: slice,
    *,
    tries: float,
) -> float:
    """Add what depends on ``t_x`` and ``T`` to the gradient; return its log-likelihood."""
    r, alpha, a, b = theta
    x, weight = histories.repeat_count[rows], histories.weight[rows]
    until_now, until_last = alpha + histories.age[rows], alpha + histories.recency[rows]
    shape = r + x
    offset = x + (b + tries - 1)
    if not tries:
        offset[x == 0] = 1.0
    log_now, log_last = np.log(until_now), np.log(until_last)
    exponent = shape * (log_now - log_last) + (np.log(a) - np.log(offset))
    if not tries:
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


def _grouped_whole(x: Floats, t_x: Floats, age: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    days = int(age.max()) + 1
    key = (x.astype(np.int64) * days + t_x.astype(np.int64)) * days + age.astype(np.int64)
    key.sort()
    is_first = np.ones(len(key), dtype=np.bool_)
    is_first[1:] = key[1:] != key[:-1]
    first = np.flatnonzero(is_first)
    weight = np.diff(first, append=len(key)).astype(np.float64)
    rest, ages = np.divmod(key[first], days)
    repeats, recencies = np.divmod(rest, days)
    return repeats.astype(np.float64), recencies.astype(np.float64), ages.astype(np.float64), weight
