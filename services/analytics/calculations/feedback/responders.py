"""Who responds to treatment more than others; used only if it holds among people not learned from."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np
from scipy.special import expit

from services.analytics.calculations.churn.residuals import Regression, fit_residual
from services.analytics.calculations.feedback.parameters import FeedbackParameters
from services.analytics.calculations.feedback.rates import Counts, Uplift, rate_uplift
from services.analytics.calculations.purchases import Booleans, Floats

Basis = Literal["too_few", "average", "individual"]
PENALTY = 10.0
"""Precision of the belief that a feature changes nothing; as much as 40 people at even odds tell."""


@dataclass(frozen=True, slots=True, eq=False)
class ResponseModel:
    """Success with and without treatment by the features of a person (T-learner).

    Attributes
    ----------
    mean, spread
        What features are standardized with; shape (features,).
    treated, control
        Intercept and coefficients of the logistic regression of each arm; shape (1 + features,).
    """

    mean: Floats
    spread: Floats
    treated: Floats
    control: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Responders:
    """Whether some respond more than others.

    Attributes
    ----------
    basis
        ``individual`` if the effect of a person is better told by its features, else ``average``;
        ``too_few`` where that cannot be told, which also means the average.
    top, rest
        Uplift among those who were expected to respond most by what the other half taught, and
        among all others.
    difference, low, high
        Uplift of the top less that of the rest, with its interval; probability.
    is_top
        Whether each person was expected to respond most; shape (people,).
    model
        Learned from everybody; None unless the basis is ``individual``.
    """

    basis: Basis
    top: Uplift
    rest: Uplift
    difference: float
    low: float
    high: float
    is_top: Booleans
    model: ResponseModel | None


def fit_responses(features: Floats, success: Booleans, is_treated: Booleans) -> ResponseModel:
    """Learn success of each arm by itself.

    Parameters
    ----------
    features
        NaN unknown, which counts as the mean; shape (people, features).
    success
        Of each person; shape (people,).
    is_treated
        Arm of each person; both arms have people; shape (people,).

    Source: Kuenzel et al. (2019), Metalearners for estimating heterogeneous treatment effects, PNAS
    116 (T-learner), with penalized logistic regressions.
    """
    known = ~np.isnan(features)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, features, 0.0).sum(axis=0) / count
    spread = np.sqrt(np.where(known, (features - mean) ** 2, 0.0).sum(axis=0) / count)
    spread[~(spread > 0)] = 1.0
    columns = _columns(features, mean, spread)
    arms = [_fit(columns[rows], success[rows]) for rows in (is_treated, ~is_treated)]
    return ResponseModel(mean, spread, arms[0], arms[1])


def individual_effects(model: ResponseModel, features: Floats) -> Floats:
    """Expect how much treatment raises the success of each person; probability, shape (people,)."""
    columns = _columns(features, model.mean, model.spread)
    effects: Floats = expit(columns @ model.treated) - expit(columns @ model.control)
    return effects


def find_responders(
    features: Floats,
    success: Booleans,
    is_treated: Booleans,
    *,
    seed: int,
    parameters: FeedbackParameters,
) -> Responders:
    """Tell whether those who should respond most by a model do so among people it has not seen.

    The people are halved at random; what one half teaches ranks the other, and of each half the top
    third is set against its rest. Only if the uplift of the top is certainly higher are individual
    effects used, else the average.

    Notes
    -----
    Each half judges what the other taught, so chance moves both differences the same way: their
    standard errors are averaged as if they were wholly correlated, not as if independent. With
    independent ones 5 to 8 % of experiments without any responders found some.
    """
    people = len(success)
    is_top = np.zeros(people, dtype=np.bool_)
    is_first = np.zeros(people, dtype=np.bool_)
    is_first[np.random.default_rng(seed).permutation(people)[: people // 2]] = True
    differences, errors = [], []
    for half in (is_first, ~is_first):
        if not half.any() or len({*is_treated[~half].tolist()}) < 2:
            continue
        model = fit_responses(features[~half], success[~half], is_treated[~half])
        expected = individual_effects(model, features[half])
        number = round(len(expected) * parameters.responder_share)
        is_top[np.flatnonzero(half)[np.argsort(-expected, kind="stable")[:number]]] = True
        sides = [
            Counts.of(success[rows], is_treated[rows]) for rows in (is_top & half, ~is_top & half)
        ]
        differences.append(sides[0].treated - sides[0].control)
        differences[-1] -= sides[1].treated - sides[1].control
        errors.append(sqrt(sum(side.padded().variance for side in sides)))
    counts = [Counts.of(success[rows], is_treated[rows]) for rows in (is_top, ~is_top)]
    top, rest = (rate_uplift(each, parameters=parameters) for each in counts)
    difference = float(np.mean(differences)) if len(differences) == 2 else np.nan
    z = NormalDist().inv_cdf(0.5 + parameters.confidence / 2)
    half_width = z * float(np.mean(errors or [np.nan]))
    basis: Basis = "average"
    if "too_few" in (top.verdict, rest.verdict) or np.isnan(difference):
        basis = "too_few"
    elif difference - half_width > 0:
        basis = "individual"
    return Responders(
        basis,
        top,
        rest,
        difference,
        difference - half_width,
        difference + half_width,
        is_top,
        fit_responses(features, success, is_treated) if basis == "individual" else None,
    )


def _columns(features: Floats, mean: Floats, spread: Floats) -> Floats:
    standard = np.clip(np.where(np.isnan(features), 0.0, (features - mean) / spread), -3.0, 3.0)
    return np.column_stack([np.ones(len(features)), standard])


def _fit(columns: Floats, success: Booleans) -> Floats:
    rows, width = columns.shape
    unbound = np.full(width, np.inf)
    return fit_residual(
        Regression(
            columns,
            success.astype(np.float64),
            np.zeros(rows),
            np.ones(rows),
            np.zeros(width),
            # The intercept is all but free.
            np.array([0.01, *[PENALTY] * (width - 1)]),
            -unbound,
            unbound,
        ),
        link="logit",
    )
