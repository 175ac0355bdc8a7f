"""A frame of scored customers as rows of the table that shows them, in its order of columns."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy.engine.interfaces import Dialect

from services.analytics.packing import pack
from services.analytics.tables import (
    EVIDENCE_COLUMNS,
    FLAG_COLUMNS,
    NUMBER_COLUMNS,
    ORDERS,
    PRIORITY_COLUMN,
    RANK_COLUMNS,
    RFM_COLUMNS,
    SIGNALS,
    TEXT_COLUMNS,
    UNKNOWN_ORDER,
)

# Of those who object to profiling only these are stored, as an answer that is owed is no profile;
# domain specification 6.1 and 10, privacy.
_STAYS = frozenset(
    {"unit_id", "kind", "recommendation_basis", "obligation_ids", PRIORITY_COLUMN}
    | {f"must_answer_{name}" for name in ("interaction", "person", "language")}
    | {
        f"complaint_{name}"
        for name in ("interaction", "person", "language", "severity", "due_day", "count")
    }
    | {f"privacy_{name}" for name in ("interaction", "person", "language", "due_day")}
)


def customer_rows(
    frame: pd.DataFrame, numbers: NDArray[np.int64], *, dialect: Dialect
) -> Iterator[tuple[Any, ...]]:
    """Return the rows of these customers under their numbers.

    A column that the frame has not is unknown of everybody.
    """
    # SQLite stores NaN as null; its driver looks for an adapter of every None and every boolean,
    # which takes ten times as long as the value itself.
    is_sqlite = dialect.name == "sqlite"
    chunk = _Chunk(frame, objectors(frame), unknown=np.nan if is_sqlite else None)
    values = np.column_stack([chunk.floats(name) for name in NUMBER_COLUMNS])
    at = {name: place for place, name in enumerate(NUMBER_COLUMNS)}
    columns: list[Any] = [numbers.tolist()]
    columns += [chunk.texts(name) for name in ("unit_id", "kind", *TEXT_COLUMNS)]
    columns += [chunk.counts(name) for name in RFM_COLUMNS]
    columns.append(chunk.numbers(PRIORITY_COLUMN))
    columns += [chunk.texts(name) for name in EVIDENCE_COLUMNS]
    for name in FLAG_COLUMNS:
        flags = _flags(frame, name)
        columns.append((flags.view(np.uint8) if is_sqlite else flags).tolist())
    strengths = values[:, [at[f"signal_{signal}"] for signal in SIGNALS]]
    columns.append(((strengths > 0) @ (1 << np.arange(len(SIGNALS)))).tolist())
    orders = values[:, [at[name] for name in ORDERS.values()]]
    columns += np.where(np.isnan(orders), UNKNOWN_ORDER, orders).T.tolist()
    columns.append(pack(values))
    return zip(*columns, strict=True)


def rank_values(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Return for each customer its id and its ranks, as parameters of an UPDATE."""
    chunk = _Chunk(frame, objectors(frame), unknown=None)
    columns = [chunk.texts("unit_id")]
    columns += [
        chunk.counts(name)
        if name in RFM_COLUMNS
        else chunk.numbers(name)
        if name == PRIORITY_COLUMN
        else chunk.texts(name)
        for name in RANK_COLUMNS
    ]
    names = ["at_unit_id", *(f"set_{name}" for name in RANK_COLUMNS)]
    return (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))


def objectors(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell of each customer whether it objects to profiling."""
    return _flags(frame, "has_profiling_objection")


@dataclass(frozen=True)
class _Chunk:
    frame: pd.DataFrame
    objects: NDArray[np.bool_]
    unknown: Any

    def texts(self, name: str) -> list[Any]:
        if name not in self.frame:
            return [self.unknown] * len(self.frame)
        column = self.frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            # The code of a missing one is -1: the last of the choices.
            choices = np.array([*map(str, column.cat.categories), self.unknown], dtype=object)
            texts = choices[column.cat.codes.to_numpy()]
        else:
            texts = column.to_numpy(dtype=object, na_value=self.unknown, copy=True)
        if name not in _STAYS:
            texts[self.objects] = self.unknown
        found: list[Any] = texts.tolist()
        return found

    def floats(self, name: str) -> NDArray[np.float64]:
        if name not in self.frame:
            return np.full(len(self.frame), np.nan)
        values = self.frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        is_shown = np.isfinite(values) & (~self.objects | (name in _STAYS))
        return np.where(is_shown, values, np.nan)

    def numbers(self, name: str) -> list[Any]:
        return [self.unknown if value != value else value for value in self.floats(name).tolist()]

    def counts(self, name: str) -> list[Any]:
        values = self.floats(name).tolist()
        return [self.unknown if value != value else int(value) for value in values]


def _flags(frame: pd.DataFrame, name: str) -> NDArray[np.bool_]:
    if name not in frame:
        return np.zeros(len(frame), dtype=np.bool_)
    flags: NDArray[np.bool_] = frame[name].to_numpy(dtype=np.bool_, na_value=False)
    return flags
