"""Publishes a version with its customers: readers see all of it or nothing.

Of two tables of customers one is shown. A whole version is put into the other one, in many short
transactions that no reader notices, and shown by the last one; after a crash the next publishing begins
by emptying that table. Few changes go straight into the table that is shown, in one transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import DDL, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.schema import CreateIndex, DropIndex, ExecutableDDLElement

from services.analytics import history
from services.analytics.customer_rows import customer_rows, objectors, rank_values
from services.analytics.decisions import automatic as decisions
from services.analytics.experiments import assigning
from services.analytics.frames.product_list import ProductName
from services.analytics.product_names import keep_names
from services.analytics.store import NEWEST
from services.analytics.tables import NUMBER_COLUMNS, RANK_COLUMNS, SLOTS, versions
from services.analytics.termination_cases.feeding import forget_cases
from services.foundation.columns import Identifier
from services.foundation.constructs import is_among
from services.foundation.database import Database, Transaction
from services.foundation.statements import Record, Statement

_CHUNK = 20_000
_ADD_VERSION = Statement(insert(versions))
_END_MONTH = Statement(
    update(versions).where(versions.c.number == bindparam("version")).values(is_month_end=True)
)


class _Slot:
    """The statements over one of the two tables."""

    def __init__(self, letter: str, table: Table) -> None:
        self.letter, self.table = letter, table
        c = table.c
        self.truncate: ExecutableDDLElement = DDL(f"TRUNCATE {table.name}")  # type: ignore[no-untyped-call]
        self.analyze: ExecutableDDLElement = DDL(f"ANALYZE {table.name}")  # type: ignore[no-untyped-call]
        self.delete_numbers = Statement(
            delete(table).where(c.number > bindparam("after"), c.number <= bindparam("up_to"))
        )
        self.last = Statement(select(func.max(c.number).label("number")))
        self.some = Statement(
            select(c.unit_id, c.number, c.has_profiling_objection).where(is_among(c.unit_id))
        )
        self.delete_some = Statement(delete(table).where(is_among(c.unit_id)))
        self.rank = Statement(
            update(table)
            .where(
                c.unit_id == bindparam("at_unit_id", type_=Identifier),
                # Nothing is stored of those who object, their ranks neither.
                c.has_profiling_objection.is_(False),
            )
            .values({name: bindparam(f"set_{name}") for name in RANK_COLUMNS})
        )

    async def last_number(self, reader: Database | Transaction) -> int:
        last = await reader.first(self.last)
        return int((last and last["number"]) or 0)


_SLOTS = {letter: _Slot(letter, table) for letter, table in SLOTS.items()}


@dataclass(frozen=True)
class NewVersion:
    """Everything of a version but its customers."""

    as_of: date
    currency: str
    crm_read_at: datetime
    mirror_cursor: str
    fingerprint: str
    model: Mapping[str, Any]
    data_gaps: Mapping[str, Any]
    summary: Mapping[str, Any]
    standing: Mapping[str, Any] | None = None
    model_card: Mapping[str, Any] | None = None
    options: Mapping[str, Any] | None = None
    termination_fairness: Mapping[str, Any] | None = None
    products: Sequence[ProductName] = ()


class WholeVersionNeeded(Exception):
    """There is no version whose customers could be changed, or it stores other columns."""


async def publish(
    database: Database,
    new: NewVersion,
    frame: pd.DataFrame,
    *,
    erased: frozenset[str] = frozenset(),
    now: datetime,
) -> int:
    """Publish a version whose customers are those of `frame`; its columns are those of `tables`.

    Of customers who object to profiling nothing is stored but that they do; those who were `erased`
    are in the totals of `new`, and nowhere else any more.
    """
    shown = frame[~frame["unit_id"].isin(erased)] if erased else frame
    last = await database.first(NEWEST)
    slot = _SLOTS["b" if last is not None and last["slot"] == "a" else "a"]
    ids = await _fill(database, slot, shown)
    before = None if last is None else _SLOTS[last["slot"]]
    ends_month = await _prepare_history(database, last, new)
    if last is not None and before is not None and not ends_month:
        bounds = ids[history.CHUNK :: history.CHUNK]
        await history.keep_changed(database, before.table, last["number"], bounds)

    async def show(transaction: Transaction) -> Record:
        await forget_cases(transaction, erased)
        objecting = await _new_objectors(transaction, before, shown)
        await _forget(transaction, {*erased, *objecting}, [] if before is None else [before])
        await decisions.follow_wishes(transaction, erased=erased, objecting=objecting, now=now)
        return await _add_version(
            transaction, last, new, slot, len(shown), now=now, ends_month=ends_month
        )

    return await _finish(database, await database.write(show), now=now)


async def publish_changes(
    database: Database,
    new: NewVersion,
    changed: pd.DataFrame,
    ranks: pd.DataFrame,
    removed: Collection[str],
    *,
    erased: frozenset[str] = frozenset(),
    now: datetime,
) -> int:
    """Publish a version that differs from the one shown in a few customers.

    `changed` are whole rows, also of new customers; `ranks` holds the ids of further customers with
    their `RANK_COLUMNS`; `removed` are customers no longer.

    Raises
    ------
    WholeVersionNeeded
        Only `publish` can do it.
    """
    last = await database.first(NEWEST)
    if last is None or last["number_columns"] != list(NUMBER_COLUMNS):
        raise WholeVersionNeeded()
    slot = _SLOTS[last["slot"]]
    other = _SLOTS["b" if slot.letter == "a" else "a"]
    gone = {*removed, *erased}
    shown = changed[~changed["unit_id"].isin(gone)] if gone else changed
    ends_month = await _prepare_history(database, last, new)

    async def change(transaction: Transaction) -> Record:
        touched = [*shown["unit_id"], *gone]
        if not ends_month:
            kept = [*touched, *ranks["unit_id"]]
            await history.keep_some(transaction, slot.table, last["number"], kept)
        found = await transaction.all(slot.some, {"ids": touched})
        numbers = {row["unit_id"]: row["number"] for row in found}
        await forget_cases(transaction, erased)
        objecting = await _new_objectors(transaction, slot, shown)
        await transaction.run(slot.delete_some, {"ids": touched})
        await _insert(transaction, slot, shown, numbers)
        await transaction.run_many(slot.rank, list(rank_values(ranks)))
        if not ends_month:
            await history.drop_unchanged(transaction, slot.table, last["number"])
        await _forget(transaction, {*erased, *objecting}, [other])
        await decisions.follow_wishes(transaction, erased=erased, objecting=objecting, now=now)
        count = last["customer_count"] - len(found) + len(shown)
        return await _add_version(
            transaction, last, new, slot, count, now=now, ends_month=ends_month
        )

    return await _finish(database, await database.write(change), now=now)


async def _fill(database: Database, slot: _Slot, frame: pd.DataFrame) -> Sequence[str]:
    """Make these customers the only ones in a table that nobody is shown; return their ids in order.

    Without indexes it is filled three times as fast, and each of them is built in one go. SQLite, which
    overwrites what it deletes, spares writing twice if a chunk takes the place of the old one.
    """
    empties_at_once = database.dialect.name == "postgresql"

    async def begin(transaction: Transaction) -> int:
        for index in slot.table.indexes:
            await transaction.define(DropIndex(index, if_exists=True))
        if empties_at_once:
            await transaction.define(slot.truncate)
        return await slot.last_number(transaction)

    last = await database.write(begin)
    ids = frame["unit_id"].to_numpy(dtype=object)
    order = np.argsort(ids, kind="stable")
    for after in range(0, max(len(frame), last), _CHUNK):
        places = order[after : after + _CHUNK]

        async def replace(
            transaction: Transaction, after: int = after, places: Any = places
        ) -> None:
            if not empties_at_once:
                old = {"after": after, "up_to": after + _CHUNK}
                await transaction.run(slot.delete_numbers, old)
            numbers = np.arange(after + 1, after + 1 + len(places))
            rows = customer_rows(frame.iloc[places], numbers, dialect=transaction.dialect)
            await transaction.copy(slot.table, rows)

        await database.write(replace)
    for index in sorted(slot.table.indexes, key=lambda index: str(index.name)):

        async def build(transaction: Transaction, index: Any = index) -> None:
            await transaction.define(CreateIndex(index))

        await database.write(build)
    if empties_at_once:
        await database.write(lambda transaction: transaction.define(slot.analyze))
    ordered: list[str] = ids[order].tolist()
    return ordered


async def _insert(
    transaction: Transaction, slot: _Slot, frame: pd.DataFrame, numbers: Mapping[str, int]
) -> None:
    """Insert customers under the numbers that they had, new ones under the next."""
    following = await slot.last_number(transaction) + 1
    chosen = []
    for unit_id in frame["unit_id"]:
        chosen.append(numbers.get(unit_id, following))
        following += unit_id not in numbers
    rows = customer_rows(frame, np.array(chosen, dtype=np.int64), dialect=transaction.dialect)
    await transaction.copy(slot.table, rows)


async def _prepare_history(database: Database, last: Record | None, new: NewVersion) -> bool:
    """Keep all that is shown if a month ends with it, and tell so; remove what a crash left behind."""
    if last is None:
        return False
    await history.delete_rows(database, last["number"])
    if (new.as_of.year, new.as_of.month) <= (last["as_of"].year, last["as_of"].month):
        return False
    await history.keep_all(database, SLOTS[last["slot"]], last["number"])
    return True


async def _new_objectors(
    transaction: Transaction, before: _Slot | None, frame: pd.DataFrame
) -> set[str]:
    """Return who objects to profiling and did not, as far as what is shown tells."""
    objecting = {*frame["unit_id"][objectors(frame)]}
    if before is None or not objecting:
        return objecting
    known = await transaction.all(before.some, {"ids": sorted(objecting)})
    return objecting - {row["unit_id"] for row in known if row["has_profiling_objection"]}


async def forget(database: Database, unit_ids: Collection[str], *, now: datetime) -> None:
    """Delete all that is kept of customers who are shown no more."""

    async def work(transaction: Transaction) -> None:
        await forget_cases(transaction, unit_ids)
        await _forget(transaction, unit_ids, [*_SLOTS.values()])
        await decisions.follow_wishes(transaction, erased=unit_ids, objecting=(), now=now)

    await database.write(work)


async def _forget(transaction: Transaction, ids: Collection[str], slots: list[_Slot]) -> None:
    """Delete all that older versions know of these customers."""
    if ids:
        for slot in slots:
            await transaction.run(slot.delete_some, {"ids": sorted(ids)})
        await history.forget(transaction, sorted(ids))
        await assigning.forget(transaction, ids)


async def _add_version(
    transaction: Transaction,
    last: Record | None,
    new: NewVersion,
    slot: _Slot,
    customer_count: int,
    *,
    now: datetime,
    ends_month: bool,
) -> Record:
    known = None if last is None else last["product_list"]
    row = {
        **{name: value for name, value in new.__dict__.items() if name != "products"},
        "product_list": await keep_names(transaction, new.products, before=known),
        "number": 1 if last is None else last["number"] + 1,
        "published_at": now,
        "customer_count": customer_count,
        "slot": slot.letter,
        "number_columns": NUMBER_COLUMNS,
        "is_month_end": False,
    }
    await transaction.run(_ADD_VERSION, row)
    if last is not None and ends_month:
        await transaction.run(_END_MONTH, {"version": last["number"]})
    return row


async def _finish(database: Database, version: Record, *, now: datetime) -> int:
    """Delete the past that is kept no longer, also out of SQLite's log."""
    await history.delete_old(database, version, now=now)
    await database.scrub()
    return int(version["number"])
