"""What rules a step out for each unit, as a code: the first rule that speaks against it."""

from __future__ import annotations

from typing import Final

import numpy as np

from services.analytics.calculations.purchases import Booleans, Floats
from services.analytics.calculations.recommendations.candidates import (
    Candidate,
    Check,
    StrategyOptions,
)
from services.analytics.calculations.recommendations.facts import Answers, Codes, Facts
from services.analytics.calculations.recommendations.valuation import (
    NO_CHANNEL,
    Option,
    Way,
    incentive_of,
)

FREE: Final = -1
HOLDOUT, DECIDED, TO_BE_ASKED, SPEND_CAP = 1000, 1001, 1002, 1003
"""Further barriers; any other is twice the place of the failing check, plus one where the condition
is not known."""
BARRIERS: Final = {
    HOLDOUT: "holdout",
    DECIDED: "decided",
    TO_BE_ASKED: "to_be_asked",
    SPEND_CAP: "spend_cap",
}
_BY_EVENT: Final = frozenset({"good_reason", "need_voiced", "successor_exists"})
"""Conditions that an event answers which calls for the step: it is the reason and the need."""


def barrier_of(option: Option, facts: Facts, way: Way, *, options: StrategyOptions) -> Codes | None:
    """Find what rules a candidate out for each unit, `FREE` for nothing; none if free for everyone.

    Who is held out, and what was decided on, go by the instrument: see `Holdout.tries`. Source: domain
    specification 6.1 (exclusions before conditions).
    """
    candidate = option.candidate
    found = _Found(len(facts))
    for place, holdout in enumerate(options.holdouts):
        if holdout.tries(candidate.instrument_id):
            found.put(facts.controls[place], HOLDOUT)
    decided = facts.decided.get(candidate.instrument_id)
    if decided is not None:
        found.put(decided, DECIDED)
    for place, check in enumerate(candidate.checks):
        if option.event is not None and check.condition_id in _BY_EVENT:
            continue
        answers = _answers(check, candidate, facts, way)
        if answers is None:
            if facts.while_unknown[check.condition_id] != check.must_hold:
                is_declared = check.condition_id in dict(options.declared)
                found.put(np.ones(len(facts), dtype=np.bool_), 2 * place + (not is_declared))
            continue
        failing = answers.holds != check.must_hold
        if failing.any():
            found.put(failing, 2 * place + answers.is_unknown)
    if (candidate.strategy_id, candidate.instrument_id) in options.to_be_asked:
        found.put(np.ones(len(facts), dtype=np.bool_), TO_BE_ASKED)
    cost = _contact_cost(candidate, way, options) + incentive_of(candidate, facts)
    found.put(cost > facts.spend_limit, SPEND_CAP)
    return found.barrier


class _Found:
    """Barriers of units, of which the first stays; made only when there is one."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.barrier: Codes | None = None

    def put(self, failing: Booleans, code: int | Codes | Booleans) -> None:
        if not failing.any():
            return
        if self.barrier is None:
            self.barrier = np.full(self._count, FREE, dtype=np.int16)
        rows = failing & (self.barrier == FREE)
        self.barrier[rows] = np.broadcast_to(code, rows.shape)[rows]


def _answers(check: Check, candidate: Candidate, facts: Facts, way: Way) -> Answers | None:
    """Answer a condition for every unit; none where nothing is known of anybody."""
    known = np.zeros(len(facts), dtype=np.bool_)
    if check.condition_id == "addressable":
        return Answers(way.channel != NO_CHANNEL, known)
    if check.condition_id == "margin_covers_incentive":
        left = facts.margin - incentive_of(candidate, facts)
        return Answers(left > 0, np.isnan(left))
    if check.condition_id == "open_complaint":
        return Answers(facts.is_selling_blocked, known)
    return _of_product(check.condition_id, facts, way)


def _of_product(condition_id: str, facts: Facts, way: Way) -> Answers | None:
    """Answer for the product that a step offers, as far as that is known; else for the unit."""
    answers = facts.conditions.get(condition_id)
    for number, product in enumerate(facts.products, start=1):
        told = product.conditions.get(condition_id)
        is_offered = way.product == number
        if told is None or not is_offered.any():
            continue
        if answers is None:
            holds = np.full(len(facts), facts.while_unknown[condition_id])
            answers = Answers(holds, np.ones(len(facts), dtype=np.bool_))
        answers = Answers(
            np.where(is_offered, told.holds, answers.holds),
            np.where(is_offered, told.is_unknown, answers.is_unknown),
        )
    return answers


def _contact_cost(candidate: Candidate, way: Way, options: StrategyOptions) -> Floats:
    costs = np.array([*(each.unit_cost for each in options.channels), 0.0])
    cost: Floats = candidate.unit_cost + costs[way.channel]
    return cost
