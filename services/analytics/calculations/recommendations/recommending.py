"""The next steps of every unit: what is owed, what is worth most, and what was ruled out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.analytics.calculations.joined_ids import joined_ids
from services.analytics.calculations.phases import LEAD_STAGES, PHASES
from services.analytics.calculations.purchases import Booleans, Floats
from services.analytics.calculations.recommendations.candidates import (
    OBLIGATIONS,
    RULED_OUT,
    STEPS,
    StrategyOptions,
    StrategyParameters,
)
from services.analytics.calculations.recommendations.facts import (
    Answers,
    Codes,
    Decided,
    Facts,
    codes_of,
    collect_facts,
)
from services.analytics.calculations.recommendations.parts import (
    STEP_PARTS,
    event_parts,
    step_parts,
)
from services.analytics.calculations.recommendations.ranking import Ranked, rank_steps
from services.analytics.calculations.recommendations.situations import options_in, situation_codes
from services.analytics.calculations.recommendations.trials import OpenTo, experiment_ids

BASES: Final = (
    "expected_value",
    "do_nothing",
    "obligation",
    "excluded",
    "profiling_objection",
    "terminated",
    "blocked",
    "termination_case",
    "insufficient_data",
)
"""Why a recommendation is what it is; only the first and the third recommend a step."""

GAPS: Final = ("order_value_unknown", "value_unknown", "consent_unknown")
"""What a recommendation could not take into account; ids of the catalogue's `data_gaps`."""

AVOIDED: Final = ("minor", "deal_hunter")
"""Conditions that always rule something out, whatever it would bring; ids of the catalogue."""

STEP_COLUMNS: Final = tuple(
    f"step{rank}_{part}" for rank in range(1, STEPS + 1) for part in STEP_PARTS
)
RULED_OUT_PARTS: Final = ("option", "value", "barrier")
RULED_OUT_COLUMNS: Final = tuple(
    f"ruled_out{rank}_{part}" for rank in range(1, RULED_OUT + 1) for part in RULED_OUT_PARTS
)
TEXT_COLUMNS: Final = (
    *("goal_id", "strategy_id", "instrument_id", "channel_id", "event_id"),
    *("recommendation_basis", "obligation_ids", "recommendation_gap_ids", "avoid_ids"),
)
RECOMMENDATION_COLUMNS: Final = (
    *TEXT_COLUMNS,
    "event_record_id",
    "recommendation_value",
    "open_experiment_ids",
    *STEP_COLUMNS,
    *RULED_OUT_COLUMNS,
)

_BLOCK_ROWS: Final = 16_384


