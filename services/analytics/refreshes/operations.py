"""Reads refreshes as the wire shows them."""

from datetime import date, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import bindparam, select, tuple_

from services.analytics.tables import refreshes
from services.foundation.cursors import cut_page, read_position
from services.foundation.database import Reader
from services.foundation.problems import invalid
from services.foundation.statements import Record, Statement
from shared.values import Instant, RecordId, wire_instant

_FIRST_DAY, _AHEAD = date(1970, 1, 1), timedelta(hours=14)
_QUESTION = {"of": "refreshes"}
_POSITION = TypeAdapter(tuple[Instant, RecordId])
_position = tuple_(refreshes.c.created_at, refreshes.c.id)
_after = tuple_(
    bindparam("last_value", type_=refreshes.c.created_at.type),
    bindparam("last_id", type_=refreshes.c.id.type),
)
_order = (refreshes.c.created_at.desc(), refreshes.c.id.desc())
_FIRST = Statement(select(refreshes).order_by(*_order).limit(bindparam("page_size")))
_NEXT = Statement(
    select(refreshes).where(_position < _after).order_by(*_order).limit(bindparam("page_size"))
)


def check_as_of(as_of: date | None, *, now: datetime) -> None:
    """Refuse days of which nothing can be known; today ends fourteen hours later than in UTC.

    Raises
    ------
    Invalid
        The day lies before 1970 or in the future.
    """
    if as_of is not None and not _FIRST_DAY <= as_of <= (now + _AHEAD).date():
        raise invalid("/body/as_of", "out_of_range", "A day from 1970 to today is expected.")


async def list_refreshes(
    reader: Reader, *, cursor: str | None, limit: int
) -> tuple[list[Record], str | None]:
    """Return a page of refreshes, newest first, and the cursor behind it."""
    values: dict[str, Any] = {"page_size": limit + 1}
    if cursor is not None:
        position = read_position(cursor, _QUESTION, _POSITION, length=2)
        values |= dict(zip(("last_value", "last_id"), position, strict=True))
    rows = await reader.all(_FIRST if cursor is None else _NEXT, values)
    return cut_page(rows, limit, _QUESTION, "created_at", "id")


def show(row: Record) -> dict[str, Any]:
    """Return a refresh as the wire shows it."""

    def instant(name: str) -> str | None:
        return None if row[name] is None else wire_instant(row[name])

    return {
        "id": row["id"],
        "status": row["status"],
        "stage": row["stage"],
        "progress": row["progress"],
        "as_of": None if row["as_of"] is None else row["as_of"].isoformat(),
        "is_full": row["is_full"],
        "model_version": row["version"],
        "failure": row["failure"],
        "created_at": instant("created_at"),
        "started_at": instant("started_at"),
        "finished_at": instant("finished_at"),
    }
