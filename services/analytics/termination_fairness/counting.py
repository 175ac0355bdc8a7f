"""Counts who was under review by group when a version is made; only the counts are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from services.analytics.calculations.termination_fairness import compare_groups
from services.analytics.computing import Computed, Rules
from services.analytics.frames.clock import day_number
from services.analytics.mirror.snapshot import Snapshot
from services.analytics.termination_cases.feeding import quarter_start

DIMENSIONS = {"language": "language", "country": "country_code", "kind": "kind"}
_NOT_COUNTED = ("excluded", "lead")


def quarter_name(version_as_of: Any) -> str:
    """Name the quarter of a day, for instance 2026-Q4."""
    return f"{version_as_of.year:04}-Q{(version_as_of.month + 2) // 3}"


def count_fairness(snapshot: Snapshot, base: Computed, rules: Rules) -> dict[str, Any]:
    """Count the customers, and those who had an open case in the quarter, by group.

    Leads are not counted, nor are those who object to profiling or were erased. Language and country are
    read here for the counts and go no further.
    """
    customers, cases = base.customers, rules.cases
    is_counted = ~customers["state"].isin(_NOT_COUNTED).to_numpy(dtype=np.bool_, na_value=False)
    is_counted &= ~customers["has_profiling_objection"].to_numpy(dtype=np.bool_, na_value=False)
    if base.erased:
        is_counted &= ~customers["unit_id"].isin(base.erased).to_numpy(dtype=np.bool_)
    ids = pa.array(customers["unit_id"], pa.string(), from_pandas=True).filter(pa.array(is_counted))
    columns = list(DIMENSIONS.values())
    table = snapshot.read("contacts", ["id", *columns], words=columns)
    places = pc.index_in(ids, value_set=table.column("id").combine_chunks())
    groups = {
        name: pd.Series(table.column(column).combine_chunks().take(places).to_pandas())
        for name, column in DIMENSIONS.items()
    }
    since = day_number(quarter_start(rules.as_of))
    ended = cases["closed_day"].to_numpy(np.float64)
    was_open = cases["opened_day"].to_numpy(np.float64) <= rules.as_of_day
    was_open &= np.isnan(ended) | (ended >= since)
    reviewed = pa.array(cases.index[was_open], pa.string(), from_pandas=True)
    is_reviewed = pc.is_in(ids, value_set=reviewed).to_numpy(zero_copy_only=False)
    return {
        "quarter": quarter_name(rules.as_of),
        "dimensions": compare_groups(groups, is_reviewed),
    }


def languages_of(snapshot: Snapshot, unit_ids: Sequence[str]) -> dict[str, str | None]:
    """Return the language of some customers, for the letters to them."""
    table = snapshot.find("contacts", pa.array(unit_ids, pa.string()), ["id", "language"])
    return dict(
        zip(table.column("id").to_pylist(), table.column("language").to_pylist(), strict=True)
    )
