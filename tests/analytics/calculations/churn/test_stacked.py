"""The stacked model: better where it is used, never up with silence or complaints, and explained."""

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.calculations.backtest import measures
from services.analytics.calculations.backtest.origins import Known, origin_at
from services.analytics.calculations.churn.features import (
    PURCHASE_SIGNS,
    Observation,
    features_at,
)
from services.analytics.calculations.churn.forecaster import stack_at, stacked_forecaster
from services.analytics.calculations.churn.parameters import ChurnParameters
from services.analytics.calculations.churn.stacked import ChurnModel, Residual, read_churn_model
from services.analytics.calculations.churn.targets import column_names
from services.analytics.calculations.parameters import Family, Parameters
from services.analytics.calculations.purchase_models.beta_geometric import MbgNbd
from services.analytics.calculations.purchase_models.fitting import fit_purchase_model
from tests.analytics.calculations.churn.logs import (
    CDNOW,
    Log,
    Trained,
    drifting_log,
    make_log,
    read_cdnow,
    train_on,
)
from tests.analytics.simulation import plain_units, simulate_histories

PARAMETERS = Parameters()
HORIZON = 180
SIGNALS = tuple(f"signal_{name}" for name, _ in ChurnParameters().signal_effects)


def complaining(log: Log, day: int) -> Observation:
    """Some complain, and those who do stay away more often than their history tells."""
    observed = log.until(day)
    unit = np.arange(log.unit_count)
    last = observed.purchases.last_day
    complains = (unit % 5 == 0) & (day - last < 200)
    return Observation(
        observed.purchases,
        observed.deals,
        pd.DataFrame({"signal_unresolved_complaint": np.where(complains, 0.8, np.nan)}),
    )


@pytest.fixture(scope="module")
def drifting() -> Trained:
    return train_on(
        drifting_log(), 20_520, churn=ChurnParameters(horizon_days=HORIZON), observed=complaining
    )


def admissible_model(trained: Trained, seed: int) -> ChurnModel:
    """Draw any effects that the bounds allow."""
    random = np.random.default_rng(seed)
    names = column_names(trained.features)
    effects = random.normal(0, 1, len(names))
    effects[0] = random.uniform(-0.9, 1)
    for place, name in enumerate(names):
        if name in PURCHASE_SIGNS:
            effects[place] = abs(effects[place]) * PURCHASE_SIGNS[name]
        elif name.startswith("signal_"):
            effects[place] = -abs(effects[place])
    far = np.where([name.startswith("signal_") for name in names], 0.0, -9.0)
    residual = Residual(
        names,
        tuple(effects),
        tuple(far),
        tuple(np.where(far < 0, 9.0, 1.0)),
        (0.0,) * len(names),
        0.0,
        random.normal(),
        0.0,
        5.0,
    )
    return replace(trained.model, residuals={"purchase": residual, "count": residual})


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), days=st.integers(1, 400), horizon=st.integers(1, 800))
def test_more_silence_never_lowers_the_risk(
    drifting: Trained, seed: int, days: int, horizon: int
) -> None:
    model = admissible_model(drifting, seed)
    known = drifting.log.until(drifting.day)
    later_purchases = replace(known.purchases, as_of_day=drifting.day + days)
    later = features_at(
        Observation(later_purchases, known.deals),
        base=model.base,
        rhythm=PARAMETERS.rhythm,
        parameters=ChurnParameters(),
    )
    now = drifting.features.assign(**dict.fromkeys(SIGNALS, 0.0))
    earlier, afterwards = (model.forecast(rows, float(horizon)) for rows in (now, later))
    for name in ("purchase", "count"):
        before, after = getattr(earlier, name), getattr(afterwards, name)
        assert (after <= before * (1 + 1e-9) + 1e-12).all()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    signal=st.sampled_from(SIGNALS),
    low=st.floats(0, 1),
    rise=st.floats(0, 1),
)
def test_a_stronger_signal_never_lowers_the_risk(
    drifting: Trained, seed: int, signal: str, low: float, rise: float
) -> None:
    model = admissible_model(drifting, seed)
    weak = model.probability(drifting.features.assign(**{signal: low}), 90.0)
    strong = model.probability(drifting.features.assign(**{signal: min(low + rise, 1.0)}), 90.0)
    assert (strong <= weak + 1e-12).all()


