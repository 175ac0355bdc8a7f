"""The best plan of all where few options are still open, and the proof that it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from services.analytics.calculations.budget.greedy import blocks
from services.analytics.calculations.budget.offers import NOBODY, Offers
from services.analytics.calculations.budget.resources import Resources
from services.analytics.calculations.purchases import Booleans, Floats, Integers

MODERATE: Final = 6_000
"""So many options HiGHS solves in seconds."""
_MOST_OPEN: Final = 1_500
"""So many it may be at most where the plan lacks next to nothing already."""
_NODES: Final = 5_000
_SECONDS: Final = 10.0
_SOLVED: Final = 0
_INFEASIBLE: Final = 2
_CORE: Final = 500
_WORTH_A_TRY: Final = 1e-4
"""Gap to the bound from which a better plan is looked for among a few options."""
_ENOUGH: Final = 1e-9
"""Share of the value below which two plans count as equally good."""


@dataclass(frozen=True, slots=True, eq=False)
class _Open:
    """Options that a better plan could contain.

    Attributes
    ----------
    customer, option
        Each of them; `NOBODY` as an option where doing nothing is one.
    """

    customer: Integers
    option: Integers


def settle(
    offers: Offers, resources: Resources, prices: Floats, bound: float, choice: Integers
) -> tuple[Integers, float]:
    """Return the best plan, or the best found where more would take too long, and what bounds it.

    An option that loses more at the prices than the bound exceeds the value of the given plan is
    in no better plan. If few are left, HiGHS finds the best of them, and its bound holds for all. If
    there are more, those that lose least are tried first, as a better plan leaves fewer.
    """
    most = _most_open(offers, bound, choice)
    found = _open_options(offers, resources, prices, _missing(offers, bound, choice), most)
    if found is None and _missing(offers, bound, choice) > _WORTH_A_TRY * bound:
        core_loss = _core_loss(offers, resources, prices)
        core = _open_options(offers, resources, prices, core_loss, most)
        if core is not None:
            choice, _ = _best_of(offers, resources, core, choice)
            missing = _missing(offers, bound, choice)
            found = _open_options(offers, resources, prices, missing, most)
    if found is None:
        return choice, bound
    choice, best = _best_of(offers, resources, found, choice)
    return choice, min(bound, best)


def is_proven(value: float, bound: float) -> bool:
    """Tell whether no plan can be better than one of this value."""
    return bound - value <= _ENOUGH * max(1.0, value)


def _most_open(offers: Offers, bound: float, choice: Integers) -> int:
    """Return how many options are worth the time that it takes to choose among them."""
    is_small = np.count_nonzero(np.isfinite(offers.value)) <= MODERATE
    is_short = _missing(offers, bound, choice) > _WORTH_A_TRY * bound
    return MODERATE if is_small or is_short else _MOST_OPEN


def _missing(offers: Offers, bound: float, choice: Integers) -> float:
    """Return by how much a plan must be better to count as better, below zero if none can be."""
    _, value = offers.totals(choice)
    return bound - value - _ENOUGH * max(1.0, value)


def _best_of(
    offers: Offers, resources: Resources, found: _Open, choice: Integers
) -> tuple[Integers, float]:
    """Return the given plan or a better one of open options, and what no plan of these exceeds."""
    _, value = offers.totals(choice)
    known, counts = np.unique(found.customer, return_counts=True)
    if len(known) < offers.count:
        return choice, value  # whatever is done for one of the customers, no plan is better
    is_settled = (counts == 1)[found.customer]
    fixed = np.full(offers.count, NOBODY)
    fixed[found.customer[is_settled]] = found.option[is_settled]
    left = _Open(found.customer[~is_settled], found.option[~is_settled])
    better, bound = _solve(offers, resources, left, fixed)
    if better is None or offers.totals(better)[1] <= value:
        return choice, max(bound, value)
    return better, max(bound, offers.totals(better)[1])


def _losses(offers: Offers, resources: Resources, prices: Floats, block: slice) -> Floats:
    """Return what doing nothing and each option lose at the prices to the best for a customer."""
    net = resources.net(offers, prices, block)
    net = np.column_stack([np.zeros(len(net)), net])
    losses: Floats = net.max(axis=1)[:, None] - net
    return losses


def _core_loss(offers: Offers, resources: Resources, prices: Floats) -> float:
    """Return the loss that so many options have at most as are solved quickly."""
    least = np.zeros(0)
    for block in blocks(offers.count):
        losses = _losses(offers, resources, prices, block)
        least = np.concatenate([least, losses[losses > 0]])
        if len(least) > _CORE:
            least = np.partition(least, _CORE)[:_CORE]
    return float(least.max()) if len(least) else 0.0


def _open_options(
    offers: Offers, resources: Resources, prices: Floats, most_loss: float, most_open: int
) -> _Open | None:
    """Return what loses so much at most; None where that leaves more than `most_open` to choose."""
    customers, options, count = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], 0
    for block in blocks(offers.count):
        losses = _losses(offers, resources, prices, block)
        row, place = np.nonzero(losses <= most_loss)
        several = np.bincount(row, minlength=len(losses)) > 1
        count += int(several[row].sum())
        if count > most_open:
            return None
        customers.append(row + block.start)
        options.append(place - 1)
    return _Open(np.concatenate(customers), np.concatenate(options))


def _solve(
    offers: Offers, resources: Resources, left: _Open, fixed: Integers
) -> tuple[Integers | None, float]:
    """Choose among open options what HiGHS finds best; returns it, if any, and what bounds it."""
    amount = resources.amount - resources.used(offers, fixed)
    if resources.exceeded(resources.amount - amount).any():
        return None, -np.inf  # what a better plan must contain does not fit
    is_real = left.option >= 0
    customer, option = left.customer[is_real], left.option[is_real]
    _, settled = offers.totals(fixed)
    if not len(customer):
        return fixed, settled
    value, cost = offers.value[customer, option], offers.cost[customer, option]
    uses: Booleans = resources.uses[resources.signature[customer, option]]
    weights = np.where(resources.counts, 1.0, cost[:, None]) * uses
    rows, group = np.unique(customer, return_inverse=True)
    must_choose = ~np.isin(rows, left.customer[~is_real])
    columns = np.arange(len(customer))
    once = coo_array((np.ones(len(customer)), (group, columns)), shape=(len(rows), len(customer)))
    result = milp(
        -value,
        integrality=np.ones(len(customer), dtype=np.int64),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(once.tocsr(), must_choose.astype(np.float64), 1.0),
            LinearConstraint(weights.T, -np.inf, amount),
        ],
        options={"mip_rel_gap": 0.0, "node_limit": _NODES, "time_limit": _SECONDS},
    )
    if result.status == _INFEASIBLE:
        return None, -np.inf  # nothing open fits
    bound = np.inf if result.mip_dual_bound is None else settled - result.mip_dual_bound
    if result.x is None:
        return None, bound
    choice = fixed.copy()
    taken = result.x > 0.5
    choice[customer[taken]] = option[taken]
    if resources.exceeded(resources.used(offers, choice)).any():
        return None, bound  # within the solver's tolerance, not within ours
    # What is solved is bounded by itself, whatever the solver's sums differ by.
    return choice, offers.totals(choice)[1] if result.status == _SOLVED else bound
