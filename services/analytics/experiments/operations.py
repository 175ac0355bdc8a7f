"""The rules of experiments: what may be planned, what is fixed once one runs, who did what."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import and_, bindparam, insert, or_, select, tuple_, update
from uuid_utils import uuid7

from services.analytics.catalogue.catalogue import Catalogue
from services.analytics.experiments.checks import beliefs_of, check_step
from services.analytics.experiments.table import (
    experiment_assignments,
    experiment_steps,
    experiments,
)
from services.analytics.frames.clock import day_number
from services.analytics.tables import versions
from services.foundation.calls import Principal, Stamp
from services.foundation.columns import Texts
from services.foundation.constructs import any_of
from services.foundation.cursors import cut_page, read_position
from services.foundation.database import Reader, Transaction
from services.foundation.problems import Conflict, FieldError, NotFound, StaleVersion
from services.foundation.statements import Record, Statement
from shared.values import Instant, RecordId

PLANNED_FIELDS = frozenset(
    {
        *("phase", "strategy_id", "instrument_id", "channel_id", "holdout_share", "tiers"),
        *("starts_at", "ends_at", "hypothesis", "minimum_effect"),
    }
)
_c = experiments.c
_ADD = Statement(insert(experiments))
_ONE = Statement(select(experiments).where(_c.id == bindparam("id")))
_LOCK = Statement(select(experiments).where(_c.id == bindparam("id")).with_for_update())
_BY_KEY = Statement(select(_c.id).where(_c.key == bindparam("key")))
_SET = Statement(
    update(experiments)
    .where(_c.id == bindparam("at_id", type_=_c.id.type))
    .values(
        {
            column.name: bindparam(f"set_{column.name}", type_=column.type)
            for column in experiments.columns
            if column.name not in ("id", "key", "created_at")
        }
    )
)
_SAME_STEP = Statement(
    select(_c.id, _c.key, _c.status)
    .where(
        or_(_c.status == "running", _c.status == "stopped"),
        # An effect is learned by instrument and phase, whatever strategy it was tried under.
        _c.phase == bindparam("phase"),
        _c.instrument_id == bindparam("instrument_id"),
        _c.id != bindparam("id"),
    )
    .limit(1)
)
_LATEST = Statement(select(versions.c.as_of).order_by(versions.c.as_of.desc()).limit(1))
_ADD_STEP = Statement(insert(experiment_steps))
_STEPS = Statement(
    select(experiment_steps)
    .where(experiment_steps.c.experiment_id == bindparam("experiment_id"))
    .order_by(experiment_steps.c.id)  # which are made in the order of time
    .limit(1000)
)
_POSITION = TypeAdapter(tuple[Instant, RecordId])
_after = and_(
    tuple_(_c.created_at, _c.id)
    < tuple_(
        bindparam("last_value", type_=_c.created_at.type),
        bindparam("last_id", type_=_c.id.type),
    )
)
_FILTERS = ("status", "phase")
_a = experiment_assignments.c


class ExperimentExists(Conflict):
    code, title = "experiment_exists", "There is an experiment with this key already."


class SameStepTried(Conflict):
    code, title = (
        "same_step_tried",
        "Another experiment tries the same step; it has to close first.",
    )


class AlreadyStarted(Conflict):
    code, title = "already_started", "What an experiment tries is fixed once it has started."


class WrongState(Conflict):
    code, title = "wrong_state", "The state of the experiment does not allow this."


def _list(has_cursor: bool, filters: tuple[str, ...]) -> Statement:
    question = select(experiments).order_by(_c.created_at.desc(), _c.id.desc())
    question = question.limit(bindparam("page_size"))
    for name in filters:
        question = question.where(any_of(_c[name], bindparam(name, type_=Texts)))
    return Statement(question.where(_after) if has_cursor else question)


_LISTS: dict[tuple[bool, tuple[str, ...]], Statement] = {
    (has_cursor, filters): _list(has_cursor, filters)
    for has_cursor in (False, True)
    for filters in ((), ("status",), ("phase",), _FILTERS)
}


async def create_experiment(
    transaction: Transaction,
    given: Mapping[str, Any],
    *,
    catalogue: Catalogue,
    stamp: Stamp,
    who: Principal,
) -> Record:
    """Plan an experiment and return it.

    Raises
    ------
    Invalid
        The catalogue does not have that step.
    ExperimentExists
        The key is taken.
    """
    check_step(given, catalogue)
    await transaction.alone([f"experiment:{given['key']}"])
    known = await transaction.first(_BY_KEY, {"key": given["key"]})
    if known is not None:
        raise ExperimentExists(
            f"The experiment {known['id']} has the key {given['key']}.",
            extra={"experiment_id": known["id"]},
        )
    row: Record = dict.fromkeys(column.name for column in experiments.columns)
    row |= {**given, **beliefs_of(given["instrument_id"], given["channel_id"], catalogue)}
    row |= {"id": str(uuid7()), "status": "planned", "version": 1}
    row |= {"treated_count": 0, "control_count": 0, "needs_review": False}
    row |= {"created_at": stamp.now, "updated_at": stamp.now}
    await transaction.run(_ADD, row)
    await _note(transaction, row["id"], "created", sorted(given), stamp=stamp, who=who)
    return row


async def change_experiment(
    transaction: Transaction,
    experiment_id: str,
    given: Mapping[str, Any],
    *,
    version: int | None,
    catalogue: Catalogue,
    stamp: Stamp,
    who: Principal,
    today: date,
) -> Record:
    """Change a plan, start or stop an experiment, or review one that did harm; return it.

    It starts on the latest day that was computed so far, or `today` where nothing was.

    Raises
    ------
    NotFound
        There is none.
    StaleVersion
        It was changed meanwhile.
    AlreadyStarted
        What is tried is to be changed, and it has started.
    WrongState
        It cannot be started, stopped or reviewed.
    SameStepTried
        Another one that is not closed tries the same step.
    """
    row = await transaction.first(_LOCK, {"id": experiment_id})
    if row is None:
        raise NotFound(f"There is no experiment {experiment_id}.")
    if version is not None and row["version"] != version:
        raise StaleVersion(f"The record's version is {row['version']}, If-Match named {version}.")
    changes = {name: value for name, value in given.items() if row.get(name) != value}
    fixed = PLANNED_FIELDS.intersection(changes)
    if fixed and row["status"] != "planned":
        raise _fixed(fixed)
    after = {**row, **changes}
    if fixed:
        check_step(after, catalogue)
        after |= beliefs_of(after["instrument_id"], after["channel_id"], catalogue)
    action = "changed"
    if after["status"] == "running" and "status" in changes:
        # The catalogue may be another one than when it was planned.
        check_step(after, catalogue, at="status")
    if "status" in changes:
        action = await _move(transaction, row, after, now=stamp.now, today=today)
    if "review_note" in changes:
        action = _review(row, after, now=stamp.now)
    if not changes:
        return row
    after |= {"version": row["version"] + 1, "updated_at": stamp.now}
    await save(transaction, after)
    await _note(transaction, experiment_id, action, sorted(changes), stamp=stamp, who=who)
    return after


def _fixed(names: frozenset[str]) -> AlreadyStarted:
    errors = [FieldError(f"/body/{name}", "fixed", AlreadyStarted.title) for name in sorted(names)]
    return AlreadyStarted(errors=errors)


async def _move(
    transaction: Transaction, row: Record, after: Record, *, now: datetime, today: date
) -> str:
    """Start or stop an experiment; return what was done."""
    if after["status"] == "running":
        if row["status"] != "planned":
            raise WrongState("Only a planned experiment can be started.")
        step = (row["phase"], row["instrument_id"])
        await transaction.alone([f"experiment of {' '.join(step)}"])
        other = await transaction.first(_SAME_STEP, after)
        if other is not None:
            raise SameStepTried(
                f"The experiment {other['key']} ({other['id']}) is {other['status']}.",
                extra={"experiment_id": other["id"]},
            )
        latest = await transaction.first(_LATEST)
        day = today if latest is None else latest["as_of"]
        after |= {"started_at": now, "started_day": day_number(day)}
        return "started"
    if row["status"] != "running":
        raise WrongState("Only a running experiment can be stopped.")
    after["stopped_at"] = now
    return "stopped"


def _review(row: Record, after: Record, *, now: datetime) -> str:
    if not row["needs_review"]:
        raise WrongState("Only an experiment that did harm and was not reviewed needs a review.")
    after |= {"needs_review": False, "reviewed_at": now}
    return "reviewed"


async def save(transaction: Transaction, row: Record) -> None:
    """Write a whole experiment."""
    values = {f"set_{name}": value for name, value in row.items()}
    await transaction.run(_SET, values | {"at_id": row["id"]})


async def _note(
    transaction: Transaction,
    experiment_id: str,
    action: str,
    changes: list[str],
    *,
    stamp: Stamp,
    who: Principal,
) -> None:
    by = {"key_id": who.key_id, "key_name": who.name[:200], "request_id": stamp.request_id[:255]}
    await note(transaction, experiment_id, action, changes, now=stamp.now, by=by)


async def note(
    transaction: Transaction,
    experiment_id: str,
    action: str,
    changes: list[str],
    *,
    now: datetime,
    by: Mapping[str, str | None],
) -> None:
    """Remember what was done."""
    row = {"id": str(uuid7()), "experiment_id": experiment_id, "at": now, "action": action}
    await transaction.run(_ADD_STEP, {**row, **by, "changes": changes})


async def find_experiment(reader: Reader, experiment_id: str) -> Record:
    """Return an experiment.

    Raises
    ------
    NotFound
        There is none.
    """
    row = await reader.first(_ONE, {"id": experiment_id})
    if row is None:
        raise NotFound(f"There is no experiment {experiment_id}.")
    return row


async def list_steps(reader: Reader, experiment_id: str) -> list[Record]:
    """Return what was done about an experiment, oldest first."""
    return await reader.all(_STEPS, {"experiment_id": experiment_id})


async def list_experiments(
    reader: Reader, *, filters: Mapping[str, list[str]], cursor: str | None, limit: int
) -> tuple[list[Record], str | None]:
    """Return a page of experiments, newest first, and the cursor behind it."""
    asked = {name: filters[name] for name in _FILTERS if filters[name]}
    question = {"of": "experiments", **asked}
    values: dict[str, Any] = {"page_size": limit + 1, **asked}
    if cursor is not None:
        position = read_position(cursor, question, _POSITION, length=2)
        values |= dict(zip(("last_value", "last_id"), position, strict=True))
    rows = await reader.all(_LISTS[cursor is not None, tuple(asked)], values)
    return cut_page(rows, limit, question, "created_at", "id")


def _assignments(has_cursor: bool, has_arm: bool) -> Statement:
    question = (
        select(experiment_assignments)
        .where(_a.experiment_id == bindparam("experiment_id"))
        .order_by(_a.unit_id)
        .limit(bindparam("page_size"))
    )
    if has_arm:
        question = question.where(_a.is_treated == bindparam("is_treated"))
    if has_cursor:
        question = question.where(_a.unit_id > bindparam("last_id", type_=_a.unit_id.type))
    return Statement(question)


_ASSIGNMENTS = {
    (has_cursor, has_arm): _assignments(has_cursor, has_arm)
    for has_cursor in (False, True)
    for has_arm in (False, True)
}
_UNIT = TypeAdapter(tuple[RecordId])


async def list_assignments(
    reader: Reader, experiment_id: str, *, arm: str | None, cursor: str | None, limit: int
) -> tuple[list[Record], str | None]:
    """Return a page of the people of an experiment by their ids, and the cursor behind it."""
    question = {"of": "assignments", "experiment": experiment_id, "arm": arm}
    values: dict[str, Any] = {"experiment_id": experiment_id, "page_size": limit + 1}
    values |= {} if arm is None else {"is_treated": arm == "treatment"}
    if cursor is not None:
        (values["last_id"],) = read_position(cursor, question, _UNIT, length=1)
    rows = await reader.all(_ASSIGNMENTS[cursor is not None, arm is not None], values)
    return cut_page(rows, limit, question, "unit_id")
