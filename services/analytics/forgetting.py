"""Forgets customers who are gone from the CRM for good although no version showed them last."""

from collections.abc import Callable, Collection
from datetime import datetime

import pyarrow as pa
from sqlalchemy import Table, select

from services.analytics import store
from services.analytics.crm_reading import Reading
from services.analytics.plans.operations import forget_units
from services.analytics.publishing import forget
from services.analytics.tables import SLOTS, metadata
from services.foundation.database import Database
from services.foundation.statements import Statement

_AT_ONCE = 200


def _not_in(slot: Table) -> list[Statement]:
    """Build what finds the customers whom something is kept of and whom a table does not show."""
    return [
        Statement(
            select(table.c.unit_id)
            .where(~select(slot.c.unit_id).where(slot.c.unit_id == table.c.unit_id).exists())
            .where(table.c.unit_id.is_not(None))
            .distinct()
        )
        for table in metadata.sorted_tables
        if "unit_id" in table.c and table is not slot
    ]


_NOT_SHOWN = {letter: _not_in(slot) for letter, slot in SLOTS.items()}


def may_be_gone(reading: Reading) -> list[str]:
    """Return the contacts that changed and are not live: thrown away, merged or erased."""
    changed = pa.array((reading.changed or {}).get("contacts", ()), pa.string())
    found = reading.snapshot.find("contacts", changed, ["id", "erased_at"])
    live = found.column("id").filter(found.column("erased_at").is_null())
    return sorted({*changed.to_pylist()} - {*live.to_pylist()})


async def not_shown(database: Database) -> list[str]:
    """Return the customers whom something is kept of and whom the published version does not show."""
    newest = await store.newest_version(database)
    if newest is None:
        return []
    found = [await database.all(each) for each in _NOT_SHOWN[newest["slot"]]]
    return sorted({row["unit_id"] for rows in found for row in rows})


async def forget_gone(
    database: Database,
    reading: Reading,
    *,
    is_whole: bool,
    ask: Callable[[Collection[str]], Collection[str]],
    now: datetime,
) -> None:
    """Forget, of those who changed, who is gone; with `is_whole` of all whom anything is kept of.

    Who was in the trash or merged into another one when it was erased has left the mirror before: only
    the CRM can tell (`ask`) that it does not come back.
    """
    changed = reading.changed
    found = await not_shown(database) if is_whole or changed is None else may_be_gone(reading)
    gone = sorted(ask(found)) if found else []
    for start in range(0, len(gone), _AT_ONCE):
        some = gone[start : start + _AT_ONCE]
        await forget(database, some, now=now)
        await forget_units(database, some)
    if gone:
        await database.scrub()
