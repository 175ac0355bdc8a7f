"""The purchase model is found again in published and simulated data, and never diverges."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.calculations.parameters import Family, Prior, RhythmParameters
from services.analytics.calculations.purchase_models import fitting
from services.analytics.calculations.purchase_models.beta_geometric import MbgNbd
from services.analytics.calculations.purchase_models.families import FAMILIES, prior_model
from services.analytics.calculations.purchase_models.fitting import (
    PurchaseFit,
    fit_histories,
    fit_purchase_model,
    read_purchase_fit,
)
from services.analytics.calculations.purchase_models.histories import (
    group_histories,
    merge_histories,
)
from services.analytics.calculations.purchases import Floats, summarize_purchases
from tests.analytics.calculations.purchase_models.simulated import MODELS, simulate_lives
from tests.analytics.simulation import plain_deals, simulate_histories

CDNOW = Path(__file__).resolve().parents[5] / "shared" / "data" / "transactions" / "cdnow"
FAMILY_NAMES: tuple[Family, ...] = get_args(Family)
PUBLISHED: dict[Family, tuple[tuple[float, ...], float]] = {
    # Fader, Hardie, Lee (2005), table 2
    "bg_nbd": ((0.243, 4.414, 0.793, 2.426), -9582.4),
    # Fader, Hardie (2005), A Note on Deriving the Pareto/NBD Model, and the paper above
    "pareto_nbd": ((0.553, 10.578, 0.606, 11.669), -9595.0),
    # BTYDplus for R, as the tests of the lifetimes package quote it
    "mbg_nbd": ((0.525, 6.183, 0.891, 1.614), -9582.1),
}


def fit_plainly(x: Floats, t_x: Floats, age: Floats, family: Family) -> PurchaseFit:
    return fit_purchase_model(x, t_x, age, prior=None, parameters=RhythmParameters(family=family))


def fit_days(x: Floats, t_x: Floats, age: Floats, family: Family = "mbg_nbd") -> PurchaseFit:
    return fit_purchase_model(
        x, t_x, age, prior=Prior(), parameters=RhythmParameters(family=family)
    )


def values_of(fit: PurchaseFit) -> list[float]:
    return [getattr(fit.model, field.name) for field in fields(fit.model)]


def assert_published(fit: PurchaseFit) -> None:
    estimates, log_likelihood = PUBLISHED[fit.family]
    assert fit.is_converged
    assert round(fit.log_likelihood, 1) == log_likelihood
    np.testing.assert_allclose(values_of(fit), estimates, rtol=2e-4, atol=5e-4)
    assert all(np.isfinite(error) for error in fit.standard_errors.values())


@pytest.mark.skipif(not CDNOW.is_dir(), reason=f"the CDNOW data set is missing at {CDNOW}")
@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_published_estimates_from_the_cdnow_summary(family: Family) -> None:
    summary = pd.read_csv(CDNOW / "cdnow_customers_summary.csv")
    assert len(summary) == 2_357
    x, t_x, age = (
        summary[name].to_numpy(dtype=np.float64) for name in ("frequency", "recency", "T")
    )
    assert_published(fit_plainly(x, t_x, age, family))


@pytest.mark.skipif(not CDNOW.is_dir(), reason=f"the CDNOW data set is missing at {CDNOW}")
def test_published_bg_nbd_estimates_from_the_cdnow_purchases() -> None:
    log = pd.read_csv(
        CDNOW / "CDNOW_sample.txt",
        sep=r"\s+",
        names=["master_id", "customer", "date", "quantity", "amount"],
    )
    days = pd.to_datetime(log["date"].astype(str)).to_numpy().astype("datetime64[D]").astype(int)
    end = np.datetime64("1997-09-30").astype(int)
    log, days = log[days <= end], days[days <= end]
    unit, _ = pd.factorize(log["customer"])
    deals = plain_deals(unit.tolist(), days.tolist(), amount=log["amount"].to_list())
    purchases = summarize_purchases(deals, unit_count=int(unit.max()) + 1, as_of_day=int(end))
    assert len(purchases.purchase_count) == 2_357
    assert_published(
        fit_plainly(
            purchases.repeat_count.astype(np.float64),
            purchases.recency_days / 7,
            purchases.age_days / 7,
            "bg_nbd",
        )
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_simulated_parameters_are_recovered_within_15_percent(seed: int) -> None:
    truth = MbgNbd(1.2, 60.0, 0.8, 3.2)
    unit, day = simulate_histories(2_000, model=truth, span_days=1_500, seed=seed)
    deals = plain_deals(unit.tolist(), day.tolist())
    purchases = summarize_purchases(deals, unit_count=2_000, as_of_day=1_500)
    fit = fit_days(
        purchases.repeat_count.astype(np.float64), purchases.recency_days, purchases.age_days
    )
    assert fit.basis == "fitted"
    assert fit.is_converged
    found = fit.model
    assert isinstance(found, MbgNbd)
    assert found.r / found.alpha == pytest.approx(truth.r / truth.alpha, rel=0.15)
    assert found.a / (found.a + found.b) == pytest.approx(truth.a / (truth.a + truth.b), rel=0.15)


def test_no_customers_give_exactly_the_prior() -> None:
    for family in FAMILY_NAMES:
        fit = fit_days(np.empty(0), np.empty(0), np.empty(0), family)
        assert fit.model == prior_model(Prior(), family)
        assert (fit.basis, fit.is_converged, fit.log_likelihood) == ("prior", True, 0.0)
        assert list(fit.standard_errors.values()) == pytest.approx(values_of(fit))
    assert prior_model(Prior(), "mbg_nbd") == MbgNbd(2.0, 180.0, 0.8, 3.2)


DEGENERATE = {
    "one customer": (np.array([3.0]), np.array([90.0]), np.array([120.0])),
    "one customer today": (np.array([0.0]), np.array([0.0]), np.array([0.0])),
    "all bought once": (np.zeros(500), np.zeros(500), np.arange(500.0)),
    "all bought today": (np.zeros(500), np.zeros(500), np.zeros(500)),
    "everybody alive": (np.full(500, 12.0), np.full(500, 360.0), np.full(500, 360.0)),
    "all alike": (np.full(500, 4.0), np.full(500, 100.0), np.full(500, 400.0)),
    "daily for twenty years": (np.full(50, 7_300.0), np.full(50, 7_300.0), np.full(50, 7_300.0)),
    "once in twenty years": (np.ones(300), np.full(300, 7_000.0), np.full(300, 7_300.0)),
}


@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_bases_give_finite_parameters_within_the_bounds(
    name: str, family: Family
) -> None:
    fit = fit_days(*DEGENERATE[name], family)
    logs = fit.model.logs - prior_model(Prior(), family).logs
    assert np.all(np.abs(logs) <= 5.0 + 1e-9)
    assert np.isfinite(fit.log_likelihood)
    assert fit.is_converged
    errors = np.array(list(fit.standard_errors.values()))
    assert np.all((errors > 0) | np.isnan(errors))
    assert np.isfinite(errors).any()


@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize("name", DEGENERATE)
def test_plain_maximum_likelihood_of_degenerate_bases_is_finite_or_unknown(
    name: str, family: Family
) -> None:
    fit = fit_plainly(*DEGENERATE[name], family)
    assert np.isfinite(values_of(fit)).all()
    assert np.isfinite(fit.log_likelihood)
    errors = np.array(list(fit.standard_errors.values()))
    assert np.all((errors > 0) | np.isnan(errors))


def test_bounds_hold_where_dropout_vanishes_in_a_large_base() -> None:
    random = np.random.default_rng(5)
    age = np.floor(random.uniform(300, 1_500, 15_000))
    x = random.poisson(age / 30)
    fit = fit_days(x.astype(np.float64), age, age)
    assert isinstance(fit.model, MbgNbd)
    assert np.log(fit.model.a / 0.8) >= -5.0 - 1e-9
    assert fit.model.r / fit.model.alpha == pytest.approx(1 / 30, rel=0.01)


def test_dropout_that_vanishes_leaves_a_finite_model_of_the_rates() -> None:
    random = np.random.default_rng(5)
    age = np.floor(random.uniform(300, 1_500, 500))
    x = random.poisson(age / 30).astype(np.float64)
    for family in FAMILY_NAMES:
        fit = fit_plainly(x, age, age, family)
        assert np.isfinite(values_of(fit)).all()
        assert fit.model.r / fit.model.alpha == pytest.approx(1 / 30, rel=0.02)
        expected = fit.model.expected_purchases(x, age, age, 365.0)
        assert expected.mean() == pytest.approx(365 / 30, rel=0.05)


def lives_of(family: Family, count: int = 150) -> tuple[Floats, Floats, Floats]:
    lives = simulate_lives(MODELS[family], count, oldest=900.0, horizon=0.0, seed=4)
    return lives.repeat_count, np.floor(lives.recency), np.floor(lives.age)


@pytest.mark.parametrize("factor", [1 / 36_525, 86_400.0])
@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_the_unit_of_time_scales_the_times_only(family: Family, factor: float) -> None:
    x, t_x, age = lives_of(family)
    is_time = np.array([False, True, False, family == "pareto_nbd"])
    parameters = RhythmParameters(family=family)
    for prior, scaled_prior in (
        (None, None),
        (Prior(), Prior(prior_interpurchase_days=90 * factor)),
    ):
        fit = fit_purchase_model(x, t_x, age, prior=prior, parameters=parameters)
        scaled = fit_purchase_model(
            x, t_x * factor, age * factor, prior=scaled_prior, parameters=parameters
        )
        by = np.where(is_time, factor, 1.0)
        np.testing.assert_allclose(values_of(scaled), values_of(fit) * by, rtol=1e-4)
        errors, scaled_errors = (list(each.standard_errors.values()) for each in (fit, scaled))
        np.testing.assert_allclose(scaled_errors, errors * by, rtol=1e-2)


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_order_and_parts_change_nothing_and_duplicates_only_the_errors(family: Family) -> None:
    x, t_x, age = lives_of(family)
    order = np.random.default_rng(1).permutation(len(x))
    parameters = RhythmParameters(family=family)
    fit = fit_plainly(x, t_x, age, family)
    assert fit_plainly(x[order], t_x[order], age[order], family) == fit
    parts = [group_histories(x[rows], t_x[rows], age[rows]) for rows in np.array_split(order, 5)]
    assert fit_histories(merge_histories(parts), prior=None, parameters=parameters) == fit
    twice = fit_plainly(np.tile(x, 2), np.tile(t_x, 2), np.tile(age, 2), family)
    np.testing.assert_allclose(values_of(twice), values_of(fit), rtol=1e-4)
    np.testing.assert_allclose(
        list(twice.standard_errors.values()),
        np.array(list(fit.standard_errors.values())) / np.sqrt(2),
        rtol=1e-2,
    )


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_standard_errors_come_from_the_curvature_of_the_likelihood(family: Family) -> None:
    x, t_x, age = lives_of(family)
    fit, histories = fit_plainly(x, t_x, age, family), group_histories(x, t_x, age)
    kind, width = FAMILIES[family], 1e-3
    shifts = np.eye(4) * width

    def value_at(shift: Floats) -> float:
        return kind.log_likelihood(fit.model.logs + shift, histories)[0]

    information = [
        [
            value_at(one - other)
            + value_at(other - one)
            - value_at(one + other)
            - value_at(-one - other)
            for other in shifts
        ]
        for one in shifts
    ]
    expected = np.linalg.inv(np.array(information) / (4 * width**2))
    np.testing.assert_allclose(fit.log_covariance, expected, rtol=0.02, atol=1e-4)


def test_estimates_of_many_bases_scatter_as_their_standard_errors_say() -> None:
    truth, apart = MODELS["mbg_nbd"], []
    for seed in range(10):
        lives = simulate_lives(truth, 300, oldest=900.0, horizon=0.0, seed=seed)
        x, t_x, age = lives.repeat_count, np.floor(lives.recency), np.floor(lives.age)
        fit = fit_plainly(x, t_x, age, "mbg_nbd")
        rate = fit.model.logs[:2] @ [1, -1] - truth.logs[:2] @ [1, -1]
        variance = np.array([1, -1]) @ np.array(fit.log_covariance)[:2, :2] @ [1, -1]
        apart.append(rate / np.sqrt(variance))
    assert abs(np.mean(apart)) < 1
    assert 0.6 < np.std(apart) < 1.5


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_a_fit_survives_json(family: Family) -> None:
    for fit in (
        fit_days(*lives_of(family, 50), family),
        fit_plainly(*DEGENERATE["all alike"], family),
    ):
        document = json.loads(json.dumps(asdict(fit)))
        again = read_purchase_fit(document)
        assert repr(again) == repr(fit)


@settings(max_examples=5, deadline=None)
@given(
    units=st.lists(
        st.tuples(st.integers(0, 2_000), st.integers(0, 7_305), st.integers(0, 7_305)), max_size=6
    ),
    family=st.sampled_from(FAMILY_NAMES),
)
def test_no_base_makes_the_estimate_diverge(
    units: list[tuple[int, int, int]], family: Family
) -> None:
    x, gap, more = np.array(units, dtype=np.float64).reshape(-1, 3).T
    t_x = np.where(x > 0, gap, 0.0)
    for fit in (fit_days(x, t_x, t_x + more, family), fit_plainly(x, t_x, t_x + more, family)):
        assert np.isfinite(values_of(fit)).all()
        assert np.isfinite(fit.log_likelihood)


def test_a_base_larger_than_the_sample_ends_at_the_maximum_of_the_whole_base() -> None:
    truth = MbgNbd(0.8, 40.0, 0.8, 3.2)
    unit, day = simulate_histories(30_000, model=truth, span_days=1_000, seed=8)
    deals = plain_deals(unit.tolist(), day.tolist())
    purchases = summarize_purchases(deals, unit_count=30_000, as_of_day=1_000)
    x = purchases.repeat_count.astype(np.float64)
    histories = group_histories(x, purchases.recency_days, purchases.age_days)
    assert len(histories.weight) > 10_000
    fit = fit_days(x, purchases.recency_days, purchases.age_days)
    at = fit.model.logs
    _, gradient = FAMILIES["mbg_nbd"].log_likelihood(at, histories)
    penalty = at - np.log([2.0, 180.0, 0.8, 3.2])
    assert np.abs(gradient - penalty).max() / histories.weight.sum() < 1e-7


@pytest.mark.parametrize(
    ("repeat_buyers", "basis"),
    [(0, "prior"), (29, "prior"), (30, "blended"), (199, "blended"), (200, "fitted")],
)
def test_basis_follows_the_number_of_repeat_buyers(repeat_buyers: int, basis: str) -> None:
    x = np.repeat([1.0, 0.0], [repeat_buyers, 300 - repeat_buyers])
    fit = fit_days(x, x * 30, np.full(300, 90.0))
    assert (fit.repeat_buyer_count, fit.basis) == (repeat_buyers, basis)


@pytest.mark.parametrize(
    ("purchase_count", "basis", "expected"),
    [
        (3, "fitted", "high"),
        (2, "fitted", "medium"),
        (1, "fitted", "low"),
        (9, "blended", "medium"),
        (9, "prior", "low"),
        (0, "fitted", "low"),
    ],
)
def test_confidence(purchase_count: int, basis: fitting.Basis, expected: str) -> None:
    high, low = fitting.confidence_of(
        np.array([purchase_count]), basis=basis, parameters=RhythmParameters()
    )
    assert ("high" if high[0] else "low" if low[0] else "medium") == expected
