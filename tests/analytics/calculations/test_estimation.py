"""The purchase model is found again in published and simulated data, and never diverges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime
from scipy.special import betaln, gammaln
from services.analytics.calculations.estimation import fit_purchase_model, maximize_likelihood
from services.analytics.calculations.likelihood import (
    Family,
    group_histories,
    log_likelihood_and_gradient,
)

from services.analytics.calculations import estimation
from services.analytics.calculations.parameters import Prior, MbgNbd, RhythmParameters
from services.analytics.calculations.purchases import Floats, summarize_purchases
from tests.analytics.simulation import plain_deals, simulate_histories

CDNOW = Path(__file__).resolve().parents[4] / "shared" / "data" / "transactions" / "cdnow"
PUBLISHED = MbgNbd(0.243, 4.414, 0.793, 2.426)
PUBLISHED_LOG_LIKELIHOOD = -9582.4


def fit_weeks(x: Floats, t_x: Floats, age: Floats) -> tuple[MbgNbd, float, bool]:
    return maximize_likelihood(
        group_histories(x, t_x, age),
        family="bg_nbd",
        start=MbgNbd(1.0, 5.0, 1.0, 1.0),
        log_bound=10.0,
    )


def assert_published(fit: tuple[MbgNbd, float, bool]) -> None:
    model, log_likelihood, is_converged = fit
    assert is_converged
    assert round(log_likelihood, 1) == PUBLISHED_LOG_LIKELIHOOD
    found = (model.r, model.alpha, model.a, model.b)
    assert MbgNbd(*(round(value, 3) for value in found)) == PUBLISHED


def fit_days(x: Floats, t_x: Floats, age: Floats) -> estimation.PurchaseFit:
    return fit_purchase_model(x, t_x, age, prior=Prior(), parameters=RhythmParameters())


@pytest.mark.skipif(not CDNOW.is_dir(), reason=f"the CDNOW data set is missing at {CDNOW}")
def test_published_bg_nbd_estimates_from_the_cdnow_summary() -> None:
    summary = pd.read_csv(CDNOW / "cdnow_customers_summary.csv")
    assert len(summary) == 2_357
    assert_published(
        fit_weeks(
            summary["frequency"].to_numpy(dtype=np.float64),
            summary["recency"].to_numpy(dtype=np.float64),
            summary["T"].to_numpy(dtype=np.float64),
        )
    )


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
        fit_weeks(
            purchases.repeat_count.astype(np.float64),
            purchases.recency_days / 7,
            purchases.age_days / 7,
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
    assert found.r / found.alpha == pytest.approx(truth.r / truth.alpha, rel=0.15)
    assert found.a / (found.a + found.b) == pytest.approx(truth.a / (truth.a + truth.b), rel=0.15)


def test_no_customers_give_exactly_the_prior() -> None:
    fit = fit_days(np.empty(0), np.empty(0), np.empty(0))
    assert fit.model == MbgNbd(2.0, 180.0, 0.8, 3.2)
    assert (fit.basis, fit.is_converged, fit.log_likelihood) == ("prior", True, 0.0)


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


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_bases_give_finite_parameters_within_the_bounds(name: str) -> None:
    fit = fit_days(*DEGENERATE[name])
    prior = Prior().model
    found, middle = fit.model, np.array([prior.r, prior.alpha, prior.a, prior.b])
    logs = np.log([found.r, found.alpha, found.a, found.b]) - np.log(middle)
    assert np.all(np.abs(logs) <= 5.0 + 1e-9)
    assert np.isfinite(fit.log_likelihood)
    assert fit.is_converged


def test_bounds_hold_where_dropout_vanishes_in_a_large_base() -> None:
    random = np.random.default_rng(5)
    age = np.floor(random.uniform(300, 1_500, 40_000))
    x = random.poisson(age / 30)
    fit = fit_days(x.astype(np.float64), age, age)
    assert np.log(fit.model.a / 0.8) >= -5.0 - 1e-9
    assert fit.model.r / fit.model.alpha == pytest.approx(1 / 30, rel=0.01)


@pytest.mark.parametrize("family", ["mbg_nbd", "bg_nbd"])
def test_gradient_is_that_of_the_log_likelihood(family: Family) -> None:
    histories = group_histories([0, 1, 3, 40], [0, 20, 100, 700], [300, 20, 150, 720])

    def value_at(logs: Floats) -> float:
        return log_likelihood_and_gradient(logs, histories, family=family)[0]

    for logs in (np.log([0.5, 30.0, 0.7, 2.0]), np.log([3.0, 200.0, 0.1, 0.9])):
        numeric = approx_fprime(logs, value_at, 1e-7)
        _, gradient = log_likelihood_and_gradient(logs, histories, family=family)
        np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-4)


def test_log_likelihood_is_the_formula_of_the_specification() -> None:
    r, alpha, a, b = 1.3, 50.0, 0.7, 2.5
    x, t_x, age = np.array([0.0, 2.0, 9.0]), np.array([0.0, 80.0, 400.0]), np.array([10.0, 90, 900])
    expected = (
        gammaln(r + x)
        - gammaln(r)
        + r * np.log(alpha)
        + betaln(a, b + x + 1)
        - betaln(a, b)
        + np.logaddexp(
            -(r + x) * np.log(alpha + age),
            np.log(a / (b + x)) - (r + x) * np.log(alpha + t_x),
        )
    )
    value, _ = log_likelihood_and_gradient(
        np.log([r, alpha, a, b]), group_histories(x, t_x, age), family="mbg_nbd"
    )
    assert value == pytest.approx(float(expected.sum()), rel=1e-12)


def test_a_base_larger_than_the_sample_ends_at_the_maximum_of_the_whole_base() -> None:
    truth = MbgNbd(0.8, 40.0, 0.8, 3.2)
    unit, day = simulate_histories(30_000, model=truth, span_days=1_000, seed=8)
    deals = plain_deals(unit.tolist(), day.tolist())
    purchases = summarize_purchases(deals, unit_count=30_000, as_of_day=1_000)
    x = purchases.repeat_count.astype(np.float64)
    histories = group_histories(x, purchases.recency_days, purchases.age_days)
    assert len(histories.weight) > 10_000
    fit = fit_days(x, purchases.recency_days, purchases.age_days)
    at = np.log([fit.model.r, fit.model.alpha, fit.model.a, fit.model.b])
    _, gradient = log_likelihood_and_gradient(at, histories, family="mbg_nbd")
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
def test_confidence(purchase_count: int, basis: estimation.Basis, expected: str) -> None:
    high, low = estimation.confidence_of(
        np.array([purchase_count]), basis=basis, parameters=RhythmParameters()
    )
    assert ("high" if high[0] else "low" if low[0] else "medium") == expected
