"""The survival model: hazard of a relationship by contract from what is known of it, and its fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from services.analytics.calculations.contracts.covariates import Covariates
from services.analytics.calculations.contracts.parameters import ContractParameters
from services.analytics.calculations.purchases import Booleans, Floats, Integers

GROUPS: Final = ("tenure", "term", "ending", "amount", "products")
"""What the hazard depends on, as it is explained."""
_AMOUNT_BENDS = (-0.7, 0.7)
_LOWEST, _HIGHEST = -32.0, 6.0
"""Limits of a log hazard; beyond them a chance is 0 or 1 to the last digit."""
_SMALL = 1e-5
_RIDGE = 1e-9
_TOLERANCE = 1e-10
_TURNS = 100
_HALVINGS = 40


@dataclass(frozen=True, slots=True)
class Survival:
    """Effects on the logarithm of the monthly hazard; plain numbers.

    Attributes
    ----------
    intercept
        Logarithm of the hazard without any effect.
    tenure
        By the logarithm of 1 + months, and of bends at the knots.
    term
        Of terms from the lengths on that the parameters name; none above 0.
    ending
        Of time left above the days that the parameters name; none above 0.
    amount
        Of the standardized logarithm of the monthly amount, its bends, and of an unknown amount.
    amount_mean, amount_deviation
        Mean and spread of that logarithm.
    words
        Of products and categories.
    usual
        Mean effect in the history, by group.
    signals
        Of signals (`contracts.signals.HEARD`); none below 0.
    """

    intercept: float
    tenure: tuple[float, ...]
    term: tuple[float, ...]
    ending: tuple[float, ...]
    amount: tuple[float, ...]
    amount_mean: float
    amount_deviation: float
    words: Mapping[str, float]
    usual: Mapping[str, float]
    signals: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Months:
    """What survival is fitted to: months of relationships; all arrays have the shape (months,).

    Attributes
    ----------
    covariates
        Known at the beginning.
    left_days
        From the end of the month to the end of the term.
    exposure_months
        How much of it was seen.
    has_ended
        Whether the relationship ended in it.
    signals
        What was to be heard at the beginning (`contracts.signals`); shape (months, signals).
    """

    covariates: Covariates
    left_days: Floats
    exposure_months: Floats
    has_ended: Booleans
    signals: Floats

    def take(self, rows: Integers) -> Months:
        return Months(
            self.covariates.take(rows),
            self.left_days[rows],
            self.exposure_months[rows],
            self.has_ended[rows],
            self.signals[rows],
        )


def effects_at_start(
    covariates: Covariates, survival: Survival, parameters: ContractParameters
) -> dict[str, Floats]:
    """Return the effects that stay the same while a term runs, by group; shape (rows,)."""
    word_effect = np.array([survival.words.get(word, 0.0) for word in covariates.words.words])
    amounts = _amount_columns(
        covariates.monthly_amount, survival.amount_mean, survival.amount_deviation
    )
    return {
        "term": _weighed(_term_columns(covariates.term_months, parameters), survival.term),
        "amount": _weighed(amounts, survival.amount),
        "products": np.bincount(
            covariates.words.row,
            weights=word_effect[covariates.words.code] if len(word_effect) else None,
            minlength=len(covariates),
        ).astype(np.float64),
    }


def tenure_effect(
    tenure_months: Floats, survival: Survival, parameters: ContractParameters
) -> Floats:
    """Return the effect of tenure."""
    return _weighed(_tenure_columns(tenure_months, parameters), survival.tenure)


def ending_effect(left_days: Floats, survival: Survival, parameters: ContractParameters) -> Floats:
    """Return the effect of the time that is left when a month ends."""
    return _weighed(_ending_columns(left_days, parameters), survival.ending)


def monthly_probability(
    months: Months, survival: Survival, parameters: ContractParameters
) -> Floats:
    """Return the chance of an end in each month: ``1 - exp(-hazard * exposure)``; shape (months,)."""
    effects = effects_at_start(months.covariates, survival, parameters)
    log_hazard = (
        survival.intercept
        + sum(effects.values())
        + tenure_effect(months.covariates.tenure_months, survival, parameters)
        + ending_effect(months.left_days, survival, parameters)
        + _weighed(months.signals, survival.signals)
    )
    hazard = hazard_of(log_hazard) * months.exposure_months
    return np.asarray(-np.expm1(-hazard), dtype=np.float64)


def fit_survival(
    months: Months,
    *,
    parameters: ContractParameters,
    usual_weights: Floats,
    learns_signals: bool,
) -> Survival:
    """Fit the hazard by penalized maximum likelihood.

    Parameters
    ----------
    months
        What is learned from.
    usual_weights
        What the full strength of each signal usually adds; log hazard, shape (signals,).
    learns_signals
        Whether weights of signals are learned, or the usual ones are taken as they are.

    Notes
    -----
    Complementary log-log regression: ``P(end in a month) = 1 - exp(-exposure * exp(x * beta))``, a
    proportional hazard seen month by month, with a normal prior around 0 on every effect but the
    intercept; around the usual weights on those of signals, so that one without examples keeps its
    usual weight. Effects of a longer term and of more time left are not above 0: who is bound for
    longer does not leave sooner; no signal has one below 0. The likelihood is concave, so the
    optimum is the only one. Source:
    Prentice and Gloeckler, Biometrics 34 (1978).
    """
    mean, deviation = _scale(months.covariates.monthly_amount)
    words = _frequent_words(months.covariates, parameters)
    covariates = months.covariates
    groups = {
        "tenure": _tenure_columns(covariates.tenure_months, parameters),
        "term": _term_columns(covariates.term_months, parameters),
        "ending": _ending_columns(months.left_days, parameters),
        "amount": _amount_columns(covariates.monthly_amount, mean, deviation),
        "products": _word_columns(covariates, words),
    }
    offset = np.log(months.exposure_months)
    if learns_signals:
        groups["signals"] = months.signals
    else:
        offset = offset + months.signals @ usual_weights
    matrix = np.hstack(list(groups.values()))
    means = matrix.mean(axis=0)
    prior = _Prior.of(groups, parameters, usual_weights)
    level, effects = _maximize(matrix - means, offset, months.has_ended, prior)
    parts = _split(effects, groups)
    usual = _split(effects * means, groups)
    return Survival(
        level - float(effects @ means),
        parts["tenure"],
        parts["term"],
        parts["ending"],
        parts["amount"],
        mean,
        deviation,
        dict(zip(words, parts["products"], strict=True)),
        {name: float(sum(usual[name])) for name in GROUPS},
        parts.get("signals", tuple(usual_weights.tolist())),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Prior:
    """What is believed of effects before any data, and what they may not pass; shape (effects,)."""

    mean: Floats
    precision: Floats
    lowest: Floats
    highest: Floats

    @classmethod
    def of(
        cls, groups: Mapping[str, Floats], parameters: ContractParameters, usual_weights: Floats
    ) -> Self:
        spread = {"products": parameters.word_deviation, "signals": parameters.signal_deviation}

        def joined(of_group: Callable[[str], Floats | float]) -> Floats:
            return np.concatenate(
                [np.broadcast_to(of_group(name), part.shape[1]) for name, part in groups.items()]
            )

        return cls(
            joined(lambda name: usual_weights if name == "signals" else 0.0),
            joined(lambda name: spread.get(name, parameters.effect_deviation)) ** -2,
            joined(lambda name: 0.0 if name == "signals" else -np.inf),
            joined(lambda name: 0.0 if name in ("term", "ending") else np.inf),
        )


def _maximize(
    matrix: Floats, offset: Floats, has_ended: Booleans, prior: _Prior
) -> tuple[float, Floats]:
    """Return intercept and effects of the greatest penalized likelihood, by Newton's method.

    Effects that would pass a limit are held there while the others move.
    """
    columns = np.column_stack([np.ones(len(matrix)), matrix])
    penalty, mean = np.append(0.0, prior.precision), np.append(0.0, prior.mean)
    lowest, highest = np.append(-np.inf, prior.lowest), np.append(np.inf, prior.highest)
    theta = mean.copy()
    theta[0] = np.log(max(float(has_ended.sum()), 0.5) / float(np.exp(offset).sum()))

    def posterior(at: Floats) -> float:
        likelihood = _log_likelihood(columns @ at + offset, has_ended)
        return likelihood - 0.5 * float(penalty @ (at - mean) ** 2)

    value = posterior(theta)
    for _ in range(_TURNS):
        slope, curvature = _derivatives(columns @ theta + offset, has_ended)
        gradient = slope @ columns - penalty * (theta - mean)
        is_held = ((theta >= highest) & (gradient > 0)) | ((theta <= lowest) & (gradient < 0))
        moves = np.flatnonzero(~is_held)
        if np.abs(gradient[moves]).max() < _TOLERANCE * len(matrix):
            break
        weighed = columns[:, moves] * np.sqrt(curvature)[:, None]
        bend = weighed.T @ weighed + np.diag(penalty[moves] + _RIDGE)
        step = np.zeros(len(theta))
        step[moves] = np.linalg.solve(bend, gradient[moves])
        for halvings in range(_HALVINGS):
            tried = theta + step / 2**halvings
            tried = np.clip(tried, lowest, highest)
            reached = posterior(tried)
            if reached > value:
                break
        else:
            break
        theta, value = tried, reached
    return float(theta[0]), theta[1:]


def _log_likelihood(log_hazard: Floats, has_ended: Booleans) -> float:
    hazard = hazard_of(log_hazard)
    return float(np.where(has_ended, np.log(-np.expm1(-hazard)), -hazard).sum())


def _derivatives(log_hazard: Floats, has_ended: Booleans) -> tuple[Floats, Floats]:
    """Return slope and (negative) curvature of the log-likelihood by the log hazard of each row."""
    hazard = hazard_of(log_hazard)
    # hazard / (exp(hazard) - 1), and its derivative, which is half the hazard for small ones.
    share = hazard / np.expm1(hazard)
    bend = np.where(hazard < _SMALL, hazard / 2, share * (hazard + share - 1))
    return np.where(has_ended, share, -hazard), np.where(has_ended, bend, hazard)


def hazard_of(log_hazard: Floats) -> Floats:
    """Return the monthly hazard of its logarithm, within limits that no chance shows."""
    return np.asarray(np.exp(np.clip(log_hazard, _LOWEST, _HIGHEST)), dtype=np.float64)


def _split(values: Floats, groups: Mapping[str, Floats]) -> dict[str, tuple[float, ...]]:
    ends = np.cumsum([part.shape[1] for part in groups.values()])
    pieces = np.split(values, ends[:-1])
    return {name: tuple(piece.tolist()) for name, piece in zip(groups, pieces, strict=True)}


def _weighed(columns: Floats, effects: tuple[float, ...]) -> Floats:
    """Weigh columns one after the other: a row's digits do not depend on the rows beside it."""
    total = np.zeros(len(columns))
    for column, effect in zip(columns.T, effects, strict=True):
        total += column * effect
    return total


