"""What is recommended: worked example, golden situations, what must always hold, and one by one."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from services.analytics.calculations.feedback.known import Feedback, Holdout
from services.analytics.calculations.next_products.choosing import OBVIOUS, UPGRADE
from services.analytics.calculations.phases import LEAD_STAGES, PHASES, STATES
from services.analytics.calculations.recommendations.barriers import BARRIERS
from services.analytics.calculations.recommendations.candidates import (
    Candidate,
    Duty,
    StrategyOptions,
    StrategyParameters,
)
from services.analytics.calculations.recommendations.product_conditions import OF_PRODUCTS
from services.analytics.calculations.recommendations.recommending import (
    BASES,
    RECOMMENDATION_COLUMNS,
    recommend,
)
from services.analytics.calculations.recommendations.valuation import expected_value
from services.analytics.calculations.signals.columns import SIGNALS
from services.analytics.calculations.signals.satisfaction import DIMENSIONS
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.catalogue.options import strategy_options

OPTIONS = strategy_options(load_catalogue())
OF_BASE = StrategyParameters(base_margin=40.0, base_order_value=80.0)
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
    "margin_per_purchase": 40.0,
    "clv_alive_365": 400.0,
    "expected_new_value": math.nan,
    "order_value": math.nan,
    "motive": None,
    "motive_basis": "unknown",
    "satisfaction_difference": math.nan,
    "nps": math.nan,
    "sentiment_level": math.nan,
    "gap_dimension": math.nan,
    **{f"signal_{name}": math.nan for name in SIGNALS},
    **{
        f"product{number}{part}": math.nan
        for number in (1, 2, 3)
        for part in ("", "_probability", "_margin", "_flags")
    },
}
LEAD: dict[str, Any] = {
    "state": "lead",
    "phase": "acquisition",
    "churn_probability": math.nan,
    "margin_per_purchase": math.nan,
    "clv_alive_365": math.nan,
    "expected_new_value": 100.0,
}
CHANNELS = [channel.channel_id for channel in OPTIONS.channels]
UNIT: dict[str, Any] = {
    "unit_id": "01977b3a-5c00-7000-8000-000000000001",
    "status": "active",
    "is_excluded": False,
    "has_profiling_objection": False,
    "has_open_complaint": False,
    "has_active_contract": False,
    "pressure_ok": True,
    "asked_no_contact": False,
    "spent_365": 0.0,
    "is_loyal_to_competitor": False,
    "must_answer_interaction": None,
    **{f"quality_{name}": 1.0 for name in CHANNELS},
    **{f"service_{name}": True for name in CHANNELS},
    **{f"survey_{name}": True for name in CHANNELS},
    "has_open_request": False,
}
FREE: dict[str, Any] = {
    "no_conflicting_offer": True,
    "positive_history": True,
    "leave_reason_known": True,
}
PRODUCT: dict[str, Any] = {
    "product1": 4.0,
    "product1_probability": 0.1,
    "product1_margin": 2_000.0,
    "product1_flags": 0.0,
}


def one(
    *,
    parameters: StrategyParameters | None = None,
    options: StrategyOptions = OPTIONS,
    decided: dict[str, list[str]] | None = None,
    **facts: Any,
) -> dict[str, Any]:
    """Recommend for a single unit; facts are columns of either frame."""
    customer = CUSTOMER | {name: facts.pop(name) for name in CUSTOMER if name in facts}
    unit = UNIT | facts
    customers = pd.DataFrame([customer])
    customers["lead_stage"] = pd.Categorical(customers["lead_stage"], categories=LEAD_STAGES)
    row = recommend(
        customers, pd.DataFrame([unit]), options=options, parameters=parameters, decided=decided
    )
    return {
        str(name): None if pd.isna(value) else value
        for name, value in row.iloc[0].to_dict().items()
    }


def steps_of(
    found: dict[str, Any], *, options: StrategyOptions = OPTIONS
) -> list[tuple[str, str, str | None]]:
    """Read strategy, instrument and channel of the steps of a unit."""
    steps = []
    for rank in (1, 2, 3):
        number, channel = found[f"step{rank}_option"], found[f"step{rank}_channel"]
        if number is not None:
            candidate = options.candidates[int(number)]
            over = None if channel is None else CHANNELS[int(channel)]
            steps.append((candidate.strategy_id, candidate.instrument_id, over))
    return steps


def ruled_out(
    found: dict[str, Any], *, options: StrategyOptions = OPTIONS
) -> dict[str, tuple[str, str]]:
    """Read why instruments were ruled out: what kind of rule, and which condition."""
    why = {}
    for rank in range(1, 6):
        number = found[f"ruled_out{rank}_option"]
        if number is None:
            break
        candidate, barrier = options.candidates[int(number)], int(found[f"ruled_out{rank}_barrier"])
        if barrier in BARRIERS:
            why[candidate.instrument_id] = (BARRIERS[barrier], "")
            continue
        check = candidate.checks[barrier // 2]
        kind = "unknown" if barrier % 2 else "not_met" if check.must_hold else "holds"
        why[candidate.instrument_id] = (kind, check.condition_id)
    return why


def stronger(**effects: float) -> StrategyOptions:
    """Give instruments an effect so large that they win where they are allowed."""
    return replace(
        OPTIONS,
        candidates=tuple(
            replace(
                item,
                effect_probability=effects.get(item.instrument_id, item.effect_probability),
            )
            for item in OPTIONS.candidates
        ),
    )


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

    def some(word: str) -> pd.Series:
        """Write a word for every tenth."""
        words = pd.Series(word, index=range(count), dtype=object)
        return words.where(dice.random(count) < 0.1, None).set_axis(customers.index)

    def sometimes(values: np.ndarray, share: float = 0.3) -> np.ndarray:
        return np.where(dice.random(count) < share, values, np.nan)

    customers = pd.DataFrame(
        {
            "state": pd.Categorical(state, categories=STATES),
            "phase": pd.Categorical(phase.mask(leaving, "winback"), categories=PHASES),
            "lead_stage": pd.Categorical(
                pd.Series(dice.choice(LEAD_STAGES, count)).where(is_lead), categories=LEAD_STAGES
            ),
            "churn_probability": unless_lead(dice.random(count)),
            "margin_per_purchase": unless_lead(dice.gamma(2, 15, count) - 8),
            "clv_alive_365": unless_lead(dice.gamma(2, 200, count) - 40),
            "expected_new_value": np.where(is_lead, dice.gamma(2, 150, count), np.nan),
            "order_value": np.where(
                dice.random(count) < 0.2, np.nan, unless_lead(dice.gamma(2, 80, count))
            ),
            "motive": dice.choice(
                np.array(["habit", "brand_image", "monopoly", None], dtype=object), count
            ),
            "motive_basis": dice.choice(["declared", "inferred"], count),
            "satisfaction_difference": sometimes(dice.normal(0, 2, count)),
            "nps": sometimes(dice.integers(0, 11, count).astype(float)),
            "sentiment_level": sometimes(dice.uniform(-1, 1, count), 0.5),
            "gap_dimension": sometimes(dice.integers(0, 4, count).astype(float)),
            **{f"signal_{name}": sometimes(dice.random(count)) for name in SIGNALS},
        },
        index=pd.Index(dice.permutation(count) + 5, name="unit"),
    )
    for number in (1, 2, 3):
        there = dice.random(count) < 0.7
        for part, values in (
            ("", dice.integers(0, 20, count).astype(float)),
            ("_probability", 0.3 * dice.random(count)),
            ("_margin", dice.gamma(2, 60, count)),
            ("_flags", dice.integers(0, 8, count).astype(float)),
        ):
            customers[f"product{number}{part}"] = np.where(there, values, np.nan)
    customers.loc[dice.random(count) < 0.03, "clv_alive_365"] = np.nan
    units = pd.DataFrame(
        {
            "unit_id": [f"unit-{number}" for number in range(count)],
            "status": dice.choice(["active", "blocked", "terminated"], count, p=[0.9, 0.05, 0.05]),
            "is_excluded": (state == "excluded"),
            "has_profiling_objection": dice.random(count) < 0.05,
            "has_open_complaint": dice.random(count) < 0.1,
            "has_active_contract": dice.random(count) < 0.2,
            "spent_365": np.where(dice.random(count) < 0.3, dice.gamma(2, 10, count), 0.0),
            "is_loyal_to_competitor": dice.random(count) < 0.3,
            "must_answer_interaction": some("interaction"),
            **{f"event_{event.event_id}": some("record") for event in OPTIONS.events},
            **{
                f"quality_{name}": np.where(
                    dice.random(count) < 0.6, dice.uniform(0.5, 1.5, count), np.nan
                )
                for name in CHANNELS
            },
            **{f"service_{name}": dice.random(count) < 0.7 for name in CHANNELS},
            **{f"survey_{name}": dice.random(count) < 0.4 for name in CHANNELS},
            "has_open_request": dice.random(count) < 0.2,
        },
        index=customers.index,
    )
    if with_conditions:
        for name in (
            *FREE,
            *("deal_hunter", "minor", "tier_a_or_b", "pressure_ok", "asked_no_contact"),
            *("solvent", "need_voiced", "good_reason", "brief_style", "recently_declined"),
            *(f"product{n}_{name}" for n in (1, 2, 3) for name in OF_PRODUCTS),
        ):
            values = dice.choice(np.array([True, False, None], dtype=object), count)
            units[name] = pd.array(list(values), dtype="boolean")
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
        ("unaware", {"expected_new_value": 1000.0}, "attention", "awareness_building", {"direct_mail", "marketing_event"}),
        ("aware", {"good_reason": True}, "interest", "awareness_building", {"newsletter", "direct_mail", "marketing_event"}),
        ("dormant", {"good_reason": True}, "interest", "awareness_building", {"newsletter", "direct_mail", "marketing_event"}),
        ("interested", {}, "purchase_intent", "persuasion_factual", {"information_material"}),
        ("interested", {"motive": "brand_image", "testimonial_genuine": True, "expected_new_value": 60.0}, "purchase_intent", "persuasion_symbolic", {"testimonial"}),
        ("interested", {"motive": "habit", "testimonial_genuine": True}, "purchase_intent", "persuasion_factual", {"information_material"}),
        ("intent", {}, "first_purchase", "persuasion_factual", {"guarantee"}),
        ("intent", {"expected_new_value": 900.0}, "first_purchase", "persuasion_factual", {"advice"}),
    ],
)  # fmt: skip
def test_leads_get_what_the_row_of_their_stage_names(
    stage: str, facts: dict[str, Any], goal: str, strategy: str, instruments: set[str]
) -> None:
    found = lead(stage, margin_per_purchase=40.0, parameters=OF_BASE, **facts)
    assert found["goal_id"] == goal
    first = steps_of(found)[0]
    assert first[0] == strategy
    assert first[1] in instruments


@pytest.mark.parametrize(
    ("facts", "strategies", "instruments"),
    [
        ({"state": "new", "phase": "development"}, {"attachment", "service_strategy"}, {"follow_up_contact", "personal_attention", "value_added_service"}),
        ({"state": "new", "phase": "development", "event_first_purchase_made": "deal", **{f"quality_{n}": math.nan for n in ("phone", "visit")}}, {"attachment"}, {"follow_up_contact", "personal_attention"}),
        ({"state": "developing", "phase": "development", **FREE, **PRODUCT}, {"cross_selling"}, {"cross_sell_offer"}),
        ({"state": "developing", "phase": "development", **FREE, **PRODUCT, "product1_flags": float(OBVIOUS)}, {"complementary_selling", "cross_selling"}, {"complementary_goods"}),
        ({"state": "developing", "phase": "development", **FREE, **PRODUCT, "product1_flags": float(UPGRADE), "need_voiced": True}, {"up_selling"}, {"upgrade_incentive", "upsell_offer"}),
        ({"state": "developing", "phase": "development", "signal_frequency_drop": 0.9, "order_value": 50.0, **FREE, **{f"quality_{n}": math.nan for n in ("email", "phone", "chat", "visit")}}, {"bondage_short_term"}, {"future_purchase_discount"}),
        ({"satisfaction_difference": 1.0, "clv_alive_365": 900.0}, {"attachment", "engagement_building", "service_strategy"}, None),
        ({"satisfaction_difference": 1.0}, {"attachment", "engagement_building"}, None),
        ({"state": "at_risk", "churn_probability": 0.7, "signal_satisfaction_gap": 0.9, "gap_dimension": 0.0, **FREE}, {"service_strategy"}, {"solution_proposal"}),
        ({"state": "at_risk", "churn_probability": 0.7, "signal_satisfaction_gap": 0.9, "gap_dimension": 1.0}, {"attachment"}, {"customer_service"}),
        ({"state": "at_risk", "churn_probability": 0.7, "signal_support_burst": 0.9}, {"attachment", "service_strategy"}, {"customer_service", "service_free"}),
        ({"state": "lapsed", "phase": "winback", "positive_history": True}, {"winback_emotional"}, {"personal_communication", "positive_reminder"}),
        ({"state": "lapsed", "phase": "winback", "clv_alive_365": 800.0, **FREE}, {"winback_factual"}, {"solution_proposal"}),
        ({"state": "at_risk", "phase": "winback", "signal_leave_intent": 0.7, **FREE}, {"winback_factual"}, {"solution_proposal"}),
        ({"clv_alive_365": 90.0, "signal_inactivity": 0.4}, {"attachment", "sales_promotion", "bondage_short_term"}, {"personal_communication", "follow_up_contact", "loyalty_programme", "social_response", "added_value"}),
    ],
)  # fmt: skip
def test_customers_get_what_their_situation_calls_for(
    facts: dict[str, Any], strategies: set[str], instruments: set[str] | None
) -> None:
    found = one(**facts)
    assert found["recommendation_basis"] == "expected_value"
    assert found["strategy_id"] in strategies
    assert instruments is None or found["instrument_id"] in instruments


@pytest.mark.parametrize(
    ("dimension", "instruments"),
    [
        ("product", {"solution_proposal", "guarantee", "upgrade_incentive"}),
        ("peripheral", {"customer_service", "value_added_service", "personal_attention"}),
        ("ambience", {"added_value", "relationship_price", "customer_service"}),
        ("psychic", {"personal_communication", "personal_attention"}),
    ],
)
def test_a_gap_is_answered_by_what_fits_its_dimension(
    dimension: str, instruments: set[str]
) -> None:
    place = float(DIMENSIONS.index(dimension))
    facts: dict[str, Any] = {"state": "at_risk", "churn_probability": 0.6, **FREE}
    with_gap = one(**facts, signal_satisfaction_gap=0.9, gap_dimension=place)
    assert {name for _, name, _ in steps_of(with_gap)} & instruments


def test_a_lead_about_to_buy_may_be_stimulated() -> None:
    found = lead(
        "intent",
        expected_new_value=400.0,
        margin_per_purchase=40.0,
        no_conflicting_offer=True,
        parameters=OF_BASE,
    )
    assert ("stimulation", "free_service") in {pair[:2] for pair in steps_of(found)}


def test_a_better_offer_is_for_customers_drawn_away_by_competitors() -> None:
    facts: dict[str, Any] = {
        "state": "lapsed",
        "phase": "winback",
        "no_conflicting_offer": True,
        "order_value": 50.0,
    }
    options = stronger(better_price=0.2)
    assert one(**facts, options=options)["strategy_id"] != "better_offer"
    found = one(**facts, options=options, signal_competitor_loss=0.6)
    assert found["strategy_id"] == "better_offer"


def test_a_lead_loyal_to_another_supplier_is_dear_to_win() -> None:
    free, loyal = (
        lead("intent", is_loyal_to_competitor=loyal, expected_new_value=500.0)
        for loyal in (False, True)
    )
    assert loyal["step1_fit"] == pytest.approx(free["step1_fit"] / 2)


def test_the_way_of_a_step_is_the_channel_that_brings_most() -> None:
    facts: dict[str, Any] = {"clv_alive_365": 2_000.0, "signal_inactivity": 0.8}
    over = {}
    for best in ("phone", "post"):
        quality: dict[str, Any] = {
            f"quality_{name}": 1.5 if name == best else 0.5 for name in CHANNELS
        }
        found = one(**facts, **quality)
        over[best] = {name: channel for _, name, channel in steps_of(found)}
    assert over["phone"]["personal_attention"] == "phone"
    assert over["post"]["personal_communication"] == "post"


def test_a_motive_that_was_inferred_counts_by_half() -> None:
    motive = next(each for each in OPTIONS.affinities if each[1] == "attachment" and each[2] > 1)
    told, inferred = (
        one(motive=motive[0], motive_basis=basis)["step1_fit"] for basis in ("declared", "inferred")
    )
    assert told == pytest.approx(motive[2])
    assert inferred == pytest.approx(1 + (motive[2] - 1) / 2)


@pytest.mark.parametrize(
    ("phase", "strategy", "goal"),
    [
        ("acquisition", None, None),
        ("development", "service_strategy", "satisfaction"),
        ("retention", "service_strategy", "satisfaction"),
        ("winback", "winback_factual", "win_back"),
    ],
)
def test_a_complaint_is_part_of_the_strategy_that_answers_it(
    phase: str, strategy: str | None, goal: str | None
) -> None:
    assert Duty(phase, "complaint_handling", strategy, goal) in OPTIONS.duties


@pytest.mark.parametrize("phase", ["acquisition", "development", "retention", "winback"])
def test_an_open_complaint_is_answered_before_anything_else(phase: str) -> None:
    state = {"acquisition": "lead", "development": "new", "winback": "lapsed"}.get(
        phase, "retained"
    )
    found = one(state=state, phase=phase, has_open_complaint=True, **FREE, **PRODUCT)
    assert found["recommendation_basis"] == "obligation"
    assert found["obligation_ids"] == "complaint_handling"
    first = next(iter(steps_of(found)), (None, None))
    assert (found["strategy_id"], found["instrument_id"]) == first[:2]
    waiting = {"price", "product", "trial", "engagement", "barrier"}
    assert not {TYPES[name] for _, name, _ in steps_of(found)} & waiting


def test_everything_owed_is_told_the_most_urgent_first() -> None:
    found = one(
        has_open_complaint=True, must_answer_interaction="interaction", has_pending_request=True
    )
    assert found["obligation_ids"] == "privacy_request complaint_handling answer_message"


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
    assert steps_of(found) == []
    assert ruled_out(found) == {}
    assert found["instrument_id"] is None
    assert found["recommendation_value"] is None


def test_nothing_is_done_where_every_step_costs_more_than_it_brings() -> None:
    found = one(clv_alive_365=0.2)
    assert found["recommendation_basis"] == "do_nothing"
    assert found["recommendation_value"] == 0
    assert found["instrument_id"] is None
    assert steps_of(found) == []


@pytest.mark.parametrize("value", [0.0, -50.0])
def test_a_customer_of_no_value_is_left_in_peace(value: float) -> None:
    assert one(clv_alive_365=value)["recommendation_basis"] == "do_nothing"


def test_a_lead_keeps_the_goal_of_its_stage_while_nothing_is_worth_doing() -> None:
    found = lead("unaware")
    assert found["recommendation_basis"] == "do_nothing"
    assert found["goal_id"] == "attention"
    assert found["strategy_id"] is None


def test_who_may_be_reached_over_no_channel_is_recommended_nothing_and_it_says_why() -> None:
    closed: dict[str, Any] = {f"quality_{name}": math.nan for name in CHANNELS}
    closed |= {f"survey_{name}": False for name in CHANNELS}
    found = one(**closed)
    assert found["recommendation_basis"] == "do_nothing"
    assert found["recommendation_gap_ids"] == "order_value_unknown consent_unknown"
    assert set(ruled_out(found).values()) == {("not_met", "addressable")}
    refusing = one(**closed, asked_no_contact=True)
    assert refusing["recommendation_gap_ids"] == "order_value_unknown"


def test_a_service_needs_consent_but_for_the_answer_to_an_own_request() -> None:
    told_nothing: dict[str, Any] = {f"quality_{name}": math.nan for name in CHANNELS}
    told_nothing |= {f"survey_{name}": False for name in CHANNELS}
    told_nothing |= {"signal_support_burst": 0.9, "clv_alive_365": 900.0, **FREE}
    assert steps_of(one(**told_nothing)) == []
    asking = {
        instrument for _, instrument, _ in steps_of(one(**told_nothing, has_open_request=True))
    }
    assert asking == {"customer_service", "solution_proposal"}


def test_a_survey_needs_the_consent_to_surveys() -> None:
    facts: dict[str, Any] = {"state": "lapsed", "phase": "winback", "positive_history": True}
    closed = {f"survey_{name}": False for name in CHANNELS}

    def surveys(**more: Any) -> set[tuple[str, str | None]]:
        found = steps_of(one(**facts | more))
        return {(name, channel) for _, name, channel in found if name.endswith("_survey")}

    assert surveys(survey_post=True) == {("churn_survey", "email")}
    assert surveys(**closed) == set()
    assert surveys(**closed | {"survey_post": True}, clv_alive_365=900.0) == {
        ("churn_survey", "post")
    }


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({}, ("unknown", "no_conflicting_offer")),
        ({"no_conflicting_offer": False}, ("not_met", "no_conflicting_offer")),
        ({"no_conflicting_offer": True, "margin_per_purchase": 1.0}, ("not_met", "margin_covers_incentive")),
        ({"no_conflicting_offer": True, "margin_per_purchase": math.nan}, ("unknown", "margin_covers_incentive")),
        ({"no_conflicting_offer": True, "deal_hunter": True}, ("holds", "deal_hunter")),
        ({"no_conflicting_offer": True, "signal_satisfaction_gap": 0.3}, ("holds", "dissatisfied")),
        ({"no_conflicting_offer": True, "has_open_complaint": True}, ("holds", "open_complaint")),
        ({"no_conflicting_offer": True, "pressure_ok": False}, ("not_met", "pressure_ok")),
        ({"no_conflicting_offer": True, "asked_no_contact": True}, ("holds", "asked_no_contact")),
    ],
)  # fmt: skip
def test_the_most_tempting_step_ruled_out_is_named_with_what_rules_it_out(
    facts: dict[str, Any], why: tuple[str, str]
) -> None:
    options = stronger(future_purchase_discount=0.5)
    facts = {"satisfaction_difference": 0.0, "order_value": 100.0, **facts}
    found = one(options=options, **facts)
    assert ruled_out(found, options=options)["future_purchase_discount"] == why
    assert "future_purchase_discount" not in {name for _, name, _ in steps_of(found)}
    allowed = one(**facts | {"no_conflicting_offer": True}, options=options)
    assert why[1] not in ("no_conflicting_offer",) or (
        "future_purchase_discount" in {name for _, name, _ in steps_of(allowed)}
    )


def test_a_step_that_costs_more_than_may_be_spent_is_ruled_out() -> None:
    facts: dict[str, Any] = {"state": "new", "phase": "development", "clv_alive_365": 1000.0}
    assert ("spend_cap", "") not in ruled_out(one(**facts)).values()
    found = one(**facts, spent_365=195.0)
    assert {name for _, name, _ in steps_of(found)} <= {"follow_up_contact", "guarantee"}
    assert ruled_out(found)["value_added_service"] == ("spend_cap", "")


def test_a_step_that_brings_less_than_the_smallest_amount_gives_way_to_doing_nothing() -> None:
    best = one(signal_support_burst=0.9)["step1_value"]
    for least, basis in ((best, "expected_value"), (np.nextafter(best, np.inf), "do_nothing")):
        found = one(signal_support_burst=0.9, parameters=replace(OF_BASE, least_value=least))
        assert found["recommendation_basis"] == basis
        assert found["recommendation_value"] == (best if basis == "expected_value" else 0)
        assert all(
            value >= least for value in (found[f"step{n}_value"] or np.inf for n in (1, 2, 3))
        )
    cheap = one(signal_support_burst=0.9, clv_alive_365=0.9)
    assert {
        part for part in cheap if part.endswith("_value") and (cheap[part] or 1) < 0.01
    } == set()


def holdout(share: float) -> Holdout:
    tried = ("retention", "attachment", "customer_service")
    return Holdout("01977b3a", "trial", *tried, None, share, ())


def test_the_control_group_of_an_experiment_is_not_treated_by_what_it_tests() -> None:
    control, nobody = (
        OPTIONS.informed_by(Feedback(holdouts=(holdout(share),))) for share in (1.0, 0.0)
    )
    facts: dict[str, Any] = {"signal_support_burst": 0.9}
    assert "customer_service" in {name for _, name, _ in steps_of(one(**facts, options=nobody))}
    found = one(**facts, options=control)
    assert "customer_service" not in {name for _, name, _ in steps_of(found)}
    assert ruled_out(found)["customer_service"] == ("holdout", "")


def test_an_experiment_is_open_to_whom_its_step_is_whichever_arm_that_is() -> None:
    def ids(share: float, tried: Holdout | None = None, **facts: Any) -> Any:
        tried = tried or holdout(share)
        options = OPTIONS.informed_by(Feedback(holdouts=(tried,)))
        return one(options=options, **{"signal_support_burst": 0.9, **facts})["open_experiment_ids"]

    def trial(**fields: Any) -> Holdout:
        return replace(holdout(0.0), **fields)

    assert (ids(1.0), ids(0.0)) == ("01977b3a", "01977b3a")
    unreachable = {f"quality_{name}": math.nan for name in CHANNELS}
    for closed in (
        unreachable,
        {"asked_no_contact": True},
        {"status": "blocked"},
        {"has_profiling_objection": True},
        {"spent_365": 1e6},
        {"clv_alive_365": 1.0},
        {"phase": "development", "state": "developing"},
    ):
        assert (ids(1.0, **closed), ids(0.0, **closed)) == (None, None)
    by_phone = trial(channel_id="phone")
    assert ids(0.0, by_phone) == "01977b3a"
    assert ids(0.0, by_phone, quality_phone=math.nan) is None
    assert ids(0.0, trial(channel_id="post")) is None  # no channel of that instrument
    # What pays less than three other steps is open, too.
    lot = stronger(personal_attention=0.3, satisfaction_survey=0.4, value_added_service=0.4)
    lot = lot.informed_by(Feedback(holdouts=(holdout(0.0),)))
    found = one(options=lot, signal_support_burst=0.2)
    ranked = {name for _, name, _ in steps_of(found, options=lot)}
    assert len(ranked) == 3
    assert "customer_service" not in ranked
    assert found["open_experiment_ids"] == "01977b3a"
    # Whom another experiment holds out of the instrument does not get it from this one either.
    other = trial(experiment_id="01977b3b", phase="winback", key="other", holdout_share=1.0)
    both = OPTIONS.informed_by(Feedback(holdouts=(holdout(0.0), other)))
    assert one(options=both, signal_support_burst=0.9)["open_experiment_ids"] is None


@pytest.mark.parametrize("tried_under", ["bondage_short_term", "sales_promotion"])
def test_what_is_held_out_or_decided_on_does_not_come_by_another_strategy(tried_under: str) -> None:
    voucher = "future_purchase_discount"
    raised = stronger(future_purchase_discount=0.5)
    facts = {
        **FREE,
        "phase": "development",
        "satisfaction_difference": 0.0,
        "order_value": 100.0,
    }
    allowed = steps_of(one(options=raised, **facts), options=raised)
    assert voucher in {name for _, name, _ in allowed}
    tried = Holdout("01977b3a", "trial", "development", tried_under, voucher, None, 1.0, ())
    control = raised.informed_by(Feedback(holdouts=(tried,)))
    for found, why in (
        (one(options=control, **facts), "holdout"),
        (one(options=raised, **facts, decided={voucher: [UNIT["unit_id"]]}), "decided"),
    ):
        assert voucher not in {name for _, name, _ in steps_of(found, options=raised)}
        assert ruled_out(found, options=raised)[voucher] == (why, "")


def test_what_was_decided_on_lately_is_not_recommended_again() -> None:
    facts: dict[str, Any] = {"signal_support_burst": 0.9}
    found = one(**facts, decided={"customer_service": [UNIT["unit_id"]]})
    assert "customer_service" not in {name for _, name, _ in steps_of(found)}
    assert ruled_out(found)["customer_service"] == ("decided", "")


def test_what_did_harm_waits_for_a_person() -> None:
    options = replace(OPTIONS, to_be_asked=(("attachment", "customer_service"),))
    found = one(signal_support_burst=0.9, options=options)
    assert ruled_out(found)["customer_service"] == ("to_be_asked", "")


def test_learned_effects_take_the_place_of_assumed_ones() -> None:
    learned = OPTIONS.informed_by(
        Feedback(effects={("customer_service", "retention"): (0.2, 0.01)})
    )
    before, after = (one(signal_support_burst=0.9, options=each) for each in (OPTIONS, learned))
    assert after["instrument_id"] == "customer_service"
    assert after["step1_effect_probability"] == pytest.approx(
        4 * before["step1_effect_probability"]
    )


def test_a_declared_condition_counts_for_everybody() -> None:
    facts: dict[str, Any] = {"no_conflicting_offer": True, "order_value": 50.0}
    options = stronger(promotion_discount=0.5)
    assert ruled_out(one(**facts, options=options), options=options)["promotion_discount"] == (
        "unknown",
        "reference_price_ok",
    )
    declared = replace(options, declared=(("reference_price_ok", True),))
    assert one(**facts, options=declared)["instrument_id"] == "promotion_discount"


@pytest.mark.parametrize(
    ("condition", "instrument", "facts"),
    [
        ("competitor_facts_current", "competitor_comparison", {"signal_competitor_loss": 0.9}),
        ("sample_available", "trial_period", LEAD | {"lead_stage": "interested"}),
        ("sample_available", "trial_period", LEAD | {"lead_stage": "interested", "sample_available": False}),
    ],
)  # fmt: skip
def test_what_records_do_not_tell_the_overlay_declares_for_everybody(
    tmp_path: Path, condition: str, instrument: str, facts: dict[str, Any]
) -> None:
    overlay = tmp_path / "own.yaml"
    found = {}
    for holds in ("true", "false"):
        overlay.write_text(
            f"conditions: {{{condition}: {{holds: {holds}}}}}\n"
            f"instruments: {{{instrument}: {{uplift: [0.5, 0.1]}}}}\n"
        )
        options = strategy_options(load_catalogue(overlay))
        facts = {"state": "lapsed", "phase": "winback", **FREE, "order_value": 50.0, **facts}
        found[holds] = one(**facts, options=options), options
    recommended, options = found["true"]
    assert instrument in {name for _, name, _ in steps_of(recommended, options=options)}
    forbidden, options = found["false"]
    assert ruled_out(forbidden, options=options)[instrument] == ("not_met", condition)


@pytest.mark.parametrize(
    ("event", "state", "phase", "more"),
    [
        ("first_purchase_made", "new", "development", {}),
        ("contract_expiring", "retained", "retention", {}),
        ("rhythm_break", "at_risk", "retention", {}),
        ("season_start", "developing", "development", {"order_value": 50.0}),
        ("complaint_resolved", "retained", "retention", {"clv_alive_365": 4_000.0}),
        ("product_opened", "developing", "development", {**PRODUCT, "product1_flags": float(OBVIOUS)}),
        ("household_growth", "developing", "development", {**PRODUCT, "product1_flags": float(UPGRADE)}),
        ("relationship_anniversary", "retained", "retention", {"tier_a_or_b": True, "clv_alive_365": 1_500.0}),
    ],
)  # fmt: skip
def test_an_event_calls_for_its_step_and_is_told_as_the_occasion(
    event: str, state: str, phase: str, more: dict[str, Any]
) -> None:
    action = next(each.instrument_id for each in OPTIONS.events if each.event_id == event)
    options = stronger(**{action: 0.3})
    facts: dict[str, Any] = {"state": state, "phase": phase, **FREE, **more}
    facts[f"event_{event}"] = "record"
    found = one(**facts, options=options)
    ranks = {name: rank for rank, (_, name, _) in enumerate(steps_of(found), start=1)}
    assert action in ranks
    place = int(found[f"step{ranks[action]}_event"])
    assert OPTIONS.events[place].event_id == event


def test_a_new_customer_is_sold_something_only_after_a_good_contact() -> None:
    facts: dict[str, Any] = {
        "state": "new",
        "phase": "development",
        "event_product_opened": "deal",
        **FREE,
        **PRODUCT,
        "product1_flags": float(OBVIOUS),
    }
    options = stronger(complementary_goods=0.3)
    cold, warm = (
        {name for _, name, _ in steps_of(one(**facts, sentiment_level=level, options=options))}
        for level in (math.nan, 0.1)
    )
    assert "complementary_goods" not in cold
    assert "complementary_goods" in warm


WITH_TERMS = {
    item.instrument_id
    for item in OPTIONS.candidates
    if item.incentive_share or item.incentive_amount
}


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def permits(candidate: Candidate, unit: dict[str, Any], number: int) -> bool:
    """Tell the slow way whether no condition forbids a product to a candidate."""
    for check in candidate.checks:
        answer = unit.get(f"product{number}_{check.condition_id}", check.must_hold)
        if answer is pd.NA or answer is None:
            answer = dict(OPTIONS.while_unknown)[check.condition_id]
        if bool(answer) != check.must_hold:
            return False
    return True


def naive(
    candidate: Candidate, customer: dict[str, Any], unit: dict[str, Any], *, by_event: bool
) -> tuple[float, bool, int | None] | None:
    """Value one candidate for one unit the slow way: value, whether it is permitted, product."""
    is_lead = customer["state"] == "lead"
    value = float(customer["expected_new_value" if is_lead else "clv_alive_365"])
    stake = 0.8 * value if candidate.phase == "winback" else value
    chance = 0.05 if is_lead else 1 - float(customer["churn_probability"])
    strengths = [0.0, *(float(customer[f"signal_{name}"]) for name in candidate.answers)]
    dimension = customer["gap_dimension"]
    if not math.isnan(dimension) and DIMENSIONS[int(dimension)] in candidate.dimensions:
        strengths.append(float(customer["signal_satisfaction_gap"]))
    strengths += [
        1.0
        for event in OPTIONS.events
        if event.instrument_id == candidate.instrument_id
        and pd.notna(unit[f"event_{event.event_id}"])
    ]
    match = 1 + 0.5 * max(strength for strength in strengths if not math.isnan(strength))
    factor = {(m, s): f for m, s, f in OPTIONS.affinities}
    affinity = factor.get((str(customer["motive"]), candidate.strategy_id), 1.0)
    match *= 1 + (affinity - 1) * (0.5 if customer["motive_basis"] == "inferred" else 1.0)
    match *= 0.5 if is_lead and unit["is_loyal_to_competitor"] else 1.0
    order = math.nan if is_lead else float(customer["order_value"])
    incentive = candidate.incentive_amount
    if candidate.incentive_share:
        incentive += candidate.incentive_share * order
    there = [n for n in (1, 2, 3) if not math.isnan(customer[f"product{n}"])]
    free = [n for n in there if permits(candidate, unit, n)]
    is_own = candidate.instrument_id in ("service_paid", "service_hybrid")
    names_one = candidate.instrument_type in ("price", "product") and not is_own
    named = next(iter((*free, *there)), None) if names_one else None
    offers: list[tuple[float, float, int | None]] = [(stake, chance, named)]
    if candidate.instrument_type == "product" and candidate.phase != "winback" and not is_own:
        offers = []
        for number in (1, 2, 3):
            flags = customer[f"product{number}_flags"]
            if math.isnan(flags):
                continue
            bits = int(flags)
            fits = {
                "complementary_goods": bits & OBVIOUS > 0,
                "upgrade_incentive": bits & UPGRADE > 0,
                "upsell_offer": bits & UPGRADE > 0,
            }.get(candidate.instrument_id, bits & UPGRADE == 0)
            if fits:
                offers.append(
                    (
                        customer[f"product{number}_margin"],
                        customer[f"product{number}_probability"],
                        number,
                    )
                )
        offers = [offer for offer in offers if offer[2] in free] or offers
    ways = []
    for place in candidate.channels:
        channel = OPTIONS.channels[place]
        quality = float(unit[f"quality_{channel.channel_id}"])
        own = 1.0 if math.isnan(quality) else quality
        if candidate.purpose == "survey":
            quality = own if unit[f"survey_{channel.channel_id}"] else math.nan
        elif candidate.purpose == "request":
            is_open = unit["has_open_request"] and unit[f"service_{channel.channel_id}"]
            quality = own if is_open else quality
        if not math.isnan(quality):
            ways.append((candidate.unit_cost + channel.unit_cost, quality))
    is_reachable = bool(ways)
    if not ways:
        cheapest = min(OPTIONS.channels[place].unit_cost for place in candidate.channels)
        ways = [(candidate.unit_cost + cheapest, 1.0)]
    best: tuple[float, float, int | None] | None = None
    for worth, base_chance, product in offers:
        for cost, quality in ways:
            fit = min(max(match * quality, 0.25), 2.0)
            effect = min(candidate.effect_probability * fit, 1 - base_chance)
            gain = effect * worth - cost - incentive * (base_chance + effect)
            gain -= candidate.risk_rate * worth
            if not math.isnan(gain) and (best is None or gain > best[0]):
                best = (gain, cost, product)
    if best is None:
        return None
    margin = math.nan if is_lead else float(customer["margin_per_purchase"])
    left = margin - incentive
    gap, mood = customer["signal_satisfaction_gap"], customer["signal_negative_sentiment"]
    difference, nps = customer["satisfaction_difference"], customer["nps"]
    known: dict[str, Any] = {
        **{name: unit[name] for name in unit if name in dict(OPTIONS.while_unknown)},
        "addressable": is_reachable,
        "open_complaint": unit["has_open_complaint"],
        "active_contract": unit["has_active_contract"],
        "retained_rhythm": customer["state"] == "retained",
        "motive_monopoly": customer["motive"] == "monopoly",
        "margin_covers_incentive": None if math.isnan(left) else left > 0,
        "dissatisfied": None if math.isnan(gap) and math.isnan(mood) else gap >= 0.25 or mood >= 0.5,
        "satisfied": None if math.isnan(difference) and math.isnan(nps) else difference >= 0 or nps >= 9,
        "next_product_exists": any(not math.isnan(customer[f"product{n}"]) for n in (1, 2, 3)),
        "successor_exists": any(
            not math.isnan(customer[f"product{n}_flags"])
            and int(customer[f"product{n}_flags"]) & UPGRADE > 0
            for n in (1, 2, 3)
        ),
    }  # fmt: skip
    permitted = best[1] + incentive <= 0.2 * value - unit["spent_365"]
    for check in candidate.checks:
        if by_event and check.condition_id in ("good_reason", "need_voiced", "successor_exists"):
            continue
        of_unit = known.get(check.condition_id)
        answer = unit.get(f"product{best[2]}_{check.condition_id}", of_unit)
        if answer is None or answer is pd.NA:
            answer = dict(OPTIONS.while_unknown)[check.condition_id]
        permitted &= bool(answer) == check.must_hold
    return best[0], permitted, best[2]


def without_clashes(best: dict[str, tuple[float, int | None]]) -> list[float]:
    """Pick the three of most value, with one set of terms for a product; None is any product."""
    chosen: list[float] = []
    taken: list[int | None] = []
    for name, (gain, product) in sorted(best.items(), key=lambda item: -item[1][0]):
        has_terms = name in WITH_TERMS
        if gain < 0.01 or len(chosen) == 3:
            break
        if has_terms and taken and (None in taken or product is None or product in taken):
            continue
        chosen.append(gain)
        taken += [product] if has_terms else []
    return chosen


def candidates_of(customer: dict[str, Any], unit: dict[str, Any]) -> list[tuple[Candidate, bool]]:
    """List the candidates of a unit, and whether an event makes each one."""
    rows = [row for row in OPTIONS.situations if row.state == customer["state"]]
    named = [row for row in rows if row.lead_stage in (None, customer["lead_stage"])]
    found = []
    for candidate in OPTIONS.candidates:
        if candidate.phase != customer["phase"]:
            continue
        is_pushing = customer["state"] == "new" and candidate.instrument_type in (
            "price",
            "product",
        )
        if is_pushing and not customer["sentiment_level"] >= 0:
            continue
        competitor_loss = float(customer["signal_competitor_loss"])
        if candidate.strategy_id == "better_offer" and not competitor_loss > 0:
            continue
        is_called_for = any(
            event.instrument_id == candidate.instrument_id
            and pd.notna(unit[f"event_{event.event_id}"])
            for event in OPTIONS.events
        )
        if is_called_for:
            found.append((candidate, True))
        if candidate.instrument_id in ("service_paid", "service_hybrid"):
            continue
        if not rows or any(
            row.strategy_id == candidate.strategy_id
            and (not row.instrument_ids or candidate.instrument_id in row.instrument_ids)
            and row.motive in (None, customer["motive"])
            for row in named
        ):
            found.append((candidate, False))
    return found


def test_every_choice_is_the_best_of_all_candidates_weighed_one_by_one() -> None:
    valued = 0
    for customer, unit, found in zip(*map(records, (*BASE, RECOMMENDED)), strict=True):
        if math.isnan(found["recommendation_value"]):
            continue
        best: dict[str, tuple[float, int | None]] = {}
        barred: dict[str, float] = {}
        for candidate, by_event in candidates_of(customer, unit):
            weighed = naive(candidate, customer, unit, by_event=by_event)
            if weighed is not None:
                gain, permitted, product = weighed
                name = candidate.instrument_id
                if not permitted:
                    barred[name] = max(barred.get(name, -math.inf), gain)
                elif gain > best.get(name, (-math.inf, None))[0]:
                    best[name] = (gain, product)
        expected = without_clashes(best)
        values = [found[f"step{rank}_value"] for rank in (1, 2, 3)]
        assert [each for each in values if not math.isnan(each)] == pytest.approx(expected)
        out = sorted(
            (gain for name, gain in barred.items() if gain >= 0.01 and name not in best),
            reverse=True,
        )
        values = [found[f"ruled_out{rank}_value"] for rank in range(1, 6)]
        assert [each for each in values if not math.isnan(each)] == pytest.approx(out[:5])
        valued += 1
    assert valued > 400


def test_the_parts_of_a_value_add_up_to_it() -> None:
    for rank in (1, 2, 3):
        steps = RECOMMENDED[RECOMMENDED[f"step{rank}_option"].notna()]
        total = (
            steps[f"step{rank}_effect_probability"] * steps[f"step{rank}_stake"]
            - steps[f"step{rank}_contact_cost"]
            - steps[f"step{rank}_incentive_cost"]
            - steps[f"step{rank}_risk_cost"]
        )
        assert len(steps) > 100
        np.testing.assert_allclose(total, steps[f"step{rank}_value"])
        assert (steps[f"step{rank}_value"] > 0).all()


def of_steps(
    customers: pd.DataFrame, units: pd.DataFrame, **more: Any
) -> list[tuple[dict[str, Any], Candidate, dict[str, Any]]]:
    """List every step with all that is known of its unit."""
    found = recommend(customers, units, options=OPTIONS, **more)
    rows = records(pd.concat([customers, units, found], axis=1))
    return [
        (
            row,
            OPTIONS.candidates[int(row[f"step{rank}_option"])],
            {name.removeprefix(f"step{rank}_"): row[name] for name in row if name.startswith(f"step{rank}_")},
        )
        for row in rows
        for rank in (1, 2, 3)
        if not math.isnan(row[f"step{rank}_option"])
    ]  # fmt: skip


LARGE = base(4_000, seed=11)
STEPS = of_steps(LARGE[0], LARGE[1].assign(no_conflicting_offer=True))


def test_no_price_instrument_goes_to_a_deal_hunter() -> None:
    price = [row for row, candidate, _ in STEPS if candidate.instrument_type == "price"]
    assert len(price) > 10
    assert not any(row["deal_hunter"] is True for row in price)


def test_nothing_is_sold_while_a_complaint_is_open() -> None:
    types = {item.instrument_type for row, item, _ in STEPS if row["has_open_complaint"]}
    assert types
    assert not types & {"price", "product", "trial", "engagement", "barrier"}


def test_nobody_dissatisfied_is_bound() -> None:
    bound = [row for row, item, _ in STEPS if item.strategy_id.startswith("bondage")]
    assert bound
    for row in bound:
        assert not row["signal_satisfaction_gap"] >= 0.25
        assert not row["signal_negative_sentiment"] >= 0.5


def test_no_step_goes_over_a_channel_without_consent() -> None:
    for row, item, part in STEPS:
        channel = CHANNELS[int(part["channel"])]
        if item.purpose == "survey":
            assert row[f"survey_{channel}"]
        elif math.isnan(row[f"quality_{channel}"]):
            assert item.purpose == "request"
            assert row["has_open_request"] and row[f"service_{channel}"]


def test_a_product_is_offered_once_and_on_one_set_of_terms() -> None:
    for row, _, _ in STEPS:
        offered = [
            row[f"step{rank}_product"]
            for rank in (1, 2, 3)
            if not math.isnan(row[f"step{rank}_product"])
            and OPTIONS.candidates[int(row[f"step{rank}_option"])].incentive_share > 0
        ]
        assert len(offered) == len(set(offered))


def test_the_spend_cap_holds() -> None:
    for row, item, part in STEPS:
        value = row["expected_new_value" if row["state"] == "lead" else "clv_alive_365"]
        incentive = item.incentive_amount
        if item.incentive_share:
            incentive += item.incentive_share * row["order_value"]
        assert part["contact_cost"] + incentive + row["spent_365"] <= 0.2 * value + 1e-9


def test_no_incentive_is_given_that_the_margin_does_not_cover() -> None:
    paid = 0
    for row, item, _ in STEPS:
        if any(check.condition_id == "margin_covers_incentive" for check in item.checks):
            left = row["margin_per_purchase"] - item.incentive_amount
            if item.incentive_share:
                left -= item.incentive_share * row["order_value"]
            assert left > 0
            paid += 1
    assert paid > 50


def test_what_is_always_to_be_avoided_is_told_whatever_it_would_bring() -> None:
    assert one(minor=True, deal_hunter=True, clv_alive_365=0.2)["avoid_ids"] == "minor deal_hunter"
    assert one(minor=False, deal_hunter=None)["avoid_ids"] is None


def test_minors_are_offered_nothing_but_service() -> None:
    assert {item.instrument_type for row, item, _ in STEPS if row["minor"] is True} == {"service"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_more_consent_never_lowers_the_best_recommendation(seed: int) -> None:
    customers, units = BASE
    dice, more = np.random.default_rng(seed), units.copy()
    given = dice.integers(0, len(CHANNELS), len(units))
    for place, channel in enumerate(CHANNELS):
        rows = given == place
        quality = more.loc[rows, f"quality_{channel}"]
        more.loc[rows, f"quality_{channel}"] = quality.fillna(1.0)
        more.loc[rows, f"service_{channel}"] = True
    after = recommend(customers, more, options=OPTIONS)
    had = RECOMMENDED["step1_option"].notna()
    assert after["step1_option"][had].notna().all()
    gain = after["recommendation_value"][had] - RECOMMENDED["recommendation_value"][had]
    assert (gain >= -1e-9).all()
    assert (gain > 1e-9).any()


def test_the_basis_tells_whether_there_is_a_step() -> None:
    has_step = RECOMMENDED["instrument_id"].notna()
    assert (has_step == RECOMMENDED["step1_option"].notna()).all()
    basis = RECOMMENDED["recommendation_basis"]
    assert set(basis[has_step]) == {"expected_value", "obligation"}
    assert not (basis[~has_step] == "expected_value").any()
    assert set(RECOMMENDED["recommendation_basis"].unique()) == set(BASES)


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
    monkeypatch.setattr(
        "services.analytics.calculations.recommendations.recommending._BLOCK_ROWS", 7
    )
    pd.testing.assert_frame_equal(recommend(*BASE, options=OPTIONS), RECOMMENDED)


def test_nobody_in_nobody_out_with_the_same_columns() -> None:
    customers, units = BASE
    empty = recommend(customers.iloc[:0], units.iloc[:0], options=OPTIONS)
    assert list(empty.columns) == list(RECOMMENDATION_COLUMNS) == list(RECOMMENDED.columns)
    assert len(empty) == 0


def test_no_column_holds_python_objects() -> None:
    kinds = {str(kind) for kind in RECOMMENDED.dtypes}
    assert kinds == {"category", "float64", "str"}
