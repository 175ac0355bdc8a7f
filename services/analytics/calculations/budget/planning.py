"""The plan that brings most under a budget and limits; domain specification 6.8 (E-BUD)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from services.analytics.calculations.budget.exact import MODERATE, is_proven, settle
from services.analytics.calculations.budget.greedy import Relaxed, fill_by_efficiency, improve
from services.analytics.calculations.budget.limited import choose_within
from services.analytics.calculations.budget.offers import (
    NOBODY,
    SLACK,
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
        a limit would bring. The bound is the value itself where it is proven to be the best; else
        the optimum of the linear relaxation, with limits that bind the lowest that was found of the
        Lagrangian dual, or what the search for the best has shown. The shadow price of the budget
        is what the best plan would gain by one more of base currency where both are known to be the
        best and options are few, else the price of the budget in the relaxation, in which options
        dearer than the budget count as well.

    Raises
    ------
    ValueError
        Shapes differ, there are too many limits, or a cost or the budget is negative or not finite.

    Notes
    -----
    Source: domain specification 6.8. The same input gives the same plan, unless the search
    for the best ends by its time.
    """
    if len(limits) > MOST_LIMITS:
        raise ValueError(f"at most {MOST_LIMITS} limits")
    plan = _plan(cost, value, budget, limits)
    if np.count_nonzero(value > 0) > MODERATE:
        return replace(plan, shadow_price=_price(cost, value, budget, plan))
    more = _plan(cost, value, budget + 1.0, limits)
    if plan.is_optimal and more.is_optimal:
        return replace(plan, shadow_price=max(more.value - plan.value, 0.0))
    return replace(plan, shadow_price=_price(cost, value, budget, plan))


def _price(cost: Floats, value: Floats, budget: float, plan: Plan) -> float:
    """Return the price of the budget in the relaxation, also where options exceed it alone."""
    is_dearer = (value > 0) & (cost > budget + SLACK)
    if not is_dearer.any():
        return plan.shadow_price
    offers = Offers.worthwhile(cost, value, budget=float(cost[is_dearer].max()))
    return max(plan.shadow_price, fill_by_efficiency(offers, budget).shadow_price)


def _plan(cost: Floats, value: Floats, budget: float, limits: Sequence[Limit]) -> Plan:
    """Plan with the price of the budget as the relaxation of what fits into it has it."""
    all_offers = Offers.worthwhile(cost, value, budget=budget)
    rows = np.flatnonzero(np.isfinite(all_offers.value).any(axis=1))
    offers = all_offers.take(rows)
    members = [
        Limit(np.broadcast_to(each.members, cost.shape)[rows], each.budget, each.most_customers)
        for each in limits
    ]
    relaxed = fill_by_efficiency(offers, budget)
    choice, relaxed_bound = improve(offers, budget, relaxed.choice), relaxed.bound
    if fits(members, offers, choice):
        resources = Resources.of(offers, budget, ())
        prices = np.array([relaxed.shadow_price])
        choice = _better_of_two(offers, budget, choice, relaxed, members)
    else:
        resources = Resources.of(offers, budget, members)
        found = find_prices(offers, resources, budget_price=relaxed.shadow_price)
        choice = choose_within(offers, resources, found)
        prices, relaxed_bound = found.best.prices, found.best.bound
    choice, bound = _settled(offers, resources, prices, relaxed_bound, choice, members)
    spent, total = offers.totals(choice)
    is_optimal = is_proven(total, bound)
    complete = np.full(len(cost), NOBODY)
    complete[rows] = choice
    return Plan(
        choice=complete,
        spent=spent,
        value=total,
        bound=total if is_optimal else bound,
        relaxed_bound=max(relaxed_bound, total),
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
) -> tuple[Integers, float]:
    """Settle the plan; where the best without limits breaks them, settle it with them."""
    found, best = settle(offers, resources, prices, bound, choice)
    if fits(limits, offers, found):
        return found, best
    within = Resources.of(offers, resources.amount[0], limits)
    all_prices = np.zeros(len(within.amount))
    all_prices[0] = prices[0]
    # What is left open follows from the bound that these prices give, not from a better one.
    found, bound = settle(offers, within, all_prices, bound, choice)
    return found, min(bound, best)


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
