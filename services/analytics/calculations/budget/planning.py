"""The plan that brings most under a budget and limits; domain specification 6.8 (E-BUD)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from services.analytics.calculations.budget.exact import settle
from services.analytics.calculations.budget.greedy import Relaxed, fill_by_efficiency, improve
from services.analytics.calculations.budget.limited import choose_within
from services.analytics.calculations.budget.offers import (
    NOBODY,
    Limit,
    LimitPrice,
    Offers,
    Plan,
    fits,
)
from services.analytics.calculations.budget.prices import find_prices
from services.analytics.calculations.budget.resources import Resources
from services.analytics.calculations.purchases import Floats, Integers

MOST_LIMITS: Final = 20
_SECOND_PLAN_FROM: Final = 1e-4
"""Gap to the bound from which a plan built by value is tried beside the one by value per cost."""


def plan_within(
    cost: Floats, value: Floats, *, budget: float, limits: Sequence[Limit] = ()
) -> Plan:
    """Choose at most one option for each customer, of most value together within budget and limits.

    Without limits that bind: increments of each customer's efficient frontier by value per cost
    while they fit, then the best single changes; the better of this and of such changes from an
    empty plan. With limits: what everybody would choose at the prices of the Lagrangian dual, made
    to fit and filled up. Where few options are left open by the bound, the best plan of all. Free
    options come first, and doing nothing is always possible.

    Parameters
    ----------
    cost
        Of each option; base currency, not negative; shape (customers, options).
    value
        Its expected value; base currency; NaN where there is no such option; same shape. Options of
        no value are never chosen.
    budget
        What all may cost together; base currency, finite and not negative.
    limits
        What some of them may cost together, or how many customers they may be; at most 20.

    Returns
    -------
    Plan
        Choice, cost, value, an upper bound that holds for every plan, and what more of budget or of
        a limit would bring. The bound is the optimum of the linear relaxation, or with limits that
        bind the lowest that was found of the Lagrangian dual.

    Raises
    ------
    ValueError
        Shapes differ, there are too many limits, or a cost or the budget is negative or not finite.

    Notes
    -----
    Source: domain specification 6.8. The same input gives the same plan.
    """
    if len(limits) > MOST_LIMITS:
        raise ValueError(f"at most {MOST_LIMITS} limits")
    all_offers = Offers.worthwhile(cost, value, budget=budget)
    rows = np.flatnonzero(np.isfinite(all_offers.value).any(axis=1))
    offers = all_offers.take(rows)
    members = [
        Limit(np.broadcast_to(each.members, cost.shape)[rows], each.budget, each.most_customers)
        for each in limits
    ]
    relaxed = fill_by_efficiency(offers, budget)
    choice, bound = improve(offers, budget, relaxed.choice), relaxed.bound
    if fits(members, offers, choice):
        resources = Resources.of(offers, budget, ())
        prices = np.array([relaxed.shadow_price])
        choice = _better_of_two(offers, budget, choice, relaxed, members)
    else:
        resources = Resources.of(offers, budget, members)
        found = find_prices(offers, resources, budget_price=relaxed.shadow_price)
        choice = choose_within(offers, resources, found)
        prices, bound = found.best.prices, found.best.bound
    choice, is_optimal = _settled(offers, resources, prices, bound, choice, members)
    spent, total = offers.totals(choice)
    complete = np.full(len(cost), NOBODY)
    complete[rows] = choice
    return Plan(
        choice=complete,
        spent=spent,
        value=total,
        bound=max(bound, total),
        is_optimal=is_optimal,
        shadow_price=float(prices[0]),
        limit_prices=_limit_prices(members, prices),
    )


def _better_of_two(
    offers: Offers, budget: float, choice: Integers, relaxed: Relaxed, limits: Sequence[Limit]
) -> Integers:
    _, value = offers.totals(choice)
    if relaxed.bound - value <= _SECOND_PLAN_FROM * relaxed.bound:
        return choice
    other = improve(offers, budget, np.full(offers.count, NOBODY))
    is_better = offers.totals(other)[1] > value and fits(limits, offers, other)
    return other if is_better else choice


def _settled(
    offers: Offers,
    resources: Resources,
    prices: Floats,
    bound: float,
    choice: Integers,
    limits: Sequence[Limit],
) -> tuple[Integers, bool]:
    """Settle the plan; one that was settled without limits which it breaks is not taken."""
    found, is_optimal = settle(offers, resources, prices, bound, choice)
    if fits(limits, offers, found):
        return found, is_optimal
    return choice, False


def _limit_prices(limits: Sequence[Limit], prices: Floats) -> tuple[LimitPrice, ...]:
    """Give each limit its prices; none has one where the plan was found without them."""
    if len(prices) == 1:
        return (LimitPrice(0.0, 0.0),) * len(limits)
    place, found = 1, []
    for limit in limits:
        of_both = []
        for most in (limit.budget, limit.most_customers):
            is_limited = bool(np.isfinite(most))
            of_both.append(float(prices[place]) if is_limited else 0.0)
            place += is_limited
        found.append(LimitPrice(*of_both))
    return tuple(found)
