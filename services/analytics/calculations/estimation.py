"""Estimates the purchase model of a base by maximum a posteriori; one estimator for any amount."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import betaln, digamma, gammaln

from services.analytics.calculations.parameters import Prior, PurchaseModel, RhythmParameters
from services.analytics.calculations.purchases import Booleans, Floats, Integers

Basis: TypeAlias = Literal["prior", "blended", "fitted"]
Family: TypeAlias = Literal["mbg_nbd", "bg_nbd"]

_SAMPLE_ROWS = 10_000
_BLOCK_ROWS = 8_192
_POLISH_PASSES = 12
_POLISH_TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True)
class PurchaseFit:
    """An estimated purchase model and how far it can be trusted.

    Attributes
    ----------
    model
        The estimate.
    log_likelihood
        Of the data under it, without the prior; 0 without data.
    is_converged
        Whether the search ended at a maximum.
    customer_count, repeat_buyer_count
        Units with a purchase, and with a second one.
    basis
        ``prior``, ``blended`` or ``fitted``, by the number of repeat buyers.
    """

    model: PurchaseModel
    log_likelihood: float
    is_converged: bool
    customer_count: int
    repeat_buyer_count: int
    basis: Basis


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
    x, t_x, T = (np.asarray(values, dtype=np.float64) for values in (repeat_count, recency, age))
    if len(x) and np.array_equal(t_x, np.floor(t_x)) and np.array_equal(T, np.floor(T)):
        x, t_x, T, weight = _grouped_whole(x, t_x, T)
    else:
        order = np.lexsort((T, t_x, x))
        x, t_x, T, weight = x[order], t_x[order], T[order], np.ones(len(x))
    distinct, first = np.unique(x, return_index=True)
    per_distinct = np.add.reduceat(weight, first) if len(x) else weight
    return Histories(x, t_x, T, weight, distinct, per_distinct)


def fit_purchase_model(
    repeat_count: ArrayLike, recency_days: ArrayLike, age_days: ArrayLike, *, prior: Prior,
    parameters: RhythmParameters,
) -> PurchaseFit:
    r"""Estimate the MBG/NBD of a base: the prior without data, the data once there are many.

    Parameters
    ----------
    repeat_count, recency_days, age_days
        ``x``, ``t_x`` and ``T`` (days) of the units with a purchase; shape (units,).
    prior
        Mode, spread and bounds of the prior.
    parameters
        Numbers of repeat buyers that make the basis.

    Notes
    -----
    Maximizes :math:`\ell(\theta) - \tfrac12 \sum (\ln\theta - \ln\theta_0)^2 / \sigma^2`. Source:
    domain specification 2.2.
    """
    histories = group_histories(repeat_count, recency_days, age_days)
    repeat_buyers = int(histories.distinct_weight[histories.distinct_repeat_count > 0].sum())
    customers = int(histories.weight.sum())
    model, log_likelihood, is_converged = maximize_likelihood(
        histories,
        family="mbg_nbd",
        start=prior.model,
        log_bound=prior.log_bound,
        log_standard_deviation=prior.log_standard_deviation,
    )
    basis: Basis = "fitted"
    if repeat_buyers < parameters.blended_from_repeat_buyers:
        basis = "prior"
    elif repeat_buyers < parameters.fitted_from_repeat_buyers:
        basis = "blended"
    return PurchaseFit(model, log_likelihood, is_converged, customers, repeat_buyers, basis)


def maximize_likelihood(
    histories: Histories,
    *,
    family: Family,
    start: PurchaseModel,
    log_bound: float,
    log_standard_deviation: float = np.inf,
) -> tuple[PurchaseModel, float, bool]:
    """Search the parameters that make the histories most likely.

    Parameters
    ----------
    histories
        Distinct histories in the time unit of ``start.alpha``.
    family
        ``mbg_nbd`` (a dropout may follow every purchase) or ``bg_nbd`` (every one but the first).
    start
        Where the search starts, and the mode of the penalty.
    log_bound
        How far the logarithm of a parameter may move from ``start``.
    log_standard_deviation
        Spread of the penalty; infinite for plain maximum likelihood.

    Returns
    -------
    tuple
        Parameters, log-likelihood without penalty, and whether the search converged.
    """
    center = np.log([start.r, start.alpha, start.a, start.b])
    if not len(histories.weight):
        return start, 0.0, True
    precision = log_standard_deviation**-2
    total = float(histories.weight.sum())

    def objective(logs: Floats, rows: Histories) -> tuple[float, Floats]:
        """Give what is minimized, per unit, with the penalty at its share for the whole base."""
        value, gradient = log_likelihood_and_gradient(logs, rows, family=family)
        count = float(rows.weight.sum())
        distance = logs - center
        penalty = 0.5 * precision * float(distance @ distance) / total
        return penalty - value / count, precision * distance / total - gradient / count

    def search(position: Floats, rows: Histories) -> tuple[Floats, bool]:
        result = minimize(
            objective,
            position,
            args=(rows,),
            jac=True,
            method="L-BFGS-B",
            bounds=[(middle - log_bound, middle + log_bound) for middle in center],
            options={"ftol": 1e-14, "gtol": 1e-8, "maxiter": 500, "maxls": 50},
        )
        return result.x, bool(result.success)

    step = -(-len(histories.weight) // _SAMPLE_ROWS)
    if step > 1:
        sample = _every(histories, step)
        position, _ = search(center, sample)
        polished = _polish(position, objective, sample, histories)
        is_converged = polished is not None and bool(
            (np.abs(polished - center) < log_bound).all()
        )
        if polished is not None and is_converged:
            position = polished
        else:
            position, is_converged = search(position, histories)
    else:
        position, is_converged = search(center, histories)
    r, alpha, a, b = (float(value) for value in np.exp(position))
    value, _ = log_likelihood_and_gradient(position, histories, family=family)
    return PurchaseModel(r, alpha, a, b), value, is_converged


def _polish(
    position: Floats,
    objective: Callable[[Floats, Histories], tuple[float, Floats]],
    sample: Histories,
    histories: Histories,
) -> Floats | None:
    """Walk from the optimum of a sample to that of the base with the curvature of the sample.

    Each pass over the base costs one gradient and shrinks the distance by about the sampling error
    of the curvature. None if that does not lead there.
    """
    width = 1e-4
    curvature = np.array(
        [
            objective(position + shift, sample)[1] - objective(position - shift, sample)[1]
            for shift in np.eye(len(position)) * width
        ]
    ) / (2 * width)
    curvature = (curvature + curvature.T) / 2
    if np.linalg.eigvalsh(curvature)[0] <= 0:
        return None
    last = np.inf
    for _ in range(_POLISH_PASSES):
        move = np.linalg.solve(curvature, objective(position, histories)[1])
        length = float(np.abs(move).max())
        if not length < min(last, 1.0):
            return None
        position, last = position - move, length
        if length < _POLISH_TOLERANCE:
            return position
    return None


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


def confidence_of(
    purchase_count: Integers, *, basis: Basis, parameters: RhythmParameters
) -> tuple[Booleans, Booleans]:
    """Tell whose scores are of high and of low confidence; the others are medium.

    High: a fitted basis and at least three purchases. Low: at most one purchase, or nothing but
    the prior. Source: domain specification 2.2.
    """
    high = (purchase_count >= parameters.confident_from_purchases) & (basis == "fitted")
    low = (purchase_count <= 1) | (basis == "prior")
    return high, low


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


def _grouped_whole(x: Floats, t_x: Floats, T: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    days = int(T.max()) + 1
    key = (x.astype(np.int64) * days + t_x.astype(np.int64)) * days + T.astype(np.int64)
    key.sort()
    is_first = np.ones(len(key), dtype=np.bool_)
    is_first[1:] = key[1:] != key[:-1]
    first = np.flatnonzero(is_first)
    weight = np.diff(first, append=len(key)).astype(np.float64)
    rest, ages = np.divmod(key[first], days)
    repeats, recencies = np.divmod(rest, days)
    return repeats.astype(np.float64), recencies.astype(np.float64), ages.astype(np.float64), weight


def _every(histories: Histories, step: int) -> Histories:
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
