"""Maximizes a penalized likelihood over logarithms of parameters, and says how sharp the top is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
from scipy.optimize import minimize

from services.analytics.calculations.purchases import Floats

_SAMPLE_ROWS = 10_000
_POLISH_PASSES = 12
_POLISH_TOLERANCE = 1e-7
_WIDTH = 1e-5
_FLATTEST = 1e-9


class Evidence(Protocol):
    """Grouped data: rows with the number of units each stands for."""

    @property
    def weight(self) -> Floats:
        """Units per row."""

    def every(self, step: int) -> Self:
        """Take every n-th row."""


@dataclass(frozen=True, slots=True)
class Maximum:
    """Where a penalized likelihood is largest.

    Attributes
    ----------
    logs
        Logarithms of the parameters; shape (parameters,).
    log_likelihood
        There, without the penalty.
    is_converged
        Whether the search ended at a maximum.
    log_covariance
        Inverse of the observed information (with the penalty's); NaN in the rows and columns of a
        parameter that ended at its bound, everywhere if there is no sharp top.
    """

    logs: Floats
    log_likelihood: float
    is_converged: bool
    log_covariance: Floats


Likelihood: TypeAlias = Callable[[Floats, Any], tuple[float, Floats]]
"""Gives the log-likelihood of evidence and its gradient by the logarithms of the parameters."""


def maximize(
    log_likelihood: Likelihood,
    evidence: Evidence,
    *,
    center: Floats,
    log_bound: float,
    log_standard_deviation: float = np.inf,
) -> Maximum:
    r"""Search the parameters that make the evidence most likely.

    Parameters
    ----------
    log_likelihood
        Of the evidence, with its gradient.
    evidence
        Grouped data; without any the maximum is the center.
    center
        Logarithms where the search starts, and the mode of the penalty; shape (parameters,).
    log_bound
        How far a logarithm may move from the center.
    log_standard_deviation
        Spread of the penalty; infinite for plain maximum likelihood.

    Notes
    -----
    Maximizes :math:`\ell(\theta) - \tfrac12 \sum (\ln\theta - \ln\theta_0)^2 / \sigma^2`. A large
    base is first searched by a sample of its rows; from there a few passes over all of them with
    the curvature of the sample lead to the maximum of the whole. Source: domain specification 2.2.
    """
    precision = log_standard_deviation**-2
    if not len(evidence.weight):
        return Maximum(center, 0.0, True, _inverse(precision * np.eye(len(center))))
    objective = _Objective(
        log_likelihood, center, precision, log_bound, float(evidence.weight.sum())
    )
    step = -(-len(evidence.weight) // _SAMPLE_ROWS)
    polished = None
    if step > 1:
        sample = evidence.every(step)
        position, _ = objective.search(center, sample)
        curvature = objective.curvature(position, sample)
        polished = _polish(position, objective, curvature, evidence)
    if polished is not None and bool((np.abs(polished - center) < log_bound).all()):
        position, is_converged = polished, True
    else:
        position, is_converged = objective.search(center, evidence)
    information = objective.curvature(position, evidence) * objective.total
    is_free = np.abs(position - center) < log_bound * (1 - 1e-6)
    covariance = np.full(information.shape, np.nan)
    covariance[np.ix_(is_free, is_free)] = _inverse(information[np.ix_(is_free, is_free)])
    value, _ = log_likelihood(position, evidence)
    return Maximum(position, value, is_converged, covariance)


@dataclass(frozen=True, slots=True)
class _Objective:
    """What is minimized: per unit, with the penalty at its share for the whole base."""

    log_likelihood: Likelihood
    center: Floats
    precision: float
    log_bound: float
    total: float

    def __call__(self, logs: Floats, rows: Evidence) -> tuple[float, Floats]:
        value, gradient = self.log_likelihood(logs, rows)
        count = float(rows.weight.sum())
        distance = logs - self.center
        penalty = 0.5 * self.precision * float(distance @ distance) / self.total
        by_logs: Floats = self.precision * distance / self.total - gradient / count
        return penalty - value / count, by_logs

    def search(self, position: Floats, rows: Evidence) -> tuple[Floats, bool]:
        result = minimize(
            self,
            position,
            args=(rows,),
            jac=True,
            method="L-BFGS-B",
            bounds=[(middle - self.log_bound, middle + self.log_bound) for middle in self.center],
            options={"ftol": 1e-14, "gtol": 1e-8, "maxiter": 500, "maxls": 50},
        )
        return result.x, bool(result.success)

    def curvature(self, position: Floats, rows: Evidence) -> Floats:
        """Differentiate the gradient; shape (parameters, parameters)."""
        here = self(position, rows)[1]
        shifts = np.eye(len(position)) * _WIDTH
        curvature: Floats = np.array([self(position + shift, rows)[1] - here for shift in shifts])
        return (curvature + curvature.T) / (2 * _WIDTH)


def _polish(
    position: Floats, objective: _Objective, curvature: Floats, evidence: Evidence
) -> Floats | None:
    """Walk from the optimum of a sample to that of the base with the curvature of the sample.

    Each pass over the base costs one gradient and shrinks the distance by about the sampling error
    of the curvature. None if that does not lead there.
    """
    if not np.linalg.eigvalsh(curvature)[0] > 0:
        return None
    last = np.inf
    for _ in range(_POLISH_PASSES):
        move = np.linalg.solve(curvature, objective(position, evidence)[1])
        length = float(np.abs(move).max())
        if not length < min(last, 1.0):
            return None
        position, last = position - move, length
        if length < _POLISH_TOLERANCE:
            return position
    return None


def _inverse(information: Floats) -> Floats:
    """Invert the information, NaN unless it is positive definite."""
    scale = np.sqrt(np.abs(np.diag(information)))
    unknown = np.full(information.shape, np.nan)
    if not (np.isfinite(information).all() and (scale > 0).all()):
        return unknown
    relative = information / np.outer(scale, scale)
    if not np.linalg.eigvalsh(relative).min(initial=np.inf) > _FLATTEST:
        return unknown
    inverse: Floats = np.linalg.inv(relative) / np.outer(scale, scale)
    return inverse
