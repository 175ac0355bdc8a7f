"""The first recommendation: the step of most expected value for each unit, or none and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.analytics.calculations.candidates import StrategyOptions, StrategyParameters
from services.analytics.calculations.facts import Codes, Facts, codes_of, collect_facts
from services.analytics.calculations.phases import LEAD_STAGES, PHASES
from services.analytics.calculations.purchases import Booleans, Floats
from services.analytics.calculations.situations import options_in, situation_codes
from services.analytics.calculations.valuation import (
    SPEND_CAP,
    Choice,
    choose,
    weigh_candidate,
)

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

ALTERNATIVE_BASES: Final = ("not_met", "holds", "unknown", "spend_cap", "no_gain")
"""Why the best step not taken was not: a prerequisite not met, a contraindication that holds,
a condition not known, the spend cap, or more cost than gain."""

GAPS: Final = (
    "consent_unknown",
    "contact_pressure_unknown",
    "spending_unknown",
    "product_price_unknown",
    "order_value_unknown",
    "value_unknown",
)
"""What a recommendation could not take into account; ids of the catalogue's `data_gaps`."""

_VALUE_COLUMNS: Final = (
    "recommendation_value",
    "recommendation_stake",
    "recommendation_effect_probability",
    "recommendation_contact_cost",
    "recommendation_incentive_cost",
    "recommendation_risk_cost",
)

RECOMMENDATION_COLUMNS: Final = (
    "goal_id",
    "strategy_id",
    "instrument_id",
    "recommendation_basis",
    *_VALUE_COLUMNS,
    "open_condition_ids",
    "recommendation_gap_ids",
    "alternative_strategy_id",
    "alternative_instrument_id",
    "alternative_value",
    "alternative_basis",
    "alternative_condition_id",
)

_BLOCK_ROWS: Final = 16_384


def recommend(
    customers: pd.DataFrame,
    units: pd.DataFrame,
    *,
    options: StrategyOptions,
    parameters: StrategyParameters | None = None,
) -> pd.DataFrame:
    """Recommend the next step for every unit.

    Who was erased or objects to profiling gets none. An open complaint is an obligation and comes
    before anything else. Everyone else gets the candidate of most expected value among those whose
    conditions hold; doing nothing is worth 0 and wins over less. Consent and earlier contacts are
    not recorded: they stay open conditions, and no channel is named.

    Parameters
    ----------
    customers
        ``state``, ``phase``, ``lead_stage``, ``churn_probability``, ``gap_rank``,
        ``margin_per_purchase``, ``clv_alive_365``, ``expected_new_value``; and ``order_value``
        (expected amount of a purchase, base currency) where it is known.
    units
        ``status``, ``is_excluded``, ``has_profiling_objection``, ``has_open_complaint``,
        ``has_active_contract``, ``purchase_motive``, ``leave_intent``, ``competitor_loss``; and any
        column named as a condition of the catalogue (booleans, NA unknown), which answers it.
    options
        What can be recommended.
    parameters
        Those of the domain specification unless given.

    Returns
    -------
    pandas.DataFrame
        `RECOMMENDATION_COLUMNS`, indexed like ``customers``. Ids are categories; amounts are in
        base currency. ``recommendation_value`` is 0 for doing nothing and NaN where nothing is
        valued; its parts are NaN without a valued step. ``open_condition_ids`` and
        ``recommendation_gap_ids`` hold ids joined by blanks. ``alternative_*`` is the best step not
        taken: one ruled out that would be worth more, else the best of those worth nothing. A lead
        keeps the goal of its stage while nothing is worth doing. Source: domain specification 6.1,
        6.2.
    """
    parameters = parameters or StrategyParameters()
    if not units.index.equals(customers.index):
        units = units.reindex(customers.index)
    facts = collect_facts(customers, units, options=options, parameters=parameters)
    basis = _basis_before_value(customers, units, facts)
    is_valued = basis == BASES.index("expected_value")
    choice, gaps = _choose_for(customers, facts, is_valued, options, parameters)
    is_worthless = is_valued & ~(choice.best_value > 0)
    basis[is_worthless] = BASES.index("do_nothing")
    gaps[basis == BASES.index("insufficient_data")] = _bits("value_unknown")
    alternative = _alternatives(choice, is_worthless, options)
    step = np.where(is_worthless, np.int16(-1), choice.best)
    columns = {
        **_ids(customers, basis, step, options),
        **_values(facts, basis, step, options, parameters),
        **_circumstances(step, gaps, options),
        **alternative,
    }
    return pd.DataFrame(
        {name: columns[name] for name in RECOMMENDATION_COLUMNS}, index=customers.index, copy=False
    )


