"""Event frames for tests: rows of what matters, everything else unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from services.analytics.calculations.events import EVENT_COLUMNS, Events

Row = Mapping[str, Any]


def events(**rows: Sequence[Row]) -> Events:
    """Make the frames of events from rows by frame."""
    return Events(**{name: frame(name, rows.get(name, ())) for name in EVENT_COLUMNS})


def frame(name: str, rows: Sequence[Row]) -> pd.DataFrame:
    """Make one frame; a record id that is not given is told apart by its place."""
    return pd.DataFrame(
        {
            column: _column(column, dtype, [row.get(column) for row in rows])
            for column, dtype in EVENT_COLUMNS[name].items()
        }
    )


def _column(name: str, dtype: str, values: list[Any]) -> Any:
    if dtype == "str":
        made = [value or f"{name}-{place}" for place, value in enumerate(values)]
        return pd.Series(made, dtype="str")
    if dtype in ("category", "boolean"):
        return pd.Series(values, dtype=dtype)
    if dtype == "float64":
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return np.array([value or 0 for value in values], dtype=dtype)
