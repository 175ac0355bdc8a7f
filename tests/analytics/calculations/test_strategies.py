"""The first recommendation: worked example, situations, what must always hold, and one by one."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from services.analytics.calculations.candidates import Candidate, StrategyParameters
from services.analytics.calculations.phases import LEAD_STAGES, PHASES, STATES
from services.analytics.calculations.strategies import (
    ALTERNATIVE_BASES,
    BASES,
    RECOMMENDATION_COLUMNS,
    recommend,
)
from services.analytics.calculations.valuation import expected_value
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.catalogue.options import strategy_options

OPTIONS = strategy_options(load_catalogue())
PARAMETERS = StrategyParameters()
TYPES = {item.instrument_id: item.instrument_type for item in OPTIONS.candidates}
PHASE_OF_STATE = {
    "lead": "acquisition",
    "new": "development",
    "developing": "development",
    "retained": "retention",
    "at_risk": "retention",
    "lapsed": "winback",
    "terminated": "termination",
    "to_terminate": "termination",
    "excluded": None,
}
CUSTOMER: dict[str, Any] = {
    "state": "retained",
    "phase": "retention",
    "lead_stage": None,
    "churn_probability": 0.3,
    "gap_rank": 0.4,
    "margin_per_purchase": 40.0,
    "clv_alive_365": 400.0,
    "expected_new_value": math.nan,
    "order_value": math.nan,
}
LEAD: dict[str, Any] = {
    "state": "lead",
    "phase": "acquisition",
    "churn_probability": math.nan,
    "gap_rank": math.nan,
    "margin_per_purchase": math.nan,
    "clv_alive_365": math.nan,
    "expected_new_value": 100.0,
}
UNIT: dict[str, Any] = {
    "status": "active",
    "is_excluded": False,
    "has_profiling_objection": False,
    "has_open_complaint": False,
    "has_active_contract": False,
    "purchase_motive": None,
    "leave_intent": math.nan,
    "competitor_loss": math.nan,
}
FREE: dict[str, Any] = {
    "no_conflicting_offer": True,
    "positive_history": True,
    "leave_reason_known": True,
}


def one(*, parameters: StrategyParameters | None = None, **facts: Any) -> dict[str, Any]:
    """Recommend for a single unit; facts are columns of either frame."""
    customer = CUSTOMER | {name: facts.pop(name) for name in CUSTOMER if name in facts}
    unit = UNIT | facts
    customers = pd.DataFrame([customer])
    customers["lead_stage"] = pd.Categorical(customers["lead_stage"], categories=LEAD_STAGES)
    row = recommend(customers, pd.DataFrame([unit]), options=OPTIONS, parameters=parameters)
    return {
        str(name): None if pd.isna(value) else value
        for name, value in row.iloc[0].to_dict().items()
    }


def lead(stage: str, **facts: Any) -> dict[str, Any]:
    return one(**(LEAD | {"lead_stage": stage} | facts))


def base(
    count: int, *, seed: int, with_conditions: bool = True
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make up units of every state with known, unknown and contradicting facts."""
    dice = np.random.default_rng(seed)
    state = dice.choice(list(PHASE_OF_STATE), count)
    phase = pd.Series([PHASE_OF_STATE[name] for name in state])
    leaving = (state == "at_risk") & (dice.random(count) < 0.3)
    is_lead = state == "lead"

    def unless_lead(values: np.ndarray) -> np.ndarray:
        return np.where(is_lead, np.nan, values)

    customers = pd.DataFrame(
        {
            "state": pd.Categorical(state, categories=STATES),
            "phase": pd.Categorical(phase.mask(leaving, "winback"), categories=PHASES),
            "lead_stage": pd.Categorical(
                pd.Series(dice.choice(LEAD_STAGES, count)).where(is_lead), categories=LEAD_STAGES
            ),
            "churn_probability": unless_lead(dice.random(count)),
            "gap_rank": unless_lead(dice.random(count)),
            "margin_per_purchase": unless_lead(dice.gamma(2, 15, count) - 8),
            "clv_alive_365": unless_lead(dice.gamma(2, 200, count) - 40),
            "expected_new_value": np.where(is_lead, dice.gamma(2, 150, count), np.nan),
            "order_value": np.where(
                dice.random(count) < 0.2, np.nan, unless_lead(dice.gamma(2, 80, count))
            ),
        },
        index=pd.Index(dice.permutation(count) + 5, name="unit"),
    )
    customers.loc[dice.random(count) < 0.03, "clv_alive_365"] = np.nan
    signal = [np.where(dice.random(count) < 0.3, dice.random(count), np.nan) for _ in range(2)]
    units = pd.DataFrame(
        {
            "status": dice.choice(["active", "blocked", "terminated"], count, p=[0.9, 0.05, 0.05]),
            "is_excluded": (state == "excluded"),
            "has_profiling_objection": dice.random(count) < 0.05,
            "has_open_complaint": dice.random(count) < 0.1,
            "has_active_contract": dice.random(count) < 0.2,
            "purchase_motive": dice.choice(
                np.array(["habit", "brand_image", "monopoly", None], dtype=object), count
            ),
            "leave_intent": signal[0],
            "competitor_loss": signal[1],
        },
        index=customers.index,
    )
    if with_conditions:
        for name in (
            *FREE,
            "deal_hunter",
            "minor",
            "satisfied",
            "dissatisfied",
            "tier_a_or_b",
            "next_product_exists",
        ):
            values = dice.choice(np.array([True, False, None], dtype=object), count)
            units[name] = pd.array(values, dtype="boolean")
    return customers, units


