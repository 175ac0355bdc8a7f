"""Creates many records, or throws them away, in a few statements: what `records` does with one."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import bindparam, update

from services.crm_api.changes.table import changes
from services.crm_api.external_refs import operations as external_refs
from services.crm_api.records import CHANGE_COLUMNS, complete_row, telling
from services.crm_api.resources import Resource
from services.foundation.calls import Stamp
from services.foundation.columns import Instant, Texts
from services.foundation.constructs import any_of
from services.foundation.database import Transaction
from services.foundation.statements import Record, Statement


async def create_many(
    transaction: Transaction, resource: Resource, rows: Sequence[Mapping[str, Any]], *, stamp: Stamp
) -> list[str]:
    """Insert many records whose references are known to be free; returns their ids."""
    full = [complete_row(resource, row, stamp=stamp) for row in rows]
    refs = [
        ref
        for row in full
        for ref in external_refs.rows_of(
            resource.name, row["id"], external_refs.pairs(row["external_refs"])
        )
    ]
    await transaction.insert_many(resource.table, full)
    await external_refs.claim_many(transaction, refs)
    told = [
        telling(
            resource, row, "created", [n for n, v in given.items() if v not in (None, [])], stamp
        )
        for row, given in zip(full, rows, strict=True)
    ]
    await _tell(transaction, told)
    return [row["id"] for row in full]


async def _tell(transaction: Transaction, told: Sequence[Record]) -> None:
    """Write many change records at once."""
    rows = [{name: each[f"new_{name}"] for name in CHANGE_COLUMNS} for each in told]
    await transaction.insert_many(changes, rows)


@cache
def _trash(resource: Resource) -> Statement:
    table = resource.table
    return Statement(
        update(table)
        .where(any_of(table.c.id, bindparam("at_ids", type_=Texts)))
        .values(
            deleted_at=bindparam("set_at", type_=Instant),
            updated_at=bindparam("set_at", type_=Instant),
            version=table.c.version + 1,
        )
    )


async def trash_many(
    transaction: Transaction, resource: Resource, rows: Sequence[Record], *, stamp: Stamp
) -> None:
    """Put many locked records into the trash with a few statements."""
    if not rows:
        return
    ids = [row["id"] for row in rows]
    await external_refs.release_many(transaction, ids)
    await transaction.run(_trash(resource), {"at_ids": ids, "set_at": stamp.now})
    told = []
    for row in rows:
        after = {"id": row["id"], "version": row["version"] + 1}
        change = telling(resource, after, "deleted", ["deleted_at"], stamp)
        told.append(change | {"new_before": {"deleted_at": None}})
    await _tell(transaction, told)