def _tenure_columns(months: Floats, parameters: ContractParameters) -> Floats:
    log = np.log1p(months)
    bends = (np.maximum(log - np.log1p(knot), 0.0) for knot in parameters.tenure_knots_months)
    return np.column_stack([log, *bends])


def _term_columns(months: Floats, parameters: ContractParameters) -> Floats:
    return _steps(months >= each for each in parameters.term_from_months)


def _ending_columns(left_days: Floats, parameters: ContractParameters) -> Floats:
    return _steps(left_days > each for each in parameters.left_above_days)


def _steps(conditions: Iterator[Booleans]) -> Floats:
    return np.column_stack([condition.astype(np.float64) for condition in conditions])


def _amount_columns(amount: Floats, mean: float, deviation: float) -> Floats:
    """Return the standardized logarithm with its bends, and whether it is unknown."""
    is_known = amount > 0
    scaled = np.zeros(len(amount))
    scaled[is_known] = (np.log(amount[is_known]) - mean) / deviation
    bends = (np.where(is_known, np.maximum(scaled - bend, 0.0), 0.0) for bend in _AMOUNT_BENDS)
    return np.column_stack([scaled, *bends, ~is_known])


def _scale(amount: Floats) -> tuple[float, float]:
    known = np.log(amount[amount > 0])
    if not len(known):
        return 0.0, 1.0
    deviation = float(known.std())
    return float(known.mean()), deviation if deviation > 1e-6 else 1.0


def _frequent_words(covariates: Covariates, parameters: ContractParameters) -> list[str]:
    """Choose the products and categories that tell apart: in many rows, and not in all but few."""
    words = covariates.words
    count = np.bincount(words.code, minlength=len(words.words))
    enough = parameters.words_from_months
    chosen = [
        (-int(count[code]), word)
        for code, word in enumerate(words.words)
        if enough <= count[code] <= len(covariates) - enough
    ]
    return sorted(word for _, word in sorted(chosen)[: parameters.words_at_most])


def _word_columns(covariates: Covariates, chosen: list[str]) -> Floats:
    place = {word: column for column, word in enumerate(chosen)}
    columns = np.array([place.get(word, -1) for word in covariates.words.words], dtype=np.int64)
    matrix = np.zeros((len(covariates), len(chosen)))
    if len(columns):
        column = columns[covariates.words.code]
        is_chosen = column >= 0
        matrix[covariates.words.row[is_chosen], column[is_chosen]] = 1.0
    return matrix
