"""Lists termination cases, and tells all that is stored about the cases of a unit."""

from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, select

from services.analytics.termination_cases.log import POSITION
from services.analytics.termination_cases.process import Case
from services.analytics.termination_cases.table import termination_cases, termination_log
from services.foundation.columns import Identifier
from services.foundation.cursors import cut_page, read_position
from services.foundation.database import Reader
from services.foundation.statements import Record, Statement
from shared.values import wire_instant

_c = termination_cases.c
_OF_UNIT = Statement(
    select(termination_cases)
    .where(_c.unit_id == bindparam("unit_id", type_=Identifier))
    .order_by(_c.id.desc())
)
_LOG_OF_UNIT = Statement(
    select(termination_log)
    .where(termination_log.c.unit_id == bindparam("unit_id", type_=Identifier))
    .order_by(termination_log.c.id.desc())
    .limit(10_000)
)
_FILTERS = {"unit_id": _c.unit_id, "step": _c.step, "outcome": _c.outcome}


@lru_cache(maxsize=100)
def _page(filters: frozenset[str], continued: bool) -> Statement:
    clauses: list[Any] = [
        _FILTERS[name] == bindparam(name, type_=_FILTERS[name].type) for name in sorted(filters)
    ]
    if continued:
        clauses.append(_c.id < bindparam("before", type_=Identifier))
    rows = select(termination_cases).where(*clauses).order_by(_c.id.desc())
    return Statement(rows.limit(bindparam("page_size")))


async def list_cases(
    reader: Reader, *, filters: Record, cursor: str | None, limit: int
) -> tuple[list[Case], str | None]:
    """Return a page of cases, the newest first, and the cursor behind it."""
    question = {"of": "termination_cases", **filters}
    values: Record = {**filters, "page_size": limit + 1}
    if cursor is not None:
        (values["before"],) = read_position(cursor, question, POSITION, length=1)
    rows = await reader.all(_page(frozenset(filters), cursor is not None), values)
    return cut_page(rows, limit, question, "id")


async def stored_of(reader: Reader, unit_id: str) -> dict[str, list[Record]]:
    """Return all cases of a unit and the log of them, as they are stored."""
    values = {"unit_id": unit_id}
    cases, entries = await reader.all(_OF_UNIT, values), await reader.all(_LOG_OF_UNIT, values)
    return {"cases": [_plain(row) for row in cases], "log": [_plain(row) for row in entries]}


def _plain(row: Record) -> Record:
    return {
        name: wire_instant(value) if name.endswith("_at") or name == "at" else value
        for name, value in row.items()
        if name != "open_unit_id"
    }
