"""What the own past bends of values: as the stacked model forecasts, for a year, not under contract."""

from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from services.analytics.calculations.churn.features import Observation, features_at
from services.analytics.calculations.churn.stacked import ChurnModel
from services.analytics.calculations.churn.training import train
from services.analytics.calculations.events import EVENT_COLUMNS, Events
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchases import summarize_purchases
from services.analytics.calculations.report import Report, calculate
from tests.analytics.calculations.churn.logs import drifting_log
from tests.analytics.simulation import SimulatedBase, plain_units, simulate_deals

PARAMETERS = Parameters()
YEAR = 365.0
Rows: TypeAlias = NDArray[np.intp]


@pytest.fixture(scope="module")
def base() -> SimulatedBase:
    """Customers whose rates wander, which no purchase model knows; some have a contract."""
    log = drifting_log()
    random = np.random.default_rng(3)
    unit, day = (log.deals[name].to_numpy() for name in ("unit", "day"))
    order = np.lexsort((day, unit))
    deals = simulate_deals(unit[order], day[order], count=log.unit_count, random=random)
    as_of_day = 20_520
    units = plain_units(log.unit_count)
    units["has_active_contract"] = random.random(log.unit_count) < 0.05
    return SimulatedBase(units, deals[deals["day"] <= as_of_day].reset_index(drop=True), as_of_day)


@pytest.fixture(scope="module")
def plain(base: SimulatedBase) -> Report:
    return calculate(base.units, base.deals, as_of_day=base.as_of_day)


@pytest.fixture(scope="module")
def model(base: SimulatedBase, plain: Report) -> ChurnModel:
    def known_on(day: int) -> Observation:
        deals = base.deals[base.deals["day"] <= day]
        purchases = summarize_purchases(deals, unit_count=len(base.units), as_of_day=day)
        return Observation(purchases, deals)

    return train(
        known_on(base.as_of_day),
        known_on,
        model=plain.estimates.purchase_fit.model,
        parameters=PARAMETERS,
    )


def bent_by(model: ChurnModel, base: SimulatedBase, plain: Report) -> pd.DataFrame:
    estimates = replace(plain.estimates, churn=model)
    return calculate(
        base.units, base.deals, as_of_day=base.as_of_day, estimates=estimates
    ).customers


def bought_before(base: SimulatedBase, before: pd.DataFrame) -> tuple[Rows, Rows]:
    """Return who has bought without, and under an active contract."""
    under_contract = base.units["has_active_contract"].to_numpy()
    has_bought = (before["purchase_count"] > 0).to_numpy()
    return np.flatnonzero(has_bought & ~under_contract), np.flatnonzero(has_bought & under_contract)


def test_a_year_brings_what_the_stacked_model_forecasts(
    base: SimulatedBase, plain: Report, model: ChurnModel
) -> None:
    assert {"purchase", "count"} == set(model.residuals)
    bent, before = bent_by(model, base, plain), plain.customers
    purchases = summarize_purchases(
        base.deals, unit_count=len(base.units), as_of_day=base.as_of_day
    )
    features = features_at(
        Observation(purchases, base.deals),
        base=model.base,
        rhythm=PARAMETERS.rhythm,
        parameters=PARAMETERS.churn,
    )
    free, _ = bought_before(base, before)
    expected = bent["expected_purchases_365"]
    forecast = pd.Series(model.forecast(features, YEAR).count, index=features.index)
    # What is certain to come within the own horizon is the least, and next to nothing is floored.
    told = [unit for unit in free if expected[unit] > 1.01 * (1 - bent["churn_probability"][unit])]
    told = [unit for unit in told if before["expected_purchases_365"][unit] > 1e-3]
    assert len(told) > 0.5 * len(free)
    np.testing.assert_allclose(expected[told], forecast[told], rtol=2e-3)
    assert np.std(expected[told] / before["expected_purchases_365"][told]) > 0.01


def test_bent_values_hold_together(base: SimulatedBase, plain: Report, model: ChurnModel) -> None:
    bent, before = bent_by(model, base, plain), plain.customers
    free, _ = bought_before(base, before)
    bent, before = bent.iloc[free], before.iloc[free]
    stays, alive = 1 - bent["churn_probability"], bent["alive_probability"]
    is_within_a_year = bent["churn_horizon_days"] <= YEAR
    assert (bent["expected_purchases_365"] >= stays - 1e-9)[is_within_a_year].all()
    assert (alive >= stays - 1e-9).all() and (alive <= 1).all()
    np.testing.assert_allclose(bent["clv_365"], alive * bent["clv_alive_365"], rtol=1e-7)
    np.testing.assert_allclose(bent["clv_1095"], alive * bent["clv_alive_1095"], rtol=1e-7)
    np.testing.assert_allclose(
        bent["clv_365"] / bent["expected_purchases_365"] / bent["margin_per_purchase"],
        0.954,
        atol=0.01,
    )
    np.testing.assert_allclose(bent["rhythm_clv_365"], before["clv_365"])
    for year in ("365", "1095"):
        value = bent[f"clv_{year}"]
        assert (bent[f"clv_{year}_low"] <= value + 1e-9).all()
        assert (bent[f"clv_{year}_high"] >= value - 1e-9).all()


