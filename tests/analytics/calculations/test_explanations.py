"""Explanations: the rule and the numbers behind every score, and only what is true of the row."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from services.analytics.calculations.explanations import SCORES, explain
from services.analytics.calculations.parameters import PhaseThresholds
from services.analytics.calculations.reasons import Explanation, Reason, money_in
from services.analytics.calculations.recommendations.recommending import recommend
from services.analytics.calculations.recommendations.steps import (
    RuledOut,
    Step,
    Triage,
    explain_step,
    explain_steps,
)
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.catalogue.options import strategy_options
from services.analytics.texts import reason_text
from tests.analytics.calculations.test_recommendations import base

CATALOGUE = load_catalogue()
EURO = money_in("EUR")
# Worked example A1 of the domain specification, with a value of worked example B2.
CUSTOMER: dict[str, object] = {
    "state": "at_risk",
    "phase": "retention",
    "phase_rule": 7,
    "lead_stage": None,
    "purchase_count": 6,
    "gap_days": 116.0,
    "median_gap_days": 37.9632,
    "gap_rank": 0.8515,
    "alive_probability": 0.6035,
    "vitality": 0.6624,
    "purchase_vitality": 0.6624,
    "churn_horizon_days": 155.0,
    "baseline_churn_probability": 0.4903,
    "reference_churn_probability": 0.1689,
    "churn_probability": 0.4903,
    "contribution": 540.0,
    "service_cost": 12.5,
    "margin_per_purchase": 80.0,
    "expected_purchases_365": 1.5403,
    "clv_alive_365": 323.6567,
    "expected_new_value": math.nan,
    "value_at_risk": 158.6889,
    "confidence": "medium",
    "is_cost_estimated": False,
    "has_active_contract": False,
    "recommendation_basis": "do_nothing",
}
LEAD = CUSTOMER | dict.fromkeys(CUSTOMER, None) | {
    "state": "lead",
    "phase": "acquisition",
    "phase_rule": 4,
    "lead_stage": "aware",
    "goal_id": "interest",
    "expected_new_value": 104.166,
    "recommendation_basis": "do_nothing",
}  # fmt: skip
STEP = Step(
    rank=1,
    recommendation_id="5a1f0c6e-8d0b-5b57-9d6c-2f1f1e0a7c43",
    goal_id="satisfaction",
    strategy_id="attachment",
    instrument_id="personal_attention",
    channel_id="phone",
    expected_value=15.84,
    stake=400.0,
    effect_probability=0.0696,
    contact_cost=12.0,
    incentive_cost=0.0,
    risk_cost=0.0,
    signal_id="inactivity",
    event_id="rhythm_break",
)


def explained(score: str, **facts: object) -> Explanation:
    return {str(name): value for name, value in explain(CUSTOMER | facts, currency="EUR").items()}[
        score
    ]


def codes(explanation: Explanation) -> list[str]:
    return [reason.code for reason in explanation.reasons]


def euro(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"phase_rule": 1, "state": "excluded"}, [Reason("R_STATE_RULE_1", {})]),
        ({"phase_rule": 2, "state": "terminated"}, [Reason("R_STATE_RULE_2", {})]),
        ({"phase_rule": 3, "state": "to_terminate"}, [Reason("R_STATE_RULE_3", {})]),
        ({"phase_rule": 4, "state": "lead"}, [Reason("R_STATE_RULE_4", {})]),
        ({"phase_rule": 5, "state": "lapsed"}, [Reason("R_STATE_RULE_5", {})]),
        ({"phase_rule": 6, "state": "lapsed", "purchase_vitality": 0.374}, [Reason("R_STATE_RULE_6", {"vitality": 0.374, "limit": 0.4})]),
        ({"phase_rule": 7}, [Reason("R_STATE_RULE_7_VITALITY", {"vitality": 0.6624, "limit": 0.75})]),
        ({"phase_rule": 7, "purchase_vitality": 0.9, "churn_probability": 0.55}, [Reason("R_STATE_RULE_7_CHURN", {"churn": 0.55, "limit": 0.5})]),
        ({"phase_rule": 7, "purchase_vitality": 0.9, "churn_probability": 0.8, "reference_churn_probability": 0.6}, [Reason("R_STATE_RULE_7_CHURN", {"churn": 0.8, "limit": 0.75})]),
        ({"phase_rule": 8, "state": "new"}, [Reason("R_STATE_RULE_8", {"days": 116})]),
        ({"phase_rule": 9, "state": "developing", "purchase_count": 3}, [Reason("R_STATE_RULE_9", {"n": 3, "from": 4})]),
        ({"phase_rule": 10, "state": "retained"}, [Reason("R_STATE_RULE_10", {"n": 6, "from": 4})]),
    ],
)  # fmt: skip
def test_a_state_is_explained_by_its_rule_and_the_numbers_in_it(
    facts: dict[str, object], expected: list[Reason]
) -> None:
    assert list(explained("state", **facts).reasons) == expected


def test_both_limits_are_named_where_both_are_crossed() -> None:
    facts = {"purchase_vitality": 0.6, "churn_probability": 0.9}
    assert codes(explained("state", **facts)) == ["R_STATE_RULE_7_VITALITY", "R_STATE_RULE_7_CHURN"]


def test_vitality_is_no_reason_under_an_active_contract() -> None:
    facts = {"purchase_vitality": 0.1, "churn_probability": 0.9, "has_active_contract": True}
    assert codes(explained("state", **facts)) == ["R_STATE_RULE_7_CHURN", "R_CONTRACT"]


def test_other_thresholds_are_the_ones_named() -> None:
    thresholds = PhaseThresholds(at_risk_below_vitality=0.9, retained_from_purchases=7)
    found = explain(CUSTOMER, currency="EUR", thresholds=thresholds)["state"]
    assert found.reasons[0].params["limit"] == 0.9


def test_an_intention_to_leave_explains_winback_instead_of_retention() -> None:
    assert codes(explained("state", phase="winback"))[-1] == "R_PHASE_LEAVING"


def test_a_lead_is_told_its_stage_and_its_next_goal() -> None:
    found = explain(LEAD, currency="EUR")
    assert found["state"].reasons == (
        Reason("R_STATE_RULE_4", {}),
        Reason("R_LEAD_STAGE", {"stage": "aware", "goal": "interest"}),
    )
    assert found["churn_probability"] == Explanation(())
    assert found["value"].reasons == (Reason("R_VALUE_NEW", {"value": euro("104.17")}, 104.17),)


def test_a_silence_longer_than_usual_is_named_with_the_own_rhythm() -> None:
    found = explained("churn_probability")
    assert found.reasons == (
        Reason("R_CHURN", {"p": 0.4903, "horizon": 155, "reference": 0.1689}, 0.1689),
        Reason("R_OVERDUE", {"gap": 116, "median_gap": 38, "rank": 0.8515}, 0.3214),
        Reason("R_PHASE_ALIVE", {"p": 0.6035}),
    )
    assert found.data_gaps == ("signals_not_used",)


def test_a_usual_silence_is_not_called_overdue() -> None:
    assert codes(explained("churn_probability", gap_rank=0.5))[1] == "R_IN_RHYTHM"


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"churn_basis": "signals"}, "R_CHURN"),
        ({"churn_basis": "signals", "churn_probability": 0.1}, "R_CHURN_AHEAD"),
        ({"churn_basis": "stacked"}, "R_CHURN_AHEAD"),
        ({"churn_basis": "stacked", "churn_probability": 0.1}, "R_CHURN_AHEAD"),
    ],
)
def test_the_chance_after_the_last_purchase_is_told_where_the_rhythm_says_both(
    facts: dict[str, object], code: str
) -> None:
    first = explained("churn_probability", churn_part_inactivity=0.1, **facts).reasons[0]
    assert first.code == code
    assert ("reference" in first.params) is (code == "R_CHURN")


def test_contributions_add_up_to_the_churn_probability() -> None:
    found = explained("churn_probability")
    assert sum(reason.contribution or 0 for reason in found.reasons) == pytest.approx(0.4903)


def test_signals_are_explained_by_what_they_add_and_what_shows_them() -> None:
    facts: dict[str, object] = {
        "churn_probability": 0.8255,
        "signal_inactivity": 0.703,
        "churn_part_inactivity": 0.0996,
        "signal_unresolved_complaint": 0.7378,
        "churn_part_unresolved_complaint": 0.2332,
        "signal_satisfaction_gap": 0.375,
        "churn_part_satisfaction_gap": 0.0411,
        "satisfaction_difference": -1.5,
        "nps": 5.0,
        "is_expectation_assumed": True,
        "signal_leave_intent": 0.0,
        "churn_part_leave_intent": 0.0,
        "churn_part_payment_delay": math.nan,
    }
    found = explained("churn_probability", **facts)
    assert found.reasons == (
        Reason("R_CHURN", {"p": 0.8255, "horizon": 155, "reference": 0.1689}),
        Reason("R_COMPLAINT", {"strength": 0.7378}, 0.2332),
        Reason("R_OVERDUE", {"gap": 116, "median_gap": 38, "rank": 0.8515}, 0.0996),
        Reason("R_GAP", {"gap": 1.5}, 0.0411),
        Reason("R_PHASE_ALIVE", {"p": 0.6035}),
    )
    assert found.data_gaps == ("mood_unknown", "expectation_assumed")
    silent = explained("churn_probability", **facts, has_active_contract=True)
    assert codes(silent) == ["R_CHURN_CONTRACT", "R_COMPLAINT", "R_GAP"]


@pytest.mark.parametrize(
    ("signal", "strength", "more", "expected"),
    [
        ("frequency_drop", 0.509, {}, ("R_FREQ", {"p": 0.2455})),
        ("monetary_drop", 0.5, {}, ("R_MONETARY", {"drop": 0.25, "limit": 0.5})),
        ("negative_sentiment", 0.8123, {"sentiment_level": -0.3876}, ("R_SENTIMENT", {"level": -0.3876})),
        ("satisfaction_gap", 0.5, {"satisfaction_difference": -1.0, "nps": 3.5}, ("R_NPS", {"nps": 3.5, "limit": 7.0})),
        ("satisfaction_gap", 1.0, {"satisfaction_difference": -6.0}, ("R_GAP", {"gap": 6.0})),
        ("support_burst", 1.0, {}, ("R_SUPPORT", {"p": 0.001})),
        ("engagement_drop", 0.7143, {}, ("R_ENGAGEMENT", {"drop": 0.7143})),
        ("engagement_drop", 0.6, {}, ("R_UNSUBSCRIBED", {"days": 180})),
        ("competitor_loss", 0.7301, {}, ("R_COMPETITOR", {"strength": 0.7301})),
        ("payment_delay", 0.5667, {}, ("R_PAYMENT", {"days": 17, "limit": 30})),
        ("leave_intent", 1.0, {}, ("R_CANCELLED", {})),
        ("leave_intent", 0.7, {}, ("R_LEAVE", {"days": 90})),
        ("leave_intent", 0.3, {}, ("R_CONTRACT_ENDS", {"days": 36})),
    ],
)  # fmt: skip
def test_every_signal_has_a_reason_of_its_own(
    signal: str, strength: float, more: dict[str, object], expected: tuple[str, dict[str, object]]
) -> None:
    facts = {f"signal_{signal}": strength, f"churn_part_{signal}": 0.1, **more}
    code, params = expected
    found = explained("churn_probability", **facts)
    assert Reason(code, params, 0.1) in found.reasons  # type: ignore[arg-type]
    for language in ("en", "de"):
        assert reason_text(code, params, catalogue=CATALOGUE, language=language)
    for gap in found.data_gaps:
        CATALOGUE.entry("data_gaps", gap)


def test_what_was_learned_is_named_and_the_five_greatest_are_shown() -> None:
    facts: dict[str, object] = {"churn_part_history": -0.3, "churn_part_money": 0.001}
    for place, name in enumerate(("frequency_drop", "monetary_drop", "unresolved_complaint", "leave_intent")):  # fmt: skip
        facts |= {f"signal_{name}": 1.0, f"churn_part_{name}": 0.1 + place / 100}
    found = codes(explained("churn_probability", **facts, churn_basis="stacked"))
    assert found == [
        "R_CHURN_AHEAD", "R_PAST_LOWERS", "R_CANCELLED", "R_COMPLAINT", "R_MONETARY", "R_FREQ",
        "R_PHASE_ALIVE",
    ]  # fmt: skip
    assert "R_AMOUNTS_RAISE" in codes(explained("churn_probability", churn_part_money=0.2))


def test_under_a_contract_only_the_contract_is_a_reason() -> None:
    found = explained("churn_probability", churn_probability=0.05, has_active_contract=True)
    assert found.reasons == (Reason("R_CHURN_CONTRACT", {"p": 0.05}, 0.05),)


@pytest.mark.parametrize(("confidence", "is_thin"), [("low", True), ("medium", False), ("high", False)])  # fmt: skip
def test_low_confidence_is_said(confidence: str, is_thin: bool) -> None:
    found = explained("churn_probability", confidence=confidence, purchase_count=1)
    assert (Reason("R_THIN", {"n": 1}) in found.reasons) is is_thin


def test_many_purchases_of_unknown_amounts_are_no_thin_ground_for_the_rhythm() -> None:
    facts = {"confidence": "low", "valued_purchase_count": 0}
    assert "R_THIN" not in codes(explained("churn_probability", **facts))
    assert "R_THIN" in codes(explained("churn_probability", **facts, purchase_count=1))
    on_a_prior = explain(CUSTOMER | facts, currency="EUR", basis="prior")["churn_probability"]
    assert "R_THIN" in codes(on_a_prior)
    assert "every_amount_unknown" in explained("value", **facts).data_gaps


@pytest.mark.parametrize(
    ("facts", "gaps"),
    [
        ({"valued_purchase_count": 6, "deals_without_fx_rate_count": 0}, ()),
        (
            {"valued_purchase_count": 6, "deals_without_fx_rate_count": 1},
            ("deals_without_fx_rate",),
        ),
        ({"valued_purchase_count": 5, "deals_without_fx_rate_count": 0}, ("amount_unknown",)),
        ({"valued_purchase_count": 0, "deals_without_fx_rate_count": 0}, ("every_amount_unknown",)),
        (
            {"valued_purchase_count": 1, "deals_without_fx_rate_count": 5},
            ("deals_without_fx_rate", "amount_unknown"),
        ),
        (
            {"valued_purchase_count": 0, "deals_without_fx_rate_count": 6},
            ("deals_without_fx_rate", "every_amount_unknown"),
        ),
        # A version from before these were counted.
        ({"valued_purchase_count": None, "deals_without_fx_rate_count": None}, ()),
    ],
)
def test_unknown_amounts_are_gaps_of_the_value(
    facts: dict[str, object], gaps: tuple[str, ...]
) -> None:
    assert explained("value", **facts).data_gaps == gaps
    for gap in gaps:
        CATALOGUE.entry("data_gaps", gap)


def test_a_lead_whose_deal_was_paid_back_in_a_currency_without_rate_is_told_so() -> None:
    facts = {"purchase_count": 0, "valued_purchase_count": 0, "deals_without_fx_rate_count": 1}
    found = explain(LEAD | facts, currency="EUR")["value"]
    assert found.data_gaps == ("deals_without_fx_rate",)


def test_the_contribution_so_far_is_that_of_the_purchases_of_known_amount() -> None:
    found = explained("value", valued_purchase_count=4)
    history = next(reason for reason in found.reasons if reason.code == "R_VALUE_HISTORY")
    assert history.params["n"] == 4


def test_a_value_is_explained_by_purchases_and_margin() -> None:
    found = explained("value")
    assert found.reasons == (
        Reason("R_VALUE", {"value": euro("323.66")}, 323.66),
        Reason("R_VALUE_AT_RISK", {"p": 0.4903, "value": euro("158.69")}, -158.69),
        Reason("R_VALUE_PARTS", {"purchases": 1.5403, "margin": euro("80.00")}),
        Reason("R_VALUE_HISTORY", {"n": 6, "contribution": euro("540.00"), "service_cost": euro("12.50")}),
    )  # fmt: skip
    assert found.data_gaps == ()


@pytest.mark.parametrize(
    ("alone", "told"),
    [
        (100.0, [Reason("R_VALUE_RAISED", {"value": euro("195.33"), "alone": euro("100.00")})]),
        (250.0, [Reason("R_VALUE_LOWERED", {"value": euro("195.33"), "alone": euro("250.00")})]),
        (195.0, []),
        (None, []),
    ],
)
def test_what_the_own_past_adds_to_a_value_is_told(alone: float | None, told: list[Reason]) -> None:
    reasons = explained("value", clv_365=195.3272, rhythm_clv_365=alone).reasons
    found = [each for each in reasons if each.code in ("R_VALUE_RAISED", "R_VALUE_LOWERED")]
    assert found == told


def test_what_is_missing_for_a_value_is_a_gap() -> None:
    assert explained("value", is_cost_estimated=True).data_gaps == ("cost_estimated",)
    assert explained("value", is_cost_estimated=1).data_gaps == ("cost_estimated",)
    assert explained("value", clv_alive_365=math.nan).data_gaps == ("value_unknown",)
    assert explained("value", clv_alive_365=None).data_gaps == ("value_unknown",)


def test_a_step_is_explained_by_goal_occasion_signal_and_parts() -> None:
    step = replace(STEP, motive_id="habit")
    found = explain_steps("expected_value", [step], [], gaps=["order_value_unknown"], money=EURO)
    assert found.reasons[:6] == (
        Reason("R_NEXT_STEP", {"instrument": "personal_attention", "strategy": "attachment", "goal": "satisfaction"}),
        Reason("R_EVENT", {"event": "rhythm_break"}),
        Reason("R_ANSWERS", {"signal": "inactivity"}),
        Reason("R_MOTIVE", {"motive": "habit", "strategy": "attachment"}),
        Reason("R_CHANNEL", {"channel": "phone"}),
        Reason("R_EV", {"ev": euro("15.84"), "effect": 0.0696, "value": euro("400.00"), "cost": euro("12.00")}),
    )  # fmt: skip
    assert codes(found)[6:] == ["R_EV_EFFECT", "R_EV_CONTACT"]
    assert found.data_gaps == ("order_value_unknown",)


def test_contributions_add_up_to_the_expected_value() -> None:
    step = replace(STEP, incentive_cost=3.0, risk_cost=1.5, expected_value=11.34)
    found = explain_steps("expected_value", [step], [], money=EURO)
    assert sum(reason.contribution or 0 for reason in found.reasons) == pytest.approx(11.34)
    assert {"R_EV_INCENTIVE", "R_EV_RISK"} < set(codes(found))


@pytest.mark.parametrize(
    ("basis", "code"),
    [
        ("do_nothing", "R_DO_NOTHING"),
        ("excluded", "R_NO_STEP_EXCLUDED"),
        ("terminated", "R_NO_STEP_TERMINATED"),
        ("blocked", "R_NO_STEP_BLOCKED"),
        ("termination_case", "R_NO_STEP_TERMINATION_CASE"),
        ("insufficient_data", "R_NO_STEP_VALUE"),
    ],
)
def test_no_step_has_a_stated_reason(basis: str, code: str) -> None:
    assert codes(explain_steps(basis, [], [], money=EURO)) == [code]


@pytest.mark.parametrize(
    ("instrument", "code"),
    [
        ("complaint_handling", "R_OPEN_COMPLAINT"),
        ("answer_message", "R_ANSWER_WAITING"),
        ("privacy_request", "R_PRIVACY_REQUEST"),
    ],
)
def test_what_is_owed_says_why_before_the_step_that_pays(instrument: str, code: str) -> None:
    owed = Step(0, STEP.recommendation_id, None, None, instrument)
    found = codes(explain_steps("obligation", [owed, STEP], [], money=EURO))
    assert found[:3] == [code, "R_NEXT_OBLIGATION", "R_NEXT_STEP"]


@pytest.mark.parametrize(
    ("instrument", "triage", "is_late", "code"),
    [
        ("privacy_request", None, False, "R_PRIVACY_REQUEST_DUE"),
        ("privacy_request", None, True, "R_PRIVACY_REQUEST_LATE"),
        ("complaint_handling", Triage(2, 0.5), False, "R_COMPLAINT_DUE"),
        ("complaint_handling", Triage(3, 0.5), False, "R_COMPLAINT_AT_ONCE"),
        ("complaint_handling", Triage(3, 0.5), True, "R_COMPLAINT_LATE"),
    ],
)
def test_what_is_owed_says_until_when_and_whether_that_has_passed(
    instrument: str, triage: Triage | None, is_late: bool, code: str
) -> None:
    until: Any = {"due_on": date(2026, 3, 31), "is_late": is_late, "triage": triage}
    owed = Step(0, STEP.recommendation_id, None, None, instrument, **until)
    (reason,) = (each for each in explain_step(owed, money=EURO) if each.code == code)
    assert reason.params["due"] == "2026-03-31"


def test_of_who_objects_to_profiling_nothing_else_is_said() -> None:
    found = explain(CUSTOMER | {"recommendation_basis": "profiling_objection"}, currency="EUR")
    assert set(found) == set(SCORES)
    assert set(map(str, found.values())) == {str(Explanation((Reason("R_OBJECTION", {}),)))}


@pytest.mark.parametrize(
    ("why", "code", "named"),
    [
        ("not_met", "R_UNMET_CONDITION", {"condition": "satisfied"}),
        ("holds", "R_HINDERING_CONDITION", {"condition": "satisfied"}),
        ("unknown", "R_UNKNOWN_CONDITION", {"condition": "satisfied"}),
        ("spend_cap", "R_SPEND_CAP", {}),
        ("decided", "R_DECIDED", {}),
        ("to_be_asked", "R_TO_BE_ASKED", {}),
    ],
)
def test_the_most_tempting_step_ruled_out_is_named_with_why(
    why: Any, code: str, named: dict[str, str]
) -> None:
    barred = RuledOut("attachment", "gift", 20.0, why, named.get("condition"))
    params: dict[str, Any] = {"instrument": "gift", "ev": euro("20.00"), **named}
    found = explain_steps("do_nothing", [], [barred], money=EURO)
    assert found.reasons[-1] == Reason(code, params)


def test_the_control_group_is_named_by_its_experiment() -> None:
    barred = RuledOut("attachment", "gift", 20.0, "holdout", experiment_id="gifts-2026")
    found = explain_steps("do_nothing", [], [barred], money=EURO)
    assert found.reasons[-1] == Reason("R_HOLDOUT", {"experiment": "gifts-2026"})


@pytest.mark.parametrize(
    ("currency", "amount", "text"),
    [
        ("EUR", 0.125, "0.12"),
        ("EUR", 0.375, "0.38"),
        ("EUR", -0.001, "0.00"),
        ("JPY", 1234.5, "1234"),
        ("KWD", 1.0005, "1.000"),
        ("EUR", 1e9, "1000000000.00"),
    ],
)
def test_money_is_rounded_half_even_to_the_minor_unit(
    currency: str, amount: float, text: str
) -> None:
    assert money_in(currency)(amount) == {"amount": text, "currency": currency}


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(ValueError, match="XXX"):
        explain(CUSTOMER, currency="XXX")


def test_an_empty_row_is_explained_by_nothing() -> None:
    assert {name: value.reasons for name, value in explain({}, currency="EUR").items()} == dict.fromkeys(SCORES, ())  # fmt: skip


def test_every_reason_of_a_whole_base_has_the_values_its_text_needs() -> None:
    customers, units = base(1_000, seed=5)
    found = recommend(customers, units, options=strategy_options(CATALOGUE))
    rows = pd.concat([customers, found, units[["has_active_contract"]]], axis=1)
    rows["gap_days"], rows["median_gap_days"], rows["gap_rank"] = 30.0, 20.0, 0.6
    rows["phase_rule"] = np.random.default_rng(2).integers(1, 11, len(rows))
    seen = set()
    for row in rows.to_dict("records"):
        named = {str(name): value for name, value in row.items()}
        for explanation in explain(named, currency="EUR").values():
            for reason in explanation.reasons:
                kinds = getattr(CATALOGUE.entry("reason_codes", reason.code), "params")  # noqa: B009
                assert set(kinds) == set(reason.params), reason.code
                seen.add(reason.code)
            for gap in explanation.data_gaps:
                CATALOGUE.entry("data_gaps", gap)
    assert len(seen) > 12


def test_a_probability_that_the_own_past_did_not_bend_is_said_to_be_uncalibrated() -> None:
    assert "churn_not_calibrated" in explained("churn_probability", churn_basis="signals").data_gaps
    assert (
        "churn_not_calibrated"
        not in explained("churn_probability", churn_basis="stacked").data_gaps
    )


def test_of_an_ended_relationship_the_value_says_so() -> None:
    gone = dict.fromkeys(("clv_alive_365", "clv_365", "churn_probability", "value_at_risk"))
    found = explained("value", state="terminated", **gone)
    assert codes(found)[0] == "R_VALUE_ENDED"
    assert "value_unknown" not in found.data_gaps
