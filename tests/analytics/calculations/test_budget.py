"""Plans under a budget: the worked example E6, and what must hold of every plan."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from services.analytics.calculations.budget.greedy import fill_by_efficiency, improve
from services.analytics.calculations.budget.offers import SLACK, Limit, Offers, Plan, fits
from services.analytics.calculations.budget.planning import plan_within
from services.analytics.calculations.purchases import Floats

NONE = float("nan")
E6_COST = np.array([[10, 30], [20, NONE], [5, 25], [15, NONE], [4, NONE]], dtype=np.float64)
E6_VALUE = np.array([[40, 70], [30, NONE], [25, 35], [12, NONE], [-2, NONE]], dtype=np.float64)


def best_by_trying(
    cost: Floats, value: Floats, budget: float, limits: Sequence[Limit] = ()
) -> float:
    """Return the value of the best plan, by looking at all plans."""
    best = 0.0
    for plan in itertools.product(range(-1, cost.shape[1]), repeat=len(cost)):
        chosen = [(row, place) for row, place in enumerate(plan) if place >= 0]
        if not all(value[at] > 0 for at in chosen):
            continue
        within = sum(cost[at] for at in chosen) <= budget + SLACK
        for limit in limits:
            inside = [at for at in chosen if limit.members[at]]
            within &= sum(cost[at] for at in inside) <= limit.budget + SLACK
            within &= len(inside) <= limit.most_customers
        if within:
            best = max(best, float(sum(value[at] for at in chosen)))
    return best


def check(plan: Plan, cost: Floats, value: Floats, budget: float) -> None:
    """Check that a plan adds up and keeps the budget and the bound."""
    rows = np.flatnonzero(plan.choice >= 0)
    chosen = plan.choice[rows]
    assert plan.spent == pytest.approx(cost[rows, chosen].sum())
    assert plan.value == pytest.approx(value[rows, chosen].sum())
    assert plan.spent <= budget + SLACK
    assert plan.value <= plan.bound * (1 + 1e-12)
    assert (value[rows, chosen] > 0).all()


def test_e6_is_chosen_as_in_the_specification() -> None:
    plan = plan_within(E6_COST, E6_VALUE, budget=60)
    assert plan.choice.tolist() == [1, 0, 0, -1, -1]
    assert (plan.value, plan.spent, plan.relaxed_bound) == (125, 55, 129)
    # It is proven to be the best, though the bound that divides customers lies above it.
    assert (plan.bound, plan.gap, plan.is_optimal) == (125, 0, True)
    assert plan.shadow_price == 0  # nothing new fits into 61


def test_whose_next_increment_does_not_fit_is_closed_and_changes_follow() -> None:
    offers = Offers.worthwhile(E6_COST, E6_VALUE, budget=57)
    relaxed = fill_by_efficiency(offers, 57)
    assert relaxed.choice.tolist() == [1, 0, 0, -1, -1]
    empty = np.full(5, -1)
    assert improve(offers, 57, empty).tolist() == [1, -1, 1, -1, -1]
    # By value per cost only the small one is taken; from the empty plan the large one is.
    cost, value = np.array([[1.0], [10.0]]), np.array([[2.0], [11.0]])
    assert plan_within(cost, value, budget=10).choice.tolist() == [-1, 0]


def test_what_is_free_comes_first_and_what_is_worth_nothing_never() -> None:
    cost = np.array([[0.0, 5.0], [0.0, 3.0], [0.0, NONE]])
    value = np.array([[4.0, 6.0], [-1.0, 2.0], [0.0, NONE]])
    assert plan_within(cost, value, budget=0).choice.tolist() == [0, -1, -1]
    assert plan_within(cost, value, budget=3).choice.tolist() == [0, 1, -1]
    everything = plan_within(cost, value, budget=100)
    assert everything.choice.tolist() == [1, 1, -1]
    assert (everything.gap, everything.shadow_price, everything.is_optimal) == (0, 0, True)
    nobody = plan_within(np.zeros((0, 3)), np.zeros((0, 3)), budget=10)
    assert (nobody.value, nobody.bound, nobody.gap) == (0, 0, 0)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Floats, Floats, float, list[Limit]]:
    rows, width = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    amounts = st.lists(
        st.integers(0, 12) | st.floats(0.01, 12), min_size=rows * width, max_size=rows * width
    )
    cost = np.array(draw(amounts), dtype=np.float64).reshape(rows, width)
    value = 2 * np.array(draw(amounts), dtype=np.float64).reshape(rows, width) - 4
    flags = st.lists(st.booleans(), min_size=rows * width, max_size=rows * width)
    limits = [
        Limit(
            np.array(draw(flags)).reshape(rows, width),
            draw(st.sampled_from([float("inf"), 4.0, 9.5])),
            draw(st.sampled_from([float("inf"), 0.0, 1.0, 2.0])),
        )
        for _ in range(draw(st.integers(0, 3)))
    ]
    return cost, value, draw(st.sampled_from([0.0, 5.0, 12.5, 30.0])), limits


@given(cases())
def test_a_small_plan_is_as_good_as_the_best_of_all(
    case: tuple[Floats, Floats, float, list[Limit]],
) -> None:
    cost, value, budget, limits = case
    for given_limits in ([], limits):
        plan = plan_within(cost, value, budget=budget, limits=given_limits)
        check(plan, cost, value, budget)
        best = best_by_trying(cost, value, budget, given_limits)
        assert plan.bound >= best - 1e-6
        assert plan.value <= best + 1e-6
        if plan.is_optimal:
            assert plan.value == pytest.approx(best, abs=1e-6)
        richer = plan_within(cost, value, budget=budget + 3, limits=given_limits)
        if plan.is_optimal and richer.is_optimal:
            assert richer.value >= plan.value - 1e-6


@given(cases())
def test_the_price_of_a_small_budget_is_what_one_more_unit_brings(
    case: tuple[Floats, Floats, float, list[Limit]],
) -> None:
    cost, value, budget, limits = case
    plan = plan_within(cost, value, budget=budget, limits=limits)
    if plan.is_optimal:
        more = best_by_trying(cost, value, budget + 1, limits)
        assert plan.shadow_price == pytest.approx(more - plan.value, abs=1e-6)


@pytest.mark.parametrize("budget", [0.0, 0.05, 0.1])
def test_a_budget_in_which_nothing_fits_has_a_price(budget: float) -> None:
    cost, value = np.array([[0.9], [0.95]]), np.array([[3.65], [3.0]])
    plan = plan_within(cost, value, budget=budget)
    assert (plan.value, plan.shadow_price, plan.gap) == (0, 3.65, 0)
    many = plan_within(np.full((7_000, 1), 50.0), np.full((7_000, 1), 100.0), budget=budget)
    assert many.shadow_price == 2.0


def best_by_highs(cost: Floats, value: Floats, budget: float, limits: Sequence[Limit]) -> float:
    """Return the value of the best plan as HiGHS finds it with all options and no bound of ours."""
    row, place = np.nonzero((value > 0) & (cost <= budget + SLACK))
    if not len(row):
        return 0.0
    each, weights, most = cost[row, place], [cost[row, place]], [budget]
    for limit in limits:
        inside = np.broadcast_to(limit.members, cost.shape)[row, place].astype(np.float64)
        weights += [each * inside, inside]
        most += [limit.budget, limit.most_customers]
    once = csr_array((np.ones(len(row)), (row, np.arange(len(row)))), shape=(len(cost), len(row)))
    found = milp(
        -value[row, place],
        integrality=np.ones(len(row), dtype=np.int64),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(once, -np.inf, 1),
            LinearConstraint(np.array(weights), -np.inf, most),
        ],
        options={"mip_rel_gap": 0.0},
    )
    assert found.status == 0
    return -float(found.fun)


@pytest.mark.parametrize("count", [50, 200])
@pytest.mark.parametrize("is_tied", [False, True])
def test_plans_of_some_hundred_customers_are_the_best_with_limits_or_without(
    count: int, is_tied: bool
) -> None:
    dice = np.random.default_rng(count)
    cost = np.round(dice.lognormal(1, 1, (count, 3)), 2)
    if is_tied:
        cost = dice.choice([0.12, 1.5, 2.0, 5.6, 12.0, 21.0], cost.shape)
    value = (
        dice.lognormal(2, 1, cost.shape) if is_tied else cost * dice.lognormal(0.3, 0.8, (count, 3))
    )
    value[dice.random(cost.shape) < 0.3] = np.nan
    channel, tier = dice.integers(0, 4, cost.shape), dice.integers(0, 3, (count, 1))
    limits = [
        Limit(channel == 0, budget=0.1 * count),
        Limit(channel == 1, most_customers=count // 30),
        Limit(tier == 0, budget=0.2 * count, most_customers=count // 10),
    ]
    for budget in (0.01 * count, 0.1 * count, 0.4 * count, 50.0 * count):
        for some in ([], limits[:1], limits):
            plan = plan_within(cost, value, budget=budget, limits=some)
            check(plan, cost, value, budget)
            assert fits(some, Offers.worthwhile(cost, value, budget=budget), plan.choice)
            best = best_by_highs(cost, value, budget, some)
            assert plan.is_optimal
            assert plan.gap == 0
            assert plan.value == pytest.approx(best, rel=1e-6)


def invented(count: int, width: int) -> tuple[Floats, Floats, np.random.Generator]:
    dice = np.random.default_rng(5)
    cost = np.round(dice.lognormal(1, 1.2, (count, width)), 2)
    value = cost * dice.lognormal(0.3, 0.8, (count, width)) - 2
    value[dice.random((count, width)) < 0.2] = np.nan
    return cost, value, dice


@pytest.mark.parametrize("budget", [300.0, 9_000.0, 1e6])
def test_many_customers_are_planned_almost_without_a_gap(budget: float) -> None:
    cost, value, _ = invented(5_000, 5)
    plan = plan_within(cost, value, budget=budget)
    check(plan, cost, value, budget)
    assert plan.gap < 1e-3
    more = plan_within(cost, value, budget=budget * 1.01)
    assert more.value >= plan.value
    # What one more unit brings is the price: value rises by no more than that.
    assert more.value - plan.relaxed_bound <= 0.01 * budget * plan.shadow_price + 1e-6


@pytest.mark.parametrize("is_tied", [False, True])
def test_limits_are_kept_and_their_gap_is_small_even_where_most_are_equally_good(
    is_tied: bool,
) -> None:
    cost, value, dice = invented(8_000, 3)
    if is_tied:
        cost = dice.choice([0.12, 2.0, 12.0, 21.0], cost.shape)
        value = dice.choice([1.0, 5.0, 20.0, 40.0], cost.shape)
    channel, tier = dice.integers(0, 4, cost.shape), dice.integers(0, 3, (len(cost), 1))
    limits = [
        Limit(channel == 0, budget=400.0),
        Limit(channel == 1, most_customers=107),
        Limit(tier == 0, budget=1_070.0, most_customers=240),
        Limit(tier == 2, most_customers=1e6),
    ]
    plan = plan_within(cost, value, budget=4_000, limits=limits)
    check(plan, cost, value, 4_000)
    assert plan.gap < 1e-3
    rows = np.flatnonzero(plan.choice >= 0)
    for limit, price in zip(limits, plan.limit_prices, strict=True):
        inside = np.broadcast_to(limit.members, cost.shape)[rows, plan.choice[rows]]
        assert cost[rows, plan.choice[rows]][inside].sum() <= limit.budget + SLACK
        assert inside.sum() <= limit.most_customers
        assert min(price.per_money, price.per_customer) >= 0
    assert plan.limit_prices[3].per_customer == 0
    if is_tied:
        again = plan_within(cost, value, budget=4_000, limits=limits)
        assert np.array_equal(again.choice, plan.choice)


def test_what_is_no_budget_is_refused() -> None:
    for budget in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="budget"):
            plan_within(E6_COST, E6_VALUE, budget=budget)
    with pytest.raises(ValueError, match="cost"):
        plan_within(-E6_COST, E6_VALUE, budget=1)
    with pytest.raises(ValueError, match="row"):
        plan_within(E6_COST[:3], E6_VALUE, budget=1)
