"""Changes or removes many records of a resource in a few statements, telling of each in the feed."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import String, bindparam, delete, insert, literal, select, update

from services.crm_api.changes.table import changes
from services.crm_api.external_refs.table import external_refs
from services.crm_api.resources import Resource
from services.foundation.calls import Stamp
from services.foundation.columns import Document, Instant, Texts
from services.foundation.constructs import any_of
from services.foundation.database import Transaction
from services.foundation.statements import Statement

_DROP_REFS = Statement(
    delete(external_refs).where(
        any_of(external_refs.c.record_id, bindparam("ids", type_=Texts)),
    )
)
_FORGET = Statement(
    update(changes)
    .where(any_of(changes.c.record_id, bindparam("ids", type_=Texts)))
    .values(before=bindparam("nothing", type_=Document))
)


@cache
def _tell(resource: Resource) -> Statement:
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
    }
    here = any_of(table.c.id, bindparam("ids", type_=Texts))
    return Statement(
        insert(changes).from_select(list(columns), select(*columns.values()).where(here))
    )


@cache
def _set(resource: Resource, names: frozenset[str]) -> Statement:
    table = resource.table
    values: dict[str, Any] = {
        name: bindparam(f"set_{name}", type_=table.c[name].type) for name in sorted(names)
    }
    values |= {"version": table.c.version + 1, "updated_at": bindparam("at", type_=Instant)}
    here = any_of(table.c.id, bindparam("ids", type_=Texts))
    return Statement(update(table).where(here).values(values))


@cache
def _remove(resource: Resource) -> Statement:
    table = resource.table
    return Statement(delete(table).where(any_of(table.c.id, bindparam("ids", type_=Texts))))


async def change_many(
    transaction: Transaction,
    resource: Resource,
    ids: Sequence[str],
    values: Mapping[str, Any],
    *,
    stamp: Stamp,
    action: str = "updated",
) -> None:
    """Set the same values in all these records; what was there before is not kept."""
    if not ids:
        return
    names = sorted({resource.wire_name(name) for name in values} - resource.hidden)
    await transaction.run(_tell(resource), _told(ids, names, action, stamp))
    await transaction.run(
        _set(resource, frozenset(values)),
        {"ids": ids, "at": stamp.now, **{f"set_{name}": value for name, value in values.items()}},
    )


async def remove_many(
    transaction: Transaction, resource: Resource, ids: Sequence[str], *, stamp: Stamp
) -> None:
    """Delete these records for good, their references and what undo had kept of them; nothing may
    point to them any more."""
    if not ids:
        return
    await transaction.run(_tell(resource), _told(ids, [], "purged", stamp))
    await forget_many(transaction, ids)
    await transaction.run(_remove(resource), {"ids": ids})


async def forget_many(transaction: Transaction, ids: Sequence[str]) -> None:
    """Drop the external references of these records, and their values from before each change."""
    await transaction.run(_DROP_REFS, {"ids": ids})
    await forget_before(transaction, ids)


async def forget_before(transaction: Transaction, ids: Sequence[str]) -> None:
    """Drop the values of these records from before each change."""
    await transaction.run(_FORGET, {"ids": ids, "nothing": None})


def _told(ids: Sequence[str], changed: Sequence[str], action: str, stamp: Stamp) -> dict[str, Any]:
    return {
        "ids": ids,
        "action": action,
        "changed": changed,
        "key_id": stamp.key_id,
        "request_id": stamp.request_id,
        "at": stamp.now,
    }
