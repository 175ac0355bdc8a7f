"""Does with many records in a few statements what `records` does with one, and moves or removes them."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    String,
    bindparam,
    delete,
    insert,
    literal,
    select,
    update,
)

from services.crm_api.changes.table import changes
from services.crm_api.external_refs import operations as external_refs
from services.crm_api.external_refs.table import external_refs as external_refs_table
from services.crm_api.records import CHANGE_COLUMNS, complete_row, telling, wire_names
from services.crm_api.resources import Resource
from services.foundation.calls import Stamp
from services.foundation.columns import Document, Instant
from services.foundation.constructs import is_among
from services.foundation.database import Transaction
from services.foundation.statements import Record, Statement

_DROP_REFS = Statement(delete(external_refs_table).where(is_among(external_refs_table.c.record_id)))
_FORGET = Statement(
    update(changes)
    .where(is_among(changes.c.record_id))
    .values(before=bindparam("nothing", type_=Document))
)


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
    told = []
    for row, given in zip(full, rows, strict=True):
        names = [name for name, value in given.items() if value not in (None, [])]
        change = telling(resource, row, "created", names, stamp)
        told.append({name: change[f"new_{name}"] for name in CHANGE_COLUMNS})
    await transaction.insert_many(changes, told)
    return [row["id"] for row in full]


def _telling(resource: Resource, *where: ColumnElement[bool]) -> Statement:
    """Build what tells the feed of a change of all records that fulfil these, before it is made."""
    table = resource.table
    columns = {
        "resource": literal(resource.name),
        "record_id": table.c.id,
        "action": bindparam("action", type_=String),
        "version": table.c.version + 1,
        "changed": bindparam("changed", type_=Document),
        "key_id": bindparam("key_id", type_=String),
        "request_id": bindparam("request_id", type_=String),
        "occurred_at": bindparam("at", type_=Instant),
        "before": bindparam("before", type_=Document),
    }
    return Statement(
        insert(changes).from_select(list(columns), select(*columns.values()).where(*where))
    )


def _told(
    resource: Resource,
    columns: Sequence[str],
    action: str,
    stamp: Stamp,
    before: Mapping[str, Any] | None = None,
) -> Record:
    return {
        "action": action,
        "changed": wire_names(resource, tuple(columns)),
        "key_id": stamp.key_id,
        "request_id": stamp.request_id,
        "at": stamp.now,
        "before": before,
    }


@cache
def _change(resource: Resource, names: frozenset[str]) -> tuple[Statement, Statement]:
    table = resource.table
    here = is_among(table.c.id)
    values: dict[str, Any] = {
        name: bindparam(f"set_{name}", type_=table.c[name].type) for name in sorted(names)
    }
    values |= {"version": table.c.version + 1, "updated_at": bindparam("at", type_=Instant)}
    return _telling(resource, here), Statement(update(table).where(here).values(values))


async def change_many(
    transaction: Transaction,
    resource: Resource,
    ids: Sequence[str],
    values: Mapping[str, Any],
    *,
    stamp: Stamp,
    action: str = "updated",
    before: Mapping[str, Any] | None = None,
) -> None:
    """Set the same values in all these records; what was there before is kept only if it is given."""
    if not ids:
        return
    tell, change = _change(resource, frozenset(values))
    await transaction.run(
        tell, {"ids": ids, **_told(resource, list(values), action, stamp, before)}
    )
    new = {f"set_{name}": value for name, value in values.items()}
    await transaction.run(change, {"ids": ids, "at": stamp.now, **new})


async def trash_many(
    transaction: Transaction, resource: Resource, ids: Sequence[str], *, stamp: Stamp
) -> None:
    """Put many locked records into the trash and free their external references."""
    if ids:
        await external_refs.release_many(transaction, ids)
        values, before = {"deleted_at": stamp.now}, {"deleted_at": None}
        await change_many(
            transaction, resource, ids, values, stamp=stamp, action="deleted", before=before
        )


@cache
def _remove(resource: Resource) -> tuple[Statement, Statement]:
    here = is_among(resource.table.c.id)
    return _telling(resource, here), Statement(delete(resource.table).where(here))


async def remove_many(
    transaction: Transaction, resource: Resource, ids: Sequence[str], *, stamp: Stamp
) -> None:
    """Delete these records for good, their references and what undo had kept of them; nothing may
    point to them any more."""
    if not ids:
        return
    tell, remove = _remove(resource)
    await transaction.run(tell, {"ids": ids, **_told(resource, [], "purged", stamp)})
    await forget_many(transaction, ids)
    await transaction.run(remove, {"ids": ids})


async def forget_many(transaction: Transaction, ids: Sequence[str]) -> None:
    """Drop the external references of these records, and their values from before each change."""
    await transaction.run(_DROP_REFS, {"ids": ids})
    await forget_before(transaction, ids)


async def forget_before(transaction: Transaction, ids: Sequence[str]) -> None:
    """Drop the values of these records from before each change."""
    await transaction.run(_FORGET, {"ids": ids, "nothing": None})


@cache
def _move(resource: Resource, column: str, *, is_back: bool) -> tuple[Statement, Statement]:
    table = resource.table
    where: list[ColumnElement[bool]] = [
        table.c[column] == bindparam("from_id", type_=table.c[column].type)
    ]
    if is_back:
        moved = changes.alias("moved")
        where.append(
            table.c.id.in_(
                select(moved.c.record_id).where(
                    moved.c.request_id == bindparam("merge_request"),
                    moved.c.resource == resource.name,
                    moved.c.action == "updated",
                )
            )
        )
    values: dict[str, Any] = {
        column: bindparam("to_id", type_=table.c[column].type),
        "version": table.c.version + 1,
        "updated_at": bindparam("at", type_=Instant),
    }
    move = update(table).where(*where).values(values).returning(table.c.id)
    return _telling(resource, *where), Statement(move)


async def move_children(
    transaction: Transaction,
    resource: Resource,
    column: str,
    *,
    from_id: str,
    to_id: str,
    stamp: Stamp,
    moved_by: str | None = None,
) -> int:
    """Let all records that point to one record point to another; returns how many.

    `moved_by` limits it to those that a request moved before: the way back.
    """
    tell, move = _move(resource, column, is_back=moved_by is not None)
    way = {"from_id": from_id, "to_id": to_id, "merge_request": moved_by}
    told = _told(resource, [column], "updated", stamp, before={column: from_id})
    await transaction.run(tell, way | told)
    return len(await transaction.texts(move, way | {"at": stamp.now}))
