"""Plans within several limits: what everybody would choose at the prices, made to fit and filled up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from services.analytics.calculations.budget.greedy import best_chunk, blocks
from services.analytics.calculations.budget.offers import NOBODY, SLACK, Offers
from services.analytics.calculations.budget.prices import Dual
from services.analytics.calculations.budget.resources import Resources, Signatures, answer
from services.analytics.calculations.purchases import Booleans, Floats, Integers

_ROUNDS: Final = 100
_GOOD_ENOUGH: Final = 1e-6
"""Share of the bound at which filling ends."""
_GOLDEN_RATIO: Final = 0.6180339887498949
"""Its multiples lie evenly in the unit interval, whichever of them are looked at."""


def choose_within(offers: Offers, resources: Resources, dual: Dual) -> Integers:
    """Return a choice that keeps all limits and leaves little of what is scarce.

    Where many are equally good, what everybody would choose at one set of prices is too much or too
    little of what is scarce. So customers, evenly spread, choose at different prices as these are
    weighted; who is worth least leaves what is exceeded still, and what is left is given to the
    changes that cost least of their worth at the prices.
    """
    choice, bound = _mix(offers, resources, dual), dual.best.bound
    _leave_exceeded(offers, resources, dual.best.prices, choice)
    for _ in range(_ROUNDS):
        _, value = offers.totals(choice)
        if bound - value <= _GOOD_ENOUGH * bound:
            break
        if not _fill_up(offers, resources, dual.best.prices, choice):
            break
    return choice


def _mix(offers: Offers, resources: Resources, dual: Dual) -> Integers:
    choice = np.full(offers.count, NOBODY)
    place = np.arange(offers.count) * _GOLDEN_RATIO % 1.0
    until = 0.0
    for prices, share in dual.mixed:
        mine = (place >= until) & (place < until + share)
        choice[mine] = answer(offers, resources, prices).choice[mine]
        until += share
    return choice


def _leave_exceeded(offers: Offers, resources: Resources, prices: Floats, choice: Integers) -> None:
    """Give up what is worth least for what it uses of a resource, until that is enough."""
    for resource in range(len(resources.amount)):
        over = resources.used(offers, choice)[resource] - resources.amount[resource]
        if over <= SLACK:
            continue
        uses = resources.uses[resources.signatures(choice), resource]
        used, _ = offers.chosen(choice)
        if resources.counts[resource]:
            used = np.ones(offers.count)
        rows = np.flatnonzero(uses & (used > 0))
        worth = _worth(offers, resources, prices, choice)[rows] / used[rows]
        rows = rows[np.argsort(worth, kind="stable")]
        enough = int(np.searchsorted(np.cumsum(used[rows]), over - SLACK / 2)) + 1
        choice[rows[:enough]] = NOBODY


def _worth(offers: Offers, resources: Resources, prices: Floats, choice: Integers) -> Floats:
    """Return what the choice of each customer is worth at the prices; base currency."""
    worth = np.zeros(offers.count)
    for block in blocks(offers.count):
        worth[block] = _of_choice(resources.net(offers, prices, block), choice[block])
    return worth


def _of_choice(net: Floats, choice: Integers) -> Floats:
    """Return what the choice of each customer of a block is worth, 0 for nothing."""
    own = net[np.arange(len(net)), np.maximum(choice, 0)]
    return np.where(choice >= 0, own, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Room:
    """What is left for a change from one signature to another; indexed by both.

    Attributes
    ----------
    shared
        Amount left of what both use: the difference of the costs must fit.
    new
        Amount left of what only the later one uses: all of its cost must fit.
    is_free
        Whether one more customer fits into what only the later one uses.
    """

    shared: Floats
    new: Floats
    is_free: Booleans

    @classmethod
    def of(cls, resources: Resources, left: Floats) -> _Room:
        before, after = resources.uses[:, None, :], resources.uses[None, :, :]
        both, only_after = before & after, ~before & after

        def least(inside: Booleans, *, counts: bool) -> Floats:
            of_kind = inside & (resources.counts == counts)
            lowest: Floats = np.where(of_kind, left, np.inf).min(axis=2)
            return lowest

        return cls(
            least(both, counts=False),
            least(only_after, counts=False),
            least(only_after, counts=True) >= 1 - SLACK,
        )


def _fill_up(offers: Offers, resources: Resources, prices: Floats, choice: Integers) -> bool:
    """Make changes that raise value and fit, each customer once; tells whether there was one."""
    left = resources.amount - resources.used(offers, choice)
    signature = resources.signatures(choice)
    gain, place = _changes(offers, resources, prices, choice, signature, left)
    order = np.lexsort((place, -gain))
    customer, option = np.divmod(place[order], max(offers.cost.shape[1], 1))
    at_cost, _ = offers.chosen(choice)
    some = (
        customer.tolist(),
        option.tolist(),
        signature[customer].tolist(),
        resources.signature[customer, option].tolist(),
        at_cost[customer].tolist(),
        offers.cost[customer, option].tolist(),
    )
    uses, counts = resources.uses, resources.counts
    touched: dict[tuple[int, int], list[tuple[int, float, float]]] = {}
    room, changed = left.tolist(), set[int]()
    for row, column, before, after, old_cost, new_cost in zip(*some, strict=True):
        if row in changed:
            continue
        if (before, after) not in touched:
            # How much of each resource a change uses: so often the old cost and the new one.
            touched[before, after] = [
                (at, -float(uses[before, at]), float(uses[after, at]))
                for at in np.flatnonzero(uses[before] | uses[after]).tolist()
            ]
        needs = [
            (at, gone + come if counts[at] else gone * old_cost + come * new_cost)
            for at, gone, come in touched[before, after]
        ]
        if all(need <= room[at] + SLACK or need <= 0 for at, need in needs):
            for at, need in needs:
                room[at] -= need
            choice[row] = column
            changed.add(row)
    return bool(changed)


def _changes(
    offers: Offers,
    resources: Resources,
    prices: Floats,
    choice: Integers,
    signature: Signatures,
    left: Floats,
) -> tuple[Floats, Integers]:
    """Return worth at the prices and place of changes that fit and raise value; at most a chunk."""
    room = _Room.of(resources, left)
    at_cost, at_value = offers.chosen(choice)
    kept: list[Any] = [np.zeros(0), np.zeros(0, dtype=np.int64)]
    width = offers.cost.shape[1]
    for block in blocks(offers.count if width else 0):
        value, cost = offers.value[block], offers.cost[block]
        before, after = signature[block, None], resources.signature[block]
        is_good = (
            (value - at_value[block, None] > SLACK)
            & (cost - at_cost[block, None] <= room.shared[before, after] + SLACK)
            & (cost <= room.new[before, after] + SLACK)
            & room.is_free[before, after]
        )
        place = np.flatnonzero(is_good)
        if not len(place):
            continue
        net = resources.net(offers, prices, block)
        more = net - _of_choice(net, choice[block])[:, None]
        kept = best_chunk(kept, (more.ravel()[place], place + block.start * width))
    worth, place = kept
    return worth, place
