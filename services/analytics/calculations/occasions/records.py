"""Records that events follow from, and the newest of them of every unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Booleans, Integers


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Records, one row each, in any order.

    Attributes
    ----------
    unit
        Surrogate of the unit.
    day
        On which day what is looked for came about, days since 1970-01-01.
    ids
        Ids of the records, an array of pandas.
    """

    unit: Integers
    day: Integers
    ids: Any

    @classmethod
    def of(cls, frame: pd.DataFrame, where: Booleans, *, day: str, record_id: str) -> Self:
        """Take some rows of a frame."""
        rows = np.flatnonzero(where)
        return cls(
            frame["unit"].to_numpy(dtype=np.int64)[rows],
            frame[day].to_numpy()[rows].astype(np.int64),
            frame[record_id].array.take(rows),
        )

    @classmethod
    def joined(cls, parts: Sequence[Records]) -> Self:
        """Put records one below the other."""
        return cls(
            np.concatenate([part.unit for part in parts]),
            np.concatenate([part.day for part in parts]),
            pd.concat([pd.Series(part.ids, dtype="str") for part in parts]).array,
        )

    def take(self, rows: Any) -> Records:
        return Records(self.unit[rows], self.day[rows], self.ids.take(rows))

    def between(self, first_day: int, last_day: int) -> Records:
        """Keep those of some days, both included."""
        is_within = (self.day >= first_day) & (self.day <= last_day)
        return self if is_within.all() else self.take(np.flatnonzero(is_within))

    def newest(self, unit_count: int) -> Records:
        """Keep the newest of each unit; of several on a day the one of lowest id."""
        latest = np.full(unit_count, np.iinfo(np.int64).min)
        np.maximum.at(latest, self.unit, self.day)
        rows = np.flatnonzero(self.day == latest[self.unit])
        several = rows[np.bincount(self.unit[rows], minlength=unit_count)[self.unit[rows]] > 1]
        several = several[self.ids.take(several).argsort()[::-1]]  # the last one that is put stays
        row = np.full(unit_count, -1)
        row[self.unit[rows]] = rows
        row[self.unit[several]] = several
        return self.take(row[row >= 0])