BASE = base(1_500, seed=7)
RECOMMENDED = recommend(*BASE, options=OPTIONS)


@pytest.mark.parametrize(
    ("stake", "base_probability", "effect", "cost", "more", "expected"),
    [
        (400, 0.4, 0.08, 21, {"fit": 1 + 0.5 * 0.74}, (0.1096, 22.84)),
        (400, 0.4, 0.04, 12, {"fit": (1 + 0.5 * 0.9) * 1.2}, (0.0696, 15.84)),
        (400, 0.4, 0.03, 0.12, {"incentive": 8}, (0.03, 8.44)),
        (400, 0.4, 0.06, 5, {"incentive": 4, "risk_rate": 0.05}, (0.06, -2.84)),
        (120, 0.05, 0.05, 8, {"fit": 0.5}, (0.025, -5)),
    ],
)
def test_expected_values_are_those_of_the_worked_example(
    stake: float,
    base_probability: float,
    effect: float,
    cost: float,
    more: dict[str, float],
    expected: tuple[float, float],
) -> None:
    gain = expected_value(
        stake, base_probability, effect_probability=effect, contact_cost=cost, **more
    )
    assert (gain.effect_probability, gain.value) == pytest.approx(expected, abs=5e-5)


def test_an_effect_cannot_raise_a_chance_above_one() -> None:
    gain = expected_value(100, 0.98, effect_probability=0.1, contact_cost=0, incentive=10)
    assert gain.effect_probability == pytest.approx(0.02)
    assert gain.incentive_cost == pytest.approx(10)


