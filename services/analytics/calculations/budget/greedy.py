"""Plans under one budget: increments of the efficient frontier, by value per cost while they fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from services.analytics.calculations.budget.offers import BLOCK_ROWS, NOBODY, SLACK, Offers
from services.analytics.calculations.purchases import Booleans, Floats, Integers

_CHUNK: Final = 65_536
"""Changes tried one after the other before the others are looked through again."""


@dataclass(frozen=True, slots=True, eq=False)
class Increments:
    """The way of each customer along its efficient frontier.

    Attributes
    ----------
    customer, option
        Row and the option reached.
    cost, value, efficiency
        More cost and value than before it, in base currency, and their ratio, which falls along the
        way of a customer.
    """

    customer: Integers
    option: Integers
    cost: Floats
    value: Floats
    efficiency: Floats

    def take(self, rows: Integers | Booleans) -> Increments:
        return Increments(
            self.customer[rows],
            self.option[rows],
            self.cost[rows],
            self.value[rows],
            self.efficiency[rows],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Relaxed:
    """A plan by falling efficiency, and what the linear relaxation says of the best.

    Attributes
    ----------
    choice
        Option of each customer, `NOBODY` for none.
    bound
        Optimum of the linear relaxation; base currency.
    shadow_price
        What more budget would bring there; ratio.
    """

    choice: Integers
    bound: float
    shadow_price: float


def best_free(offers: Offers) -> Integers:
    """Return the free option of most value of each customer, `NOBODY` for none."""
    choice = np.full(offers.count, NOBODY)
    for block in blocks(offers.count):
        free = np.where(offers.cost[block] <= 0, offers.value[block], -np.inf)
        place = free.argmax(axis=1)
        is_there = free[np.arange(len(free)), place] > 0
        choice[block] = np.where(is_there, place, NOBODY)
    return choice


def blocks(count: int) -> Iterator[slice]:
    """Yield the slices of so many rows."""
    for start in range(0, count, BLOCK_ROWS):
        yield slice(start, min(start + BLOCK_ROWS, count))


def efficient_increments(offers: Offers, start: Integers) -> Increments:
    """Walk along the upper hull of each customer's options, from what is free.

    Each round takes the option of most value per cost from where a customer stands; who has none
    left is done, so rounds become short soon.
    """
    _, value = offers.chosen(start)
    parts = [
        part
        for block in blocks(offers.count)
        for part in _walk(offers.cost[block], offers.value[block], value[block], block.start)
    ]
    if not parts:
        nothing = np.zeros(0)
        none = np.zeros(0, dtype=np.int64)
        return Increments(none, none, nothing, nothing, nothing)
    return Increments(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _walk(
    cost: Floats, value: Floats, at_value: Floats, first: int
) -> Iterator[tuple[Integers, Integers, Floats, Floats, Floats]]:
    rows, at_cost = np.arange(len(cost)), np.zeros(len(cost))
    last = np.full(len(cost), np.inf)
    while True:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            more_cost, more_value = cost - at_cost[:, None], value - at_value[:, None]
            slope = np.where((more_cost > 0) & (more_value > 0), more_value / more_cost, 0.0)
        place = slope.argmax(axis=1)
        own = np.arange(len(rows))
        goes_on = slope[own, place] > 0
        if not goes_on.any():
            return
        own, place = own[goes_on], place[goes_on]
        rows, cost, value = rows[goes_on], cost[goes_on], value[goes_on]
        # Rounding must not let an efficiency rise along the way.
        last = np.minimum(slope[own, place], last[goes_on])
        yield rows + first, place, more_cost[own, place], more_value[own, place], last
        at_cost, at_value = (each[np.arange(len(rows)), place] for each in (cost, value))


def fill_by_efficiency(offers: Offers, budget: float) -> Relaxed:
    """Take increments by falling efficiency while they fit; whose next one does not fit is closed.

    Free options come first. Source: domain specification 6.8.
    """
    choice = best_free(offers)
    _, base = offers.totals(choice)
    way = efficient_increments(offers, choice)
    way = way.take(np.argsort(-way.efficiency, kind="stable"))
    cut = int(np.searchsorted(np.cumsum(way.cost), budget + SLACK, side="right"))
    while (room := budget - float(way.cost[:cut].sum())) < -SLACK:
        cut -= 1
    choice[way.customer[:cut]] = way.option[:cut]
    value = base + float(way.value[:cut].sum())
    if cut == len(way.cost):
        return Relaxed(choice, value, 0.0)
    price = float(way.efficiency[cut])
    _fill_rest(way.take(np.arange(cut, len(way.cost))), room, choice)
    return Relaxed(choice, value + max(room, 0.0) * price, price)


def _fill_rest(way: Increments, room: float, choice: Integers) -> None:
    """Take further increments that fit; the first of a customer that does not closes it."""
    far = np.iinfo(np.int64).max
    while True:
        too_dear = np.flatnonzero(way.cost > room + SLACK)[::-1]
        closed_from = np.full(len(choice), far)
        closed_from[way.customer[too_dear]] = too_dear
        way = way.take(np.arange(len(way.cost)) < closed_from[way.customer])
        if not len(way.cost):
            return
        closed = np.zeros(len(choice), dtype=np.bool_)
        some = [each[:_CHUNK].tolist() for each in (way.customer, way.option, way.cost)]
        for customer, option, cost in zip(*some, strict=True):
            if closed[customer]:
                continue
            if cost <= room + SLACK:
                room -= cost
                choice[customer] = option
            else:
                closed[customer] = True
        rest = np.arange(_CHUNK, len(way.cost))
        way = way.take(rest[~closed[way.customer[rest]]])


def improve(offers: Offers, budget: float, choice: Integers) -> Integers:
    """Make the best single change of one customer's option, as long as one fits and raises value.

    A change takes the option of most value that fits; what is worth more than that fits less and
    less, so no customer is changed twice. Source: domain specification 6.8.
    """
    choice = choice.copy()
    at_cost, at_value = offers.chosen(choice)
    room = budget - float(at_cost.sum())
    changed = np.zeros(offers.count, dtype=np.bool_)
    while True:
        gain, more_cost, place = _best_changes(offers, at_cost, at_value, room, changed)
        if not len(gain):
            return choice
        order = np.lexsort((place, more_cost, -gain))
        customer, option = np.divmod(place[order], offers.cost.shape[1])
        some = (customer.tolist(), option.tolist(), more_cost[order].tolist())
        for row, column, cost in zip(*some, strict=True):
            if not changed[row] and cost <= room + SLACK:
                changed[row] = True
                choice[row] = column
                room -= cost


def _best_changes(
    offers: Offers, at_cost: Floats, at_value: Floats, room: float, changed: Booleans
) -> tuple[Floats, Floats, Integers]:
    """Return gain, cost and place of the changes that fit and gain most; at most a chunk."""
    kept: list[Any] = [np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int64)]
    width = offers.cost.shape[1]
    for block in blocks(offers.count):
        gain = offers.value[block] - at_value[block, None]
        more = offers.cost[block] - at_cost[block, None]
        is_good = (gain > SLACK) & (more <= room + SLACK) & ~changed[block, None]
        place = np.flatnonzero(is_good)
        if not len(place):
            continue
        found = (gain.ravel()[place], more.ravel()[place], place + block.start * width)
        kept = best_chunk(kept, found)
    gain, more, place = kept
    return gain, more, place


def best_chunk(kept: Sequence[Any], found: Sequence[Any]) -> list[Any]:
    """Put columns of changes behind those kept so far; of more than a chunk those of most worth stay.

    The first column is the worth.
    """
    columns = [np.concatenate(pair) for pair in zip(kept, found, strict=True)]
    if len(columns[0]) <= _CHUNK:
        return columns
    best = np.argpartition(-columns[0], _CHUNK)[:_CHUNK]
    return [each[best] for each in columns]
