"""Columns of units that tell where they stand and what protects them; by any contact of the unit.

Like an objection they hold for every day: nobody records since when.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from services.analytics.calculations.termination import PROTECTIONS
from services.analytics.frames.arrays import Booleans
from services.analytics.frames.contacts import Contacts
from services.analytics.mirror.snapshot import Snapshot

_TEXTS = [
    " ".join(name for place, name in enumerate(PROTECTIONS) if bits >> place & 1)
    for bits in range(1, 2 ** len(PROTECTIONS))
]


def standing_columns(snapshot: Snapshot, contacts: Contacts) -> dict[str, Any]:
    """Build `is_referred`, `has_previous_supplier`, `is_innovation_partner` and `protection_ids` of units."""
    names = ["previous_supplier_id", "referred_by_id", "flags", "protections"]
    table = snapshot.read("contacts", names)

    def flags(rows: Any) -> Booleans:
        is_there = np.asarray(rows.to_numpy(), dtype=np.bool_) & (contacts.unit >= 0)
        return contacts.flags(contacts.unit, is_there)

    def named(column: str, word: str) -> Booleans:
        return flags(pc.match_substring(table.column(column).fill_null("[]"), f'"{word}"'))

    bits = np.zeros(contacts.unit_count, dtype=np.int8)
    for place, name in enumerate(PROTECTIONS):
        bits |= named("protections", name).astype(np.int8) << place
    texts = pa.DictionaryArray.from_arrays(
        pa.array(bits - 1, mask=bits == 0, type=pa.int8()), pa.array(_TEXTS)
    )
    return {
        "is_referred": flags(table.column("referred_by_id").is_valid()),
        "has_previous_supplier": flags(table.column("previous_supplier_id").is_valid()),
        "is_innovation_partner": named("flags", "innovation_partner"),
        "protection_ids": pd.array(texts.cast(pa.large_string()), dtype="str"),
    }
