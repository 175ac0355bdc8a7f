"""What in the records could not be used as it is, counted and with examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.analytics.crm_client import Resource
from services.analytics.frames.arrays import Booleans, Integers
from services.analytics.mirror.snapshot import Snapshot

_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Gap:
    """How many records have the same fault, up to 20 of their ids, and how many units they are of."""

    count: int = 0
    examples: tuple[str, ...] = ()
    unit_count: int = 0


@dataclass(frozen=True, slots=True)
class DataGaps:
    """What could not be used as it is; every example is the id of a record of the kind named first.

    Attributes
    ----------
    deals_without_fx_rate
        Won deals in a foreign currency without a rate; purchases of unknown amounts.
    deals_of_unknown_contacts, interactions_of_unknown_contacts
        Their contact is not live; left out.
    contacts_of_unknown_organisations
        Persons whose `parent_id` is no live organisation; they are units of their own.
    contacts_with_foreign_acquisition_cost
        Not in base currency, for which contacts have no rate; taken as unknown.
    interactions_with_foreign_cost
        The same; the default cost of the kind is taken.
    """

    deals_without_fx_rate: Gap = Gap()
    deals_of_unknown_contacts: Gap = Gap()
    interactions_of_unknown_contacts: Gap = Gap()
    contacts_of_unknown_organisations: Gap = Gap()
    contacts_with_foreign_acquisition_cost: Gap = Gap()
    interactions_with_foreign_cost: Gap = Gap()


def gap_of(snapshot: Snapshot, resource: Resource, unit: Integers, rows: Booleans) -> Gap:
    """Count the flagged records, and their units; the examples are those of the lowest ids.

    Records of unknown contacts, whose `unit` is -1, are of no unit.
    """
    count = int(rows.sum())
    if not count:
        return Gap()
    ids = snapshot.read(resource, ["id"], where=rows).column("id")
    # Whatever is of no unit has the last place.
    is_touched = np.zeros(int(unit.max()) + 2, dtype=np.bool_)
    is_touched[unit[rows]] = True
    return Gap(count, lowest_ids(ids), int(is_touched[:-1].sum()))


def lowest_ids(ids: pa.Array | pa.ChunkedArray) -> tuple[str, ...]:
    """Choose examples: whatever the order of the records is, the same ones."""
    return tuple(ids.take(pc.bottom_k_unstable(ids, k=_EXAMPLES)).to_pylist())
