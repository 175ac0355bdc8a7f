"""Many numbers of a customer as one value of the database, and back; which numbers is told beside it."""

import struct
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from services.analytics.tables import COUNT_COLUMNS
from services.foundation.statements import Record

_WHOLE = frozenset(COUNT_COLUMNS)


def pack(numbers: NDArray[np.float64]) -> list[bytearray]:
    """Pack each row of a matrix: eight bytes a number, the lowest first; NaN is unknown.

    Bytes that can be changed, because the driver of SQLite looks at others twice.
    """
    width = 8 * numbers.shape[1]
    packed = bytearray(np.ascontiguousarray(numbers, dtype="<f8").tobytes())
    return [packed[at : at + width] for at in range(0, len(packed), width)]


def unpack(record: Record, columns: Sequence[str]) -> Record:
    """Return a row with a column for each of its packed numbers, None for an unknown one."""
    row: Record = {name: value for name, value in record.items() if name != "numbers"}
    for name, value in zip(columns, _reader(len(columns)).unpack(record["numbers"]), strict=True):
        if value != value:
            row[name] = None
        else:
            row[name] = int(value) if name in _WHOLE else value
    return row


@lru_cache(maxsize=8)
def _reader(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}d")
