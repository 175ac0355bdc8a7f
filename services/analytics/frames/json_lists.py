"""Lists that the mirror holds as JSON text, as tables."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from services.analytics.frames.arrays import Integers
from services.analytics.frames.dictionary import FrameInvalid


def read_lists(texts: pa.ChunkedArray, entry: pa.StructType) -> tuple[Integers, pa.Table]:
    """Return of every entry of every list the place of its list, and the fields of `entry`.

    Raises
    ------
    FrameInvalid
        A text is no JSON list of such entries.
    """
    places, entries = read_entries(texts, entry)
    return places, pa.Table.from_struct_array(entries)


def read_entries(texts: pa.ChunkedArray, entry: pa.DataType) -> tuple[Integers, pa.Array]:
    """Return of every entry of every list the place of its list, and the entry.

    One reader takes all of them as lines of JSON, several times faster than one by one.

    Raises
    ------
    FrameInvalid
        A text is no JSON list of such entries.
    """
    if not len(texts):  # the reader refuses a text without lines
        return np.zeros(0, dtype=np.int64), pa.array([], entry)
    before, after, between = (pa.scalar(t, pa.large_string()) for t in ('{"entries":', "}\n", ""))
    lines = pc.binary_join_element_wise(
        before, texts.combine_chunks().cast(pa.large_string()), after, between
    )
    text = lines.buffers()[2].slice(0, pc.sum(pc.binary_length(lines)).as_py())
    try:
        lists = pa.json.read_json(
            pa.BufferReader(text),
            parse_options=pa.json.ParseOptions(
                explicit_schema=pa.schema([("entries", pa.list_(entry))]),
                unexpected_field_behavior="ignore",
            ),
        ).column("entries")
    except pa.ArrowInvalid:
        raise FrameInvalid("a list in the mirror cannot be read") from None
    lists = lists.combine_chunks()
    if len(lists) != len(texts):
        raise FrameInvalid("a list in the mirror cannot be read")
    places = pc.list_parent_indices(lists).to_numpy().astype(np.int64)
    return places, lists.flatten()
