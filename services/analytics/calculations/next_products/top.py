"""Rows of very different length: their places, what is distinct in them, the best few of each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.analytics.calculations.purchases import Integers

_CELLS_AT_ONCE = 4_000_000


def best_of_rows(starts: Integers, score: NDArray[Any], *, count: int) -> Integers:
    """Find the candidates of most score in each row.

    Parameters
    ----------
    starts
        Where the candidates of each row begin, and where the last ones end; shape (rows + 1,).
    score
        Of each candidate; those not above 0 are none; shape (candidates,).
    count
        How many of each row.

    Returns
    -------
    numpy.ndarray
        Places of the candidates, the best first, of equal ones the earlier; -1 for none; shape
        (rows, count).
    """
    found = np.full((len(starts) - 1, count), -1, dtype=np.int64)
    sizes = np.diff(starts)
    # Rows of like size together, as each is as wide as the widest.
    by_size = np.argsort(sizes, kind="stable")
    by_size = by_size[np.searchsorted(sizes[by_size], 1) :]
    at = 0
    while at < len(by_size):
        rows = by_size[at : at + max(1, _CELLS_AT_ONCE // int(sizes[by_size[at]]))]
        width = int(sizes[rows[-1]])
        rows = rows[: max(1, _CELLS_AT_ONCE // width)]
        width = int(sizes[rows[-1]])
        found[rows] = _best(starts[rows], sizes[rows], score, width=width, count=count)
        at += len(rows)
    return found


def _best(
    first: Integers, sizes: Integers, score: NDArray[Any], *, width: int, count: int
) -> Integers:
    column = np.arange(width)
    place = first[:, None] + column
    is_there = column < sizes[:, None]
    cells = np.where(is_there, score[np.minimum(place, len(score) - 1)], 0)
    places = np.full((len(first), count), -1, dtype=np.int64)
    rows = np.arange(len(first))
    for rank in range(count):
        best = cells.argmax(axis=1)
        is_one = cells[rows, best] > 0
        places[is_one, rank] = (first + best)[is_one]
        cells[rows, best] = 0
    return places


def ranges(starts: Integers, sizes: Integers) -> Integers:
    """Put ranges of places behind each other: ``sizes`` places from each of ``starts`` on."""
    past = np.cumsum(sizes)
    total = int(past[-1]) if len(past) else 0
    places: Integers = np.arange(total) + np.repeat(starts - (past - sizes), sizes)
    return places


def distinct(values: Integers) -> Integers:
    """Return the distinct values in ascending order; of millions several times as fast as `unique`."""
    ordered = np.sort(values)
    is_first = np.ones(len(ordered), dtype=np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    found: Integers = ordered[is_first]
    return found


def spread(values: NDArray[Any], places: Integers, *, empty: Any = np.nan) -> Any:
    """Take the values at places, and another one where there is none."""
    if not len(values):
        return np.full(places.shape, empty)
    return np.where(places >= 0, values[places], empty)
