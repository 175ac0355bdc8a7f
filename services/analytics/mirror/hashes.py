"""Hashes of ids: by them records are ordered, found, and spread over partitions."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Hashes: TypeAlias = NDArray[np.uint64]

ID_LENGTH = 36
"""Characters of an id, which is a UUID."""
_WEIGHTS = np.random.default_rng(20261127).integers(2**64, size=9, dtype=np.uint64) | np.uint64(1)
_FACTOR = np.uint64(0xFF51AFD7ED558CCD)


def hash_ids(ids: pa.ChunkedArray) -> Hashes:
    """Return a number for each id, spread evenly over all of 64 bits; the same one for ever.

    Different ids may have the same one, which is about as likely as a broken disk: whoever looks
    for records by it has to compare the ids.

    Raises
    ------
    ValueError
        An id is missing or does not have 36 characters.
    """
    return np.concatenate([np.zeros(0, np.uint64), *map(_hash_chunk, ids.chunks)])


def _hash_chunk(ids: pa.Array) -> Hashes:
    if not len(ids):
        return np.zeros(0, np.uint64)
    _, offsets, texts = ids.buffers()
    starts = np.frombuffer(offsets, np.int32)[ids.offset : ids.offset + len(ids) + 1]
    if ids.null_count or (np.diff(starts) != ID_LENGTH).any():
        raise ValueError(f"an id is missing or does not have {ID_LENGTH} characters")
    text = np.frombuffer(texts, np.uint8)[starts[0] : starts[-1]]
    hashes: Hashes = text.view("<u4").reshape(len(ids), 9).astype(np.uint64) @ _WEIGHTS
    # The last step of MurmurHash3: every bit depends on all. Public domain, Austin Appleby.
    hashes ^= hashes >> np.uint64(33)
    hashes *= _FACTOR
    hashes ^= hashes >> np.uint64(33)
    return hashes
