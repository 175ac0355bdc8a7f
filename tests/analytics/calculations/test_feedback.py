"""Whether it worked: the worked examples F1 to F5, and simulations of what is promised about errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.calculations.feedback.arms import arm_numbers, is_control, window_days
from services.analytics.calculations.feedback.evaluation import evaluate
from services.analytics.calculations.feedback.learning import Belief, faded, learn
from services.analytics.calculations.feedback.money import (
    Moments,
    balance,
    moments,
    permuted_difference,
    welch_difference,
)
from services.analytics.calculations.feedback.parameters import FEATURES, FeedbackParameters
from services.analytics.calculations.feedback.rates import Counts, rate_uplift, sample_size
from services.analytics.calculations.feedback.responders import (
    find_responders,
    individual_effects,
)
from services.analytics.calculations.purchases import Booleans, Floats

PARAMETERS = FeedbackParameters()
QUICK = FeedbackParameters(permutations=199)
EXPERIMENTS = 400
WINBACK = Counts(k1=54, n1=300, k0=12, n0=120)


def test_f1_arms_follow_from_the_ids() -> None:
    u = arm_numbers("winback-2025q1", ["c-1001", "c-1002", "c-1000"])
    assert u.round(4).tolist() == [0.7292, 0.2717, 0.0798]
    assert is_control(u, holdout_share=0.10).tolist() == [False, False, True]


def test_f2_uplift_has_newcombes_interval() -> None:
    found = rate_uplift(WINBACK, parameters=PARAMETERS)
    assert (WINBACK.treated, WINBACK.control) == (0.18, 0.1)
    assert [round(x, 4) for x in (found.uplift, found.low, found.high)] == [0.08, 0.0026, 0.1433]
    assert found.verdict == "effective"


def test_f3_money_has_welchs_interval_and_comes_to_a_return() -> None:
    found = welch_difference(Moments(12, 30, 1000), Moments(8, 28, 250), confidence=0.95)
    assert [round(x, 4) for x in (found.estimate, found.low, found.high)] == [4, 0.0506, 7.9494]
    whole = balance(found.estimate, treated=1000, cost=1500)
    assert (whole.incremental, whole.net, round(whole.roi, 4)) == (4000, 2500, 1.6667)


def test_f4_sample_size_of_equal_arms_and_of_a_holdout() -> None:
    assert sample_size(0.10, 0.05).per_arm == 683
    held_out = sample_size(0.10, 0.05, holdout_share=0.10)
    assert held_out.treated == pytest.approx(9 * held_out.control, abs=9)
    assert held_out.treated + held_out.control > 2 * held_out.per_arm


def test_f5_a_result_is_weighed_with_the_belief_and_a_belief_fades() -> None:
    lesson = learn(Belief(0.05, 0.03), WINBACK)
    found = (lesson.after.mean, lesson.after.sd, lesson.data_weight)
    assert [round(x, 4) for x in found] == [0.0606, 0.023, 0.4141]
    later = faded(Belief(0.05, 0.03), days=365.25, parameters=PARAMETERS)
    assert later.sd**2 == pytest.approx(0.03**2 * 1.02**12)
    assert faded(Belief(0.05, 0.03), days=-5, parameters=PARAMETERS) == Belief(0.05, 0.03)


@given(st.lists(st.text("0123456789abcdef-", max_size=36), max_size=5), st.text(max_size=10))
def test_arms_do_not_depend_on_order_or_company(ids: list[str], key: str) -> None:
    together = arm_numbers(key, ids)
    assert ((together >= 0) & (together < 1)).all()
    assert together.tolist() == [float(arm_numbers(key, [each])[0]) for each in ids]


def test_windows_are_those_of_the_phase_and_in_retention_the_own_horizon() -> None:
    horizon = np.array([45.2, np.nan, 9000.0])
    for phase, days in (("acquisition", 60), ("development", 90), ("winback", 120)):
        assert window_days(phase, horizon, parameters=PARAMETERS).tolist() == [days] * 3
    assert window_days("retention", horizon, parameters=PARAMETERS).tolist() == [46, 90, 365]


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        (Counts(20, 300, 3, 29), "too_few"),
        (Counts(7, 300, 2, 100), "too_few"),
        (Counts(0, 300, 10, 100), "harmful"),
        (Counts(30, 300, 10, 100), "inconclusive"),
        (Counts(0, 0, 0, 0), "too_few"),
    ],
)
def test_verdicts(counts: Counts, verdict: str) -> None:
    assert rate_uplift(counts, parameters=PARAMETERS).verdict == verdict


def test_without_any_effect_at_most_4_percent_of_experiments_are_called_effective() -> None:
    dice = np.random.default_rng(7)
    called = {"effective": 0, "harmful": 0, "inconclusive": 0, "too_few": 0}
    for _ in range(EXPERIMENTS):
        counts = Counts(int(dice.binomial(900, 0.1)), 900, int(dice.binomial(100, 0.1)), 100)
        called[rate_uplift(counts, parameters=PARAMETERS).verdict] += 1
    assert called["effective"] <= 0.04 * EXPERIMENTS
    assert called["harmful"] <= 0.04 * EXPERIMENTS


def test_the_belief_converges_to_a_known_effect() -> None:
    dice, belief = np.random.default_rng(3), Belief(0.03, 0.02)
    for _ in range(40):
        counts = Counts(int(dice.binomial(1800, 0.18)), 1800, int(dice.binomial(200, 0.1)), 200)
        belief = learn(faded(belief, days=30, parameters=PARAMETERS), counts).after
    assert belief.mean == pytest.approx(0.08, abs=0.01)
    assert belief.sd < 0.01


def spend(
    dice: np.random.Generator, count: int, *, effect: float = 0.0
) -> tuple[Floats, Booleans, Floats]:
    """Draw zero-inflated log-normal spend of people who differ, arms, and what was expected of each."""
    level = dice.lognormal(0.0, 1.0, count)
    chance = np.clip(0.06 * level, 0.005, 0.9)
    is_treated = dice.random(count) >= 0.1
    bought = dice.random(count) < chance
    amount = 30 * np.sqrt(level) * dice.lognormal(-0.72, 1.2, count)
    return bought * amount + effect * is_treated, is_treated, 30 * chance * np.sqrt(level)


def test_on_skewed_spend_arms_drawn_anew_keep_the_level_welch_does_not_and_a_forecast_narrows() -> (
    None
):
    alarms, widths = np.zeros(2), np.zeros(2)
    for seed in range(250):
        value, is_treated, forecast = spend(np.random.default_rng(seed), 400)
        arms = [moments(value[rows]) for rows in (is_treated, ~is_treated)]
        welch = welch_difference(*arms, confidence=0.95)
        narrowed = permuted_difference(
            value, is_treated, forecast=forecast, seed=seed, parameters=QUICK
        )
        alarms += [found.low > 0 or found.high < 0 for found in (welch, narrowed)]
        if seed < 60:
            plain = permuted_difference(
                value, is_treated, forecast=np.zeros(400), seed=seed, parameters=QUICK
            )
            widths += [plain.high - plain.low, narrowed.high - narrowed.low]
    shares = alarms / 250
    # Three standard errors above 5 % are 9.1 %.
    assert shares[0] > 0.10
    assert shares[1] < 0.091
    assert widths[1] < 0.95 * widths[0]


def test_the_interval_of_money_covers_the_effect_and_is_the_same_for_a_seed() -> None:
    covered = 0
    for seed in range(40):
        value, is_treated, forecast = spend(np.random.default_rng(seed), 600, effect=4.0)
        found = permuted_difference(value, is_treated, forecast=forecast, seed=1, parameters=QUICK)
        assert found.low <= found.estimate <= found.high
        covered += found.low <= 4.0 <= found.high
    again = permuted_difference(value, is_treated, forecast=forecast, seed=1, parameters=QUICK)
    assert again == found
    assert covered >= 34


@pytest.mark.parametrize("treated", [0, 1, 4])
def test_an_arm_of_fewer_than_two_has_no_interval_and_equal_spend_no_width(treated: int) -> None:
    is_treated = np.arange(5) < treated
    same = permuted_difference(
        np.full(5, 7.0), is_treated, forecast=np.zeros(5), seed=1, parameters=QUICK
    )
    assert np.isnan(same.low) and np.isnan(same.high)
    equal = permuted_difference(
        np.full(6, 7.0), np.arange(6) < 3, forecast=np.arange(6.0), seed=1, parameters=QUICK
    )
    assert (equal.estimate, equal.low, equal.high) == pytest.approx((0, 0, 0), abs=1e-9)


def responding(
    dice: np.random.Generator, count: int, effect: float
) -> tuple[Floats, Booleans, Booleans]:
    """Draw people of whom only those with a high first feature respond."""
    features = dice.normal(size=(count, len(FEATURES)))
    is_treated = dice.random(count) > 0.3
    chance = 0.1 + effect * is_treated * (features[:, 0] > 0.4)
    return features, dice.random(count) < chance, is_treated


def test_responders_are_told_where_there_are_some_and_else_the_average_is_used() -> None:
    found = {}
    for effect, count in ((0.0, 30), (0.15, 15)):
        found[effect] = [
            find_responders(
                *responding(np.random.default_rng(seed), 4000, effect), seed=seed, parameters=QUICK
            )
            for seed in range(count)
        ]
    assert sum(each.basis == "individual" for each in found[0.0]) <= 2
    told = [each for each in found[0.15] if each.basis == "individual"]
    assert len(told) >= 11
    assert told[0].top.uplift > told[0].rest.uplift
    assert told[0].model is not None
    low, high = individual_effects(told[0].model, np.array([[-2.0, 0, 0, 0], [2.0, 0, 0, 0]]))
    assert high - low > 0.1
    few = find_responders(*responding(np.random.default_rng(1), 60, 0.15), seed=1, parameters=QUICK)
    assert (few.basis, few.model) == ("too_few", None)


def people(count: int) -> pd.DataFrame:
    dice = np.random.default_rng(5)
    is_treated = np.arange(count) % 4 > 0
    return pd.DataFrame(
        {
            "is_treated": is_treated,
            "has_succeeded": dice.random(count) < 0.1 + 0.2 * is_treated,
            "contribution": 20.0 * dice.random(count) + 10.0 * is_treated,
            "expected_contribution": np.where(np.arange(count) % 7, 10.0, np.nan),
            "tier": np.where(np.arange(count) % 2, "A", "B"),
            "contact_cost": 2.0,
            "recorded_cost": np.nan,
            **{name: dice.random(count) for name in FEATURES},
        },
        index=pd.Index([f"u{n}" for n in range(count)]),
    )


def test_an_experiment_is_judged_in_all_and_by_tier() -> None:
    found = evaluate(people(800), incentive=1.0, seed=1, parameters=QUICK)
    everybody, *tiers = found.rows
    assert [row.tier for row in found.rows] == [None, "A", "B"]
    assert sum((row.counts for row in tiers[1:]), tiers[0].counts) == everybody.counts
    assert (everybody.success.verdict, everybody.money_verdict) == ("effective", "effective")
    assert everybody.contribution.estimate == pytest.approx(10, abs=1)
    assert everybody.cost == 2.0 * 600 + everybody.counts.k1
    assert everybody.balance.net == pytest.approx(
        600 * everybody.contribution.estimate - everybody.cost
    )
    assert not found.is_harmful


def test_what_treating_is_known_to_have_cost_counts_instead_of_what_was_assumed() -> None:
    some = people(800)
    # The first is held out, the second treated.
    some.loc[["u0", "u1"], "recorded_cost"] = 50.0
    everybody = evaluate(some, incentive=1.0, seed=1, parameters=QUICK).rows[0]
    other_successes = everybody.counts.k1 - some["has_succeeded"].iloc[1]
    assert everybody.cost == 2.0 * 599 + other_successes + 50.0


def test_nobody_is_judged_as_nobody() -> None:
    found = evaluate(people(0), incentive=0.0, seed=1, parameters=QUICK)
    assert [row.success.verdict for row in found.rows] == ["too_few"]
    assert (found.responders.basis, found.is_harmful) == ("too_few", False)