@pytest.mark.parametrize(
    ("stage", "facts", "goal", "strategy", "instruments"),
    [
        ("unaware", {"expected_new_value": 1000.0}, "attention", "awareness_building", {"direct_mail"}),
        ("aware", {"expected_new_value": 1000.0}, "interest", "awareness_building", {"direct_mail"}),
        ("aware", {"good_reason": True}, "interest", "awareness_building", {"newsletter"}),
        ("dormant", {"good_reason": True}, "interest", "awareness_building", {"newsletter"}),
        ("interested", {}, "purchase_intent", "persuasion_factual", {"information_material"}),
        ("interested", {"purchase_motive": "brand_image", "testimonial_genuine": True, "expected_new_value": 60.0}, "purchase_intent", "persuasion_symbolic", {"testimonial"}),
        ("interested", {"purchase_motive": "habit", "testimonial_genuine": True}, "purchase_intent", "persuasion_factual", {"information_material"}),
        ("intent", {}, "first_purchase", "persuasion_factual", {"guarantee"}),
        ("intent", {"expected_new_value": 600.0}, "first_purchase", "persuasion_factual", {"advice"}),
    ],
)  # fmt: skip
def test_leads_get_what_the_row_of_their_stage_names(
    stage: str, facts: dict[str, Any], goal: str, strategy: str, instruments: set[str]
) -> None:
    found = lead(stage, **facts)
    assert (found["goal_id"], found["strategy_id"]) == (goal, strategy)
    assert found["instrument_id"] in instruments


@pytest.mark.parametrize(
    ("facts", "strategies", "instruments"),
    [
        ({"state": "new", "phase": "development"}, {"attachment"}, {"follow_up_contact", "personal_attention"}),
        ({"state": "developing", "phase": "development"}, {"attachment", "bondage_short_term"}, None),
        ({"satisfied": True}, {"attachment", "engagement_building"}, None),
        ({"state": "at_risk", "churn_probability": 0.7, "gap_rank": 0.9}, {"attachment"}, None),
        ({"state": "lapsed", "phase": "winback", "positive_history": True}, {"winback_emotional"}, None),
        ({"state": "lapsed", "phase": "winback", "clv_alive_365": 800.0, **FREE}, {"winback_factual"}, {"solution_proposal"}),
        ({"state": "at_risk", "phase": "winback", "leave_intent": 0.7, **FREE}, {"winback_factual"}, {"solution_proposal"}),
    ],
)  # fmt: skip
def test_customers_get_what_their_situation_calls_for(
    facts: dict[str, Any], strategies: set[str], instruments: set[str] | None
) -> None:
    found = one(**facts)
    assert found["recommendation_basis"] == "expected_value"
    assert found["strategy_id"] in strategies
    assert instruments is None or found["instrument_id"] in instruments


def test_a_better_offer_is_for_customers_drawn_away_by_competitors() -> None:
    facts: dict[str, Any] = {
        "state": "lapsed",
        "phase": "winback",
        "no_conflicting_offer": True,
        "order_value": 50.0,
    }
    assert one(**facts)["strategy_id"] != "better_offer"
    assert one(**facts, competitor_loss=0.6)["strategy_id"] == "better_offer"


@pytest.mark.parametrize(
    ("phase", "strategy", "goal"),
    [
        ("acquisition", None, None),
        ("development", "service_strategy", "satisfaction"),
        ("retention", "service_strategy", "satisfaction"),
        ("winback", "winback_factual", "win_back"),
    ],
)
def test_an_open_complaint_is_answered_before_anything_else(
    phase: str, strategy: str | None, goal: str | None
) -> None:
    state = {"acquisition": "lead", "development": "new", "winback": "lapsed"}.get(
        phase, "retained"
    )
    found = one(state=state, phase=phase, has_open_complaint=True, **FREE)
    assert found["recommendation_basis"] == "obligation"
    assert found["instrument_id"] == "complaint_handling"
    assert (found["strategy_id"], found["goal_id"]) == (strategy, goal)
    assert found["recommendation_value"] is None
    assert found["alternative_instrument_id"] is None


@pytest.mark.parametrize(
    ("facts", "basis"),
    [
        ({"has_profiling_objection": True}, "profiling_objection"),
        ({"has_profiling_objection": True, "has_open_complaint": True}, "profiling_objection"),
        ({"status": "blocked"}, "blocked"),
        ({"status": "terminated"}, "terminated"),
        ({"state": "terminated", "phase": "termination"}, "terminated"),
        ({"state": "to_terminate", "phase": "termination"}, "termination_case"),
        ({"is_excluded": True, "state": "excluded", "phase": None}, "excluded"),
        ({"clv_alive_365": math.nan}, "insufficient_data"),
        ({"churn_probability": math.nan}, "insufficient_data"),
    ],
)
def test_who_must_not_be_recommended_anything_is_not_and_it_says_why(
    facts: dict[str, Any], basis: str
) -> None:
    found = one(**facts)
    assert found["recommendation_basis"] == basis
    unknown = set(RECOMMENDATION_COLUMNS) - {"recommendation_basis", "recommendation_gap_ids"}
    assert {name for name in unknown if found[name] is not None} == set()


