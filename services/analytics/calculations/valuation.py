"""Weighs candidates for units and keeps the best permitted and the best ruled-out one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from services.analytics.calculations.candidates import (
    Candidate,
    StrategyOptions,
    StrategyParameters,
)
from services.analytics.calculations.facts import Answers, Codes, Facts
from services.analytics.calculations.purchases import Booleans, Floats

Rows: TypeAlias = NDArray[np.intp]

SPEND_CAP: Final = 255
"""The barrier of a step that costs too much; any other is twice the place of the failing check,
plus one where the condition is not known."""


@dataclass(frozen=True, slots=True, eq=False)
class Gain:
    """What a candidate is expected to bring, with its parts; base currency, shape (units,).

    Attributes
    ----------
    value
        More than doing nothing; NaN unknown.
    effect_probability
        Rise of the chance of success.
    incentive_cost, risk_cost
        Expected cost of the incentive and of bad word of mouth.
    """

    value: Floats
    effect_probability: Floats
    incentive_cost: Floats
    risk_cost: Floats


@dataclass(frozen=True, slots=True)
class Option:
    """A candidate by its number among all, and the motive it is limited to."""

    number: int
    candidate: Candidate
    motive: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The best permitted and the best ruled-out candidate of each unit.

    Attributes
    ----------
    best, ruled_out
        Number of the candidate, -1 for none.
    best_value, ruled_out_value
        Its expected value, base currency; minus infinity for none.
    barrier
        What rules the ruled-out one out.
    """

    best: Codes
    best_value: Floats
    ruled_out: Codes
    ruled_out_value: Floats
    barrier: Codes

    @classmethod
    def none(cls, count: int) -> Choice:
        """Start with no candidate for anyone."""
        best, ruled_out, barrier = (np.full(count, -1, dtype=np.int16) for _ in range(3))
        return cls(best, np.full(count, -np.inf), ruled_out, np.full(count, -np.inf), barrier)

    def put(self, rows: Rows, other: Choice) -> None:
        """Take over the choice of some rows."""
        self.best[rows], self.best_value[rows] = other.best, other.best_value
        self.ruled_out[rows], self.ruled_out_value[rows] = other.ruled_out, other.ruled_out_value
        self.barrier[rows] = other.barrier


def expected_value(
    stake: ArrayLike,
    base_probability: ArrayLike,
    *,
    effect_probability: float,
    contact_cost: float,
    incentive: ArrayLike = 0.0,
    risk_rate: float = 0.0,
    fit: ArrayLike = 1.0,
) -> Gain:
    r"""Value a step by what it brings more than doing nothing.

    Parameters
    ----------
    stake
        ``V``: value of success; base currency; shape (units,).
    base_probability
        ``p_base``: chance of success without us; shape (units,).
    effect_probability
        ``delta``: mean rise of that chance.
    contact_cost
        Base currency per contact.
    incentive
        Paid to everyone who buys; base currency.
    risk_rate
        Share of the value put at risk.
    fit
        How well the step fits the unit; no unit.

    Notes
    -----
    :math:`EV = \delta_{eff} V - cost - incentive (p_{base} + \delta_{eff}) - risk\,V` with
    :math:`\delta_{eff} = \min(\delta\,fit, 1 - p_{base})`. Source: domain specification 6.2.
    """
    value = np.asarray(stake, dtype=np.float64)
    base = np.asarray(base_probability, dtype=np.float64)
    effect = np.minimum(np.multiply(effect_probability, fit), 1 - base)
    incentive_cost = np.multiply(incentive, base + effect)
    risk_cost = risk_rate * value
    gain = effect * value - contact_cost - incentive_cost - risk_cost
    return Gain(gain, effect, incentive_cost, risk_cost)


def weigh_candidate(
    candidate: Candidate, facts: Facts, *, options: StrategyOptions, parameters: StrategyParameters
) -> Gain:
    """Value one candidate for every unit; NaN where an incentive on it cannot be computed."""
    return expected_value(
        facts.stake,
        facts.base_probability,
        effect_probability=candidate.effect_probability,
        contact_cost=candidate.contact_cost,
        incentive=_incentive(candidate, facts),
        risk_rate=candidate.risk_rate,
        fit=_fit(candidate, facts, options=options, parameters=parameters),
    )


