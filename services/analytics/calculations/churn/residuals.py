"""A penalized regression on top of a forecast that is there, with bounds on its coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.optimize import lsq_linear
from scipy.special import expit

from services.analytics.calculations.purchases import Floats

Link: TypeAlias = Literal["logit", "log"]

_TURNS = 60
_TOLERANCE = 1e-7
_SMALLEST_STEP = 1e-6
_LARGEST_LOG = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """What is fitted: rows, and what is believed of each coefficient.

    Attributes
    ----------
    columns
        What the outcome may depend on; shape (rows, columns).
    outcome
        0 or 1 for the link ``logit``; not negative for ``log``; shape (rows,).
    offset
        The forecast that is there, on the scale of the link; shape (rows,).
    weight
        How much a row counts; shape (rows,).
    center, precision
        What each coefficient is drawn to, and how strongly; shape (columns,).
    lowest, highest
        Bounds of each coefficient, infinite without; ``center`` lies within; shape (columns,).
    """

    columns: Floats
    outcome: Floats
    offset: Floats
    weight: Floats
    center: Floats
    precision: Floats
    lowest: Floats
    highest: Floats


def fit_residual(regression: Regression, *, link: Link, start: Floats | None = None) -> Floats:
    r"""Find the coefficients of a penalized logistic or Poisson regression within bounds.

    Parameters
    ----------
    regression
        Rows and beliefs.
    link
        ``logit`` for probabilities, ``log`` for counts and amounts.
    start
        Where the search starts; the center unless given.

    Returns
    -------
    numpy.ndarray
        The only minimum of :math:`\sum_i w_i\,l(y_i, o_i + z_i^T b) + \tfrac12 \sum_j \lambda_j
        (b_j - c_j)^2` within the bounds, with the negative log-likelihood :math:`l` of the link;
        shape (columns,).

    Notes
    -----
    Both links are convex, and the penalty strictly so: Newton's method, each step the bounded least
    squares problem of its quadratic model, shortened until the objective falls. Source: Lee, Sun,
    Saunders (2014), proximal Newton methods.
    """
    rows = regression
    value = np.clip(rows.center if start is None else start, rows.lowest, rows.highest)
    height = _objective(rows, value, link)
    for _ in range(_TURNS):
        mean = inverse(rows.offset + rows.columns @ value, link=link)
        spread = mean * (1 - mean) if link == "logit" else mean
        gradient = rows.columns.T @ (rows.weight * (mean - rows.outcome))
        gradient += rows.precision * (value - rows.center)
        weighed = rows.columns * (rows.weight * spread)[:, None]
        curvature = weighed.T @ rows.columns + np.diag(rows.precision)
        root = np.linalg.cholesky(curvature)
        aim = np.linalg.solve(root, curvature @ value - gradient)
        aimed = lsq_linear(root.T, aim, (rows.lowest, rows.highest), method="bvls").x
        length = 1.0
        while length > _SMALLEST_STEP:
            reached = value + length * (aimed - value)
            new_height = _objective(rows, reached, link)
            if new_height <= height:
                break
            length /= 2
        else:
            break
        moved = float(np.abs(reached - value).max(initial=0.0))
        value, height = reached, new_height
        if moved < _TOLERANCE:
            break
    return value


def loss(outcome: Floats, linear: Floats, *, link: Link) -> Floats:
    """Give the negative log-likelihood of each outcome, but for a constant; shape (rows,)."""
    if link == "logit":
        surprise: Floats = np.logaddexp(0.0, linear) - outcome * linear
        return surprise
    linear = np.minimum(linear, _LARGEST_LOG)
    return np.exp(linear) - outcome * linear


def inverse(linear: Floats, *, link: Link) -> Floats:
    """Turn the scale of a link into probabilities or means."""
    if link == "logit":
        probability: Floats = expit(linear)
        return probability
    return np.exp(np.minimum(linear, _LARGEST_LOG))


def total_shift(linear: Floats, total: float, *, link: Link) -> float:
    """Find what to add to forecasts, on the scale of the link, so that they add up to a total.

    0 where none would do: without rows, or for a total out of reach.
    """
    if not len(linear) or not total > 0:
        return 0.0
    if link == "log":
        return float(np.log(total / inverse(linear, link=link).sum()))
    if total >= len(linear):
        return 0.0
    low, high = -_LARGEST_LOG, _LARGEST_LOG
    shift = 0.0
    for _ in range(_TURNS):
        mean = expit(linear + shift)
        short = total - float(mean.sum())
        low, high = (shift, high) if short > 0 else (low, shift)
        slope = float((mean * (1 - mean)).sum())
        step = short / slope if slope > 0 else np.inf
        aimed = shift + step
        aimed = aimed if low < aimed < high else (low + high) / 2
        if abs(aimed - shift) < _TOLERANCE:
            return float(aimed)
        shift = aimed
    return shift


def _objective(rows: Regression, value: Floats, link: Link) -> float:
    linear = rows.offset + rows.columns @ value
    apart = value - rows.center
    height = rows.weight @ loss(rows.outcome, linear, link=link)
    return float(height + 0.5 * (rows.precision * apart) @ apart)
