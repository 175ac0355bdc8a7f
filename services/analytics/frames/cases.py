"""Open termination cases as columns of units; they come from the service's own store, not from the CRM."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from services.analytics.frames.building import Frames

CASE_COLUMNS: Final = (
    *("termination_case", "case_day", "remedy_failed_day", "hearing_closed_day"),
    *("opened_day", "closed_day"),
)
"""The step of an open case and since when, its two days, and how long it was open; by unit."""
_DAYS: Final = ("remedy_failed_day", "hearing_closed_day")


def no_cases() -> pd.DataFrame:
    """Return that nobody has a case."""
    columns = {name: pd.Series(dtype=np.float64) for name in CASE_COLUMNS}
    columns["termination_case"] = pd.Series(dtype="str")
    return pd.DataFrame(columns, index=pd.Index([], dtype="str", name="unit_id"))


def with_cases(frames: Frames, cases: pd.DataFrame) -> Frames:
    """Put the step of the open case to each unit that has one, and the days that its facts take.

    A step that was taken after the day of the frames counts as not taken.
    """
    if not len(cases):
        return frames
    units = frames.units.copy(deep=False)
    places = cases.index.get_indexer(pd.Index(units["unit_id"]))
    rows = np.flatnonzero(places >= 0)
    found = cases.take(places[rows])
    is_known = found["case_day"].to_numpy(np.float64) <= frames.as_of_day
    words = units["termination_case"].to_numpy(dtype=object, copy=True)
    words[rows] = found["termination_case"].where(is_known, None).to_numpy(dtype=object)
    units["termination_case"] = pd.array(words, dtype="str")
    for name in _DAYS:
        days = units[name].to_numpy(np.float64, copy=True)
        days[rows] = found[name].to_numpy(np.float64)
        units[name] = days
    return replace(frames, units=units)


def case_marks(cases: pd.DataFrame) -> dict[str, str]:
    """Write what numbers depend on as a text for each unit with a case: who differs has changed."""
    lines = cases[list(CASE_COLUMNS)].astype("object").where(cases.notna(), None)
    return {
        str(unit): "|".join("" if value is None else str(value) for value in row)
        for unit, row in zip(cases.index, lines.to_numpy(), strict=True)
    }


def changed_units(before: dict[str, str], after: dict[str, str]) -> frozenset[str]:
    """Return the units whose case is another one, new or gone."""
    return frozenset(unit for unit in {*before, *after} if before.get(unit) != after.get(unit))
