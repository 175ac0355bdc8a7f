"""What the own past bends of values: as the stacked model forecasts, for a year, not under contract."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from services.analytics.calculations.churn.features import Observation, features_at
from services.analytics.calculations.churn.parameters import ChurnParameters
from services.analytics.calculations.churn.stacked import ChurnModel
from services.analytics.calculations.churn.targets import plain_forecasts
from services.analytics.calculations.churn.training import train
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchases import summarize_purchases
from services.analytics.calculations.report import Report, calculate
from tests.analytics.simulation import SimulatedBase, simulate_base

PARAMETERS = Parameters()
YEAR = 365.0


@pytest.fixture(scope="module")
def base() -> SimulatedBase:
    return simulate_base(900, seed=11)


@pytest.fixture(scope="module")
def plain(base: SimulatedBase) -> Report:
    return calculate(base.units, base.deals, as_of_day=base.as_of_day)


@pytest.fixture(scope="module")
def model(base: SimulatedBase, plain: Report) -> ChurnModel:
    """Trained on the base, and used for every target, whether it gains or not."""

    def known_on(day: int) -> Observation:
        deals = base.deals[base.deals["day"] <= day]
        purchases = summarize_purchases(deals, unit_count=len(base.units), as_of_day=day)
        return Observation(purchases, deals)

    return train(
        known_on(base.as_of_day),
        known_on,
        model=plain.estimates.purchase_fit.model,
        parameters=PARAMETERS,
        churn=ChurnParameters(gain_needed=-1e9, rivals=()),
    )


def bent_by(model: ChurnModel, base: SimulatedBase, plain: Report) -> pd.DataFrame:
    estimates = replace(plain.estimates, churn=model)
    return calculate(
        base.units, base.deals, as_of_day=base.as_of_day, estimates=estimates
    ).customers


def test_a_year_is_worth_what_the_stacked_model_forecasts(
    base: SimulatedBase, plain: Report, model: ChurnModel
) -> None:
    assert {"purchase", "spend"} <= set(model.residuals)
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
    free = ~base.units["has_active_contract"].to_numpy()[features.index]
    usual = plain_forecasts(features, YEAR, model=model.base.model)
    expected = model.expected_spend(features, YEAR) / usual.spend
    # Next to nothing is forecast as a little, and a share of it says nothing.
    free &= usual.count > 1e-3
    factor = bent["learned_factor"].to_numpy()[features.index]
    # The months of the value end a few hours before the days of the year.
    np.testing.assert_allclose(factor[free], expected[free], rtol=2e-3)
    assert np.std(factor[free]) > 0.01
    for name in ("clv_365", "clv_alive_365", "clv_365_low", "clv_365_high"):
        np.testing.assert_allclose(
            bent[name], before[name] * bent["learned_factor"], rtol=1e-9, equal_nan=True
        )


def test_later_years_stay_as_the_purchase_model_says(
    base: SimulatedBase, plain: Report, model: ChurnModel
) -> None:
    bent, before = bent_by(model, base, plain), plain.customers
    for long, short in (("clv_1095", "clv_365"), ("clv_alive_1095", "clv_alive_365")):
        np.testing.assert_allclose(
            bent[long] - bent[short], before[long] - before[short], rtol=1e-7, atol=1e-7
        )
    known = bent["clv_1095"].notna()
    assert (bent["clv_1095_low"] <= bent["clv_1095"] + 1e-9)[known].all()
    assert (bent["clv_1095_high"] >= bent["clv_1095"] - 1e-9)[known].all()


def test_values_under_contract_and_without_the_stack_are_not_bent(
    base: SimulatedBase, plain: Report, model: ChurnModel
) -> None:
    bent, before = bent_by(model, base, plain), plain.customers
    under_contract = base.units["has_active_contract"].to_numpy() & (before["purchase_count"] > 0)
    assert under_contract.any()
    names = ["clv_365", "clv_1095", "expected_purchases_365"]
    pd.testing.assert_frame_equal(
        bent.loc[under_contract, names], before.loc[under_contract, names]
    )
    simpler = replace(model, residuals={"spend": model.residuals["spend"]})
    pd.testing.assert_frame_equal(bent_by(simpler, base, plain)[names], before[names])
    assert (before["learned_factor"].dropna() == 1).all()
