"""From won deals to the purchases of each unit: what counts, what merges, first, last, how many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Booleans: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Purchases:
    """The purchases of a base of units, in the order of unit and day.

    Attributes
    ----------
    deal_rows
        Rows of the deals frame that are part of a purchase, ordered by unit and day.
    starts
        Where each purchase starts in ``deal_rows``; deals of a unit on one day are one purchase.
    purchase_unit
        Unit of each purchase.
    purchase_count
        Purchases of each unit; shape (units,).
    first_day, last_day
        First and last purchase day of each unit, days since 1970-01-01; 0 without a purchase.
    as_of_day
        The day the calculation looks from, days since 1970-01-01.
    """

    deal_rows: Integers
    starts: Integers
    purchase_unit: Integers
    purchase_count: Integers
    first_day: Integers
    last_day: Integers
    as_of_day: int

    @property
    def has_purchase(self) -> Booleans:
        """Whether each unit has bought at all."""
        return self.purchase_count > 0

    @property
    def repeat_count(self) -> Integers:
        """``x``: purchase days after the first, of the units that have bought."""
        return self.purchase_count[self.has_purchase] - 1

    @property
    def recency_days(self) -> Floats:
        """``t_x``: days from first to last purchase, of the units that have bought."""
        return (self.last_day - self.first_day)[self.has_purchase].astype(np.float64)

    @property
    def age_days(self) -> Floats:
        """``T``: days from first purchase to the day looked from, of the units that have bought."""
        return (self.as_of_day - self.first_day)[self.has_purchase].astype(np.float64)


def float_column(frame: pd.DataFrame, name: str) -> Floats:
    """Read one column as float64, unknown as NaN; never a view that is written to."""
    series = frame[name]
    if isinstance(series.dtype, np.dtype):
        return series.to_numpy(dtype=np.float64)
    return series.to_numpy(dtype=np.float64, na_value=np.nan)


def is_refunded_in_full(deals: pd.DataFrame) -> Booleans:
    """Tell which deals were paid back entirely and therefore are no purchase.

    An unknown amount or refund is no refund; a deal given away (amount 0) is a purchase.
    Source: domain specification 1.
    """
    refund = float_column(deals, "refund")
    return (refund > 0) & (refund >= float_column(deals, "amount"))


def summarize_purchases(deals: pd.DataFrame, *, unit_count: int, as_of_day: int) -> Purchases:
    """Merge won deals into purchases and count them per unit.

    Parameters
    ----------
    deals
        One row per won deal known as of the day: ``unit``, ``day`` (days since 1970-01-01),
        ``amount``, ``refund`` (base currency); in any order.
    unit_count
        Number of units; every ``unit`` lies in ``[0, unit_count)``.
    as_of_day
        The day looked from; no deal lies after it.

    Raises
    ------
    ValueError
        If a deal lies after ``as_of_day``.

    Source: domain specification 1 (a purchase, merging within a day) and 2.1.
    """
    unit = deals["unit"].to_numpy(dtype=np.int64)
    day = deals["day"].to_numpy(dtype=np.int64)
    if len(day) and int(day.max()) > as_of_day:
        raise ValueError("a deal lies after the day the calculation looks from")
    refunded = is_refunded_in_full(deals)
    rows = np.flatnonzero(~refunded) if refunded.any() else np.arange(len(unit))
    if len(rows) < len(unit):
        unit, day = unit[rows], day[rows]
    unit, day, rows = _ordered(unit, day, rows)
    is_start = np.ones(len(unit), dtype=np.bool_)
    is_start[1:] = (unit[1:] != unit[:-1]) | (day[1:] != day[:-1])
    starts = np.flatnonzero(is_start)
    if len(starts) < len(unit):
        unit, day = unit[starts], day[starts]
    count = np.bincount(unit, minlength=unit_count)
    past_last = np.cumsum(count)
    first_day, last_day = np.zeros((2, unit_count), dtype=np.int64)
    bought = count > 0
    first_day[bought] = day[(past_last - count)[bought]]
    last_day[bought] = day[past_last[bought] - 1]
    return Purchases(rows, starts, unit, count, first_day, last_day, as_of_day)


def _ordered(unit: Integers, day: Integers, rows: Integers) -> tuple[Integers, Integers, Integers]:
    if len(unit) < 2:
        return unit, day, rows
    first = int(day.min())
    day_bits = (int(day.max()) - first).bit_length()
    row_bits = len(unit).bit_length()
    key = (unit << day_bits) | (day - first)
    if bool((key[1:] >= key[:-1]).all()):
        return unit, day, rows
    if int(unit.max()).bit_length() + day_bits + row_bits < 64:
        # Sorting values is several times faster than argsort: the row rides in the low bits.
        key <<= row_bits
        key |= np.arange(len(key))
        key.sort()
        order = key & ((1 << row_bits) - 1)
        key >>= row_bits
    else:
        order = np.argsort(key, kind="stable")
        key = key[order]
    return key >> day_bits, (key & ((1 << day_bits) - 1)) + first, rows[order]
