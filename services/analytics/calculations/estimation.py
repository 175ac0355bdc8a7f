"""Estimates the purchase model of a base by maximum a posteriori; one estimator for any amount."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from services.analytics.calculations.likelihood import (
    Family,
    Histories,
    every_history,
    group_histories,
    log_likelihood_and_gradient,
)
from services.analytics.calculations.parameters import Prior, PurchaseModel, RhythmParameters
from services.analytics.calculations.purchases import Booleans, Floats, Integers

Basis: TypeAlias = Literal["prior", "blended", "fitted"]

_SAMPLE_ROWS = 10_000
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


def fit_purchase_model(
    repeat_count: ArrayLike,
    recency_days: ArrayLike,
    age_days: ArrayLike,
    *,
    prior: Prior,
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
        sample = every_history(histories, step)
        position, _ = search(center, sample)
        polished = _polish(position, objective, sample, histories)
        is_converged = polished is not None and bool((np.abs(polished - center) < log_bound).all())
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