def recommend(
    customers: pd.DataFrame,
    units: pd.DataFrame,
    *,
    options: StrategyOptions,
    parameters: StrategyParameters | None = None,
    decided: Decided | None = None,
) -> pd.DataFrame:
    """Recommend the next steps for every unit.

    What is owed comes first and without an expected value, also to whom nothing else is recommended:
    who was erased or objects to profiling. Everyone else gets the steps of most expected value among
    those whose conditions hold, over the channel and with the product that bring most; doing nothing
    is worth 0 and wins over less.

    Parameters
    ----------
    customers
        ``state``, ``phase``, ``lead_stage``, ``churn_probability``, ``margin_per_purchase``,
        ``clv_alive_365``, ``expected_new_value``, ``motive``; and as far as they are known
        ``motive_basis``, ``order_value`` (expected amount of a purchase, base currency),
        ``signal_*``, ``satisfaction_difference``, ``nps``, ``sentiment_level``, ``gap_dimension``,
        and ``product1`` to ``product3`` with their ``_probability``, ``_margin`` and ``_flags``.
    units
        ``unit_id``, ``status``, ``is_excluded``, ``has_profiling_objection``,
        ``has_open_complaint``, ``has_active_contract``; as far as they are known ``quality_*``,
        ``survey_*`` and ``service_*`` by channel, ``has_open_request``, ``spent_365``,
        ``is_loyal_to_competitor``, ``must_answer_interaction``, ``has_pending_request``,
        ``event_*`` (records of open events) and ``event_*_until_day``; and any column named as a
        condition of the catalogue (booleans, NA unknown), which answers it. One that begins with
        ``product1_`` to ``product3_`` answers it for that product, as a step that offers it asks.
    options
        What can be recommended.
    parameters
        Those of the domain specification unless given.
    decided
        Units for which an instrument was decided on already.

    Returns
    -------
    pandas.DataFrame
        `RECOMMENDATION_COLUMNS`, indexed like ``customers``. Ids are categories; amounts are in
        base currency. Goal, strategy, instrument, channel and event are those of the best step;
        ``recommendation_value`` is that of the best step, 0 for doing nothing
        and NaN where nothing is valued. ``open_experiment_ids`` are the experiments whose step is
        open to the unit, whichever arm it is in. ``event_record_id`` is the record of the first step's event.
        ``step1_*`` to ``step3_*`` are the steps (`STEP_PARTS`), ``ruled_out1_*`` to
        ``ruled_out5_*`` those that would bring more than nothing and are not allowed; options,
        channels, products, events and signals by their number, NaN for none. A lead keeps the goal
        of its stage while nothing is worth doing. Source: domain specification 6.1, 6.2.

    Notes
    -----
    One more consent never lowers the value of the best step. As three are shown, a step can leave
    them for one that is worth more, or by the terms of one that is.
    """
    parameters = parameters or StrategyParameters()
    if not units.index.equals(customers.index):
        units = units.reindex(customers.index)
    facts = collect_facts(
        customers, units, options=options, parameters=parameters, decided=decided or {}
    )
    obligations = _obligations(units)
    barred = _without_steps(customers, units, facts)
    is_valued = np.logical_and.reduce([~rows for rows in barred.values()])
    steps, ruled_out, opened = _rank_all(customers, facts, is_valued, options, parameters)
    basis = _basis(barred, obligations, has_step=steps.option[0] >= 0)
    parts = step_parts(steps, facts, options=options, parameters=parameters)
    value = np.where(steps.option[0] >= 0, steps.value[0], np.nan)
    value[basis == BASES.index("do_nothing")] = 0.0
    columns: dict[str, object] = {
        **_ids(customers, basis, steps, options),
        "recommendation_basis": _category(basis, BASES),
        "obligation_ids": joined_ids(obligations),
        "recommendation_gap_ids": _gaps(facts, basis, is_valued),
        "avoid_ids": _avoided(facts),
        "recommendation_value": value,
        "open_experiment_ids": experiment_ids(opened, options),
        **parts,
        **event_parts(steps.event, units, options=options),
        **_ruled_out(ruled_out),
    }
    return pd.DataFrame(
        {name: columns[name] for name in RECOMMENDATION_COLUMNS}, index=customers.index, copy=False
    )


def _truth(values: pd.Series) -> Booleans:
    return values.to_numpy(dtype=np.bool_, na_value=False)


def _obligations(units: pd.DataFrame) -> dict[str, Booleans]:
    """Tell what is owed to whom, the most urgent first."""
    none = np.zeros(len(units), dtype=np.bool_)
    owed = {
        "privacy_request": (
            _truth(units["has_pending_request"]) if "has_pending_request" in units else none
        ),
        "complaint_handling": _truth(units["has_open_complaint"]),
        "answer_message": (
            units["must_answer_interaction"].notna().to_numpy()
            if "must_answer_interaction" in units
            else none
        ),
    }
    return {name: owed[name] for name in OBLIGATIONS}


def _without_steps(
    customers: pd.DataFrame, units: pd.DataFrame, facts: Facts
) -> dict[str, Booleans]:
    """Tell who gets no valued step, and why."""
    state, status = customers["state"], units["status"]
    return {
        "excluded": _truth(units["is_excluded"]) | _truth(state == "excluded"),
        "profiling_objection": _truth(units["has_profiling_objection"]),
        "terminated": _truth(state == "terminated") | _truth(status == "terminated"),
        "blocked": _truth(status == "blocked"),
        "termination_case": _truth(state == "to_terminate"),
        "insufficient_data": np.isnan(facts.stake) | np.isnan(facts.base_probability),
    }


def _basis(
    barred: dict[str, Booleans], obligations: dict[str, Booleans], *, has_step: Booleans
) -> Codes:
    """Name the basis: the first rule that holds."""
    rules = {name: barred[name] for name in ("excluded", "profiling_objection")}
    rules["obligation"] = np.logical_or.reduce(list(obligations.values()))
    rules |= barred
    rules["expected_value"] = has_step
    basis = np.full(len(has_step), BASES.index("do_nothing"), dtype=np.int16)
    for name in reversed(rules):
        basis[rules[name]] = BASES.index(name)
    return basis