def test_the_stack_is_used_where_it_wins_and_then_wins_later_too(drifting: Trained) -> None:
    model = drifting.model
    assert model.basis == "stacked"
    choice = model.choices["purchase"]
    assert choice.reason == "better"
    assert choice.gain > choice.gain_error
    assert set(choice.measured) == {"stacked", "mbg_nbd", "bg_nbd", "pareto_nbd"}
    count, _ = drifting.log.came(drifting.day, HORIZON)
    bought = (count > 0) * 1.0
    stacked = model.probability(drifting.features, float(HORIZON))
    plain = replace(model, residuals={}).probability(drifting.features, float(HORIZON))
    assert measures.brier_score(stacked, bought) < measures.brier_score(plain, bought)
    calibration = measures.expected_calibration_error(stacked, bought)
    assert calibration < measures.expected_calibration_error(plain, bought)
    for each in model.by_horizon:
        assert each.customer_count > 0
        assert 0 < each.predicted < 1


def test_parts_tell_what_each_group_adds_to_the_churn_probability(drifting: Trained) -> None:
    model, features = drifting.model, drifting.features
    parts = model.contributions(features, 90.0)
    assert list(parts)[:2] == ["churn_part_history", "churn_part_money"]
    assert {str(name).removeprefix("churn_part_") for name in list(parts)[2:]} == {
        name.removeprefix("signal_") for name in SIGNALS
    }
    complaint = parts["churn_part_unresolved_complaint"]
    is_open = features["signal_unresolved_complaint"] > 0
    assert (complaint[is_open] > 0).all()
    assert (complaint[~is_open] == 0).all()
    churn = 1 - model.probability(features, 90.0)
    without = features.assign(signal_unresolved_complaint=0.0)
    np.testing.assert_allclose(complaint, churn - (1 - model.probability(without, 90.0)))
    assert np.corrcoef(parts["churn_part_history"], churn)[0, 1] > 0.9


def test_training_is_deterministic_and_does_not_depend_on_the_order_or_scale(
    drifting: Trained,
) -> None:
    shuffled = drifting.log.deals.sample(frac=1, random_state=2)
    shuffled = shuffled.assign(day=shuffled["day"] - 5_000, amount=shuffled["amount"] * 1_000)
    other = train_on(
        Log(shuffled, drifting.log.unit_count),
        drifting.day - 5_000,
        churn=ChurnParameters(horizon_days=HORIZON),
        observed=complaining,
    )
    ours, theirs = (
        each.model.forecast(each.features, each.features["own_horizon_days"].to_numpy())
        for each in (drifting, other)
    )
    np.testing.assert_allclose(theirs.purchase, ours.purchase, rtol=1e-6)
    np.testing.assert_allclose(theirs.count, ours.count, rtol=1e-6)
    np.testing.assert_allclose(theirs.spend, ours.spend * 1_000, rtol=1e-6)


