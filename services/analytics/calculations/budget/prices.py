"""Prices of budget and limits at which what everybody would choose fits them: the Lagrangian dual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import linprog

from services.analytics.calculations.budget.offers import Offers
from services.analytics.calculations.budget.resources import Answer, Resources, answer
from services.analytics.calculations.purchases import Floats

_SAMPLE: Final = 20_000
"""Customers of whom prices are found first; those of all are near them."""
_LEAST_REACH: Final = 1e-12
_EVERYWHERE: Final = 1e6
_LEAST_WEIGHT: Final = 1e-9


@dataclass(frozen=True, slots=True)
class _Search:
    """How prices are looked for.

    Attributes
    ----------
    reach
        How far prices may change at first; multiples of their scale.
    tolerance
        Share of the bound that better prices could lower it by, at most, when the search ends.
    rounds
        After which it ends anyway.
    """

    reach: float
    tolerance: float
    rounds: int


_THOROUGH: Final = _Search(reach=1.0, tolerance=1e-7, rounds=300)
_AFTER_SAMPLE: Final = _Search(reach=0.01, tolerance=1e-6, rounds=60)


@dataclass(frozen=True, slots=True, eq=False)
class Dual:
    """The prices with the lowest bound, and how what is chosen at prices adds up to a plan.

    Attributes
    ----------
    best
        What everybody would choose at the prices found.
    mixed
        Prices and weights that add up to 1: of choices at these prices, so weighted, nothing is
        exceeded, and they are worth the bound if the search came to its end.
    """

    best: Answer
    mixed: tuple[tuple[Floats, float], ...]


def find_prices(offers: Offers, resources: Resources, *, budget_price: float) -> Dual:
    """Minimize the bound over the prices by cutting planes within a reach around the best prices.

    The bound is convex in the prices and lies above each of its tangents. The lowest point of the
    tangents within reach is tried next; the reach grows where that lowers the bound as foreseen and
    shrinks where it does not. Any prices give a bound that holds.

    Parameters
    ----------
    offers, resources
        What can be chosen, and what is limited.
    budget_price
        Where to begin: the price of the budget without limits; ratio.
    """
    prices = np.zeros(len(resources.amount))
    prices[0] = budget_price
    scale = _scale(offers, resources, budget_price)
    step = offers.count // _SAMPLE
    if step < 2:
        return _mixed(_descend(offers, resources, prices, scale, _THOROUGH), scale)
    rows = np.arange(0, offers.count, step)
    some = resources.take(rows, share=len(rows) / offers.count)
    found = _lowest_bound(_descend(offers.take(rows), some, prices, scale, _THOROUGH)).prices
    return _mixed(_descend(offers, resources, found, scale, _AFTER_SAMPLE), scale)


def _lowest_bound(planes: list[Answer]) -> Answer:
    return min(planes, key=lambda plane: plane.bound)


def _mixed(planes: list[Answer], scale: Floats) -> Dual:
    """Weigh the tangents as they hold each other at their lowest point."""
    best = _lowest_bound(planes)
    found = _solve(planes, best, scale, _EVERYWHERE)
    if found.x is None:
        return Dual(best, ((best.prices, 1.0),))
    weights = -found.ineqlin.marginals
    kept = np.flatnonzero(weights > _LEAST_WEIGHT)
    shares = weights[kept] / weights[kept].sum()
    return Dual(
        best,
        tuple((planes[at].prices, float(share)) for at, share in zip(kept, shares, strict=True)),
    )


def _scale(offers: Offers, resources: Resources, budget_price: float) -> Floats:
    """Return how large prices are about: of money its efficiency, of a customer a mean value."""
    is_offer = np.isfinite(offers.value)
    count = max(int(is_offer.sum()), 1)
    value = float(offers.value[is_offer].sum()) / count
    cost = float(offers.cost[is_offer].sum()) / count
    efficiency = max(budget_price, value / cost if cost > 0 else 1.0)
    return np.where(resources.counts, max(value, 1e-6), efficiency)


def _descend(
    offers: Offers,
    resources: Resources,
    prices: Floats,
    scale: Floats,
    search: _Search,
) -> list[Answer]:
    """Return all that was tried."""
    best = answer(offers, resources, prices)
    planes, reach = [best], search.reach
    for _ in range(search.rounds):
        tried, foreseen = _lowest(planes, best, scale, reach)
        hoped = best.bound - foreseen
        if hoped <= search.tolerance * _size(best):
            is_inside = bool(np.all(np.abs(tried - best.prices) < 0.999 * reach * scale))
            if is_inside or reach > 1e3:
                break
            reach *= 8
            continue
        found = answer(offers, resources, tried)
        planes.append(found)
        if found.bound < best.bound - 0.1 * hoped:
            reach *= 2
        else:
            reach /= 2
        if found.bound < best.bound:
            best = found
        if reach < _LEAST_REACH:
            break
    return planes


def _lowest(
    planes: list[Answer], best: Answer, scale: Floats, reach: float
) -> tuple[Floats, float]:
    """Return the prices within reach where the tangents are lowest, and how low they are."""
    found = _solve(planes, best, scale, reach)
    if found.x is None:
        return best.prices, best.bound
    prices = np.maximum(best.prices + found.x[:-1] * scale, 0.0)
    return prices, best.bound + float(found.x[-1]) * _size(best)


def _size(best: Answer) -> float:
    return max(abs(best.bound), 1e-9)


def _solve(planes: list[Answer], best: Answer, scale: Floats, reach: float) -> Any:
    """Find the lowest point of the tangents by HiGHS.

    In prices as multiples of their scale from the best ones, and bounds as shares of the best.
    """
    slopes = np.array([plane.left for plane in planes])
    away = np.array([plane.prices - best.prices for plane in planes])
    heights = np.array([plane.bound for plane in planes]) - np.einsum("ij,ij->i", slopes, away)
    matrix = np.column_stack([slopes * scale / _size(best), -np.ones(len(planes))])
    low = np.maximum(-reach, -best.prices / scale)
    bounds = [*zip(low, np.full(len(low), reach), strict=True), (None, None)]
    target = np.append(np.zeros(len(low)), 1.0)
    above = (best.bound - heights) / _size(best)
    return linprog(target, A_ub=matrix, b_ub=above, bounds=bounds, method="highs")
