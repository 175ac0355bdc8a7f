"""The rules of imports: what may be changed when, when a file may start, who may see it."""

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, insert, select, tuple_, update

from services.crm_api.custom_fields.table import custom_fields
from services.crm_api.imports import plan
from services.crm_api.imports.documents import shown_questions
from services.crm_api.imports.questions import open_questions
from services.crm_api.imports.schemas import ImportSettings
from services.crm_api.imports.table import imports, rejected_rows
from services.crm_api.imports.values.texts import clean
from services.crm_api.pipelines.table import DEFAULT, pipelines
from services.foundation.calls import Stamp
from services.foundation.columns import Identifier, Instant, Texts
from services.foundation.constructs import any_of
from services.foundation.database import Database, Reader, Transaction
from services.foundation.problems import Conflict, NotFound, StaleVersion
from services.foundation.sheet_texts import BYTE_ORDER_MARK, harmless
from services.foundation.statements import Record, Statement

UNSTARTED = ("needs_answers", "ready")
RUNNING = ("queued", "running", "reverting")
COUNTS = (
    "processed_count",
    "created_count",
    "updated_count",
    "unchanged_count",
    "rejected_count",
    "created_contact_count",
)
_OF_A_RUN = (
    "failure",
    "queued_at",
    "started_at",
    "finished_at",
    "lease_holder",
    "lease_until",
)
PAGE_OF_ROWS = 1000
_OF_CUSTOM = ("type", "options", "label_en", "label_de")
_CUSTOM = Statement(
    select(custom_fields).where(
        custom_fields.c.applies_to == bindparam("applies_to"),
        custom_fields.c.deleted_at.is_(None),
    )
)
_PIPELINES = Statement(
    select(pipelines.c.key, pipelines.c.stages)
    .where(pipelines.c.deleted_at.is_(None))
    .order_by(pipelines.c.key != DEFAULT, pipelines.c.key)
)
_READ = Statement(select(imports).where(imports.c.id == bindparam("id")))
_LOCK = Statement(select(imports).where(imports.c.id == bindparam("id")).with_for_update())
_INSERT = Statement(insert(imports))
_FORGET_REJECTED = Statement(
    delete(rejected_rows).where(rejected_rows.c.import_id == bindparam("at_import"))
)
_REJECTED = Statement(
    select(rejected_rows)
    .where(
        rejected_rows.c.import_id == bindparam("import_id"),
        rejected_rows.c.record_number > bindparam("after"),
    )
    .order_by(rejected_rows.c.record_number)
    .limit(PAGE_OF_ROWS)
)


class QuestionsOpen(Conflict):
    code, title = "questions_open", "The import has open questions: answer them first."


class AlreadyStarted(Conflict):
    code, title = "already_started", "The import is queued or running, or it is being reverted."


class AlreadyFinished(Conflict):
    code, title = "already_finished", "The import has ended already."


class UploadMissing(Conflict):
    code, title = "upload_missing", "The uploaded file is gone; upload it again."


def new_import(
    import_id: str,
    *,
    resource: str,
    file_name: str | None,
    size_bytes: int,
    settings: ImportSettings,
    detected: plan.Document,
    stamp: Stamp,
) -> Record:
    """Build the row of a file that has just come."""
    row: Record = {column.name: None for column in imports.columns}
    row |= dict.fromkeys(COUNTS, 0)
    return row | {
        "id": import_id,
        "resource": resource,
        "status": status_of(resource, settings, detected),
        "file_name": file_name,
        "size_bytes": size_bytes,
        "settings": settings.model_dump(),
        "detected": detected,
        "is_dry_run": False,
        "checkpoint": {},
        "run_requests": [],
        "key_id": stamp.key_id,
        "request_id": stamp.request_id,
        "version": 1,
        "created_at": stamp.now,
    }


