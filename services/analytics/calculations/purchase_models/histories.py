"""Distinct purchase histories with their weights: the additive statistics a fit rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from services.analytics.calculations.purchases import Floats, Integers

_LARGEST_KEY = 2.0**62
_MOST_WHOLE = 1_000_000


@dataclass(frozen=True, eq=False)
class Histories:
    """Distinct purchase histories with the number of units that share each.

    Attributes
    ----------
    repeat_count, recency, age
        ``x``, ``t_x`` and ``T`` in one time unit; shape (histories,), ordered.
    weight
        Units with that history; shape (histories,).
    """

    repeat_count: Floats
    recency: Floats
    age: Floats
    weight: Floats

    @property
    def unit_count(self) -> float:
        """Units with one of the histories."""
        return float(self.weight.sum())

    @property
    def repeat_buyer_count(self) -> float:
        """Units with a second purchase."""
        return float(self.weight @ (self.repeat_count > 0))

    @cached_property
    def repeats(self) -> tuple[Floats, Integers, Floats]:
        """The distinct ``x``, which of them each history has, and the units that have each."""
        values, index = distinct(self.repeat_count)
        units = np.bincount(index, weights=self.weight, minlength=len(values))
        return values, index, units.astype(np.float64, copy=False)

    @cached_property
    def times(self) -> tuple[Floats, Integers, Integers]:
        """The distinct times, and which of them are the ``t_x`` and the ``T`` of each history."""
        values, index = distinct(np.concatenate([self.recency, self.age]))
        return values, index[: len(self.recency)], index[len(self.recency) :]

    def every(self, step: int) -> Histories:
        """Take every n-th history: deterministic, and spread over all of their order."""
        return Histories(
            self.repeat_count[::step], self.recency[::step], self.age[::step], self.weight[::step]
        )


def group_histories(repeat_count: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Histories:
    """Group equal histories; their order does not depend on the order of the units.

    Parameters
    ----------
    repeat_count, recency, age
        ``x`` (whole), ``t_x`` and ``T`` in any one time unit; shape (units,).
    """
    x, t_x, until = (
        np.asarray(values, dtype=np.float64) for values in (repeat_count, recency, age)
    )
    days = float(until.max(initial=0.0)) + 1
    if not (float(x.max(initial=0.0)) + 1) * days**2 < _LARGEST_KEY:
        return _grouped(x, t_x, until, np.ones(len(x)))
    if not (np.array_equal(t_x, np.floor(t_x)) and np.array_equal(until, np.floor(until))):
        return _grouped(x, t_x, until, np.ones(len(x)))
    # One sort of whole numbers is several times quicker than one of three columns.
    key = (x.astype(np.int64) * int(days) + t_x.astype(np.int64)) * int(days)
    key += until.astype(np.int64)
    key.sort()
    first = np.flatnonzero(np.diff(key, prepend=-1))
    rest, ages = np.divmod(key[first], int(days))
    repeats, recencies = np.divmod(rest, int(days))
    weight = np.diff(first, append=len(key)).astype(np.float64)
    x, t_x, until = (each.astype(np.float64) for each in (repeats, recencies, ages))
    return Histories(x, t_x, until, weight)


def merge_histories(parts: Sequence[Histories]) -> Histories:
    """Combine the histories of parts of a base: the same as those of the whole base."""
    names = ("repeat_count", "recency", "age", "weight")
    x, t_x, age, weight = (
        np.concatenate([np.empty(0), *(getattr(part, name) for part in parts)]) for name in names
    )
    return _grouped(x, t_x, age, weight)


def distinct(values: Floats) -> tuple[Floats, Integers]:
    """Find the distinct values of an array, ordered, and where each of its elements is in them."""
    largest = float(values.max(initial=0.0))
    if largest < _MOST_WHOLE and float(values.min(initial=0.0)) >= 0:
        whole = values.astype(np.int64)
        if np.array_equal(whole, values):
            is_present = np.bincount(whole) > 0
            return np.flatnonzero(is_present).astype(np.float64), (np.cumsum(is_present) - 1)[whole]
    found, index = np.unique(values, return_inverse=True)
    return found, index


def _grouped(x: Floats, t_x: Floats, age: Floats, weight: Floats) -> Histories:
    order = np.lexsort((age, t_x, x))
    x, t_x, age, weight = x[order], t_x[order], age[order], weight[order]
    is_first = np.ones(len(x), dtype=np.bool_)
    is_first[1:] = (x[1:] != x[:-1]) | (t_x[1:] != t_x[:-1]) | (age[1:] != age[:-1])
    first = np.flatnonzero(is_first)
    summed = np.add.reduceat(weight, first) if len(first) else weight
    return Histories(x[first], t_x[first], age[first], summed)
