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
    day
        When it was, days since 1970-01-01; a deal was when it was won, lost, invoiced
        or its contract cancelled.
    is_deal
        Whether it is a deal; else it is an interaction.
    """

    unit: Integers
    record_id: Any
    day: Integers
    is_deal: Booleans

    @classmethod
    def of(cls, records: pd.DataFrame, rows: Any) -> Evidence:
        """Take these rows of a frame: ``unit``, ``day``, and the id of a deal or an interaction.

        A frame of both has ``record_id`` and ``is_deal``.
        """
        if "record_id" in records:
            is_deal = records["is_deal"].to_numpy(dtype=np.bool_)[rows]
        else:
            is_deal = np.full(len(rows), "deal_id" in records)
        return cls(
            units_of(records, rows),
            ids_of(records).take(rows),
            records["day"].to_numpy(dtype=np.int64)[rows],
            is_deal,
        )

    @classmethod
    def none(cls) -> Evidence:
        nothing = np.zeros(0, dtype=np.int64)
        return cls(nothing, pd.array([], dtype="str"), nothing, nothing.astype(np.bool_))


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


def ids_of(records: pd.DataFrame) -> Any:
    """Return the ids of a frame of deals, of interactions, or of both."""
    names = ("record_id", "deal_id", "interaction_id")
    return records[next(name for name in names if name in records)].array


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
    strength: Floats, frame: pd.DataFrame, rows: Any, weight: Floats | Integers
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
    unit, rows = unit[shows], rows[shows]
    kept = newest_first(unit, weight[shows], ids_of(frame), rows, at_most=EVIDENCE_LIMIT)
    return Evidence.of(frame, rows[kept])
