"""Refreshes with their progress, and which version is published; `publishing` puts versions there."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from services.analytics.tables import refreshes, versions
from services.foundation.database import Database, Transaction
from services.foundation.statements import Record, Statement

NEWEST = Statement(select(versions).order_by(versions.c.number.desc()).limit(1))
_VERSION = Statement(select(versions).where(versions.c.number == bindparam("number")))
_ADD_REFRESH = Statement(insert(refreshes))
_REFRESH = Statement(select(refreshes).where(refreshes.c.id == bindparam("id")))
_QUEUED = Statement(
    select(refreshes)
    .where(refreshes.c.status == "queued")
    .order_by(refreshes.c.created_at, refreshes.c.id)
    .limit(1)
)
_RUNNING = Statement(select(refreshes.c.id).where(refreshes.c.status == "running"))
_LAST_FINISHED = Statement(
    select(refreshes.c.status, refreshes.c.failure)
    .where(refreshes.c.finished_at.is_not(None))
    .order_by(refreshes.c.finished_at.desc())
    .limit(1)
)
_CHANGING = (
    "status",
    "stage",
    "progress",
    "as_of",
    "version",
    "failure",
    "started_at",
    "finished_at",
)
_SET = Statement(
    update(refreshes)
    .where(refreshes.c.id == bindparam("at_id"))
    .values({name: bindparam(f"set_{name}") for name in _CHANGING})
)
_SET_CARD = Statement(
    update(versions)
    .where(versions.c.number == bindparam("at_number"))
    .values(model_card=bindparam("set_model_card", type_=versions.c.model_card.type))
)
_CONFIRM = Statement(
    update(versions)
    .where(versions.c.number == bindparam("at_number"))
    .values(crm_read_at=bindparam("set_crm_read_at"))
)


async def newest_version(database: Database) -> Record | None:
    """Return the published version, None before the first."""
    return await database.first(NEWEST)


async def find_version(database: Database, number: int) -> Record | None:
    return await database.first(_VERSION, {"number": number})


async def last_finished(database: Database) -> Record | None:
    """Return how the refresh went that ended last, None before the first."""
    return await database.first(_LAST_FINISHED)


async def add_refresh(
    transaction: Transaction, refresh_id: str, *, as_of: date | None, is_full: bool, now: datetime
) -> Record:
    """Queue a refresh and return it."""
    row: Record = dict.fromkeys(column.name for column in refreshes.columns)
    row |= {"id": refresh_id, "status": "queued", "stage": "queued", "progress": 0.0}
    row |= {"as_of": as_of, "is_full": is_full, "created_at": now}
    await transaction.run(_ADD_REFRESH, row)
    return row


async def find_refresh(database: Database, refresh_id: str) -> Record | None:
    return await database.first(_REFRESH, {"id": refresh_id})


async def next_queued(database: Database) -> Record | None:
    """Return the refresh that has waited longest."""
    return await database.first(_QUEUED)


async def set_refresh(database: Database, refresh: Record, **values: Any) -> Record:
    """Write the state of a refresh and return it."""
    after = {**refresh, **values}
    parameters = {f"set_{name}": after[name] for name in _CHANGING} | {"at_id": refresh["id"]}
    await database.write(lambda transaction: transaction.run(_SET, parameters))
    return after


async def confirm_version(database: Database, number: int, *, crm_read_at: datetime) -> None:
    """Note that the CRM was read again and the version still holds."""
    values = {"at_number": number, "set_crm_read_at": crm_read_at}
    await database.write(lambda transaction: transaction.run(_CONFIRM, values))


async def set_model_card(database: Database, number: int, card: Mapping[str, Any]) -> None:
    """Put the model card to a version that is published already."""
    values = {"at_number": number, "set_model_card": card}
    await database.write(lambda transaction: transaction.run(_SET_CARD, values))


async def fail_interrupted(database: Database, *, now: datetime) -> None:
    """Mark refreshes that say they run although nobody runs them; call it while holding the lock."""
    for row in await database.all(_RUNNING):
        refresh = await find_refresh(database, row["id"])
        if refresh is not None:
            await set_refresh(
                database, refresh, status="failed", failure="interrupted", finished_at=now
            )