def test_nothing_is_done_where_every_step_costs_more_than_it_brings() -> None:
    found = one(clv_alive_365=5.0)
    assert found["recommendation_basis"] == "do_nothing"
    assert found["recommendation_value"] == 0
    assert found["instrument_id"] is None
    assert found["open_condition_ids"] is None
    assert found["alternative_value"] is None or found["alternative_basis"] != "no_gain"


@pytest.mark.parametrize("value", [0.0, -50.0])
def test_a_customer_of_no_value_is_left_in_peace(value: float) -> None:
    assert one(clv_alive_365=value)["recommendation_basis"] == "do_nothing"


def test_a_lead_keeps_the_goal_of_its_stage_while_nothing_is_worth_doing() -> None:
    found = lead("unaware")
    assert found["recommendation_basis"] == "do_nothing"
    assert found["goal_id"] == "attention"
    assert found["strategy_id"] is None


def test_consent_and_pressure_stay_open_and_are_named() -> None:
    found = one(state="developing", phase="development", clv_alive_365=100.0)
    assert found["instrument_id"] == "follow_up_contact"
    assert found["open_condition_ids"] == "addressable pressure_ok"
    assert found["recommendation_gap_ids"] == (
        "consent_unknown contact_pressure_unknown spending_unknown"
        " product_price_unknown order_value_unknown"
    )
    assert "order_value_unknown" not in str(
        one(state="developing", phase="development", order_value=80.0)["recommendation_gap_ids"]
    )


@pytest.mark.parametrize(
    ("facts", "basis", "condition"),
    [
        ({}, "unknown", "no_conflicting_offer"),
        ({"no_conflicting_offer": False}, "not_met", "no_conflicting_offer"),
        ({"no_conflicting_offer": True, "margin_per_purchase": 1.0}, "not_met", "margin_covers_incentive"),
        ({"no_conflicting_offer": True, "margin_per_purchase": math.nan}, "unknown", "margin_covers_incentive"),
        ({"no_conflicting_offer": True, "deal_hunter": True}, "holds", "deal_hunter"),
    ],
)  # fmt: skip
def test_the_best_step_ruled_out_is_named_with_what_rules_it_out(
    facts: dict[str, Any], basis: str, condition: str
) -> None:
    # A price instrument with an effect so large that it would win if it were allowed.
    options = replace(
        OPTIONS,
        candidates=tuple(
            replace(item, effect_probability=0.5)
            if item.instrument_id == "future_purchase_discount" and item.strategy_id == "bondage_short_term"
            else item
            for item in OPTIONS.candidates
        ),
    )  # fmt: skip
    customer = CUSTOMER | {"order_value": 100.0} | {k: v for k, v in facts.items() if k in CUSTOMER}
    unit = UNIT | {k: v for k, v in facts.items() if k not in CUSTOMER}
    found = recommend(pd.DataFrame([customer]), pd.DataFrame([unit]), options=options).iloc[0]
    assert found["alternative_instrument_id"] == "future_purchase_discount"
    assert (found["alternative_basis"], found["alternative_condition_id"]) == (basis, condition)
    assert found["alternative_value"] > found["recommendation_value"]
    assert found["instrument_id"] != "future_purchase_discount"