def _basis_before_value(customers: pd.DataFrame, units: pd.DataFrame, facts: Facts) -> Codes:
    """Tell who gets no valued step, and why; the first rule that holds."""

    def truth(values: pd.Series) -> Booleans:
        return values.to_numpy(dtype=np.bool_, na_value=False)

    state, status = customers["state"], units["status"]
    rules = {
        "excluded": truth(units["is_excluded"]) | truth(state == "excluded"),
        "profiling_objection": truth(units["has_profiling_objection"]),
        "obligation": truth(units["has_open_complaint"]),
        "terminated": truth(state == "terminated") | truth(status == "terminated"),
        "blocked": truth(status == "blocked"),
        "termination_case": truth(state == "to_terminate"),
        "insufficient_data": np.isnan(facts.stake) | np.isnan(facts.base_probability),
    }
    basis = np.full(len(customers), BASES.index("expected_value"), dtype=np.int16)
    for name in reversed(rules):
        basis[rules[name]] = BASES.index(name)
    return basis


def _choose_for(
    customers: pd.DataFrame,
    facts: Facts,
    is_valued: Booleans,
    options: StrategyOptions,
    parameters: StrategyParameters,
) -> tuple[Choice, Codes]:
    """Choose situation by situation, in blocks that stay in the processor's cache."""
    choice = Choice.none(len(customers))
    gaps = np.zeros(len(customers), dtype=np.int16)
    situation = situation_codes(customers)
    for code in np.flatnonzero(np.bincount(situation[is_valued])):
        rows = np.flatnonzero(is_valued & (situation == code))
        allowed, has_product_offer = options_in(options, int(code))
        for start in range(0, len(rows), _BLOCK_ROWS):
            block = rows[start : start + _BLOCK_ROWS]
            chosen = choose(allowed, facts.take(block), options=options, parameters=parameters)
            choice.put(block, chosen)
        if has_product_offer:
            gaps[rows] |= _bits("product_price_unknown")
        if any(option.candidate.incentive_share for option in allowed):
            gaps[rows[np.isnan(facts.order_value[rows])]] |= _bits("order_value_unknown")
    return choice, gaps


def _ids(
    customers: pd.DataFrame, basis: Codes, step: Codes, options: StrategyOptions
) -> dict[str, object]:
    """Name goal, strategy and instrument; a lead has the goal of its stage."""
    candidates = options.candidates
    goals = [candidate.goal_id for candidate in candidates]
    strategies = [candidate.strategy_id for candidate in candidates]
    instruments = [candidate.instrument_id for candidate in candidates]
    place = step.copy()
    is_obligation = basis == BASES.index("obligation")
    phase = codes_of(customers["phase"], PHASES)
    for obligation in options.obligations:
        rows = is_obligation & (phase == PHASES.index(obligation.phase))
        place[rows] = len(goals)
        goals.append(obligation.goal_id or "")
        strategies.append(obligation.strategy_id or "")
        instruments.append(obligation.instrument_id)
    goal_words, goal = _numbered(goals, extra=[goal_id for _, goal_id in options.lead_goals])
    goal_codes = goal[place]
    is_lead_with_goal = (basis <= BASES.index("do_nothing")) & (
        phase == PHASES.index("acquisition")
    )
    stage = codes_of(customers["lead_stage"], LEAD_STAGES)
    for name, goal_id in options.lead_goals:
        if name in LEAD_STAGES:
            rows = is_lead_with_goal & (stage == LEAD_STAGES.index(name))
            goal_codes[rows] = goal_words.index(goal_id)
    return {
        "goal_id": _category(goal_codes, goal_words),
        "strategy_id": _named(strategies, place),
        "instrument_id": _named(instruments, place),
        "recommendation_basis": _category(basis, BASES),
    }


