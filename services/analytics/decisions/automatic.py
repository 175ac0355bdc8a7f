"""What happens to decisions by itself: they end, are noticed as done, are forgotten, and are learned from."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import and_, bindparam, delete, or_, select

from services.analytics.calculations.recommendations.candidates import OBLIGATIONS
from services.analytics.decisions import intents, steps
from services.analytics.decisions.steps import Actor
from services.analytics.decisions.table import decision_steps, decision_writes, decisions
from services.foundation.columns import Day, Instant, Texts
from services.foundation.constructs import is_among, like_any
from services.foundation.database import Database, Transaction
from services.foundation.statements import Record, Statement
from services.foundation.tables import idempotency_records

REJECTED_FOR: Final = timedelta(days=90)
EXECUTED_FOR: Final = timedelta(days=30)
KEPT_FOR: Final = timedelta(days=730)  # 24 months; domain specification 10, privacy
_PAGE = 200
_c = decisions.c
_is_open = _c.status == "accepted"
IS_OWED: Final = or_(*(_c.instrument_id == each for each in OBLIGATIONS))
"""What is decided on is an obligation."""
_is_over = _c.valid_until < bindparam("today", type_=Day)
_ANY_OVER = Statement(select(_c.id).where(_is_open, _is_over).limit(1))
_OVER = Statement(
    select(decisions).where(_is_open, _is_over).order_by(_c.id).limit(_PAGE).with_for_update()
)
_OPEN_PROFILED = Statement(
    select(decisions)
    .where(_is_open, is_among(_c.unit_id), ~IS_OWED)
    .order_by(_c.id)
    .with_for_update()
)
_PLANNED = Statement(
    select(_c.id, decision_writes.c.interaction_id)
    .join(decision_writes, decision_writes.c.id == _c.id)
    .where(_is_open, decision_writes.c.interaction_id.is_not(None))
    .order_by(_c.id)
)
_OF_UNITS = select(_c.id).where(is_among(_c.unit_id))
_OLD = _c.updated_at < bindparam("before", type_=Instant)
_OLD_ONES = select(_c.id).where(~_is_open, _OLD)
_FORGET_ANSWERS = Statement(
    delete(idempotency_records).where(
        idempotency_records.c.path.like("/v1/decisions%"),
        like_any(idempotency_records.c.body, bindparam("patterns", type_=Texts)),
    )
)


def _forget(chosen: Any) -> tuple[Statement, ...]:
    """Build what deletes decisions and all that belongs to them, the decisions last."""
    return (
        Statement(delete(decision_steps).where(decision_steps.c.decision_id.in_(chosen))),
        Statement(delete(decision_writes).where(decision_writes.c.id.in_(chosen))),
        Statement(delete(decisions).where(_c.id.in_(chosen))),
    )


_FORGET, _FORGET_OLD = _forget(_OF_UNITS), _forget(_OLD_ONES)
_executed_since = bindparam("executed_since", type_=Instant)
STANDS: Final = or_(
    _is_open,
    and_(_c.status == "rejected", _c.updated_at > bindparam("rejected_since", type_=Instant)),
    and_(
        _c.status == "executed",
        # An interaction that is noticed may say that it was done long before.
        or_(_c.executed_at > _executed_since, _c.decided_at > _executed_since),
    ),
)
"""A decision that keeps what it is on from being recommended again; asked with `standing_at`."""
_NOT_AGAIN = Statement(
    select(_c.unit_id, _c.instrument_id)
    .where(STANDS)
    .distinct()
    .order_by(_c.unit_id, _c.instrument_id)
)


def standing_at(now: datetime) -> dict[str, datetime]:
    """Return since when decisions stand."""
    return {"rejected_since": now - REJECTED_FOR, "executed_since": now - EXECUTED_FOR}


async def load_rejections(database: Database, *, now: datetime) -> list[tuple[str, str]]:
    """Return what is not to be recommended: unit and instrument, in this order.

    That is what was rejected within 90 days, what is accepted and open, and what was executed within
    30 days, whatever strategy it was part of: the customer gets the same thing. What expired may be
    recommended again.
    """
    rows = await database.all(_NOT_AGAIN, standing_at(now))
    return [(row["unit_id"], row["instrument_id"]) for row in rows]


async def load_decided(database: Database, *, now: datetime) -> dict[str, frozenset[str]]:
    """Return who is not to be recommended what, by instrument; see `load_rejections`."""
    units: dict[str, set[str]] = {}
    for unit_id, instrument_id in await load_rejections(database, now=now):
        units.setdefault(instrument_id, set()).add(unit_id)
    return {instrument: frozenset(who) for instrument, who in units.items()}


async def expire_due(database: Database, *, today: date, actor: Actor) -> int:
    """End what was accepted and not done in time; returns how many."""
    count = 0
    while await database.first(_ANY_OVER, {"today": today}) is not None:
        count += await database.write(partial(expire_page, today=today, actor=actor))
    return count


async def expire_page(transaction: Transaction, *, today: date, actor: Actor) -> int:
    """End a page of what was accepted and not done in time; returns how many."""
    rows = await transaction.all(_OVER, {"today": today})
    for row in rows:
        await _expire(transaction, row, cause="deadline", actor=actor)
    return len(rows)


async def _expire(transaction: Transaction, row: Record, *, cause: str, actor: Actor) -> None:
    await steps.take(transaction, row, {"status": "expired"}, actor=actor.itself(), cause=cause)
    intent = await intents.lock(transaction, row["id"])
    if intent is not None:
        await intents.take_back(transaction, intent, now=actor.now)


async def planned_interactions(database: Database) -> dict[str, str]:
    """Return the interactions in the CRM that open decisions wait for, each with its decision."""
    rows = await database.all(_PLANNED)
    return {row["interaction_id"]: row["id"] for row in rows}


async def note_done(
    database: Database, done: Mapping[str, tuple[str, datetime]], *, actor: Actor
) -> None:
    """Note that decisions were executed: by decision the interaction that was done, and when."""

    async def note(transaction: Transaction) -> None:
        for decision_id, (interaction_id, at) in sorted(done.items()):
            row = await steps.lock(transaction, decision_id)
            if row is not None and row["status"] == "accepted":
                values = {
                    "status": "executed",
                    "executed_at": at,
                    "interaction_id": interaction_id,
                }
                await steps.take(
                    transaction, row, values, actor=actor.itself(), cause="interaction_done"
                )

    if done:
        await database.write(note)


async def follow_wishes(
    transaction: Transaction,
    *,
    erased: Collection[str],
    objecting: Collection[str],
    now: datetime,
) -> None:
    """Forget decisions about who was erased; end those about who objects to profiling from now on.

    What is owed rests on no profile, and stays.
    """
    if objecting:
        # It is noticed while a version is published.
        actor = Actor.system(now=now, request_id="")
        for row in await transaction.all(_OPEN_PROFILED, {"ids": sorted(objecting)}):
            await _expire(transaction, row, cause="profiling_objection", actor=actor)
    if erased:
        ids = sorted(erased)
        for statement in _FORGET:
            await transaction.run(statement, {"ids": ids})
        # Stored answers show them, and name the customer.
        patterns = [f"%{unit_id}%" for unit_id in ids]
        await transaction.run(_FORGET_ANSWERS, {"patterns": patterns})


async def delete_old(database: Database, *, now: datetime) -> None:
    """Delete decisions that ended more than 24 months ago."""

    async def delete_all(transaction: Transaction) -> None:
        for statement in _FORGET_OLD:
            await transaction.run(statement, {"before": now - KEPT_FOR})

    await database.write(delete_all)