def test_a_step_that_costs_more_than_may_be_spent_is_ruled_out() -> None:
    facts: dict[str, Any] = {"state": "new", "phase": "development", "clv_alive_365": 1000.0}
    assert one(**facts)["instrument_id"] == "personal_attention"
    found = one(**facts, parameters=StrategyParameters(spend_share=0.004))
    assert found["instrument_id"] == "follow_up_contact"
    assert found["alternative_instrument_id"] == "personal_attention"
    assert found["alternative_basis"] == "spend_cap"
    assert found["alternative_condition_id"] is None


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def naive(
    candidate: Candidate, customer: dict[str, Any], unit: dict[str, Any]
) -> tuple[float, bool] | None:
    """Value one candidate for one unit the slow way: expected value and whether it is permitted."""
    is_lead = customer["state"] == "lead"
    value = float(customer["expected_new_value" if is_lead else "clv_alive_365"])
    stake = 0.8 * value if candidate.phase == "winback" else value
    chance = 0.05 if is_lead else 1 - float(customer["churn_probability"])
    signals = {
        "leave_intent": unit["leave_intent"],
        "competitor_loss": unit["competitor_loss"],
        "inactivity": (float(customer["gap_rank"]) - 0.5) / 0.5,
    }
    strengths = [float(signals[name]) for name in candidate.answers if name in signals]
    strongest = max([0.0, *(strength for strength in strengths if not math.isnan(strength))])
    factor = {(m, s): f for m, s, f in OPTIONS.affinities}
    fit = (1 + 0.5 * strongest) * factor.get(
        (str(unit["purchase_motive"]), candidate.strategy_id), 1.0
    )
    effect = min(candidate.effect_probability * min(max(fit, 0.25), 2.0), 1 - chance)
    order = math.nan if is_lead else float(customer["order_value"])
    incentive = candidate.incentive_amount
    if candidate.incentive_share:
        incentive += candidate.incentive_share * order
    gain = effect * stake - candidate.contact_cost - incentive * (chance + effect)
    gain -= candidate.risk_rate * stake
    if math.isnan(gain):
        return None
    margin = math.nan if is_lead else float(customer["margin_per_purchase"])
    left = margin - incentive
    known: dict[str, Any] = {
        **{name: unit[name] for name in unit if name in dict(OPTIONS.unknown_conditions)},
        "open_complaint": False,
        "active_contract": unit["has_active_contract"],
        "retained_rhythm": customer["state"] == "retained",
        "motive_monopoly": unit["purchase_motive"] == "monopoly",
        "margin_covers_incentive": None if math.isnan(left) else left > 0,
    }
    permitted = candidate.contact_cost + incentive <= 0.2 * value
    for check in candidate.checks:
        answer = known.get(check.condition_id)
        if answer is None or answer is pd.NA:
            answer = dict(OPTIONS.unknown_conditions)[check.condition_id]
        permitted &= bool(answer) == check.must_hold
    return gain, permitted


def test_every_choice_is_the_best_of_all_candidates_weighed_one_by_one() -> None:
    valued = 0
    for customer, unit, found in zip(*map(records, (*BASE, RECOMMENDED)), strict=True):
        if found["recommendation_basis"] not in ("expected_value", "do_nothing"):
            continue
        rows = [row for row in OPTIONS.situations if row.state == customer["state"]]
        named = [row for row in rows if row.lead_stage in (None, customer["lead_stage"])]
        best, barred = 0.0, 0.0
        for candidate in OPTIONS.candidates:
            if candidate.phase != customer["phase"]:
                continue
            if candidate.instrument_type == "product" and candidate.phase != "winback":
                continue
            if rows and not any(
                row.strategy_id == candidate.strategy_id
                and (not row.instrument_ids or candidate.instrument_id in row.instrument_ids)
                and row.motive in (None, unit["purchase_motive"])
                for row in named
            ):
                continue
            if candidate.strategy_id == "better_offer" and not float(unit["competitor_loss"]) > 0:
                continue
            weighed = naive(candidate, customer, unit)
            if weighed is not None:
                gain, permitted = weighed
                best = max(best, gain) if permitted else best
                barred = barred if permitted else max(barred, gain)
        assert found["recommendation_value"] == pytest.approx(best, abs=1e-9)
        if barred > best + 1e-9:
            assert found["alternative_value"] == pytest.approx(barred, abs=1e-9)
        valued += 1
    assert valued > 600