async def known(reader: Reader, resource: str) -> plan.Known:
    """Return the custom fields and the pipelines that columns of a resource may be."""
    custom = await reader.all(_CUSTOM, {"applies_to": resource})
    stages = await reader.all(_PIPELINES, {}) if resource == "deals" else []
    return plan.Known(
        {row["key"]: {name: row[name] for name in _OF_CUSTOM} for row in custom},
        {row["key"]: row["stages"] for row in stages},
    )


def status_of(resource: str, settings: ImportSettings, detected: plan.Document) -> str:
    """Return whether an import that has not started could."""
    columns = plan.columns_in_force(resource, settings, detected)
    open_ones = open_questions(resource, settings, detected, columns)
    return "needs_answers" if open_ones else "ready"


async def add(transaction: Transaction, row: Record) -> None:
    """Store a new import."""
    await transaction.run(_INSERT, row)


async def read(reader: Reader, import_id: str) -> Record:
    """Return an import.

    Raises
    ------
    NotFound
        There is none.
    """
    row = await reader.first(_READ, {"id": import_id})
    if row is None:
        raise NotFound(f"There is no import {import_id}.")
    return row


async def lock(transaction: Transaction, import_id: str, *, version: int | None = None) -> Record:
    """Read an import for a change and keep others from changing it.

    Raises
    ------
    NotFound
        There is none.
    StaleVersion
        Its version is not the expected one.
    """
    row = await transaction.first(_LOCK, {"id": import_id})
    if row is None:
        raise NotFound(f"There is no import {import_id}.")
    if version is not None and row["version"] != version:
        raise StaleVersion(f"The import's version is {row['version']}, If-Match named {version}.")
    return row


@lru_cache(maxsize=64)
def _update(columns: frozenset[str]) -> Statement:
    values: dict[str, Any] = {name: bindparam(f"set_{name}") for name in sorted(columns)}
    return Statement(update(imports).where(imports.c.id == bindparam("at_id")).values(values))


async def change(transaction: Transaction, current: Record, values: Mapping[str, Any]) -> Record:
    """Write some columns of a locked import; its version grows."""
    new = {**values, "version": current["version"] + 1}
    parameters = {f"set_{name}": value for name, value in new.items()} | {"at_id": current["id"]}
    await transaction.run(_update(frozenset(new)), parameters)
    return {**current, **new}


async def forget_run(transaction: Transaction, import_id: str) -> Record:
    """Remove what the run before left, and return the columns of an import that has not run."""
    await transaction.run(_FORGET_REJECTED, {"at_import": import_id})
    return {**dict.fromkeys(COUNTS, 0), **dict.fromkeys(_OF_A_RUN), "checkpoint": {}}


async def amend(
    transaction: Transaction,
    import_id: str,
    *,
    version: int | None,
    values: Mapping[str, Any],
) -> Record:
    """Change what an import is to do; an ended one is as if it had not run.

    Raises
    ------
    NotFound, StaleVersion
        As `lock`.
    AlreadyStarted
        It is on its way.
    """
    current = await lock(transaction, import_id, version=version)
    if current["status"] in RUNNING:
        raise AlreadyStarted()
    blank = await forget_run(transaction, import_id)
    return await change(transaction, current, {**blank, "is_dry_run": False, **values})


async def start(
    transaction: Transaction,
    import_id: str,
    *,
    is_dry_run: bool,
    stamp: Stamp,
    language: str,
    personal: bool,
) -> Record:
    """Queue an import, also one that has ended.

    Raises
    ------
    NotFound
        There is none.
    AlreadyStarted
        It is on its way.
    QuestionsOpen
        Something has to be answered first; the problem says what.
    """
    current = await lock(transaction, import_id)
    if current["status"] in RUNNING:
        raise AlreadyStarted()
    settings = ImportSettings.model_validate(current["settings"])
    resource, detected = current["resource"], current["detected"]
    columns = plan.columns_in_force(resource, settings, detected)
    questions = open_questions(resource, settings, detected, columns)
    if questions:
        told = shown_questions(questions, language=language, personal=personal)
        raise QuestionsOpen(extra={"questions": told})
    values = await forget_run(transaction, import_id)
    return await change(
        transaction, current, values | queued(current, stamp, is_dry_run=is_dry_run)
    )


