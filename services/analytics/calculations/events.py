"""What has happened to units besides purchases, as frames; nothing is computed from them here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

import pandas as pd

EVENT_COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "interactions": {
        "unit": "int64",
        "day": "int32",
        "kind": "category",
        "interaction_id": "str",
        "is_inbound": "bool",
        "is_public": "bool",
        "sentiment": "float64",
        "severity": "float64",
        "settled_day": "float64",
        "resolution": "category",
        "is_justified": "boolean",
        "outcome": "category",
        "channel": "category",
        "nps": "float64",
        "has_leave_intent": "bool",
        "effective_day": "float64",
        "names_competitor": "bool",
        "event_type": "category",
    },
    "ratings": {
        "unit": "int64",
        "day": "int32",
        "dimension": "category",
        "perception": "float64",
        "expectation": "float64",
        "interaction_id": "str",
    },
    "invoices": {
        "unit": "int64",
        "day": "int32",
        "due_day": "int32",
        "paid_day": "float64",
        "amount": "float64",
        "is_disputed": "bool",
        "is_complained_of": "bool",
        "deal_id": "str",
    },
    "lost_deals": {
        "unit": "int64",
        "day": "int32",
        "lost_reason": "category",
        "names_competitor": "bool",
        "deal_id": "str",
    },
    "open_deals": {"unit": "int64", "day": "int32", "stage": "category", "deal_id": "str"},
    "contracts": {
        "unit": "int64",
        "start_day": "int32",
        "end_day": "int32",
        "cancelled_day": "float64",
        "amount": "float64",
        "deal_id": "str",
    },
    "contract_products": {
        "unit": "int64",
        "start_day": "int32",
        "end_day": "int32",
        "cancelled_day": "float64",
        "product": "category",
        "category": "category",
    },
    "purchased_categories": {"unit": "int64", "day": "int32", "category": "category"},
    "bought_products": {"unit": "int64", "day": "int32", "product": "int32"},
    "declined_products": {"unit": "int64", "day": "int32", "product": "int32"},
    "live_terms": {"unit": "int64", "day": "int32", "product": "int32", "is_quote": "bool"},
    "competitor_moves": {"unit": "int64", "day": "int32", "activity_id": "str"},
    "opened_products": {
        "unit": "int64",
        "day": "int32",
        "deal_id": "str",
        "product": "int32",
        "successor": "int32",
        "replacement_days": "float64",
        "service_interval_days": "float64",
    },
    "interest": {"unit": "int64", "day": "int32", "category": "category", "kind": "category"},
    "won_reasons": {"unit": "int64", "day": "int32", "won_reason": "category"},
    "referrals": {"unit": "int64", "referred_unit": "int64", "day": "int32"},
    "chargebacks": {"unit": "int64", "day": "int32", "is_lost": "bool", "deal_id": "str"},
    "frauds": {
        "unit": "int64",
        "day": "int32",
        "is_confirmed_by_person": "bool",
        "deal_id": "str",
    },
}
"""Columns and dtypes of every frame; what they mean is said in the dictionary of frames."""


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """What has happened to units, one frame per kind, one row per event, in any order.

    All as known on the day; days are counted from 1970-01-01 in the business time zone. ``unit``
    is the surrogate of the customer unit.
    """

    interactions: pd.DataFrame
    ratings: pd.DataFrame
    invoices: pd.DataFrame
    lost_deals: pd.DataFrame
    open_deals: pd.DataFrame
    contracts: pd.DataFrame
    contract_products: pd.DataFrame
    purchased_categories: pd.DataFrame
    bought_products: pd.DataFrame
    declined_products: pd.DataFrame
    live_terms: pd.DataFrame
    competitor_moves: pd.DataFrame
    opened_products: pd.DataFrame
    interest: pd.DataFrame
    won_reasons: pd.DataFrame
    referrals: pd.DataFrame
    chargebacks: pd.DataFrame
    frauds: pd.DataFrame

    @classmethod
    def empty(cls) -> Events:
        """Return the events of a base to which nothing has happened yet."""
        return cls(**{field.name: empty_frame(field.name) for field in fields(cls)})


def empty_frame(name: str) -> pd.DataFrame:
    """Return the frame of that name without rows."""
    columns = EVENT_COLUMNS[name]
    return pd.DataFrame({column: pd.Series(dtype=dtype) for column, dtype in columns.items()})


_LATER_IS_EMPTY: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "interactions": {"settled_day": ("settled_day", "resolution", "is_justified")},
    "invoices": {"paid_day": ("paid_day",)},
    "contracts": {"cancelled_day": ("cancelled_day",)},
    "contract_products": {"cancelled_day": ("cancelled_day",)},
}


def known_on(events: Events, as_of_day: int) -> Events:
    """Return what was known of the events on an earlier day; the same frames if nothing is later.

    What had not happened is left out, and what was settled, paid or cancelled later is empty. What
    frames of a later day cannot tell any more is missing: deals that were open then and are closed
    by now, disputes withdrawn. To be exact, the frames of that day have to be built.

    Source: domain specification 1, "As-of".
    """
    frames = {
        field.name: _known_rows(field.name, getattr(events, field.name), as_of_day)
        for field in fields(events)
    }
    return Events(**frames)


def _known_rows(name: str, frame: pd.DataFrame, as_of_day: int) -> pd.DataFrame:
    day = frame["start_day" if name.startswith("contract") else "day"]
    if len(frame) and int(day.max()) > as_of_day:
        frame = frame.loc[day <= as_of_day]
    for date, columns in _LATER_IS_EMPTY.get(name, {}).items():
        is_later = frame[date] > as_of_day
        if is_later.any():
            kept = {column: frame[column].where(~is_later) for column in columns}
            frame = frame.assign(**kept)
    return frame
