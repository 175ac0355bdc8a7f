"""Backtests: nothing later than an origin is used, yardsticks are naive, verdicts say what is so."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from services.analytics.calculations.backtest.card import backtest_document
from services.analytics.calculations.backtest.comparison import (
    PhaseAccuracy,
    compare_with_yardsticks,
)
from services.analytics.calculations.backtest.forecasters import (
    Forecast,
    Forecaster,
    purchase_model_forecaster,
)
from services.analytics.calculations.backtest.origins import (
    BacktestParameters,
    HistoryTooShort,
    Known,
    KnownAt,
    Origin,
    OriginOutside,
    Outcome,
    choose_origins,
    history_of,
    origin_at,
    outcome_of,
)
from services.analytics.calculations.backtest.running import (
    Backtest,
    run_backtest,
    without_history,
)
from services.analytics.calculations.backtest.verdict import judge_phases
from services.analytics.calculations.backtest.yardsticks import YARDSTICKS
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchases import Floats
from services.analytics.calculations.report import calculate
from tests.analytics.simulation import plain_deals, plain_units, simulate_base

QUICK = BacktestParameters(repetitions=50, origin_count=1)
MBG, BG = (
    purchase_model_forecaster(family, parameters=Parameters()) for family in ("mbg_nbd", "bg_nbd")
)


def base_of(purchases: dict[str, list[tuple[int, float]]]) -> KnownAt:
    """Make a base of named customers from the day and amount of each purchase."""
    rows = [
        (number, day, amount)
        for number, bought in enumerate(purchases.values())
        for day, amount in bought
    ]
    deals = plain_deals(
        [unit for unit, _, _ in rows],
        [day for _, day, _ in rows],
        amount=[amount for _, _, amount in rows],
    )
    units = plain_units(len(purchases)).assign(unit_id=list(purchases))
    return lambda until: Known(until, units, deals[deals["day"] <= until])


def simulated(count: int = 1_500, *, seed: int = 5) -> tuple[KnownAt, int]:
    base = simulate_base(count, seed=seed)
    return (
        lambda day: Known(day, base.units, base.deals[base.deals["day"] <= day]),
        base.as_of_day,
    )


def states_of(origin: Origin) -> list[str]:
    report = calculate(origin.known.units, origin.known.deals, as_of_day=origin.day)
    return [str(state) for state in report.customers["state"]]


def backtested(known_at: KnownAt, as_of_day: int, **options: object) -> Backtest:
    given = {"forecasters": (MBG, BG), "chosen": "mbg_nbd", "currency": "EUR", "parameters": QUICK}
    return run_backtest(known_at, as_of_day=as_of_day, **(given | options))  # type: ignore[arg-type]


FEW = base_of(
    {
        "ann": [(0, 10.0), (50, 20.0), (110, 30.0), (110, 5.0)],
        "bob": [(20, 40.0)],
        "cyd": [(90, 7.0), (190, 8.0)],
        "dee": [(130, 9.0)],
    }
)


def test_an_outcome_counts_what_came_after_the_origin_and_within_the_horizon_only() -> None:
    origin = origin_at(FEW, 100, horizon_days=60, share=1.0)
    assert origin.known.units["unit_id"].tolist() == ["ann", "bob", "cyd"]
    outcome = outcome_of(origin, FEW(200))
    assert outcome.purchase_count.tolist() == [1, 0, 0]
    assert outcome.spend.tolist() == [35.0, 0.0, 0.0]
    assert outcome.has_purchase.tolist() == [1, 0, 0]
    later = replace(FEW(200), units=FEW(200).units.assign(unit_id=["ann", "gone", "cyd", "dee"]))
    assert np.isnan(outcome_of(origin, later).has_purchase).tolist() == [False, True, False]


def test_a_forecaster_cannot_see_beyond_its_origin() -> None:
    origin = origin_at(FEW, 100, horizon_days=60, share=1.0)
    assert origin.known.deals["day"].max() <= 100
    assert origin.earlier(60).deals["day"].max() <= 60
    with pytest.raises(ValueError, match="after its origin"):
        origin.earlier(101)


def test_what_comes_after_the_horizon_changes_no_forecast() -> None:
    known_at, end = simulated(400)
    origin_day = end - 180

    def changed(day: int) -> Known:
        known = known_at(day)
        deals = known.deals
        return replace(known, deals=deals[(deals["day"] <= origin_day) | (deals["unit"] % 2 == 0)])

    for forecaster in (MBG, *YARDSTICKS):
        one, other = (
            forecaster.forecast(origin_at(at, origin_day, horizon_days=180, share=1.0))
            for at in (known_at, changed)
        )
        np.testing.assert_array_equal(one.purchase_probability, other.purchase_probability)


def test_yardsticks_say_what_their_names_promise() -> None:
    origin = origin_at(FEW, 120, horizon_days=60, share=1.0)
    said = {each.name: each.forecast(origin) for each in YARDSTICKS}
    # Since day 60: ann bought once for 35, bob never, cyd once for 7.
    assert said["same_as_last_period"].expected_spend.tolist() == [35.0, 0.0, 7.0]
    assert said["same_as_last_period"].purchase_probability.tolist() == [1, 0, 1]
    # The customers of day 60 were ann and bob; one of them has bought since, once, for 35.
    assert said["base_rate"].purchase_probability.tolist() == [0.5] * 3
    assert said["base_rate"].expected_purchases.tolist() == [0.5] * 3
    assert said["base_rate"].expected_spend.tolist() == [17.5] * 3
    assert not said["all_zero"].expected_purchases.any()
    # Silent for 10, 100 and 30 days.
    recency = said["recency"].purchase_probability
    assert recency[0] > recency[2] > recency[1]


def test_recency_ranks_also_where_there_is_no_period_to_learn_from() -> None:
    origin = origin_at(FEW, 100, horizon_days=200, share=1.0)
    (recency,) = (each for each in YARDSTICKS if each.name == "recency")
    said = recency.forecast(origin)
    assert said.purchase_probability.argsort().tolist() == [1, 0, 2]
    assert np.isnan(said.expected_purchases).all()


def test_origins_lie_a_horizon_apart_with_one_before_and_one_after() -> None:
    assert choose_origins(0, 546, horizon_days=180, count=5) == (366, 186)
    assert choose_origins(0, 546, horizon_days=180, count=1) == (366,)
    with pytest.raises(HistoryTooShort) as short:
        choose_origins(0, 300, horizon_days=180, count=1)
    assert (short.value.history_days, short.value.needed_days) == (300, 360)


def test_a_history_ends_where_the_records_do_and_not_on_a_day_long_after() -> None:
    assert history_of(FEW(200), horizon_days=60) == (0, 200)
    assert history_of(FEW(10_000), horizon_days=60) == (0, 190)


def test_a_day_that_cannot_be_looked_back_from_is_refused() -> None:
    known_at, end = simulated(100)
    with pytest.raises(OriginOutside):
        backtested(known_at, end, origin_days=[end - 10], horizon_days=60)
    with pytest.raises(HistoryTooShort):
        backtested(known_at, end, horizon_days=10_000)


def test_a_model_that_fits_the_base_beats_the_yardsticks_and_the_phases_fall() -> None:
    known_at, end = simulated()
    found = backtested(known_at, end, states_of=states_of)
    codes = [finding.code for finding in found.verdict]
    assert codes[0] == "V_OVERALL_BETTER"
    assert {"V_CHURN_BETTER", "V_CALIBRATED", "V_TOTAL_NEAR", "V_PHASES_FALL"} <= set(codes)
    (origin,) = found.origins
    accuracy = {each.forecaster: each.accuracy for each in origin.forecasters}
    assert accuracy["all_zero"].brier_score == pytest.approx(
        origin.buyer_count / origin.customer_count
    )
    own = next(each for each in origin.forecasters if each.forecaster == "mbg_nbd")
    assert sum(phase.customer_count for phase in own.phases) == origin.customer_count
    assert sum(each.customer_count for each in own.reliability) == origin.customer_count
    document = json.loads(json.dumps(backtest_document(found), allow_nan=False))
    assert len(document["origins"]) == 1


def test_a_score_that_does_not_beat_the_yardsticks_says_so() -> None:
    def guess(origin: Origin) -> Forecast:
        dice = np.random.default_rng(1).random(origin.customer_count)
        return Forecast(dice, dice, dice)

    known_at, end = simulated(600)
    found = backtested(known_at, end, forecasters=(Forecaster("signals", guess),), chosen="signals")
    assert found.verdict[0].code == "V_OVERALL_NOT"
    assert {"V_CHURN_WORSE", "V_SPEND_WORSE"} <= {finding.code for finding in found.verdict}


def test_a_comparison_is_positive_where_the_forecast_is_better_in_every_measure() -> None:
    dice = np.random.default_rng(2)
    risk = dice.random(2_000)
    came = (dice.random(2_000) < risk).astype(float)
    outcome = Outcome(came, came, came * 10)
    flat = np.full(2_000, came.mean())
    good, naive = Forecast(risk, risk, risk * 10), Forecast(flat, flat + 0.3, flat)
    found = compare_with_yardsticks(good, {"recency": naive}, outcome, parameters=QUICK)
    assert len(found) == 4
    for each in found:
        assert each.result == "better"
        assert 0 < each.low < each.difference < each.high
    back = compare_with_yardsticks(naive, {"recency": good}, outcome, parameters=QUICK)
    assert {each.result for each in back} == {"worse"}


def test_with_too_little_data_nothing_is_measured_and_what_is_needed_is_said() -> None:
    found = backtested(FEW, 200, horizon_days=60)
    (origin,) = found.origins
    assert origin.forecasters == ()
    assert origin.customer_count == 4
    (finding,) = found.verdict
    assert finding.code == "V_TOO_LITTLE"
    assert finding.params["customers"] == 4
    assert finding.params["customers_needed"] == 50
    nothing = without_history(
        HistoryTooShort(10, 60), as_of_day=200, chosen="mbg_nbd", parameters=QUICK
    )
    assert nothing.verdict[0].params == {"history": 10, "needed": 60}


@pytest.mark.parametrize(
    ("shares", "code"),
    [
        ((0.8, 0.4, 0.1), "V_PHASES_FALL"),
        ((0.8, 0.1, 0.2), "V_PHASES_MIXED"),
        ((0.8, 0.1, 0.1), "V_PHASES_MIXED"),
    ],
)
def test_phases_mean_something_only_if_the_share_that_buys_falls_strictly(
    shares: tuple[float, float, float], code: str
) -> None:
    phases = tuple(
        PhaseAccuracy(state, 20, 0.5, share, 1, 1, 1, 1)
        for state, share in zip(("retained", "at_risk", "lapsed"), shares, strict=True)
    )
    found = judge_phases(phases, parameters=QUICK)
    assert found.code == code
    assert found.params == dict(zip(("retained", "at_risk", "lapsed"), shares, strict=True))
    few = (*phases[:2], replace(phases[2], customer_count=19))
    assert judge_phases(few, parameters=QUICK).code == "V_PHASES_UNKNOWN"


def test_the_order_of_rows_and_the_numbers_of_units_change_nothing() -> None:
    known_at, end = simulated(500)

    def shuffled(day: int) -> Known:
        known = known_at(day)
        order = np.random.default_rng(day).permutation(len(known.units))
        turned = known.of(order)
        return replace(turned, deals=turned.deals.sample(frac=1, random_state=1))

    one, other = (
        rounded(backtest_document(backtested(at, end, states_of=states_of)))
        for at in (known_at, shuffled)
    )
    assert one == other


def rounded(value: Any) -> Any:
    """Round what sums in another order may change in its last digits."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value