def queued(current: Record, stamp: Stamp, *, is_dry_run: bool) -> Record:
    """Return the columns of an import that waits for a runner; its changes bear this stamp."""
    earlier = [] if current["status"] == "reverted" else current["run_requests"]
    return {
        "run_requests": earlier if is_dry_run else [*earlier, stamp.request_id],
        "status": "queued",
        "is_dry_run": is_dry_run,
        "queued_at": stamp.now,
        "key_id": stamp.key_id,
        "request_id": stamp.request_id,
    }


async def cancel(transaction: Transaction, import_id: str, *, now: datetime) -> Record:
    """Stop an import; what it has written stays, its next chunk is not written.

    Raises
    ------
    NotFound
        There is none.
    AlreadyFinished
        It has succeeded or failed.
    AlreadyStarted
        It is being reverted, which is done to its end.
    """
    current = await lock(transaction, import_id)
    if current["status"] == "cancelled":
        return current
    if current["status"] == "reverting":
        raise AlreadyStarted()
    if current["status"] not in UNSTARTED + RUNNING:
        raise AlreadyFinished()
    values = {"status": "cancelled", "finished_at": now, "lease_holder": None, "lease_until": None}
    return await change(transaction, current, values)


@lru_cache(maxsize=2)
def _list(continued: bool) -> Statement:
    columns = imports.c
    clauses: list[ColumnElement[bool]] = [
        any_of(columns.resource, bindparam("resources", type_=Texts)),
        any_of(columns.status, bindparam("statuses", type_=Texts)),
    ]
    if continued:
        last = (bindparam("last_at", type_=Instant), bindparam("last_id", type_=Identifier))
        clauses.append(tuple_(columns.created_at, columns.id) < tuple_(*last))
    order = (columns.created_at.desc(), columns.id.desc())
    return Statement(select(imports).where(*clauses).order_by(*order).limit(bindparam("page_size")))


async def page(
    reader: Reader,
    *,
    resources: Sequence[str],
    statuses: Sequence[str],
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Record]:
    """Return imports, the newest first."""
    values: dict[str, Any] = {"resources": resources, "statuses": statuses, "page_size": limit}
    if after is not None:
        values |= {"last_at": after[0], "last_id": after[1]}
    return await reader.all(_list(after is not None), values)


async def rejected_file(
    database: Database, row: Record, *, language: str, personal: bool
) -> AsyncIterator[bytes]:
    """Yield the rejected rows as CSV for people, so that no cell is a formula.

    Their cells are blank without the pii scope, and of erased people.
    """
    names = [column["name"] for column in row["detected"]["columns"] if not column["path"]]
    blank = [""] * len(names)
    yield BYTE_ORDER_MARK + csv_lines([["row_number", "column", "code", "message", *_shown(names)]])
    after = -1
    while True:
        found = await database.all(_REJECTED, {"import_id": row["id"], "after": after})
        if found:
            yield csv_lines(
                [
                    each["row_number"],
                    each["column_name"] and harmless(each["column_name"]),
                    each["code"],
                    each[f"message_{language}"],
                    *(_shown(each["cells"]) if personal and each["cells"] else blank),
                ]
                for each in found
            )
        if len(found) < PAGE_OF_ROWS:
            return
        after = found[-1]["record_number"]


def _shown(cells: Sequence[str]) -> list[str]:
    """Return cells that mean the same, but are no formulas."""
    return [harmless(clean(cell)) for cell in cells]


def csv_lines(rows: Any) -> bytes:
    """Return rows as CSV."""
    out = io.StringIO()
    csv.writer(out).writerows(rows)  # it quotes the characters of its line ending only
    return out.getvalue().encode()