def choose(
    allowed: list[Option], facts: Facts, *, options: StrategyOptions, parameters: StrategyParameters
) -> Choice:
    """Choose among candidates for every unit; of equal values the first in the list wins."""
    choice = Choice.none(len(facts.stake))
    for option in allowed:
        value = weigh_candidate(
            option.candidate, facts, options=options, parameters=parameters
        ).value
        possible = _possible(option, facts, options=options)
        if possible is not None:
            value = np.where(possible, value, np.nan)
        barrier = _barrier(option.candidate, facts)
        if barrier is None:
            better = value > choice.best_value
        else:
            is_free = barrier < 0
            better = (value > choice.ruled_out_value) & ~is_free
            np.copyto(choice.ruled_out_value, value, where=better)
            np.copyto(choice.ruled_out, option.number, where=better)
            np.copyto(choice.barrier, barrier, where=better, casting="same_kind")
            better = (value > choice.best_value) & is_free
        np.copyto(choice.best_value, value, where=better)
        np.copyto(choice.best, option.number, where=better)
    return choice


def _incentive(candidate: Candidate, facts: Facts) -> Floats | float:
    if not candidate.incentive_share:
        return candidate.incentive_amount
    return candidate.incentive_share * facts.order_value + candidate.incentive_amount


def _fit(
    candidate: Candidate, facts: Facts, *, options: StrategyOptions, parameters: StrategyParameters
) -> Floats | float:
    """Rate how well a candidate fits: the strongest answered signal and the motive (6.2)."""
    fit: Floats | float = 1.0
    strengths = [facts.signals[name] for name in candidate.answers if name in facts.signals]
    if strengths:
        fit = 1 + parameters.signal_weight * np.max(strengths, axis=0)
    factors = np.ones(len(facts.motives) + 1)
    for motive, strategy_id, factor in options.affinities:
        if strategy_id == candidate.strategy_id:
            factors[facts.motives.index(motive)] = factor
    if (factors != 1).any() and (facts.motive >= 0).any():
        fit = fit * factors[facts.motive]
    return np.clip(fit, parameters.fit_min, parameters.fit_max)


def _possible(option: Option, facts: Facts, *, options: StrategyOptions) -> Booleans | None:
    """Tell for whom a candidate is one at all; none if for everyone."""
    possible: Booleans | None = None
    if option.motive is not None:
        possible = facts.motive == facts.motives.index(option.motive)
    for strategy_id, signal in options.needed_signals:
        if strategy_id == option.candidate.strategy_id:
            has_signal = facts.signals[signal] > 0
            possible = has_signal if possible is None else possible & has_signal
    return possible


def _barrier(candidate: Candidate, facts: Facts) -> Codes | None:
    """Find what rules a candidate out for each unit, -1 for nothing; none if free for everyone."""
    barrier: Codes | None = None
    for place, check in enumerate(candidate.checks):
        if check.condition_id == "margin_covers_incentive":
            left = facts.margin - _incentive(candidate, facts)
            answers = Answers(left > 0, np.isnan(left))
        elif check.condition_id in facts.conditions:
            answers = facts.conditions[check.condition_id]
        elif facts.while_unknown[check.condition_id] == check.must_hold:
            continue
        else:
            barrier = _free(facts) if barrier is None else barrier
            barrier[barrier < 0] = 2 * place + 1
            return barrier
        failing = answers.holds != check.must_hold
        if failing.any():
            barrier = _free(facts) if barrier is None else barrier
            failing &= barrier < 0
            barrier[failing] = 2 * place + answers.is_unknown[failing]
    too_much = candidate.contact_cost + _incentive(candidate, facts) > facts.spend_limit
    if too_much.any():
        barrier = _free(facts) if barrier is None else barrier
        barrier[too_much & (barrier < 0)] = SPEND_CAP
    return barrier


def _free(facts: Facts) -> Codes:
    return np.full(len(facts.stake), -1, dtype=np.int16)
