"""Cases as a refresh takes them and leaves them: what numbers depend on, and what a version changes."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import bindparam, delete, func, insert, null, or_, select, update

from services.analytics.customers.operations import CustomerMissing, find_customer
from services.analytics.frames.cases import no_cases
from services.analytics.frames.clock import day_number
from services.analytics.publication import Publication
from services.analytics.termination_cases import log, process
from services.analytics.termination_cases.operations import lock, standing_of, store
from services.analytics.termination_cases.table import (
    termination_cases,
    termination_forgotten,
    termination_log,
)
from services.foundation.columns import Day, Texts
from services.foundation.constructs import any_of
from services.foundation.database import Database, Transaction
from services.foundation.statements import Record, Statement
from services.foundation.tables import idempotency_records

_c, _l, _f = termination_cases.c, termination_log.c, termination_forgotten.c
_ids = bindparam("ids", type_=Texts)
_SINCE = Statement(
    select(termination_cases)
    .where(or_(_c.closed_day.is_(None), _c.closed_day >= bindparam("since", type_=Day)))
    .order_by(_c.id)
)
_OPEN = Statement(select(_c.id, _c.unit_id).where(_c.open_unit_id.is_not(None)).order_by(_c.id))
_OF_SOME = Statement(
    select(_c.outcome, func.count().label("case_count"))
    .where(any_of(_c.unit_id, _ids))
    .group_by(_c.outcome)
)
_DELETE = Statement(delete(termination_cases).where(any_of(_c.unit_id, _ids)))
_DETACH = Statement(
    update(termination_log)
    .where(any_of(_l.unit_id, _ids))
    .values(unit_id=null(), case_id=null(), request_id=null(), details=null())
)
_KNOWN_COUNTS = Statement(select(termination_forgotten))
_ADD_COUNT = Statement(insert(termination_forgotten))
_SET_COUNT = Statement(
    update(termination_forgotten)
    .where(_f.outcome == bindparam("at_outcome"))
    .values(case_count=_f.case_count + bindparam("more", type_=_f.case_count.type))
)
# Answers kept for requests that are sent again hold what the cases say.
_DROP_ANSWERS = Statement(
    delete(idempotency_records).where(
        idempotency_records.c.path.like("/v1/termination-cases%"),
        idempotency_records.c.body.like(bindparam("unit")),
    )
)


def quarter_start(day: date) -> date:
    """Return the first day of the quarter of a day."""
    return date(day.year, day.month - (day.month - 1) % 3, 1)


async def load_cases(database: Database, *, as_of: date) -> pd.DataFrame:
    """Return the open case of each unit, or else the newest that was open in the quarter of the day.

    Returns
    -------
    pandas.DataFrame
        `frames.cases.CASE_COLUMNS`, indexed by ``unit_id``: the word of the step and since when
        (missing once closed), the days on which the remedy had failed and the hearing was closed, and
        from when to when it was open; days since 1970.
    """
    rows = await database.all(_SINCE, {"since": quarter_start(as_of)})
    in_order = sorted(rows, key=lambda row: row["open_unit_id"] is not None)
    newest = {row["unit_id"]: row for row in in_order}
    if not newest:
        return no_cases()
    columns: dict[str, list[Any]] = {"termination_case": [], "case_day": []}
    names = ("remedy_failed_day", "hearing_closed_day", "opened_day", "closed_day")
    columns |= {name: [] for name in names}
    for row in newest.values():
        is_open = row["open_unit_id"] is not None
        columns["termination_case"].append(row["step"] if is_open else None)
        columns["case_day"].append(_number(row["step_day"] if is_open else None))
        for name in names[:2]:
            columns[name].append(_number(row[name] if is_open else None))
        for name in names[2:]:
            columns[name].append(_number(row[name]))
    index = pd.Index(list(newest), dtype="str", name="unit_id")
    frame = pd.DataFrame(columns, index=index)
    frame["termination_case"] = frame["termination_case"].astype("str")
    return frame


def _number(day: date | None) -> float:
    return np.nan if day is None else float(day_number(day))


async def open_units(database: Database) -> list[str]:
    """Return the units with an open case."""
    return [row["unit_id"] for row in await database.all(_OPEN)]


async def settle_cases(
    database: Database, version: Record, *, languages: Mapping[str, str | None], now: datetime
) -> None:
    """Close the open cases whose grounds a new version no longer shows, and note whose language is which.

    A version of an earlier day than the last step of a case says nothing about it.
    """
    publication = Publication(version, None)
    for found in await database.all(_OPEN):

        async def settle(transaction: Transaction, found: Record = found) -> None:
            case = await lock(transaction, found["id"], None)
            after = case | {"language": languages.get(case["unit_id"])}
            standing = None
            try:
                row = await find_customer(transaction, publication, case["unit_id"])
            except CustomerMissing:
                # It was merged into another one, or thrown away: there is nobody to proceed against.
                outcome: str | None = "ended_otherwise"
            else:
                standing = standing_of(row, publication)
                outcome = process.fallen(case, standing)
            if outcome is not None and version["as_of"] >= case["step_day"]:
                actor = process.Actor(None, log.AUTOMATIC, now, version["as_of"])
                found_now = after if standing is None else process.checked(after, standing)
                after = process.close(found_now, actor, outcome=outcome)
                after |= {"version": case["version"] + 1}
                await log.add(transaction, log.case_entry("case_closed", after, now=now))
            if after != case:
                await store(transaction, after)

        await database.write(settle)


async def forget_cases(transaction: Transaction, unit_ids: Collection[str]) -> None:
    """Remove the cases of erased persons; how many there were is kept, and who did something some day."""
    if not unit_ids:
        return
    ids = {"ids": sorted(unit_ids)}
    counted = await transaction.all(_OF_SOME, ids)
    if counted:
        await _count(transaction, counted)
        await transaction.run(_DELETE, ids)
        await transaction.run_many(_DROP_ANSWERS, [{"unit": f"%{each}%"} for each in ids["ids"]])
    await transaction.run(_DETACH, ids)


async def _count(transaction: Transaction, counted: Iterable[Record]) -> None:
    known = {row["outcome"] for row in await transaction.all(_KNOWN_COUNTS)}
    for row in counted:
        outcome = row["outcome"] or "open"
        if outcome in known:
            values = {"at_outcome": outcome, "more": row["case_count"]}
            await transaction.run(_SET_COUNT, values)
        else:
            new = {"outcome": outcome, "case_count": row["case_count"]}
            await transaction.run(_ADD_COUNT, new)


async def count_forgotten(database: Database) -> int:
    """Return how many cases of erased persons there were."""
    return sum(row["case_count"] for row in await database.all(_KNOWN_COUNTS))
