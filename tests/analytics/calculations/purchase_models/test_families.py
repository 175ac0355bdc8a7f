"""All families: likelihoods are those of the literature, probabilities those of simulated lives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import betaln, gammaln

from services.analytics.calculations.purchase_models.beta_geometric import BgNbd, MbgNbd
from services.analytics.calculations.purchase_models.families import FAMILIES
from services.analytics.calculations.purchase_models.histories import (
    group_histories,
    merge_histories,
)
from services.analytics.calculations.purchase_models.model import PurchaseModel
from services.analytics.calculations.purchase_models.pareto import ParetoNbd
from services.analytics.calculations.purchases import Floats
from tests.analytics.calculations.purchase_models.simulated import MODELS, simulate_lives

FEW = group_histories([0, 1, 3, 40], [0, 20, 100, 700], [300, 20, 150, 720])
LOGS = [
    np.log([0.5, 30.0, 0.7, 2.0]),
    np.log([3.0, 200.0, 0.1, 0.9]),
    np.log([0.05, 300.0, 0.07, 9_000.0]),
]


@pytest.mark.parametrize("logs", LOGS, ids=["usual", "long-lived", "sparse"])
@pytest.mark.parametrize("family", FAMILIES)
def test_gradient_is_that_of_the_log_likelihood(family: str, logs: Floats) -> None:
    kind = FAMILIES[family]  # type: ignore[index]
    numeric = [
        (kind.log_likelihood(logs + step, FEW)[0] - kind.log_likelihood(logs - step, FEW)[0]) / 2e-4
        for step in np.eye(4) * 1e-4
    ]
    np.testing.assert_allclose(kind.log_likelihood(logs, FEW)[1], numeric, rtol=1e-6, atol=1e-6)


def test_log_likelihood_of_the_mbg_nbd_is_the_formula_of_the_specification() -> None:
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
    value, _ = MbgNbd.log_likelihood(np.log([r, alpha, a, b]), group_histories(x, t_x, age))
    assert value == pytest.approx(float(expected.sum()), rel=1e-12)


@pytest.mark.parametrize("model", [ParetoNbd(0.6, 10, 0.6, 12), ParetoNbd(2, 300, 1.0, 9)])
def test_log_likelihood_of_the_pareto_nbd_is_the_integral_over_the_time_of_death(
    model: ParetoNbd,
) -> None:
    r, alpha, s, beta = model.r, model.alpha, model.s, model.beta
    for x, t_x, age in ((0, 0, 50), (3, 30, 40), (12, 200, 600)):

        def dying(u: float, x: int = x) -> float:
            return float(s * (alpha + u) ** -(r + x) * (beta + u) ** -(s + 1))

        living = (alpha + age) ** -(r + x) * (beta + age) ** -s
        total = living + quad(dying, t_x, age, epsrel=1e-12, epsabs=0)[0]
        expected = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
        value, _ = ParetoNbd.log_likelihood(model.logs, group_histories([x], [t_x], [age]))
        assert value == pytest.approx(float(expected + np.log(total)), rel=1e-10)
        alive = model.alive_probability(*(np.array([float(each)]) for each in (x, t_x, age)))
        assert alive[0] == pytest.approx(living / total, rel=1e-10)


@pytest.mark.parametrize("family", MODELS)
def test_probabilities_and_expectations_are_those_of_simulated_lives(family: str) -> None:
    model, horizon = MODELS[family], 365.0
    lives = simulate_lives(model, 60_000, oldest=1_000.0, horizon=horizon, seed=3)
    history = (lives.repeat_count, lives.recency, lives.age)
    told = {
        "alive": (model.alive_probability(*history), lives.is_alive.astype(np.float64)),
        "buys": (
            model.purchase_probability(*history, horizon),
            (lives.later_count > 0).astype(np.float64),
        ),
        "purchases": (model.expected_purchases(*history, horizon), lives.later_count),
    }
    x = lives.repeat_count
    for rows in (x >= 0, x == 0, x == 1, (x > 1) & (x < 5), x >= 5):
        for name, (expected, happened) in told.items():
            apart = (happened - expected)[rows]
            assert abs(apart.mean()) < 4 * apart.std() / np.sqrt(rows.sum()) + 1e-9, name


@pytest.mark.parametrize("family", MODELS)
def test_a_horizon_may_differ_by_unit(family: str) -> None:
    model = MODELS[family]
    x, age, horizon = np.array([0.0, 3, 3]), np.array([10.0, 400, 400]), np.array([30.0, 90.5, 365])
    for method in (model.buying_if_alive, model.expected_if_alive):
        alone = [
            method(x[row : row + 1], age[row : row + 1], float(horizon[row]))[0] for row in range(3)
        ]
        np.testing.assert_allclose(method(x, age, horizon), alone, rtol=1e-9)


EXTREME: dict[str, PurchaseModel] = {
    "mbg, dropout has vanished": MbgNbd(1.0, 60.0, 1e-6, 1e6),
    "mbg, a to infinity": MbgNbd(1.0, 60.0, 1e5, 1e9),
    "bg, everybody drops out": BgNbd(0.3, 1e-4, 100.0, 1e-4),
    "bg, tiny b and a near 1": BgNbd(2.0, 40.0, 1 + 1e-9, 1e-4),
    "pareto, nobody dies": ParetoNbd(1.0, 60.0, 0.5, 1e9),
    "pareto, all die at once": ParetoNbd(1.0, 1e5, 5.0, 1e-4),
    "pareto, s at 1": ParetoNbd(0.02, 60.0, 1.0, 60.0),
    "pareto, all alike": ParetoNbd(1e4, 1e6, 1e4, 1e7),
}


@pytest.mark.parametrize("name", EXTREME)
def test_extreme_models_stay_within_what_is_possible(name: str) -> None:
    model = EXTREME[name]
    x = np.array([0.0, 0, 1, 5_000, 7_000, 40])
    t_x = np.array([0.0, 0, 7_000, 7_300, 7_300, 1])
    age = np.array([0.0, 7_305, 7_305, 7_300, 7_305, 7_305])
    alive = model.alive_probability(x, t_x, age)
    buys = model.purchase_probability(x, t_x, age, 365.0)
    expected = model.expected_purchases(x, t_x, age, 365.0)
    for values in (alive, buys):
        assert np.all((values >= 0) & (values <= 1))
    assert np.all(buys <= alive + 1e-12)
    assert np.all(expected >= buys - 1e-9)
    assert np.all(
        expected <= alive * 365 * (model.r + x) / (model.alpha + age) * (1 + 1e-9) + 1e-12
    )
    value, gradient = type(model).log_likelihood(model.logs, group_histories(x, t_x, age))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_a_pareto_nbd_without_death_is_the_nbd() -> None:
    model = ParetoNbd(1.0, 60.0, 0.5, 1e12)
    x, age = np.array([0.0, 4.0]), np.array([100.0, 900.0])
    np.testing.assert_allclose(
        model.buying_if_alive(x, age, 90.0), 1 - (1 + 90 / (60 + age)) ** -(1 + x), rtol=1e-9
    )
    np.testing.assert_allclose(
        model.expected_if_alive(x, age, 90.0), 90 * (1 + x) / (60 + age), rtol=1e-9
    )


def test_who_bought_once_is_alive_for_sure_in_the_bg_nbd_only() -> None:
    once = (np.zeros(1), np.zeros(1), np.full(1, 900.0))
    alive = {family: model.alive_probability(*once)[0] for family, model in MODELS.items()}
    assert alive["bg_nbd"] == 1
    assert alive["mbg_nbd"] < 0.5
    assert alive["pareto_nbd"] < 0.5


def test_histories_of_parts_merge_to_those_of_the_whole() -> None:
    random = np.random.default_rng(2)
    x, t_x, more = random.integers(0, 4, (3, 400)).astype(np.float64)
    for factor in (1.0, 0.1, 1e12):
        whole = group_histories(x, t_x * factor, (t_x + more) * factor)
        assert whole.unit_count == 400
        assert len(whole.weight) < 200
        parts = [
            group_histories(x[rows], t_x[rows] * factor, (t_x + more)[rows] * factor)
            for rows in np.array_split(random.permutation(400), 3)
        ]
        merged = merge_histories(parts)
        for name in ("repeat_count", "recency", "age", "weight"):
            np.testing.assert_array_equal(getattr(merged, name), getattr(whole, name))
    assert merge_histories([]).unit_count == 0
