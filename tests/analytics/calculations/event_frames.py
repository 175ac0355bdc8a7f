"""Event frames for tests: rows of what matters, everything else unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np
import pandas as pd

from services.analytics.calculations.events import Events

Row = Mapping[str, Any]

_FLAGS: Final = (
    *("is_inbound", "is_public", "has_leave_intent", "names_competitor", "is_disputed"),
    *("is_lost", "is_confirmed_by_person"),
)
_COLUMNS: Final[Mapping[str, str]] = {
    "interactions": "unit day kind interaction_id is_inbound is_public sentiment severity settled_day "
    "resolution is_justified outcome channel nps has_leave_intent effective_day names_competitor "
    "event_type",
    "ratings": "unit day dimension perception expectation interaction_id",
    "invoices": "unit day due_day paid_day amount is_disputed deal_id",
    "lost_deals": "unit day lost_reason names_competitor deal_id",
    "open_deals": "unit day stage deal_id",
    "contracts": "unit start_day end_day cancelled_day amount deal_id",
    "purchased_categories": "unit day category",
    "interest": "unit day category kind",
    "won_reasons": "unit day won_reason",
    "referrals": "unit referred_unit day",
    "chargebacks": "unit day is_lost deal_id",
    "frauds": "unit day is_confirmed_by_person deal_id",
}
_WORDS: Final = (
    *("kind", "resolution", "outcome", "channel", "event_type", "dimension", "lost_reason"),
    *("stage", "category", "won_reason"),
)


def events(**rows: Sequence[Row]) -> Events:
    """Make the frames of events from rows by frame; a record id is told apart by its place."""
    return Events(
        **{each.name: frame(each.name, rows.get(each.name, ())) for each in fields(Events)}
    )


def frame(name: str, rows: Sequence[Row]) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    for column in _COLUMNS[name].split():
        values = [row.get(column) for row in rows]
        if column in ("unit", "referred_unit"):
            columns[column] = np.array([value or 0 for value in values], dtype=np.int64)
        elif column.endswith("_id"):
            made = [value or f"{name}-{place}" for place, value in enumerate(values)]
            columns[column] = pd.Series(made, dtype="str")
        elif column == "is_justified":
            columns[column] = pd.array(values, dtype="boolean")
        elif column in _FLAGS:
            columns[column] = np.array([bool(value) for value in values])
        elif column in _WORDS:
            columns[column] = pd.Categorical(values)
        else:
            columns[column] = np.array(
                [np.nan if value is None else value for value in values], dtype=np.float64
            )
    return pd.DataFrame(columns)