def test_a_model_survives_a_way_through_json(drifting: Trained) -> None:
    def without_nan(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without_nan(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [without_nan(item) for item in value]
        return None if isinstance(value, float) and np.isnan(value) else value

    text = json.dumps(without_nan(asdict(drifting.model)), allow_nan=False)
    read = read_churn_model(json.loads(text))
    assert repr(read) == repr(drifting.model)


def test_a_base_that_is_as_its_model_says_keeps_its_model() -> None:
    model = MbgNbd(0.9, 60.0, 0.8, 3.2)
    unit, day = simulate_histories(1_500, model=model, span_days=700, seed=3)
    trained = train_on(
        make_log(unit, day + 20_000, 10.0), 20_700, churn=ChurnParameters(horizon_days=HORIZON)
    )
    plain = replace(trained.model, residuals={}).probability(trained.features, float(HORIZON))
    stacked = trained.model.probability(trained.features, float(HORIZON))
    assert np.abs(stacked - plain).mean() < 0.02


@pytest.mark.parametrize(
    ("units", "days", "amount", "reasons"),
    [
        (0, 700, 10.0, {"history_too_short"}),
        (1, 700, 10.0, {"too_few_customers", "history_too_short"}),
        (50, 700, 10.0, {"too_few_customers"}),
        (600, 30, 10.0, {"history_too_short"}),
    ],
)
def test_too_little_is_said_and_the_purchase_model_stays(
    units: int, days: int, amount: float, reasons: set[str]
) -> None:
    if units:
        unit, day = simulate_histories(
            units, model=MbgNbd(0.9, 60.0, 0.8, 3.2), span_days=days, seed=3
        )
    else:
        unit, day = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    trained = train_on(make_log(unit, day + 20_000, amount), 20_000 + days, churn=ChurnParameters())
    assert {choice.reason for choice in trained.model.choices.values()} <= reasons
    assert trained.model.basis == "rhythm"
    assert trained.model.contributions(trained.features, 30.0).shape == (len(trained.features), 0)
    forecast = trained.model.forecast(trained.features, 30.0)
    assert np.isfinite(forecast.purchase).all()


def test_without_amounts_purchases_are_still_learned() -> None:
    log = drifting_log(700)
    trained = train_on(
        Log(log.deals.assign(amount=np.nan), log.unit_count),
        20_520,
        churn=ChurnParameters(horizon_days=HORIZON),
    )
    forecast = trained.model.forecast(trained.features, 90.0)
    assert np.isnan(forecast.spend).all()
    assert np.isfinite(forecast.purchase).all()


def test_a_backtest_learns_from_what_was_known_before_its_origin() -> None:
    log = drifting_log(700)
    units = plain_units(log.unit_count)

    def known_at(day: int) -> Known:
        return Known(day, units, log.deals[log.deals["day"] <= day])

    origin = origin_at(known_at, 20_520, horizon_days=HORIZON, share=1.0)
    found = stacked_forecaster(stack_at(PARAMETERS), parameters=PARAMETERS).forecast(origin)
    assert len(found.purchase_probability) == origin.customer_count
    count = (log.came(20_520, HORIZON)[0] > 0)[
        origin.known.units["unit_id"].str.removeprefix("unit-").astype(int)
    ]
    assert measures.area_under_curve(found.purchase_probability, count * 1.0) > 0.7


@pytest.mark.skipif(not CDNOW.is_dir(), reason=f"the CDNOW data set is missing at {CDNOW}")
def test_cdnow_is_forecast_better_than_by_any_purchase_model() -> None:
    log = read_cdnow()
    day, horizon = int(log.deals["day"].min()) + 272, 273
    trained = train_on(log, day, churn=ChurnParameters(horizon_days=horizon))
    count, spend = trained.log.came(day, horizon)
    bought = (count > 0) * 1.0
    found = trained.model.forecast(trained.features, float(horizon))
    assert measures.area_under_curve(found.purchase, bought) > 0.774
    assert measures.brier_score(found.purchase, bought) < 0.158
    assert measures.expected_calibration_error(found.purchase, bought) < 0.035
    assert measures.normalized_gini(found.spend, spend) > 0.68
    x, t_x, age = (
        trained.features[name].to_numpy() for name in ("repeat_count", "recency_days", "age_days")
    )
    families: tuple[Family, ...] = ("mbg_nbd", "bg_nbd", "pareto_nbd")
    for family in families:
        rhythm = replace(PARAMETERS.rhythm, family=family)
        fit = fit_purchase_model(x, t_x, age, prior=PARAMETERS.prior, parameters=rhythm)
        plain = fit.model.purchase_probability(x, t_x, age, float(horizon))
        assert measures.area_under_curve(found.purchase, bought) > measures.area_under_curve(
            plain, bought
        )
        assert measures.brier_score(found.purchase, bought) < measures.brier_score(plain, bought)
