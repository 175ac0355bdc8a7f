"""Plans runs of retention, runs the rules part by part, and tells what each found or removed."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, or_, select, update

from services.crm_api import records
from services.crm_api.audit.operations import note
from services.crm_api.retention.rules import PART, Rule, Turn
from services.crm_api.retention.table import retention_runs
from services.foundation.calls import Stamp
from services.foundation.columns import Document, Instant
from services.foundation.database import Database, Reader, Transaction, UniqueViolation
from services.foundation.problems import NotFound
from services.foundation.statements import Record, Statement

LEASE = timedelta(seconds=60)
BY_ITSELF = "~service"
"""Stands for a key where the service does something by itself."""

_EXAMPLES = 5
_runs = retention_runs.c
_ADD = Statement(insert(retention_runs))
_READ = Statement(select(retention_runs).where(_runs.id == bindparam("id")))
_LOCK = Statement(select(retention_runs).where(_runs.id == bindparam("id")).with_for_update())
_OF_DAY = Statement(select(_runs.id).where(_runs.day == bindparam("day")))
LATEST = Statement(select(retention_runs).order_by(_runs.created_at.desc()).limit(1))
_WAITING = Statement(
    select(_runs.id)
    .where(
        _runs.status != "done",
        or_(_runs.lease_until.is_(None), _runs.lease_until <= bindparam("now", type_=Instant)),
    )
    .order_by(_runs.created_at, _runs.id)
    .limit(1)
)
_SET = Statement(
    update(retention_runs)
    .where(_runs.id == bindparam("at_id"))
    .values(
        status=bindparam("set_status"),
        results=bindparam("set_results", type_=Document),
        finished_at=bindparam("set_finished_at"),
        lease_until=bindparam("set_lease_until"),
    )
)


def new_run(*, is_dry_run: bool, key_id: str | None, request_id: str, now: datetime) -> Record:
    return {
        "id": records.new_id(),
        "is_dry_run": is_dry_run,
        "status": "queued",
        "day": None,
        "results": {},
        "key_id": key_id,
        "request_id": request_id,
        "created_at": now,
        "finished_at": None,
        "lease_until": None,
    }


async def add(transaction: Transaction, run: Record) -> None:
    await transaction.run(_ADD, run)


async def add_run_of_day(database: Database, *, now: datetime) -> None:
    """Queue the run that every day has; only the first that asks for it does."""
    day = now.date().isoformat()
    if await database.first(_OF_DAY, {"day": day}) is not None:
        return
    run = new_run(is_dry_run=False, key_id=None, request_id=records.new_id(), now=now)
    run["day"] = day
    with suppress(UniqueViolation):  # another process was faster
        await database.write(lambda transaction: add(transaction, run))


async def read(reader: Reader, run_id: str) -> Record:
    """Return a run.

    Raises
    ------
    NotFound
        There is none.
    """
    run = await reader.first(_READ, {"id": run_id})
    if run is None:
        raise NotFound(f"There is no run {run_id}.")
    return run


async def take(database: Database, *, now: datetime) -> Record | None:
    """Take the lease of the run that has waited longest, also of one whose process died."""
    seen = await database.first(_WAITING, {"now": now})
    if seen is None:
        return None

    async def work(transaction: Transaction) -> Record | None:
        run = await transaction.first(_LOCK, {"id": seen["id"]})
        if run is None or run["status"] == "done" or (run["lease_until"] or now) > now:
            return None
        return await save(transaction, run, status="running", lease_until=now + LEASE)

    return await database.write(work)


async def save(transaction: Transaction, run: Record, **values: Any) -> Record:
    """Write the state of a run and return it."""
    after = {**run, **values}
    names = ("status", "results", "finished_at", "lease_until")
    parameters = {f"set_{name}": after[name] for name in names}
    await transaction.run(_SET, {"at_id": run["id"], **parameters})
    return after


async def look(reader: Reader, rule: Rule, *, now: datetime) -> Mapping[str, Any]:
    """Count what is due by a rule, with some ids of it."""
    count, part = rule.statements
    values = {"before": now - timedelta(days=rule.days or 0)}
    found = await reader.first(count, values)
    examples = await reader.all(part, values | {"part": _EXAMPLES})
    return {
        "count": 0 if found is None else found["count"],
        "examples": [str(row["id"]) for row in examples],
    }


async def remove_part(
    transaction: Transaction, run: Record, rule: Rule, *, now: datetime
) -> tuple[Record, list[str]]:
    """Remove one part of what is due, and note it in the run; returns the ids."""
    assert rule.remove is not None
    before = now - timedelta(days=rule.days or 0)
    _, part = rule.statements
    ids = [str(row["id"]) for row in await transaction.all(part, {"before": before, "part": PART})]
    told = run["results"].get(rule.name, {"count": 0, "examples": []})
    if ids:
        stamp = Stamp(now, run["key_id"] or BY_ITSELF, run["request_id"])
        await rule.remove(transaction, ids, Turn(before, stamp))
        examples = [*told["examples"], *ids][:_EXAMPLES]
        told = {"count": told["count"] + len(ids), "examples": examples}
    results = {**run["results"], rule.name: told}
    return await save(transaction, run, results=results, lease_until=now + LEASE), ids


async def finish(transaction: Transaction, run: Record, *, now: datetime) -> Record:
    """End a run; what it removed is in the audit log as well."""
    run = await save(transaction, run, status="done", finished_at=now, lease_until=None)
    if not run["is_dry_run"] and any(each["count"] for each in run["results"].values()):
        stamp = Stamp(now, run["key_id"] or BY_ITSELF, run["request_id"])
        await note(transaction, "retention_ran", "retention_run", run["id"], stamp=stamp)
    return run
