"""What is known of units, as the facts that are changed on trial find it and leave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from services.analytics.calculations.events import Events
from services.analytics.calculations.purchases import Booleans


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """The frames that numbers are computed from.

    Attributes
    ----------
    units
        One row per unit, indexed by the surrogate ``unit``.
    deals
        Won deals; amounts in base currency.
    events
        What has happened to the units besides.
    reach
        Who may be reached, how and how often; indexed like ``units``.
    as_of_day
        The day looked from; days since 1970-01-01 in the business time zone.
    """

    units: pd.DataFrame
    deals: pd.DataFrame
    events: Events
    reach: pd.DataFrame
    as_of_day: int

    def with_units(self, **columns: Any) -> Known:
        return replace(self, units=_assigned(self.units, columns))

    def with_reach(self, **columns: Any) -> Known:
        return replace(self, reach=_assigned(self.reach, columns))

    def with_rows(self, event: str, rows: Booleans, **values: Any) -> Known:
        """Give some rows of a frame of events other values."""
        frame: pd.DataFrame = getattr(self.events, event)
        columns = {
            name: pd.Series(
                np.where(rows, value, frame[name].to_numpy()),
                index=frame.index,
                dtype=frame[name].dtype,
            )
            for name, value in values.items()
        }
        return replace(self, events=replace(self.events, **{event: frame.assign(**columns)}))


def _assigned(frame: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Put one value, or one for each row, into columns; each keeps its type."""
    new = {}
    for name, value in columns.items():
        values = value if isinstance(value, np.ndarray) else [value] * len(frame)
        new[name] = pd.Series(values, index=frame.index, dtype=frame[name].dtype)
    return frame.assign(**new)
