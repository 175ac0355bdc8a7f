"""Expected purchases agree with the specification's formula, with integration and with chance."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import hyp2f1
from scipy.stats import beta

from services.analytics.calculations.parameters import DAYS_PER_MONTH
from services.analytics.calculations.purchase_models.beta_geometric import BetaGeometric, MbgNbd
from services.analytics.calculations.purchase_models.model import PurchaseModel
from services.analytics.calculations.purchase_models.pareto import ParetoNbd
from services.analytics.calculations.purchases import Floats, Integers
from tests.analytics.calculations.purchase_models.simulated import MODELS

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
    table = model.tabulate(x, age, months=36)
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
    table = model.tabulate(x, age, months=36)
    expected = [by_integration(model, *point, 1_095) for point in POINTS]
    np.testing.assert_allclose(table.within(months=36), expected, rtol=1e-6)


def test_without_dropout_the_expectation_is_that_of_the_purchase_rate() -> None:
    model = MbgNbd(1.0, 60.0, 1e-9, 500.0)
    x, age = np.array(POINTS, dtype=np.float64).T
    table = model.tabulate(x, age, months=12)
    np.testing.assert_allclose(table.within(months=12), 365 * (1 + x) / (60 + age), rtol=1e-6)


def futures(
    model: PurchaseModel, x: int, age: int, random: np.random.Generator, draws: int
) -> tuple[Floats, Floats]:
    """Draw how often units alive buy in 36 months, and the sum of their discounts."""
    rate = random.gamma(model.r + x, 1 / (model.alpha + age), draws)
    if isinstance(model, ParetoNbd):
        hazard = random.gamma(model.s, 1 / (model.beta + age), draws)
        most, end = np.full(draws, np.inf), random.standard_exponential(draws) / hazard
    else:
        assert isinstance(model, BetaGeometric)
        dropout = random.beta(model.a, model.b + x + model.first_chance, draws)
        most, end = random.geometric(dropout).astype(np.float64), np.full(draws, np.inf)
    number, discounted, time = np.zeros((3, draws))
    buying = np.arange(draws)
    while len(buying):
        time[buying] += random.standard_exponential(len(buying)) / rate[buying]
        buying = buying[
            (time[buying] < np.minimum(1_095, end[buying])) & (number[buying] < most[buying])
        ]
        number[buying] += 1
        discounted[buying] += 1.1 ** (-time[buying] / 365)
    return number, discounted


@pytest.mark.parametrize(("x", "age"), [(0, 60), (5, 366), (30, 500)])
@pytest.mark.parametrize("family", MODELS)
def test_what_is_ahead_is_the_mean_of_simulated_futures(family: str, x: int, age: int) -> None:
    model, draws = MODELS[family], 40_000
    number, discounted = futures(model, x, age, np.random.default_rng(11), draws)
    ahead = model.tabulate(np.array([float(x)]), np.array([float(age)]), months=36)
    singles, pairs = ahead.moments_within(months=36, discount_rate=0.1)
    for drawn, expected in (
        (number, ahead.within(months=36)),
        (number > 0, ahead.buying_within(months=36)),
        (discounted, ahead.within(months=36, discount_rate=0.1)),
        (discounted**2, singles + pairs),
    ):
        error = drawn.std() / np.sqrt(draws)
        assert abs(drawn.mean() - expected[0]) < 4 * error + 2e-3 * expected[0]
    horizon = 1_095.0
    single = np.array([float(x)]), np.array([float(age)]), horizon
    assert model.expected_if_alive(*single)[0] == pytest.approx(ahead.within(months=36)[0])
    assert model.buying_if_alive(*single)[0] == pytest.approx(ahead.buying_within(months=36)[0])


def test_discounting_weighs_every_month_at_its_middle() -> None:
    x, age = np.array(POINTS, dtype=np.float64).T
    table = USUAL.tabulate(x, age, months=36)
    until = [np.zeros(len(POINTS)), *(table.within(months=month) for month in range(1, 37))]
    expected = sum(
        (until[month] - until[month - 1]) * 1.1 ** (-(month - 0.5) / 12) for month in range(1, 37)
    )
    np.testing.assert_allclose(table.within(months=36, discount_rate=0.1), expected, rtol=1e-9)


@pytest.mark.parametrize("family", MODELS)
def test_a_horizon_of_their_own_gives_units_what_that_horizon_gives_all(family: str) -> None:
    x, age = np.array(POINTS, dtype=np.float64).T
    table = MODELS[family].tabulate(x, age, months=36)
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
    table = USUAL.tabulate(x, age, months=36)
    whole, pairs = table.within(months=36), table.moments_within(months=36)[1]
    table.table_cells = 10_000
    np.testing.assert_allclose(table.within(months=36), whole, rtol=1e-13)
    np.testing.assert_allclose(table.moments_within(months=36)[1], pairs, rtol=1e-13)


def test_no_horizon_beyond_the_table_is_answered() -> None:
    table = USUAL.tabulate(np.ones(1), np.ones(1), months=12)
    with pytest.raises(ValueError, match="12 months"):
        table.within(months=13)


@pytest.mark.parametrize(
    "model", [*MODELS.values(), MbgNbd(0.3, 5.0, 1e-3, 9.0), ParetoNbd(3, 1e3, 2, 50)]
)
def test_a_unit_has_the_same_numbers_whatever_is_computed_beside_it_to_the_last_digit(
    model: PurchaseModel,
) -> None:
    dice, count = np.random.default_rng(3), 1_000
    x = np.floor(dice.gamma(0.6, 20, count))
    age = np.floor(dice.uniform(0, 3_000, count))
    recency, horizon = np.floor(age * dice.random(count)), dice.uniform(20, 900, count)
    months = dice.integers(0, 37, count)

    def computed(rows: Integers) -> Floats:
        ahead = model.tabulate(x[rows], age[rows], months=36)
        every = np.arange(len(rows))
        return np.stack(
            [
                model.alive_probability(x[rows], recency[rows], age[rows]),
                model.buying_if_alive(x[rows], age[rows], horizon[rows]),
                model.expected_if_alive(x[rows], age[rows], 365.0),
                ahead.within(months=36, discount_rate=0.1),
                *ahead.moments_within(months=12, discount_rate=0.1),
                ahead.buying_within(months=36),
                ahead.within_each(months[rows], discount_rate=0.1, rows=every),
            ]
        )

    whole = computed(np.arange(count))
    for size in (1, 1, 1, 2, 3, 17, 300):
        rows = dice.choice(count, size, replace=False)
        np.testing.assert_array_equal(computed(rows), whole[:, rows])