def test_the_parts_of_a_value_add_up_to_it() -> None:
    steps = RECOMMENDED[RECOMMENDED["recommendation_basis"] == "expected_value"]
    total = (
        steps["recommendation_effect_probability"] * steps["recommendation_stake"]
        - steps["recommendation_contact_cost"]
        - steps["recommendation_incentive_cost"]
        - steps["recommendation_risk_cost"]
    )
    assert len(steps) > 300
    np.testing.assert_allclose(total, steps["recommendation_value"])
    assert (steps["recommendation_value"] > 0).all()


def test_no_price_instrument_where_the_margin_does_not_cover_it() -> None:
    customers, units = base(4_000, seed=11)
    found = recommend(customers, units.assign(no_conflicting_offer=True), options=OPTIONS)
    incentive = {
        (item.strategy_id, item.instrument_id): (item.incentive_share, item.incentive_amount)
        for item in OPTIONS.candidates
    }
    rows = pd.concat([customers, found], axis=1)
    rows = rows[rows["instrument_id"].map(TYPES) == "price"]
    pairs = zip(rows["strategy_id"], rows["instrument_id"], strict=True)
    cost = np.array([incentive[pair] for pair in pairs])
    paid = cost[:, 0] * rows["order_value"].fillna(0).to_numpy() + cost[:, 1]
    assert len(rows) > 10
    assert (rows["margin_per_purchase"].to_numpy() > paid).all()


def test_minors_are_offered_nothing_but_service() -> None:
    _, units = BASE
    minors = RECOMMENDED[units["minor"].fillna(False).to_numpy(dtype=bool)]
    types = {TYPES[name] for name in minors["instrument_id"].dropna() if name in TYPES}
    assert types == {"service"}


def test_the_basis_tells_whether_there_is_a_step() -> None:
    has_step = RECOMMENDED["recommendation_basis"].isin(["expected_value", "obligation"])
    assert (RECOMMENDED["instrument_id"].notna() == has_step).all()
    assert set(RECOMMENDED["recommendation_basis"].unique()) == set(BASES)
    assert set(RECOMMENDED["alternative_basis"].dropna().unique()) <= set(ALTERNATIVE_BASES)


def test_the_same_input_gives_the_same_output_and_is_not_changed() -> None:
    customers, units = base(400, seed=3)
    copies = customers.copy(), units.copy()
    pd.testing.assert_frame_equal(
        recommend(customers, units, options=OPTIONS), recommend(customers, units, options=OPTIONS)
    )
    pd.testing.assert_frame_equal(customers, copies[0])
    pd.testing.assert_frame_equal(units, copies[1])


def test_the_order_of_rows_carries_no_meaning() -> None:
    customers, units = BASE
    order = np.random.default_rng(1).permutation(len(customers))
    shuffled = recommend(customers.iloc[order], units, options=OPTIONS).loc[customers.index]
    pd.testing.assert_frame_equal(shuffled.astype(object), RECOMMENDED.astype(object))


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.analytics.calculations.strategies._BLOCK_ROWS", 7)
    pd.testing.assert_frame_equal(recommend(*BASE, options=OPTIONS), RECOMMENDED)


def test_nobody_in_nobody_out_with_the_same_columns() -> None:
    customers, units = BASE
    empty = recommend(customers.iloc[:0], units.iloc[:0], options=OPTIONS)
    assert list(empty.columns) == list(RECOMMENDATION_COLUMNS) == list(RECOMMENDED.columns)
    assert len(empty) == 0


def test_no_column_holds_python_objects() -> None:
    kinds = {str(kind) for kind in RECOMMENDED.dtypes}
    assert kinds == {"category", "float64"}
