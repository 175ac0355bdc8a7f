"""Many numbers of a customer as one value of the database, and back; which numbers is told beside it.

Most numbers of most customers are unknown or zero. So two rows of bits come first, a bit for each number,
the first number in the highest bit: whether it is known, and whether it is stored. Those stored follow, eight
bytes each, the lowest first; what is known and not stored is zero.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from services.analytics.tables import COUNT_COLUMNS
from services.foundation.statements import Record

_WHOLE = frozenset(COUNT_COLUMNS)


def pack(numbers: NDArray[np.float64]) -> list[bytearray]:
    """Pack each row of a matrix; NaN is unknown.

    Bytes that can be changed, because the driver of SQLite looks at others twice.
    """
    is_known = ~np.isnan(numbers)
    is_stored = is_known & (numbers != 0)
    bits = np.hstack([np.packbits(is_known, axis=1), np.packbits(is_stored, axis=1)])
    width, heads = bits.shape[1], bytearray(bits.tobytes())
    values = bytearray(numbers[is_stored].astype("<f8").tobytes())
    ends = (8 * np.cumsum(is_stored.sum(axis=1))).tolist()
    starts = [0, *ends][:-1]
    places = range(0, len(heads), width)
    return [
        heads[at : at + width] + values[start:end]
        for at, start, end in zip(places, starts, ends, strict=True)
    ]


def unpack(record: Record, columns: Sequence[str]) -> Record:
    """Return a row with a column for each of its packed numbers, None for an unknown one."""
    packed: bytes = record["numbers"]
    width = (len(columns) + 7) // 8
    is_known = int.from_bytes(packed[:width], "big")
    is_stored = int.from_bytes(packed[width : 2 * width], "big")
    values = iter(_reader((len(packed) - 2 * width) // 8).unpack_from(packed, 2 * width))
    row: Record = {name: value for name, value in record.items() if name != "numbers"}
    bit = 1 << (8 * width - 1)
    for name in columns:
        if is_stored & bit:
            value = next(values)
            row[name] = int(value) if name in _WHOLE else value
        elif is_known & bit:
            row[name] = 0 if name in _WHOLE else 0.0
        else:
            row[name] = None
        bit >>= 1
    return row


@lru_cache(maxsize=200)
def _reader(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}d")
