"""Notes what is no change of a record, and reads both together, newest first."""

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    String,
    bindparam,
    cast,
    insert,
    literal,
    literal_column,
    select,
    tuple_,
    type_coerce,
    union_all,
)

from services.crm_api.audit.table import audit_events
from services.crm_api.changes.table import changes
from services.foundation.calls import Stamp
from services.foundation.columns import Document, Instant, Texts
from services.foundation.constructs import any_of, json_record
from services.foundation.database import Transaction
from services.foundation.statements import Statement

_NOTE = Statement(
    insert(audit_events).values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                *("action", "resource", "record_id", "key_id", "request_id", "occurred_at"),
                "about_key_id",
            )
        }
    )
)


async def note(
    transaction: Transaction,
    action: str,
    resource: str,
    record_id: str | None,
    *,
    stamp: Stamp,
    about_key_id: str | None = None,
) -> None:
    """Add an entry to the audit log."""
    await transaction.run(
        _NOTE,
        {
            "new_action": action,
            "new_resource": resource,
            "new_record_id": record_id,
            "new_key_id": stamp.key_id,
            "new_request_id": stamp.request_id,
            "new_occurred_at": stamp.now,
            "new_about_key_id": about_key_id,
        },
    )


def _part(table: Any, mark: str, filters: frozenset[str], *, is_continued: bool) -> Any:
    c = table.c
    # One order over both tables: the same instant, then the table's letter and its number.
    id: ColumnElement[str] = literal(mark) + cast(c.seq, String)
    changed = c.changed if "changed" in c else literal_column("NULL", Document())
    about = c.about_key_id if "about_key_id" in c else literal_column("NULL", String())
    item = json_record(
        ("id", id),
        ("at", c.occurred_at),
        ("action", c.action),
        ("resource", c.resource),
        ("record_id", c.record_id),
        ("changed", changed),
        ("about_key_id", about),
        ("key_id", c.key_id),
        ("request_id", c.request_id),
    )
    clauses: list[ColumnElement[bool]] = [
        any_of(about if name == "about_key_id" else c[name], bindparam(name, type_=Texts))
        for name in sorted(filters - {"at_gte", "at_lt"})
    ]
    if "at_gte" in filters:
        clauses.append(c.occurred_at >= bindparam("at_gte", type_=Instant))
    if "at_lt" in filters:
        clauses.append(c.occurred_at < bindparam("at_lt", type_=Instant))
    if is_continued:
        last = tuple_(bindparam("last_value", type_=Instant), bindparam("last_id", type_=String))
        clauses.append(tuple_(c.occurred_at, id) < last)
    at = type_coerce(c.occurred_at, Instant())
    rows = (
        select(item.label("item"), at.label("at"), id.label("id"))
        .where(*clauses)
        .order_by(c.occurred_at.desc(), id.desc())
        .limit(bindparam("page_size"))
        .subquery(f"of_{mark}")
    )
    return select(*rows.c)


@lru_cache(maxsize=100)
def audit_statement(filters: frozenset[str], *, is_continued: bool) -> Statement:
    """Return the statement of a page of the audit log."""
    parts = [
        _part(changes, "c", filters, is_continued=is_continued),
        _part(audit_events, "e", filters, is_continued=is_continued),
    ]
    whole = union_all(*parts).subquery("whole")
    return Statement(
        select(whole.c.item, whole.c.at, whole.c.id)
        .order_by(whole.c.at.desc(), whole.c.id.desc())
        .limit(bindparam("page_size"))
    )
