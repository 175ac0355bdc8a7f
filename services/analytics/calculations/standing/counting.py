"""Events counted per unit, and words of several columns as common numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Booleans, Floats, Integers, float_column


def units_of(events: pd.DataFrame) -> Integers:
    return events["unit"].to_numpy(dtype=np.int64)


def within(events: pd.DataFrame, *, as_of_day: int, days: int | None = None) -> Booleans:
    """Tell which events lie in a window that ends with the day, itself included.

    Without ``days`` the window has no beginning; an event of a later day is in none.
    """
    day = float_column(events, "day")
    happened: Booleans = day <= as_of_day
    return happened if days is None else happened & (day > as_of_day - days)


def is_true(events: pd.DataFrame, name: str) -> Booleans:
    """Tell where a flag is set; unknown is not set."""
    return events[name].to_numpy(dtype=np.bool_, na_value=False)


def words_are(events: pd.DataFrame, name: str, word: str) -> Booleans:
    return (events[name] == word).to_numpy(dtype=np.bool_, na_value=False)


def count_units(events: pd.DataFrame, rows: Booleans, *, unit_count: int) -> Integers:
    """Count the chosen events of each unit; shape (units,)."""
    counted: Integers = np.bincount(units_of(events)[rows], minlength=unit_count)
    return counted


def sum_units(events: pd.DataFrame, rows: Booleans, values: Floats, *, unit_count: int) -> Floats:
    """Sum the values of the chosen events of each unit; one unknown value makes a sum unknown."""
    total = np.bincount(units_of(events)[rows], weights=values[rows], minlength=unit_count)
    return total.astype(np.float64)


def distinct(keys: Integers) -> Integers:
    """Return the different keys in order; many times faster than `numpy.unique`, which hashes."""
    ordered = np.sort(keys)
    is_first = np.ones(len(ordered), dtype=np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_first]


def are_among(keys: Integers, ordered: Integers) -> Booleans:
    """Tell which keys are among distinct ones in order."""
    if not len(ordered):
        return np.zeros(len(keys), dtype=np.bool_)
    place = np.minimum(np.searchsorted(ordered, keys), len(ordered) - 1)
    found: Booleans = ordered[place] == keys
    return found


def common_codes(*columns: pd.Series) -> tuple[list[Integers], int]:
    """Number the words of several columns alike, -1 where empty, and say how many there are."""
    categories = [column.astype("category").cat for column in columns]
    words = pd.Index(sorted({str(word) for each in categories for word in each.categories}))
    codes = [
        np.append(words.get_indexer(each.categories.astype(str)), -1)[each.codes.to_numpy()]
        for each in categories
    ]
    return [each.astype(np.int64) for each in codes], len(words)
