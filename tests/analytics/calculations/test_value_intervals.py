"""Intervals of lifetime values hold what they promise, and say what makes them wide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from services.analytics.calculations.credibility import within_and_between_variance
from services.analytics.calculations.parameters import (
    Family,
    Prior,
    RhythmParameters,
    ValueParameters,
)
from services.analytics.calculations.purchase_models.fitting import (
    PurchaseFit,
    fit_purchase_model,
)
from services.analytics.calculations.purchase_models.intervals import (
    MarginSpread,
    parameter_variance,
)
from services.analytics.calculations.purchases import Floats
from services.analytics.calculations.value import lifetime_value
from services.analytics.calculations.value_intervals import INTERVAL_COLUMNS, value_intervals
from tests.analytics.calculations.purchase_models.simulated import MODELS, simulate_lives

X = np.array([0.0, 0.0, 2.0, 8.0, 40.0])
RECENCY = np.array([0.0, 0.0, 300.0, 690.0, 990.0])
AGE = np.array([0.0, 900.0, 700.0, 700.0, 1_000.0])
PARAMETERS = ValueParameters()


def fit_of(family: Family, count: int = 2_000) -> PurchaseFit:
    lives = simulate_lives(MODELS[family], count, oldest=1_000.0, horizon=0.0, seed=7)
    return fit_purchase_model(
        lives.repeat_count,
        np.floor(lives.recency),
        np.floor(lives.age),
        prior=Prior(),
        parameters=RhythmParameters(family=family),
    )


def intervals(
    fit: PurchaseFit,
    margin: float = 30.0,
    *,
    of_unit: float = 100.0,
    of_purchase: float = 400.0,
    can_be_negative: bool = False,
    contract_days: Floats | None = None,
) -> pd.DataFrame:
    spread = MarginSpread(np.full(len(X), of_unit), of_purchase, can_be_negative)
    return value_intervals(
        X,
        RECENCY,
        AGE,
        np.full(len(X), margin),
        margin_spread=spread,
        fit=fit,
        parameters=PARAMETERS,
        contract_days=contract_days,
    )


def clv(fit: PurchaseFit, margin: float = 30.0) -> Floats:
    alive = fit.model.alive_probability(X, RECENCY, AGE)
    margins = np.full(len(X), margin)
    return lifetime_value(X, AGE, alive, margins, model=fit.model, parameters=PARAMETERS).decision


@pytest.mark.parametrize("family", MODELS)
@pytest.mark.parametrize("days", [365, 1_095])
def test_nine_in_ten_realised_contributions_lie_in_their_interval(
    family: Family, days: int
) -> None:
    """Units with their own margin levels; all purchases with their own days and amounts."""
    count, random = 2_500, np.random.default_rng(9)
    lives = simulate_lives(MODELS[family], count, oldest=1_000.0, horizon=float(days), seed=9)
    level = 40 / random.gamma(3.0, 0.5, count)
    number = lives.repeat_count + 1
    unit = np.repeat(np.arange(count), number.astype(np.int64))
    margin = random.gamma(4.0, 0.25, len(unit)) * level[unit]
    total = np.bincount(unit, margin, count).astype(np.float64)
    within, between = within_and_between_variance(margin, number, total)
    weight = within / between
    expected_margin = (weight * total.sum() / number.sum() + total) / (weight + number)
    x, t_x, age = lives.repeat_count, np.floor(lives.recency), np.floor(lives.age)
    fit = fit_purchase_model(x, t_x, age, prior=Prior(), parameters=RhythmParameters(family=family))
    told = value_intervals(
        x,
        t_x,
        age,
        expected_margin,
        margin_spread=MarginSpread(within / (weight + number), within, can_be_negative=False),
        fit=fit,
        parameters=PARAMETERS,
    )
    later = np.repeat(np.arange(count), lives.later_count.astype(np.int64))
    brought = random.gamma(4.0, 0.25, len(later)) * level[later]
    brought *= 1.1 ** (-lives.later_time / 365)
    realised = np.bincount(later, brought, count)
    low, high = (told[f"clv_{days}_{end}"].to_numpy() for end in ("low", "high"))
    is_inside = (realised >= low - 1e-9) & (realised <= high + 1e-9)
    assert 0.85 <= is_inside.mean() <= 0.95
    likely = fit.model.purchase_probability(x, t_x, age, float(days)) > 0.5
    assert 0.85 <= is_inside[likely].mean() <= 0.95


@pytest.mark.parametrize("family", MODELS)
def test_the_expected_value_lies_in_the_interval_and_nothing_below_zero(family: Family) -> None:
    fit = fit_of(family)
    told = intervals(fit)
    assert tuple(told.columns) == INTERVAL_COLUMNS
    assert np.isfinite(told.to_numpy()).all()
    assert (told["clv_365_low"] >= 0).all()
    assert (told["clv_365_low"] <= clv(fit)).all()
    assert (told["clv_365_high"] >= clv(fit)).all()
    assert (told["clv_1095_high"] >= told["clv_365_high"]).all()
    assert (told["clv_365_standard_error"] > 0).all()


def test_losses_mirror_gains_and_margins_of_both_signs_give_both() -> None:
    fit = fit_of("mbg_nbd")
    gains, losses = intervals(fit, 30.0), intervals(fit, -30.0, can_be_negative=True)
    np.testing.assert_allclose(losses["clv_365_low"], -gains["clv_365_high"], rtol=1e-9)
    np.testing.assert_allclose(losses["clv_365_high"], -gains["clv_365_low"], rtol=1e-9)
    mixed = intervals(fit, 2.0, can_be_negative=True)
    assert (mixed["clv_365_low"].iloc[2:] < 0).all()
    assert (mixed["clv_365_high"] > 0).all()


def test_every_part_widens_the_interval() -> None:
    fit = fit_of("mbg_nbd", 200)
    unsure = replace(fit, log_covariance=tuple(tuple(row) for row in np.eye(4).tolist()))
    bare = intervals(fit, of_unit=0.0, of_purchase=0.0)["clv_365_standard_error"]
    for wider in (
        intervals(fit, of_unit=0.0)["clv_365_standard_error"],
        intervals(fit, of_purchase=0.0)["clv_365_standard_error"],
        intervals(unsure, of_unit=0.0, of_purchase=0.0)["clv_365_standard_error"],
    ):
        assert (wider > bare).all()


def test_the_error_from_the_parameters_is_that_of_drawn_parameters() -> None:
    fit = fit_of("pareto_nbd", 3_000)

    def expected(model: object) -> Floats:
        return fit.model.__class__.expected_purchases(model, X, RECENCY, AGE, 365.0)  # type: ignore[arg-type]

    variance = parameter_variance(expected, fit=fit)
    random = np.random.default_rng(1)
    logs = random.multivariate_normal(fit.model.logs, np.array(fit.log_covariance), 300)
    drawn = np.array([expected(type(fit.model).from_logs(each)) for each in logs])
    np.testing.assert_allclose(np.sqrt(variance), drawn.std(axis=0), rtol=0.25)


def test_parameters_of_unknown_error_leave_the_other_parts() -> None:
    fit = fit_of("mbg_nbd")
    unknown = replace(fit, log_covariance=((np.nan,) * 4,) * 4)
    told, known = intervals(unknown), intervals(fit)
    assert np.isfinite(told.to_numpy()).all()
    assert (told["clv_365_standard_error"] <= known["clv_365_standard_error"]).all()


def test_margins_of_unknown_spread_make_the_interval_unknown_not_narrow() -> None:
    told = intervals(fit_of("mbg_nbd"), of_purchase=np.nan, of_unit=np.nan)
    assert told.isna().all().all()


def test_the_optimistic_value_takes_the_unit_as_alive_and_its_margin_at_the_upper_bound() -> None:
    fit = fit_of("mbg_nbd")
    told = intervals(fit, -10.0, of_unit=4.0, can_be_negative=True)
    alive = fit.model.tabulate(X, AGE, months=12).within(months=12, discount_rate=0.1)
    np.testing.assert_allclose(told["clv_optimistic_365"], alive * (-10 + 1.644854 * 2), rtol=1e-6)


def test_a_contract_makes_the_value_likelier() -> None:
    fit = fit_of("mbg_nbd")
    plain, bound = intervals(fit), intervals(fit, contract_days=np.full(len(X), 400.0))
    assert (bound["clv_365_high"] >= plain["clv_365_high"] - 1e-9).all()
    assert bound["clv_365_high"].iloc[1] > plain["clv_365_high"].iloc[1]


def test_nobody_gives_the_same_columns() -> None:
    nobody = np.empty(0)
    told = value_intervals(
        *(nobody,) * 4,
        margin_spread=MarginSpread(nobody, 1.0, can_be_negative=False),
        fit=fit_of("mbg_nbd", 50),
        parameters=PARAMETERS,
    )
    assert tuple(told.columns) == INTERVAL_COLUMNS
    assert len(told) == 0