def _rank_all(
    customers: pd.DataFrame,
    facts: Facts,
    is_valued: Booleans,
    options: StrategyOptions,
    parameters: StrategyParameters,
) -> tuple[Ranked, Ranked, OpenTo]:
    """Rank situation by situation, in blocks that stay in the processor's cache."""
    steps = Ranked.none(STEPS, len(facts))
    ruled_out = Ranked.none(RULED_OUT, len(facts))
    opened = np.zeros((len(options.holdouts), len(facts)), dtype=np.bool_)
    situation = situation_codes(customers)
    for code in np.flatnonzero(np.bincount(situation[is_valued])):
        rows = np.flatnonzero(is_valued & (situation == code))
        allowed = options_in(options, int(code))
        for start in range(0, len(rows), _BLOCK_ROWS):
            block = rows[start : start + _BLOCK_ROWS]
            best, barred, tried = rank_steps(
                allowed, facts.take(block), options=options, parameters=parameters
            )
            steps.put(block, best)
            ruled_out.put(block, barred)
            opened[:, block] = tried
    return steps, ruled_out, opened


def _ids(
    customers: pd.DataFrame,
    basis: Codes,
    steps: Ranked,
    options: StrategyOptions,
) -> dict[str, object]:
    """Name goal, strategy and instrument of the best step; a lead has the goal of its stage."""
    candidates = options.candidates
    place = steps.option[0]
    goals = [candidate.goal_id for candidate in candidates]
    goal_words, goal = _numbered(goals, extra=[goal_id for _, goal_id in options.lead_goals])
    goal_codes = goal[place]
    is_lead_with_goal = (place >= 0) | (basis == BASES.index("do_nothing"))
    is_lead_with_goal &= codes_of(customers["phase"], PHASES) == PHASES.index("acquisition")
    stage = codes_of(customers["lead_stage"], LEAD_STAGES)
    for name, goal_id in options.lead_goals:
        if name in LEAD_STAGES:
            rows = is_lead_with_goal & (stage == LEAD_STAGES.index(name))
            goal_codes[rows] = goal_words.index(goal_id)
    return {
        "goal_id": _category(goal_codes, goal_words),
        "strategy_id": _named([candidate.strategy_id for candidate in candidates], place),
        "instrument_id": _named([candidate.instrument_id for candidate in candidates], place),
        "channel_id": _category(steps.channel[0], [each.channel_id for each in options.channels]),
        "event_id": _category(steps.event[0], [each.event_id for each in options.events]),
    }


def _ruled_out(ruled_out: Ranked) -> dict[str, Floats]:
    columns = {}
    for rank in range(RULED_OUT):
        is_none = ruled_out.option[rank] < 0
        for part in RULED_OUT_PARTS:
            values = getattr(ruled_out, part)[rank]
            columns[f"ruled_out{rank + 1}_{part}"] = np.where(is_none, np.nan, values)
    return columns


def _gaps(facts: Facts, basis: Codes, is_valued: Booleans) -> pd.Categorical[str]:
    """Say what could not be taken into account."""
    is_unreachable = np.ones(len(facts), dtype=np.bool_)
    for qualities in facts.quality.values():
        for quality in qualities.values():
            is_unreachable &= np.isnan(quality)
    none = np.zeros(len(facts), dtype=np.bool_)
    refused = facts.conditions.get("asked_no_contact", Answers(none, none))
    holds = {
        "order_value_unknown": is_valued & np.isnan(facts.order_value),
        "value_unknown": basis == BASES.index("insufficient_data"),
        "consent_unknown": is_valued & is_unreachable & ~(refused.holds & ~refused.is_unknown),
    }
    return joined_ids({name: holds[name] for name in GAPS})


def _avoided(facts: Facts) -> pd.Categorical[str]:
    """Name what is known to hold of each unit and always rules something out."""
    none = np.zeros(len(facts), dtype=np.bool_)
    known = {name: facts.conditions.get(name, Answers(none, none)) for name in AVOIDED}
    return joined_ids({name: each.holds & ~each.is_unknown for name, each in known.items()})


def _numbered(words: list[str], *, extra: list[str] | None = None) -> tuple[list[str], Codes]:
    """Number words in alphabetical order; the empty word, and place -1, have none."""
    known = sorted({*words, *(extra or ())} - {""})
    numbers = {word: number for number, word in enumerate(known)}
    return known, np.array([*(numbers.get(word, -1) for word in words), -1], dtype=np.int16)


def _named(words: list[str], place: NDArray[np.int16]) -> pd.Categorical:
    """Write the word at each place as a category, none at -1 or where the word is empty."""
    known, numbers = _numbered(words)
    return _category(numbers[place], known)


def _category(codes: Codes, words: Sequence[str]) -> pd.Categorical:
    """Make a column of categories from codes, -1 for none."""
    dtype = pd.CategoricalDtype(pd.Index(list(words), dtype="str"))
    return pd.Categorical.from_codes(codes, dtype=dtype, validate=False)
