"""Expected purchases agree with the specification's formula, with integration and with chance."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import hyp2f1
from scipy.stats import beta
from services.analytics.calculations.expectation import (
    expected_purchases_of_ratio,
    tabulate_expected_purchases,
)

from services.analytics.calculations.parameters import DAYS_PER_MONTH, MbgNbd

USUAL = MbgNbd(1.0, 60.0, 0.8, 3.2)
POINTS = [(0, 0), (0, 400), (1, 30), (5, 366), (60, 700), (400, 3_000)]


def by_formula(model: MbgNbd, x: float, age: float, horizon: float) -> float:
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    ratio = (alpha + age) / (alpha + age + horizon)
    series = hyp2f1(r + x, b + x + 1, a + b + x, horizon / (alpha + age + horizon))
    return float((a + b + x) / (a - 1) * (1 - series * ratio ** (r + x)))


def by_integration(model: MbgNbd, x: float, age: float, horizon: float) -> float:
    ratio = horizon / (model.alpha + age)

    def gain(p: float) -> float:
        weight = beta.pdf(p, model.a, model.b + x + 1)
        return float(-np.expm1(-(model.r + x) * np.log1p(p * ratio)) / p * weight)

    edges = [0.0, *np.geomspace(1e-12, 1, 40)]
    return float(sum(quad(gain, *edge, epsrel=1e-11)[0] for edge in pairwise(edges)))


@pytest.mark.parametrize("months", [1, 12, 36])
@pytest.mark.parametrize(
    "model",
    [
        USUAL,
        MbgNbd(0.3, 15.0, 0.6, 2.0),
        MbgNbd(2, 180, 1.4, 3),
        MbgNbd(4, 9, 2, 9),
    ],
)
def test_expected_purchases_are_those_of_the_hypergeometric_formula(
    model: MbgNbd, months: int
) -> None:
    x, age = np.array(POINTS, dtype=np.float64).T
    table = tabulate_expected_purchases(x, age, model=model, months=36)
    expected = [by_formula(model, *point, months * DAYS_PER_MONTH) for point in POINTS]
    np.testing.assert_allclose(table.within(months=months), expected, rtol=1e-7)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(MbgNbd(1.0, 60.0, 1.0, 3.2), id="a = 1"),
        pytest.param(MbgNbd(1.0, 60.0, 1.0000001, 3.2), id="a near 1"),
        pytest.param(MbgNbd(0.02, 1.2, 118.0, 475.0), id="dropout certain"),
        pytest.param(MbgNbd(0.5, 0.01, 2.0, 3.2), id="tiny time scale"),
        pytest.param(MbgNbd(290.0, 26_000.0, 1.2, 0.03), id="all alike"),
    ],
)
def test_expected_purchases_are_integrals_where_the_formula_fails(model: MbgNbd) -> None:
    x, age = np.array(POINTS, dtype=np.float64).T
    table = tabulate_expected_purchases(x, age, model=model, months=36)
    expected = [by_integration(model, *point, 1_095) for point in POINTS]
    np.testing.assert_allclose(table.within(months=36), expected, rtol=1e-6)


def test_without_dropout_the_expectation_is_that_of_the_purchase_rate() -> None:
    model = MbgNbd(1.0, 60.0, 1e-9, 500.0)
    x, age = np.array(POINTS, dtype=np.float64).T
    table = tabulate_expected_purchases(x, age, model=model, months=12)
    np.testing.assert_allclose(table.within(months=12), 365 * (1 + x) / (60 + age), rtol=1e-6)


@pytest.mark.parametrize(("x", "age"), [(0, 60), (5, 366), (30, 500)])
def test_expected_purchases_are_the_mean_of_simulated_futures(x: int, age: int) -> None:
    random = np.random.default_rng(11)
    draws = 400_000
    rate = random.gamma(USUAL.r + x, 1 / (USUAL.alpha + age), draws)
    dropout = random.beta(USUAL.a, USUAL.b + x + 1, draws)
    purchases = np.minimum(random.poisson(rate * 365), random.geometric(dropout))
    error = purchases.std() / np.sqrt(draws)
    ratio = np.array([365 / (USUAL.alpha + age)])
    expected = expected_purchases_of_ratio(np.array([float(x)]), ratio, model=USUAL)[0, 0]
    assert abs(purchases.mean() - expected) < 4 * error


def test_discounting_weighs_every_month_at_its_middle() -> None:
    x, age = np.array(POINTS, dtype=np.float64).T
    table = tabulate_expected_purchases(x, age, model=USUAL, months=36)
    until = [np.zeros(len(POINTS)), *(table.within(months=month) for month in range(1, 37))]
    expected = sum(
        (until[month] - until[month - 1]) * 1.1 ** (-(month - 0.5) / 12) for month in range(1, 37)
    )
    np.testing.assert_allclose(table.within(months=36, discount_rate=0.1), expected, rtol=1e-9)


def test_a_horizon_of_their_own_gives_units_what_that_horizon_gives_all() -> None:
    x, age = np.array(POINTS, dtype=np.float64).T
    table = tabulate_expected_purchases(x, age, model=USUAL, months=36)
    rows, months = np.array([5, 0, 2]), np.array([0, 7, 36])
    own = table.within_each(months, discount_rate=0.1, rows=rows)
    expected = [
        0.0,
        table.within(months=7, discount_rate=0.1)[0],
        table.within(months=36, discount_rate=0.1)[2],
    ]
    np.testing.assert_allclose(own, expected, rtol=1e-10)


def test_a_table_built_in_blocks_is_the_same_table() -> None:
    random = np.random.default_rng(3)
    x, age = random.integers(0, [[300], [900]], (2, 2_000)).astype(np.float64)
    table = tabulate_expected_purchases(x, age, model=USUAL, months=36)
    whole = table.within(months=36)
    in_blocks = table.within(months=36, table_cells=10_000)
    np.testing.assert_allclose(in_blocks, whole, rtol=1e-13)
