"""What customers were before: a row of few scores whenever much changed, and of all at a month's end.

A row stands under the last version that showed it, and is written while the next one is published. Kept
are the ends of months for 24 months, and of the newest versions those customers that changed
noticeably: another state, phase or tier, or a churn probability that moved by 5 points.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, bindparam, delete, func, insert, or_, select

from services.analytics.tables import SLOTS, UNKNOWN_ORDER, score_history, versions
from services.foundation.columns import Identifier, Instant, Texts
from services.foundation.constructs import any_of, is_among
from services.foundation.database import Database, Transaction
from services.foundation.statements import Record, Statement

NEWEST_KEPT = 30
KEPT_FOR = timedelta(days=730)  # 24 months; domain specification 10, privacy
NOTICEABLE_CHURN = 0.05
CHUNK = 50_000
_LOWEST, _HIGHEST = (digit * 8 + f"-{digit * 4}" * 3 + f"-{digit * 12}" for digit in "0f")
_COLUMNS = [column.name for column in score_history.columns]
_AS_ORDERS = {
    "churn_probability": "churn_order",
    "clv_365": "value_order",
    "value_at_risk": "value_at_risk_order",
    "purchase_count": "purchase_count_order",
}


def _past(slot: Table) -> list[ColumnElement[Any]]:
    """Build what is kept of a row."""
    kept: list[ColumnElement[Any]] = [bindparam("version", type_=score_history.c.version.type)]
    for name in _COLUMNS[1:]:
        order = _AS_ORDERS.get(name)
        kept.append(slot.c[name] if order is None else func.nullif(slot.c[order], UNKNOWN_ORDER))
    return kept


def _is_noticeable(before: Table, churn_before: Any, now: Table) -> ColumnElement[bool]:
    """Build the condition that a customer is another one by now, or none."""
    return or_(
        *(before.c[name].is_distinct_from(now.c[name]) for name in ("state", "phase", "tier")),
        func.abs(churn_before - now.c.churn_order) >= NOTICEABLE_CHURN,
    )


def _keep_all(slot: Table) -> Statement:
    rows = select(*_past(slot)).where(
        slot.c.state.is_not(None),
        slot.c.number > bindparam("after"),
        slot.c.number <= bindparam("up_to"),
    )
    return Statement(insert(score_history).from_select(_COLUMNS, rows))


def _keep_changed(slot: Table) -> Statement:
    """Build what compares both tables between two ids: a part of either, so that no chunk reads all."""
    now = _other(slot)
    after, up_to = (bindparam(name, type_=Identifier) for name in ("after", "up_to"))
    is_same = and_(now.c.unit_id == slot.c.unit_id, now.c.unit_id > after, now.c.unit_id <= up_to)
    rows = (
        select(*_past(slot))
        .select_from(slot.outerjoin(now, is_same))
        .where(
            slot.c.unit_id > after,
            slot.c.unit_id <= up_to,
            slot.c.state.is_not(None),
            _is_noticeable(slot, slot.c.churn_order, now),
        )
    )
    return Statement(insert(score_history).from_select(_COLUMNS, rows))


def _other(slot: Table) -> Table:
    return next(table for table in SLOTS.values() if table is not slot)


_KEEP_ALL = {slot: _keep_all(slot) for slot in SLOTS.values()}
_KEEP_CHANGED = {slot: _keep_changed(slot) for slot in SLOTS.values()}
_KEEP_SOME = {
    slot: Statement(
        insert(score_history).from_select(
            _COLUMNS,
            select(*_past(slot)).where(slot.c.state.is_not(None), is_among(slot.c.unit_id)),
        )
    )
    for slot in SLOTS.values()
}
_DROP_UNCHANGED = {
    slot: Statement(
        delete(score_history).where(
            score_history.c.version == bindparam("version"),
            select(slot.c.number)
            .where(
                slot.c.unit_id == score_history.c.unit_id,
                ~_is_noticeable(
                    score_history,
                    func.coalesce(score_history.c.churn_probability, UNKNOWN_ORDER),
                    slot,
                ),
            )
            .exists(),
        )
    )
    for slot in SLOTS.values()
}
_LAST = {
    slot: Statement(select(func.max(slot.c.number).label("number"))) for slot in SLOTS.values()
}
_OF_SOME = Statement(
    delete(score_history).where(
        score_history.c.version.in_(select(versions.c.number)),
        any_of(score_history.c.unit_id, bindparam("ids", type_=Texts)),
    )
)
_OLD = Statement(
    select(versions.c.number).where(
        versions.c.number < bindparam("newest"),
        or_(
            and_(
                versions.c.number <= bindparam("newest") - NEWEST_KEPT,
                versions.c.is_month_end.is_(False),
            ),
            versions.c.published_at < bindparam("since", type_=Instant),
        ),
    )
)
_FIRST_OF_VERSION = (
    select(score_history.c.unit_id)
    .where(score_history.c.version == bindparam("version"))
    .order_by(score_history.c.unit_id)
    .limit(CHUNK)
)
_DELETE_SOME = Statement(
    delete(score_history).where(
        score_history.c.version == bindparam("version"),
        score_history.c.unit_id.in_(_FIRST_OF_VERSION),
    )
)
_ANY_LEFT = Statement(
    select(score_history.c.version).where(score_history.c.version == bindparam("version")).limit(1)
)
_DELETE_VERSION = Statement(delete(versions).where(versions.c.number == bindparam("version")))


async def keep_all(database: Database, slot: Table, version: int) -> None:
    """Keep every scored customer of the version that is shown: a month ends with it."""
    last = await database.first(_LAST[slot])
    for after in range(0, (last and last["number"]) or 0, CHUNK):
        values = {"version": version, "after": after, "up_to": after + CHUNK}
        await database.write(partial(_run, _KEEP_ALL[slot], values))


async def keep_changed(
    database: Database, slot: Table, version: int, bounds: Sequence[str]
) -> None:
    """Keep those customers of the version that is shown who are others in the table filled for the next.

    It is done between each two of `bounds`, ids in ascending order.
    """
    for after, up_to in pairwise([_LOWEST, *bounds, _HIGHEST]):
        values = {"version": version, "after": after, "up_to": up_to}
        await database.write(partial(_run, _KEEP_CHANGED[slot], values))


async def _run(statement: Statement, values: Record, transaction: Transaction) -> None:
    await transaction.run(statement, values)


async def keep_some(
    transaction: Transaction, slot: Table, version: int, ids: Sequence[str]
) -> None:
    """Keep these customers, whose rows are about to be changed."""
    await transaction.run(_KEEP_SOME[slot], {"version": version, "ids": ids})


async def drop_unchanged(transaction: Transaction, slot: Table, version: int) -> None:
    """Drop, of those just kept, who did not change noticeably."""
    await transaction.run(_DROP_UNCHANGED[slot], {"version": version})


async def forget(transaction: Transaction, ids: Sequence[str]) -> None:
    """Delete the past of customers that were erased or object to profiling."""
    await transaction.run(_OF_SOME, {"ids": ids})


async def delete_rows(database: Database, version: int) -> None:
    """Delete the past that stands under a version."""
    while await database.first(_ANY_LEFT, {"version": version}) is not None:
        await database.write(
            lambda transaction: transaction.run(_DELETE_SOME, {"version": version})
        )


async def delete_old(database: Database, newest: Record, *, now: datetime) -> None:
    """Delete what is kept no longer, with its versions."""
    asked = {"newest": newest["number"], "since": now - KEPT_FOR}
    for old in await database.all(_OLD, asked):
        await delete_rows(database, old["number"])
        await database.write(partial(_run, _DELETE_VERSION, {"version": old["number"]}))
