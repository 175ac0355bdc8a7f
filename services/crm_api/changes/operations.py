"""Reads the change feed: everything up to the oldest transaction that still runs, in order."""

import asyncio
import base64
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import BigInteger, String, bindparam, cast, select, tuple_

from services.crm_api.changes.table import changes
from services.crm_api.resources import RESOURCES
from services.foundation.columns import TransactionId
from services.foundation.constructs import settled
from services.foundation.database import Database, Reader
from services.foundation.problems import invalid
from services.foundation.statements import Record, Statement
from shared.values import wire_instant

_POLL_SECONDS = 0.5
_table = changes.c
_transaction_text = cast(_table.transaction_id, String)
_after = tuple_(
    cast(bindparam("transaction", type_=String), TransactionId), bindparam("seq", type_=BigInteger)
)
_NEXT = Statement(
    select(
        _transaction_text.label("transaction"),
        _table.seq,
        _table.resource,
        _table.record_id,
        _table.action,
        _table.version,
        _table.changed,
        _table.key_id,
        _table.request_id,
        _table.occurred_at,
    )
    .where(tuple_(_table.transaction_id, _table.seq) > _after, settled(_table.transaction_id))
    .order_by(_table.transaction_id, _table.seq)
    .limit(bindparam("page_size"))
)
_LAST = Statement(
    select(_transaction_text.label("transaction"), _table.seq)
    .where(settled(_table.transaction_id))
    .order_by(_table.transaction_id.desc(), _table.seq.desc())
    .limit(1)
)

Position = tuple[str, int]
START: Position = ("0", 0)


def write_position(position: Position) -> str:
    return base64.urlsafe_b64encode(f"{position[0]}.{position[1]}".encode()).rstrip(b"=").decode()


def read_position(cursor: str | None) -> Position:
    """Read a cursor back.

    Raises
    ------
    Invalid
        It is not one of ours.
    """
    if cursor is None:
        return START
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        transaction, _, seq = text.partition(".")
        if not (
            transaction.isdigit() and seq.isdigit() and len(transaction) < 20 and len(seq) < 19
        ):
            raise ValueError
    except ValueError:
        raise invalid(
            "/query/after", "invalid_cursor", "This is no cursor of the change feed."
        ) from None
    return transaction, int(seq)


async def last_position(reader: Reader) -> Position:
    """Return the newest position that a reader can be sure of: nothing before it is still to come."""
    row = await reader.first(_LAST)
    return START if row is None else (row["transaction"], row["seq"])


async def read_on(
    reader: Reader, position: Position, *, limit: int
) -> tuple[list[Record], Position]:
    """Return the rows of the changes behind `position`, and the position behind them."""
    values = {"transaction": position[0], "seq": position[1], "page_size": limit}
    rows = await reader.all(_NEXT, values)
    return rows, (rows[-1]["transaction"], rows[-1]["seq"]) if rows else position


async def follow(
    database: Database, position: Position, *, limit: int, wait_seconds: int
) -> tuple[list[dict[str, Any]], Position, bool]:
    """Return the changes behind `position`, the position behind them, and whether there are more."""
    rows, _ = await read_on(database, position, limit=limit + 1)
    waited = 0.0
    while not rows and waited < wait_seconds:
        await asyncio.sleep(_POLL_SECONDS)
        waited += _POLL_SECONDS
        rows, _ = await read_on(database, position, limit=limit + 1)
    more, rows = len(rows) > limit, rows[:limit]
    if rows:
        position = (rows[-1]["transaction"], rows[-1]["seq"])
    return [event(row) for row in rows], position, more


def event_type(row: Record) -> str:
    """Return what happened to what, as an event names it."""
    return f"crm.{row['resource']}.{row['action']}.v1"


def event(row: Record) -> dict[str, Any]:
    """Return a row of the changes as the CloudEvent that tells of it."""
    return {
        "specversion": "1.0",
        "id": f"{row['transaction']}.{row['seq']}",
        "source": "/crm",
        "type": event_type(row),
        "subject": f"{RESOURCES[row['resource']].plural}/{row['record_id']}",
        "time": wire_instant(row["occurred_at"]),
        "data": {
            "version": row["version"],
            "changed": row["changed"],
            "request_id": row["request_id"],
        },
    }


def page(items: Sequence[dict[str, Any]], position: Position, more: bool) -> bytes:
    return orjson.dumps({"items": items, "cursor": write_position(position), "has_more": more})
