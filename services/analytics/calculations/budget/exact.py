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

_MOST_OPEN: Final = 1_500
_NODES: Final = 100
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
) -> tuple[Integers, bool]:
    """Return the best plan and True, or the best found and False where more would take too long.

    An option that loses more at the prices than the bound exceeds the value of the given plan is
    in no better plan. If few are left, HiGHS finds the best of them. If there are more, those that
    lose least are tried first, as a better plan leaves fewer.
    """
    found = _open_options(offers, resources, prices, _missing(offers, bound, choice))
    if found is None and _missing(offers, bound, choice) > _WORTH_A_TRY * bound:
        core = _open_options(offers, resources, prices, _core_loss(offers, resources, prices))
        if core is not None:
            choice, _ = _best_of(offers, resources, core, choice)
            found = _open_options(offers, resources, prices, _missing(offers, bound, choice))
    if found is None:
        return choice, False
    return _best_of(offers, resources, found, choice)


def _missing(offers: Offers, bound: float, choice: Integers) -> float:
    """Return by how much a plan must be better to count as better, below zero if none can be."""
    _, value = offers.totals(choice)
    return bound - value - _ENOUGH * max(1.0, value)


def _best_of(
    offers: Offers, resources: Resources, found: _Open, choice: Integers
) -> tuple[Integers, bool]:
    """Return the given plan or a better one of open options, and whether the best of these is known."""
    known, counts = np.unique(found.customer, return_counts=True)
    if len(known) < offers.count:
        return choice, True  # whatever is done for one of the customers, no plan is better
    is_settled = (counts == 1)[found.customer]
    fixed = np.full(offers.count, NOBODY)
    fixed[found.customer[is_settled]] = found.option[is_settled]
    left = _Open(found.customer[~is_settled], found.option[~is_settled])
    better, is_best = _solve(offers, resources, left, fixed)
    if better is None or offers.totals(better)[1] <= offers.totals(choice)[1]:
        return choice, is_best
    return better, is_best


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
    offers: Offers, resources: Resources, prices: Floats, most_loss: float
) -> _Open | None:
    """Return what loses so much at most; None where that leaves too many with a choice."""
    customers, options, count = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], 0
    for block in blocks(offers.count):
        losses = _losses(offers, resources, prices, block)
        row, place = np.nonzero(losses <= most_loss)
        several = np.bincount(row, minlength=len(losses)) > 1
        count += int(several[row].sum())
        if count > _MOST_OPEN:
            return None
        customers.append(row + block.start)
        options.append(place - 1)
    return _Open(np.concatenate(customers), np.concatenate(options))


def _solve(
    offers: Offers, resources: Resources, left: _Open, fixed: Integers
) -> tuple[Integers | None, bool]:
    """Choose among open options what HiGHS finds best; tells whether that is proven."""
    amount = resources.amount - resources.used(offers, fixed)
    if resources.exceeded(resources.amount - amount).any():
        return None, True  # what a better plan must contain does not fit
    is_real = left.option >= 0
    customer, option = left.customer[is_real], left.option[is_real]
    if not len(customer):
        return fixed, True
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
        # Its presolve writes lines of its own to standard output.
        options={"mip_rel_gap": 0.0, "node_limit": _NODES, "presolve": False},
    )
    is_done = result.status in (0, 2)  # solved, or proven that nothing open fits
    if result.x is None:
        return None, is_done
    choice = fixed.copy()
    taken = result.x > 0.5
    choice[customer[taken]] = option[taken]
    if resources.exceeded(resources.used(offers, choice)).any():
        return None, False  # within the solver's tolerance, not within ours
    return choice, is_done
