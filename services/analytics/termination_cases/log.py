"""The log of termination data: who read or changed what, when, in which request."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import bindparam, insert, select
from uuid_utils import uuid7

from services.analytics.termination_cases.process import Case
from services.analytics.termination_cases.table import termination_log
from services.foundation.calls import Principal
from services.foundation.columns import Identifier
from services.foundation.cursors import cut_page, read_position
from services.foundation.database import Database, Reader, Transaction
from services.foundation.statements import Record, Statement
from shared.values import RecordId, wire_instant

AUTOMATIC = "automatic"
"""In place of a key's name: what the service does by itself."""
POSITION = TypeAdapter(tuple[RecordId])
"""The last one of a page, of entries as of cases."""
_c = termination_log.c
_ADD = Statement(insert(termination_log))
_PAGE = (
    select(termination_log)
    .where(_c.id < bindparam("before", type_=Identifier))
    .order_by(_c.id.desc())
    .limit(bindparam("page_size"))
)
_ALL = Statement(_PAGE)
_OF_UNIT = Statement(_PAGE.where(_c.unit_id == bindparam("unit_id", type_=Identifier)))
_LAST = "f" * 8 + "-ffff" * 3 + "-" + "f" * 12


def entry(
    action: str,
    *,
    now: datetime,
    unit_id: str | None = None,
    case_id: str | None = None,
    by: Principal | None = None,
    request_id: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> Record:
    """Return a row of the log; without `by` the service did it by itself."""
    return {
        "id": str(uuid7()),
        "unit_id": unit_id,
        "case_id": case_id,
        "action": action,
        "at": now,
        "key_id": None if by is None else by.key_id,
        "key_name": AUTOMATIC if by is None else by.name,
        "request_id": request_id,
        "details": None if details is None else dict(details),
    }


def case_entry(
    action: str,
    case: Case,
    *,
    now: datetime,
    by: Principal | None = None,
    request_id: str | None = None,
) -> Record:
    """Return a row about a case as it stands; without `by` the service did it by itself."""
    return entry(
        action,
        now=now,
        unit_id=case["unit_id"],
        case_id=case["id"],
        by=by,
        request_id=request_id,
        details={"version": case["version"], "step": case["step"], "outcome": case["outcome"]},
    )


async def add(transaction: Transaction, row: Record) -> None:
    await transaction.run(_ADD, row)


async def add_all(database: Database, rows: Collection[Record]) -> None:
    """Note readings in a transaction of their own; whoever reads waits for it."""

    async def write(transaction: Transaction) -> None:
        await transaction.run_many(_ADD, list(rows))

    if rows:
        await database.write(write)


async def list_entries(
    reader: Reader, unit_id: str | None, *, cursor: str | None, limit: int
) -> tuple[list[Record], str | None]:
    """Return a page of what was read and changed, of one unit or of all, the newest first."""
    question = {"of": "termination_log", "unit_id": unit_id}
    before = _LAST
    if cursor is not None:
        (before,) = read_position(cursor, question, POSITION, length=1)
    values: Record = {"before": before, "page_size": limit + 1}
    if unit_id is None:
        rows = await reader.all(_ALL, values)
    else:
        rows = await reader.all(_OF_UNIT, {**values, "unit_id": unit_id})
    return cut_page(rows, limit, question, "id")


def show(row: Record) -> dict[str, Any]:
    """Return an entry as the wire shows it."""
    names = ("id", "unit_id", "case_id", "action", "key_id", "key_name", "request_id", "details")
    return {name: row[name] for name in names} | {"at": wire_instant(row["at"])}
