"""Features: of one unit only, the same for any order, scale of money and shift of time, finite always."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.calculations.churn.features import (
    SHAPES,
    FeatureBase,
    Observation,
    estimate_feature_base,
    features_at,
)
from services.analytics.calculations.churn.parameters import ChurnParameters
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchase_models.beta_geometric import MbgNbd
from services.analytics.calculations.purchases import summarize_purchases
from tests.analytics.calculations.churn.logs import Log, make_log

MODEL = MbgNbd(1.0, 60.0, 0.8, 3.2)
PARAMETERS = Parameters()
DAY = 20_500


def log_of(seed: int = 1, units: int = 60) -> Log:
    random = np.random.default_rng(seed)
    unit = np.repeat(np.arange(units), random.integers(1, 9, units))
    return make_log(unit, random.integers(20_000, DAY, len(unit)), random.gamma(2, 20, len(unit)))


def base_of(observation: Observation) -> FeatureBase:
    return estimate_feature_base(
        observation, model=MODEL, rhythm=PARAMETERS.rhythm, value=PARAMETERS.value
    )


def features_of(observation: Observation, base: FeatureBase | None = None) -> pd.DataFrame:
    return features_at(
        observation,
        base=base or base_of(observation),
        rhythm=PARAMETERS.rhythm,
        parameters=ChurnParameters(),
    )


def test_features_of_parts_are_those_of_the_whole() -> None:
    log = log_of()
    whole = log.until(DAY)
    base = base_of(whole)
    expected = features_of(whole, base)
    for rest in range(3):
        part = log.deals[log.deals["unit"] % 3 == rest]
        found = features_of(Log(part, log.unit_count).until(DAY), base)
        pd.testing.assert_frame_equal(found, expected.loc[found.index])


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1_000),
    factor=st.sampled_from([0.01, 1.0, 1e6]),
    days=st.integers(-9_000, 9_000),
)
def test_order_of_rows_scale_of_money_and_shift_of_time_change_nothing(
    seed: int, factor: float, days: int
) -> None:
    log = log_of(seed)
    expected = features_of(log.until(DAY))
    deals = log.deals.sample(frac=1, random_state=seed)
    deals = deals.assign(day=deals["day"] + days, amount=deals["amount"] * factor)
    purchases = summarize_purchases(deals, unit_count=log.unit_count, as_of_day=DAY + days)
    found = features_of(Observation(purchases, deals))
    np.testing.assert_allclose(found[[*SHAPES]], expected[[*SHAPES]], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found["mean_order"], expected["mean_order"] * factor)


@pytest.mark.parametrize("amount", [np.nan, 0.0, -5.0, 1e15])
def test_features_are_finite_whatever_was_paid(amount: float) -> None:
    log = log_of()
    log = Log(log.deals.assign(amount=amount), log.unit_count)
    with np.errstate(over="ignore", invalid="ignore"):
        found = features_of(log.until(DAY))
    assert np.isfinite(found[[*SHAPES]].to_numpy()).all()


def test_an_empty_base_has_the_same_columns() -> None:
    log = log_of()
    empty = features_of(Log(log.deals.iloc[:0], 0).until(DAY))
    assert empty.empty
    assert list(empty) == list(features_of(log.until(DAY)))


def test_even_gaps_are_more_regular_than_uneven_ones_and_unknown_signals_are_absent_terms() -> None:
    unit = np.array([0] * 5 + [1] * 5)
    day = np.array([0, 30, 60, 90, 120, 0, 2, 4, 6, 120]) + 20_000
    observation = make_log(unit, day, 10.0).until(20_130)
    signals = pd.DataFrame({"signal_unresolved_complaint": [np.nan, 0.7]})
    observation = Observation(observation.purchases, observation.deals, signals)
    found = features_of(observation)
    assert found["regularity"][0] > 0.8 > 0.5 > found["regularity"][1]
    assert found["signal_unresolved_complaint"].tolist() == [0.0, 0.7]
    assert (found["signal_leave_intent"] == 0).all()
