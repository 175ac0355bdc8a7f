"""The evidence of all signals of a unit as one text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from services.analytics.calculations.purchases import Integers
from services.analytics.calculations.signals.by_unit import Evidence


def evidence_texts(evidence: Mapping[str, Evidence], *, unit_count: int) -> Any:
    """Write for each unit a JSON object of signal id -> list of records.

    A record is its type, its day and its id: ``interaction 2026-03-04 0197…``.

    Returns
    -------
    pandas.array
        Strings, missing for a unit without evidence; shape (units,).

    Notes
    -----
    The ids are UUIDs and need no escapes.
    """
    units, texts = [], []
    for name, records in sorted(evidence.items()):
        if len(records.unit):
            owner, lists = _lists(records.unit, _texts(records))
            units.append(owner)
            texts.append(_between(f'"{name}":["', pc.binary_join(lists, _large('","')), '"]'))
    if not units:
        return pd.array([None] * unit_count, dtype="str")
    unit = np.concatenate(units)
    order = np.argsort(unit, kind="stable")
    owner, lists = _lists(unit[order], pa.concat_arrays(texts).take(pa.array(order)))
    members = _between("{", pc.binary_join(lists, _large(",")), "}")
    place = np.full(unit_count, -1)
    place[owner] = np.arange(len(owner))
    return pd.array(members, dtype="str").take(place, allow_fill=True)


def _texts(records: Evidence) -> pa.Array:
    kind = pc.if_else(pa.array(records.is_deal), _large("deal"), _large("interaction"))
    day = pa.array(records.day.astype("datetime64[D]")).cast(pa.large_string())
    record_id = pa.array(records.record_id, pa.large_string())
    return pc.binary_join_element_wise(kind, day, record_id, _large(" "))


def _lists(sorted_unit: Integers, texts: pa.Array) -> tuple[Integers, pa.Array]:
    """Return the units in order and the texts of each as a list."""
    is_first = np.ones(len(sorted_unit), dtype=np.bool_)
    is_first[1:] = sorted_unit[1:] != sorted_unit[:-1]
    starts = np.flatnonzero(is_first)
    offsets = pa.array(np.append(starts, len(sorted_unit)), pa.int64())
    return sorted_unit[starts], pa.LargeListArray.from_arrays(offsets, texts)


def _between(before: str, texts: pa.Array, after: str) -> pa.Array:
    return pc.binary_join_element_wise(_large(before), texts, _large(after), _large(""))


def _large(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())