def test_a_sample_is_of_the_same_customers_on_every_day() -> None:
    known_at, end = simulated(1_000)
    small = replace(QUICK, sample_size=200)
    found = backtested(known_at, end, parameters=small)
    assert 0.1 < found.sample_share < 0.3
    assert found.origins[0].customer_count < 300
    assert "V_SAMPLED" in {finding.code for finding in found.verdict}
    early, late = (
        set(origin_at(known_at, day, horizon_days=60, share=0.2).known.units["unit_id"])
        for day in (end - 300, end - 100)
    )
    assert early <= late


def test_without_amounts_revenue_is_unknown_and_said_to_be() -> None:
    known_at, end = simulated(400)

    def bare(day: int) -> Known:
        known = known_at(day)
        return replace(known, deals=known.deals.assign(amount=np.nan))

    found = backtested(bare, end)
    accuracy = found.origins[0].forecasters[0].accuracy
    assert np.isnan([accuracy.revenue_ratio, accuracy.normalized_gini]).all()
    assert not np.isnan(accuracy.area_under_curve)
    assert "V_NO_AMOUNTS" in {finding.code for finding in found.verdict}


def test_probabilities_are_of_a_purchase_within_the_horizon_and_grow_with_it() -> None:
    known_at, end = simulated(400)

    def forecast(horizon: int) -> Forecast:
        return MBG.forecast(origin_at(known_at, end, horizon_days=horizon, share=1.0))

    short, long = forecast(30), forecast(300)

    def within(values: Floats) -> bool:
        return bool(((values > 0) & (values < 1)).all())

    assert within(short.purchase_probability)
    assert within(long.purchase_probability)
    assert (long.purchase_probability > short.purchase_probability).all()
    # At most one purchase is as likely as expected, and more are on top.
    assert (long.expected_purchases > long.purchase_probability).all()
