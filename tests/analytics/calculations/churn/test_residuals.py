"""The regression: its minimum is one, bounds are kept, totals are met, levels are believed if steady."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.calculations.churn.levels import seasonal_level, steady_level
from services.analytics.calculations.churn.parameters import ChurnParameters
from services.analytics.calculations.churn.residuals import (
    Link,
    Regression,
    fit_residual,
    inverse,
    total_shift,
)

LINKS: tuple[Link, ...] = ("logit", "log")


def problem(seed: int, link: Link, *, scale: float = 1.0) -> Regression:
    random = np.random.default_rng(seed)
    columns = random.normal(size=(300, 4)) * scale
    offset = random.normal(size=300)
    linear = offset + columns @ np.array([0.5, -0.5, 0.2, 0.0]) / scale
    mean = inverse(linear, link=link)
    drawn = random.random(300) < mean if link == "logit" else random.poisson(mean)
    outcome = np.asarray(drawn, dtype=np.float64)
    bound = np.array([np.inf, 0.0, 0.1, np.inf])
    return Regression(
        columns,
        outcome,
        offset,
        np.ones(300),
        np.array([0.0, -1.0, 0.0, 0.0]),
        np.array([5.0, 5.0, 1.0, 1e-3]),
        np.array([-np.inf, -np.inf, -np.inf, -0.05]),
        bound,
    )


@pytest.mark.parametrize("link", LINKS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([0.1, 1.0, 10.0]))
def test_no_direction_within_the_bounds_leads_further_down(
    link: Link, seed: int, scale: float
) -> None:
    rows = problem(seed, link, scale=scale)
    value = fit_residual(rows, link=link)
    assert ((value >= rows.lowest) & (value <= rows.highest)).all()
    mean = inverse(rows.offset + rows.columns @ value, link=link)
    gradient = rows.columns.T @ (mean - rows.outcome) + rows.precision * (value - rows.center)
    is_free = (value > rows.lowest + 1e-9) & (value < rows.highest - 1e-9)
    size = np.abs(rows.columns).sum()
    assert np.abs(gradient[is_free]).max(initial=0.0) < 1e-4 * size
    assert (gradient[value <= rows.lowest + 1e-9] > -1e-4 * size).all()
    assert (gradient[value >= rows.highest - 1e-9] < 1e-4 * size).all()


@pytest.mark.parametrize("link", LINKS)
def test_where_the_search_starts_and_the_order_of_rows_change_nothing(link: Link) -> None:
    rows = problem(3, link)
    found = fit_residual(rows, link=link)
    far = fit_residual(rows, link=link, start=np.array([3.0, -3.0, -3.0, 3.0]))
    np.testing.assert_allclose(far, found, atol=1e-6)
    order = np.random.default_rng(1).permutation(300)
    shuffled = replace(
        rows,
        columns=rows.columns[order],
        outcome=rows.outcome[order],
        offset=rows.offset[order],
    )
    np.testing.assert_allclose(fit_residual(shuffled, link=link), found, atol=1e-8)


@given(linear=st.lists(st.floats(-20, 20), min_size=1, max_size=30), share=st.floats(0.001, 0.999))
@settings(max_examples=50, deadline=None)
def test_a_shift_makes_the_total_what_it_is_to_be(linear: list[float], share: float) -> None:
    values = np.array(linear)
    total = share * len(values)
    for link in LINKS:
        shift = total_shift(values, total, link=link)
        assert inverse(values + shift, link=link).sum() == pytest.approx(total, rel=1e-4)


def test_totals_out_of_reach_shift_nothing() -> None:
    assert total_shift(np.zeros(3), 3.0, link="logit") == 0
    assert total_shift(np.zeros(3), 0.0, link="log") == 0
    assert total_shift(np.empty(0), 1.0, link="log") == 0


def test_levels_are_believed_as_far_as_origins_agree() -> None:
    parameters = ChurnParameters()

    def level(values: list[float], independent: float = 3.0) -> float:
        days_ago = [90.0 + 20 * place for place in range(len(values))]
        return steady_level(values, days_ago, independent=independent, parameters=parameters)

    assert level([]) == 0
    assert 0.22 < level([0.3] * 6) < 0.3
    assert abs(level([0.9, -0.3, 0.9, -0.3, 0.6, 0.0])) < 0.6 * 0.3
    assert level([0.3] * 6, independent=1.0) < level([0.3] * 6)
    assert level([-0.3] * 6) == pytest.approx(-level([0.3] * 6))
    assert level([0.4, 0.2, 0.0]) > level([0.0, 0.2, 0.4]) > 0
    assert level([0.3], independent=1.0) == pytest.approx(0.3 / 2)


def test_an_origin_of_the_same_season_tells_more_than_others() -> None:
    parameters = ChurnParameters()

    def level(levels: list[float]) -> float:
        return seasonal_level(levels, [90.0, 180.0, 270.0, 365.25], parameters=parameters)

    assert level([-0.5, -0.5, -0.5, 0.8]) > 0 > level([-0.5, 0.8, -0.5, -0.5])
    assert 0.2 < level([0.3] * 4) < 0.35
    assert level([0.0] * 4) == 0