def _values(
    facts: Facts,
    basis: Codes,
    step: Codes,
    options: StrategyOptions,
    parameters: StrategyParameters,
) -> dict[str, Floats]:
    """Value the chosen steps once more, with their parts."""
    columns = {name: np.full(len(step), np.nan) for name in _VALUE_COLUMNS}
    columns["recommendation_value"][basis == BASES.index("do_nothing")] = 0.0
    for number in np.flatnonzero(np.bincount(step[step >= 0])):
        candidate = options.candidates[number]
        rows = np.flatnonzero(step == number)
        own = facts.take(rows)
        gain = weigh_candidate(candidate, own, options=options, parameters=parameters)
        columns["recommendation_value"][rows] = gain.value
        columns["recommendation_stake"][rows] = own.stake
        columns["recommendation_effect_probability"][rows] = gain.effect_probability
        columns["recommendation_contact_cost"][rows] = candidate.contact_cost
        columns["recommendation_incentive_cost"][rows] = gain.incentive_cost
        columns["recommendation_risk_cost"][rows] = gain.risk_cost
    return columns


def _circumstances(step: Codes, gaps: Codes, options: StrategyOptions) -> dict[str, object]:
    """Say what is open about the chosen step, and what could not be taken into account."""
    still_open = [" ".join(candidate.open_conditions) for candidate in options.candidates]
    of_step = [
        _bits("spending_unknown")
        | ("addressable" in candidate.open_conditions) * _bits("consent_unknown")
        | ("pressure_ok" in candidate.open_conditions) * _bits("contact_pressure_unknown")
        for candidate in options.candidates
    ]
    gaps = gaps | np.array([*of_step, 0], dtype=np.int16)[step]
    present = np.flatnonzero(np.bincount(gaps, minlength=1))
    place = np.zeros(1 << len(GAPS), dtype=np.int16)
    place[present] = np.arange(len(present))
    words = [
        " ".join(gap for bit, gap in enumerate(GAPS) if int(bits) >> bit & 1) for bits in present
    ]
    return {
        "open_condition_ids": _named(still_open, step),
        "recommendation_gap_ids": _named(words, place[gaps]),
    }


def _alternatives(
    choice: Choice, is_worthless: Booleans, options: StrategyOptions
) -> dict[str, object]:
    """Name the best step not taken, and why it was not."""
    is_ruled_out = choice.ruled_out_value > np.maximum(choice.best_value, 0.0)
    is_loss = is_worthless & ~is_ruled_out & (choice.best >= 0)
    step = np.where(is_ruled_out, choice.ruled_out, np.where(is_loss, choice.best, -1))
    why = np.full(len(step), -1, dtype=np.int16)
    why[is_loss] = ALTERNATIVE_BASES.index("no_gain")
    conditions = [""]
    condition = np.zeros(len(step), dtype=np.int16)
    barred = np.flatnonzero(is_ruled_out)
    pairs = choice.ruled_out[barred].astype(np.int64) * (SPEND_CAP + 1) + choice.barrier[barred]
    for pair in np.flatnonzero(np.bincount(pairs)):
        rows = barred[pairs == pair]
        number, barrier = divmod(int(pair), SPEND_CAP + 1)
        if barrier == SPEND_CAP:
            why[rows] = ALTERNATIVE_BASES.index("spend_cap")
            continue
        check = options.candidates[number].checks[barrier // 2]
        known = "not_met" if check.must_hold else "holds"
        why[rows] = ALTERNATIVE_BASES.index("unknown" if barrier % 2 else known)
        condition[rows] = len(conditions)
        conditions.append(check.condition_id)
    value = np.where(is_ruled_out, choice.ruled_out_value, choice.best_value)
    return {
        "alternative_strategy_id": _named([c.strategy_id for c in options.candidates], step),
        "alternative_instrument_id": _named([c.instrument_id for c in options.candidates], step),
        "alternative_value": np.where(step >= 0, value, np.nan),
        "alternative_basis": _category(why, ALTERNATIVE_BASES),
        "alternative_condition_id": _named(conditions, condition),
    }


def _bits(gap: str) -> int:
    return 1 << GAPS.index(gap)


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