def test_silence_that_means_more_moves_who_is_a_customer_not_what_a_customer_brings(
    base: SimulatedBase, plain: Report, model: ChurnModel
) -> None:
    bent, before = bent_by(model, base, plain), plain.customers
    free, _ = bought_before(base, before)
    bent, before = bent.iloc[free], before.iloc[free]
    lowered = bent["clv_365"] < 0.99 * before["clv_365"]
    assert lowered.any()
    assert (bent["clv_alive_365"] <= before["clv_alive_365"] * (1 + 1e-9))[lowered].all()
    raised = bent["clv_365"] > before["clv_365"] * 1.01
    assert raised.any()
    times = bent["clv_365"] / before["clv_365"]
    assert (bent["clv_alive_365"] <= times * before["clv_alive_365"] * (1 + 1e-9))[raised].all()
    assert (bent["alive_probability"] >= before["alive_probability"] - 1e-9)[raised].all()
    nearly_gone = raised & (before["alive_probability"] < 0.1) & (times < 3)
    assert (bent["clv_alive_365"] <= 1.2 * before["clv_alive_365"])[nearly_gone].all()


def test_later_years_stay_as_the_purchase_model_says(
    base: SimulatedBase, plain: Report, model: ChurnModel
) -> None:
    bent, before = bent_by(model, base, plain), plain.customers
    np.testing.assert_allclose(
        bent["clv_1095"] - bent["clv_365"],
        before["clv_1095"] - before["clv_365"],
        rtol=1e-7,
        atol=1e-7,
    )


def test_values_under_contract_and_without_the_stack_are_not_bent(
    base: SimulatedBase, plain: Report, model: ChurnModel
) -> None:
    bent, before = bent_by(model, base, plain), plain.customers
    _, under_contract = bought_before(base, before)
    assert len(under_contract)
    names = ["clv_365", "clv_1095", "expected_purchases_365", "alive_probability", "clv_365_high"]
    pd.testing.assert_frame_equal(
        bent.iloc[under_contract][names], before.iloc[under_contract][names]
    )
    simpler = replace(model, residuals={"count": model.residuals["count"]})
    pd.testing.assert_frame_equal(bent_by(simpler, base, plain)[names], before[names])
    pd.testing.assert_series_equal(before["rhythm_clv_365"], before["clv_365"], check_names=False)


@pytest.mark.parametrize("days", [5, 30, 200])
def test_more_silence_never_raises_what_is_expected(
    base: SimulatedBase, plain: Report, model: ChurnModel, days: int
) -> None:
    estimates = replace(plain.estimates, churn=model)
    now = bent_by(model, base, plain)
    later = calculate(
        base.units, base.deals, as_of_day=base.as_of_day + days, estimates=estimates
    ).customers
    free, _ = bought_before(base, now)
    free = free[(now["margin_per_purchase"] > 0).to_numpy()[free]]
    for name in ("expected_purchases_365", "clv_365"):
        assert (later[name] <= now[name] * (1 + 1e-9) + 1e-12).iloc[free].all(), name


def contracts_of(base: SimulatedBase, *, cancelled_day: float) -> Events:
    units = np.flatnonzero(base.units["has_active_contract"])
    rows = {
        "unit": units,
        "start_day": base.as_of_day - 200,
        "end_day": base.as_of_day + 100,
        "cancelled_day": cancelled_day,
        "amount": 50.0,
        "deal_id": [f"deal-{unit}" for unit in units],
    }
    contracts = pd.DataFrame(rows).astype(EVENT_COLUMNS["contracts"])
    return replace(Events.empty(), contracts=contracts)


@pytest.mark.parametrize("is_learned", [False, True])
def test_a_cancelled_contract_is_worth_its_rest_and_little_more(
    base: SimulatedBase, plain: Report, model: ChurnModel, is_learned: bool
) -> None:
    """Before, the rhythm took over, bent by a model that has seen no contract: the value rose."""
    estimates = replace(plain.estimates, churn=model) if is_learned else plain.estimates
    end = np.where(base.units["has_active_contract"], base.as_of_day + 100.0, np.nan)
    running = base.units.assign(contract_end_day=end)
    cancelled = running.assign(has_active_contract=False, contract_end_day=np.nan)

    def scored(units: pd.DataFrame, cancelled_day: float) -> pd.DataFrame:
        events = contracts_of(base, cancelled_day=cancelled_day)
        day = base.as_of_day
        return calculate(
            units, base.deals, events, as_of_day=day, estimates=estimates
        ).customers.loc[bought_before(base, plain.customers)[1]]

    before, after = scored(running, np.nan), scored(cancelled, base.as_of_day)
    earns = before["margin_per_purchase"] > 0
    before, after = before[earns], after[earns]
    assert (after["churn_probability"] > before["churn_probability"]).all()
    assert (after["alive_probability"] <= 1 - after["churn_probability"] + 1e-12).all()
    assert (after["clv_365"] < before["clv_365"]).all()
    left = after["alive_probability"] * after["clv_alive_365"]
    assert (after["clv_365"] > left).all()
    assert (after["clv_365_high"] >= after["clv_365"]).all()
