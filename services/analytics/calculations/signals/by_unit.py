"""Rows of events brought together by unit: sums, joined strengths, the rows that tell most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.analytics.calculations.purchases import Booleans, Floats, Integers

Rows: TypeAlias = NDArray[np.intp]

SHOWN_FROM: Final = 1e-9
"""A strength below it is the rounding of a sum, and nothing shows it."""
EVIDENCE_LIMIT = 3


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Records that show a signal, at most three per unit, the most telling first.

    Attributes
    ----------
    unit
        Unit of each record, ascending; shape (records,).
    record_id
        Its id; array of strings of the same shape.
    """

    unit: Integers
    record_id: Any

    @classmethod
    def none(cls) -> Evidence:
        return cls(np.zeros(0, dtype=np.int64), pd.array([], dtype="str"))


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """One signal of all units.

    Attributes
    ----------
    strength
        0 to 1, NaN where there is not enough data; shape (units,).
    evidence
        What shows it, of the units where the strength is above 0.
    """

    strength: Floats
    evidence: Evidence


def are(column: pd.Series, *words: str) -> Booleans:
    """Tell which rows of a category column are one of these words; missing is none."""
    is_wanted = np.append(column.cat.categories.isin(words), False)
    return np.asarray(is_wanted[column.cat.codes.to_numpy()], dtype=np.bool_)


def ages(frame: pd.DataFrame, as_of_day: int) -> Integers:
    """Return how many days ago each row was."""
    age: Integers = as_of_day - frame["day"].to_numpy(dtype=np.int64)
    return age


def units_of(frame: pd.DataFrame, rows: Any = slice(None)) -> Integers:
    unit: Integers = frame["unit"].to_numpy(dtype=np.int64)[rows]
    return unit


def count_by_unit(unit: Integers, unit_count: int) -> Floats:
    return np.bincount(unit, minlength=unit_count).astype(np.float64)


def sum_by_unit(unit: Integers, values: Floats, unit_count: int) -> Floats:
    return np.bincount(unit, weights=values, minlength=unit_count).astype(np.float64)


def join_by_unit(unit: Integers, strengths: Floats, unit_count: int) -> Floats:
    """Join strengths: ``1 - prod(1 - s)``, 0 for a unit without any."""
    with np.errstate(divide="ignore"):
        missing = sum_by_unit(unit, np.log1p(-strengths), unit_count)
    joined: Floats = -np.expm1(missing)
    return joined


def ratio(above: Floats, below: Floats) -> Floats:
    """Divide, NaN where there is nothing to divide by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = above / below
    return np.where(below > 0, quotient, np.nan)


def newest_first(
    unit: Integers,
    weight: Floats | Integers,
    ids: Any,
    rows: Any,
    *,
    at_most: int | None = None,
) -> Rows:
    """Order records by unit and falling weight, equal ones by id, and cut each unit's off.

    Parameters
    ----------
    unit, weight
        Of each record; whole numbers are ordered several times faster.
    ids, rows
        A column of ids, and the place of each record in it.

    Returns
    -------
    numpy.ndarray
        Places of the records kept.
    """
    order = _order(unit, weight)
    ordered_unit, ordered_weight = unit[order], weight[order]
    is_equal = (ordered_unit[1:] == ordered_unit[:-1]) & (ordered_weight[1:] == ordered_weight[:-1])
    if is_equal.any():
        # Comparing texts is dear: only where nothing else decides.
        tied = np.flatnonzero(np.append(is_equal, False) | np.append(False, is_equal))
        texts = pd.Series(ids.take(rows[order[tied]]))
        by_text = np.lexsort(
            (texts.rank(method="dense").to_numpy(), -ordered_weight[tied], ordered_unit[tied])
        )
        order[tied] = order[tied[by_text]]
    if at_most is None:
        return order
    return order[places_within(ordered_unit) < at_most]


def _order(unit: Integers, weight: Floats | Integers) -> Rows:
    """Order by unit and falling weight; whole numbers in one key with the row in its low bits."""
    if len(unit) and np.issubdtype(weight.dtype, np.integer):
        rank: Integers = int(weight.max()) - weight.astype(np.int64)
        weight_bits = int(rank.max()).bit_length()
        row_bits = len(unit).bit_length()
        if int(unit.max()).bit_length() + weight_bits + row_bits < 64:
            key = (((unit << weight_bits) | rank) << row_bits) | np.arange(len(unit))
            key.sort()
            return np.asarray(key & ((1 << row_bits) - 1), dtype=np.intp)
    return np.lexsort((-weight, unit))


def places_within(sorted_unit: Integers) -> Integers:
    """Number the rows of each unit from 0; the units are in order."""
    is_first = np.ones(len(sorted_unit), dtype=np.bool_)
    is_first[1:] = sorted_unit[1:] != sorted_unit[:-1]
    starts = np.flatnonzero(is_first)
    lengths = np.diff(np.append(starts, len(sorted_unit)))
    return np.arange(len(sorted_unit)) - np.repeat(starts, lengths)


def shown_by(
    strength: Floats, frame: pd.DataFrame, id_column: str, rows: Any, weight: Floats | Integers
) -> Evidence:
    """Choose of these rows of a frame the ones of greatest weight, where the signal is not 0.

    Parameters
    ----------
    rows
        Places of the rows that may show it; ``weight`` is theirs.
    """
    unit = units_of(frame, rows)
    shows = strength[unit] > SHOWN_FROM
    if not shows.any():
        return Evidence.none()
    unit, rows, ids = unit[shows], rows[shows], frame[id_column].array
    kept = newest_first(unit, weight[shows], ids, rows, at_most=EVIDENCE_LIMIT)
    return Evidence(unit[kept], ids.take(rows[kept]))
