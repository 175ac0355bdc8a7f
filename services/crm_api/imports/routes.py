"""Imports over HTTP."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, get_args

import orjson
from fastapi import Path, Query

from services.crm_api.audit.operations import note
from services.crm_api.imports import operations, plan, uploads
from services.crm_api.imports.documents import document
from services.crm_api.imports.examples import FILE_BODY
from services.crm_api.imports.questions import answered
from services.crm_api.imports.runner import ImportRunner
from services.crm_api.imports.schemas import (
    Import,
    ImportPage,
    ImportPatch,
    ImportSettings,
    ListImports,
    QuestionAnswer,
    ResourceName,
    StartImport,
    Status,
    UploadQuery,
)
from services.crm_api.imports.settings import (
    check_settings,
    merged,
    parsed_settings,
    without_lost_columns,
)
from services.crm_api.imports.upload_settings import FORMATS, uploaded_settings
from services.crm_api.records import new_id
from services.foundation import idempotency
from services.foundation.answers import StreamAnswer
from services.foundation.bodies import typical
from services.foundation.calls import Call, etag
from services.foundation.cursors import bad_cursor, read_cursor, write_cursor
from services.foundation.database import Transaction
from services.foundation.links import ANSWERED_VERSION, Link, of_answer
from services.foundation.problems import Answer, Forbidden, invalid
from services.foundation.routing import MERGE_PATCH, Routes
from services.foundation.statements import Record
from shared.values import RecordId, wire_instant

routes = Routes("imports")
SCOPE = "imports:write"
_HERE = {"id": of_answer("id")}
ImportId = Annotated[RecordId, Path(description="The id of an import.")]
_PATCH = typical({"file_name": "orders.csv"})
_START = typical({"dry_run": True})


def runner_of(call: Call) -> ImportRunner:
    runner: ImportRunner = call.scope["app"].state.imports
    return runner


def allow(call: Call, resource: str, *, creates_contacts: bool = False) -> None:
    """Refuse keys that may not write what the import writes."""
    for scope in [f"{resource}:write", *(["contacts:write"] if creates_contacts else [])]:
        if not call.may(scope):
            raise Forbidden(f"This needs a key with the scope {scope}.")


def allow_trial(call: Call, resource: str) -> None:
    """Refuse keys that do not see what a dry run compares rows with: its counts tell what is equal."""
    if not call.may(f"{resource}:pii"):
        raise Forbidden(f"A dry run needs a key with the scope {resource}:pii.")


async def allowed(call: Call, import_id: str) -> Record:
    row = await operations.read(call.database, import_id)
    allow(call, row["resource"])
    return row


def _answer(
    call: Call, row: Record, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    body = document(row, language=call.language, personal=call.may(f"{row['resource']}:pii"))
    told = {**etag(row["version"]), "Content-Language": call.language, **(headers or {})}
    return Answer(orjson.dumps(body), status, headers=told)


def accepted(call: Call, row: Record, status: int) -> Answer:
    """Answer with the import's place, and when to look again if it is on its way."""
    headers = {"Location": f"/v1/imports/{row['id']}"}
    if row["status"] in ("queued", "reverting"):
        headers["Retry-After"] = "1"
    return _answer(call, row, status, headers)


async def once(call: Call, sent: bytes, work: Callable[[Transaction], Awaitable[Answer]]) -> Answer:
    """Write, or answer as the same request with this Idempotency-Key did."""
    record = idempotency.Request.of(call, sent)

    async def unit(transaction: Transaction) -> Answer:
        return await idempotency.once(transaction, record, lambda: work(transaction), now=call.now)

    return await idempotency.settle(call.database, unit)


@routes.add(
    "POST",
    "/imports",
    answer=Import,
    status=201,
    scope=SCOPE,
    streamed_body=True,
    localized=True,
    headers=(("Location", ""), ("ETag", "")),
    body_media_types=tuple(FORMATS),
    links=(
        Link("get_import", "Read it, and how far it is.", _HERE),
        Link("patch_import", "Answer its questions.", {**_HERE, "If-Match": ANSWERED_VERSION}),
        Link("start_import", "Start it.", _HERE),
        Link("cancel_import", "Stop it.", _HERE),
        Link("get_rejected_rows", "Which rows were refused, and why.", _HERE),
    ),
    summary="Upload a file",
    retryable=True,
    openapi_extra=FILE_BODY,
    responses={202: {"model": Import, "description": "Uploaded and queued"}},
)
async def create_import(call: Call, query: Annotated[UploadQuery, Query()]) -> Answer:
    """Takes a file of records and tells how it would be read; nothing is written yet.

    CSV, TSV, NDJSON, XLSX and vCard (2.1, 3.0, 4.0) are known by their content. Of a workbook one
    sheet is read, a row at a time: cells as they are shown, formulas by the result that the file
    holds, hidden rows like others. It may unpack to 1 GiB, with 100 MiB of texts and 1,000 columns;
    XLS, ODS and workbooks with a password are refused. Each card of a vCard file is a row.
    `detected.profile` names the program whose export it is, if its headers tell; `notices` name
    what is left out, such as each column that becomes no field.

    What the file leaves open (does 03/04 mean March or April?) is asked in `questions`, never
    guessed. With `start=true` a file without questions is queued at once and answered with 202.
    The same file again changes nothing: a row is found by its external id, or by its content if
    no column has one. An empty cell says nothing, the record keeps what it has: a value is removed
    by a PATCH with null. Also needs the scope `<resource>:write`, and `contacts:write` to create
    missing contacts. With an Idempotency-Key, the same file sent again is the same import.
    """
    allow(call, query.resource, creates_contacts=query.create_missing_contacts)
    if query.dry_run:
        allow_trial(call, query.resource)
    settings = uploaded_settings(call, query, time_zone=runner_of(call).time_zone)
    known = await operations.known(call.database, query.resource)
    check_settings(query.resource, settings, None, known)
    import_id, runner = new_id(), runner_of(call)
    path = uploads.upload_path(runner.folder, import_id)
    upload = await uploads.receive(call, path)
    try:
        detected = await uploads.inspect(
            path, query.resource, settings, known, language=call.language
        )
        is_told = "source" in query.model_fields_set
        settings = plan.with_profile(settings, detected, is_source_given=is_told)
        check_settings(query.resource, settings, detected, known)
        row = operations.new_import(
            import_id,
            resource=query.resource,
            file_name=query.file_name,
            size_bytes=upload.size_bytes,
            settings=settings,
            detected=detected,
            stamp=call.stamp,
        )
        if query.start and row["status"] == "ready":
            row |= operations.queued(row, call.stamp, is_dry_run=query.dry_run)

        async def work(transaction: Transaction) -> Answer:
            await operations.add(transaction, row)
            if row["status"] == "queued":
                await note(transaction, "import_started", "import", import_id, stamp=call.stamp)
            return accepted(call, row, 202 if row["status"] == "queued" else 201)

        answer = await once(call, upload.content_hash.encode(), work)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if answer.headers["Location"] != f"/v1/imports/{import_id}":
        path.unlink(missing_ok=True)
    runner.wake()
    return answer


@routes.add(
    "GET",
    "/imports",
    answer=ImportPage,
    scope=SCOPE,
    localized=True,
    headers=(("Link", ""),),
    summary="List imports",
)
async def list_imports(call: Call, query: Annotated[ListImports, Query()]) -> Answer:
    """A page of imports of the resources that this key may write, the newest first."""
    resources = [each for each in get_args(ResourceName) if call.may(f"{each}:write")]
    wanted = [each for each in resources if not query.resource or each in query.resource]
    question = {"of": "imports", "resource": query.resource, "status": query.status}
    after = _after(query, question)
    rows = await operations.page(
        call.database,
        resources=wanted,
        statuses=query.status or get_args(Status),
        after=after,
        limit=query.limit + 1,
    )
    more, rows = len(rows) > query.limit, rows[: query.limit]
    items = [
        document(row, language=call.language, personal=call.may(f"{row['resource']}:pii"))
        for row in rows
    ]
    headers: dict[str, str] = {"Content-Language": call.language}
    if not more:
        return Answer(orjson.dumps({"items": items}), headers=headers)
    position = (wire_instant(rows[-1]["created_at"]), rows[-1]["id"])
    following, link = call.following(write_cursor(position, question))
    return Answer(orjson.dumps({"items": items, "next": following}), headers={**headers, **link})


def _after(query: ListImports, question: Mapping[str, Any]) -> tuple[datetime, str] | None:
    if query.cursor is None:
        return None
    at, last_id = read_cursor(query.cursor, question, length=2)
    try:
        return datetime.fromisoformat(at), str(last_id)
    except (TypeError, ValueError):
        raise bad_cursor() from None


@routes.add(
    "GET",
    "/imports/{id}",
    answer=Import,
    scope=SCOPE,
    conditional=True,
    localized=True,
    headers=(("ETag", ""),),
    problems=(404,),
    summary="Read an import",
)
async def get_import(call: Call, id: ImportId) -> Answer:
    """How the file is read, what is to be answered, how far it is, and what became of its rows."""
    row = await allowed(call, id)
    if call.holds(row["version"]):
        return Answer(status=304, headers=etag(row["version"]))
    return _answer(call, row)


@routes.add(
    "PATCH",
    "/imports/{id}",
    answer=Import,
    scope=SCOPE,
    if_match="required",
    localized=True,
    retryable=True,
    headers=(("ETag", ""),),
    problems=(404, 409),
    body_media_types=(MERGE_PATCH,),
    summary="Change an import or answer its questions",
)
async def patch_import(call: Call, id: ImportId, body: Annotated[ImportPatch, _PATCH]) -> Answer:
    """JSON merge patch (RFC 7396), not while it is queued or running.

    `answers` are put into the settings. A changed format, encoding, delimiter, quote or header is
    detected anew. The counts of an earlier run are forgotten.
    """
    version = call.expected_version()
    current = await allowed(call, id)
    if current["status"] in operations.RUNNING:
        raise operations.AlreadyStarted()
    sent = body.model_dump(exclude_unset=True)
    resource, before = current["resource"], ImportSettings.model_validate(current["settings"])
    given = merged(current["settings"], sent.get("settings", {}))
    settings = _with_answers(given, body.answers)
    allow(call, resource, creates_contacts=settings.create_missing_contacts)
    known = await operations.known(call.database, resource)
    detected = {**current["detected"], "known": known._asdict()}
    if any(getattr(settings, name) != getattr(before, name) for name in plan.STRUCTURE):
        path = uploads.upload_path(runner_of(call).folder, id)
        if not path.exists():
            raise operations.UploadMissing()
        check_settings(resource, settings, None, known)
        detected = await uploads.inspect(path, resource, settings, known, language=call.language)
        settings = without_lost_columns(settings, detected)
    check_settings(resource, settings, detected, known)
    values = {
        "settings": settings.model_dump(),
        "detected": detected,
        "status": operations.status_of(resource, settings, detected),
    }
    if "file_name" in sent:
        values["file_name"] = sent["file_name"]

    async def work(transaction: Transaction) -> Answer:
        # What was read above holds only for the version it was read at.
        seen = current["version"] if version is None else version
        return _answer(call, await operations.amend(transaction, id, version=seen, values=values))

    return await once(call, body.model_dump_json(exclude_unset=True).encode(), work)


def _with_answers(given: dict[str, Any], answers: list[QuestionAnswer]) -> ImportSettings:
    maps = {name: dict(value) for name, value in given.items() if isinstance(value, dict)}
    given = {**given, **maps}
    for number, answer in enumerate(answers):
        try:
            answered(given, answer.code, answer.column, answer.value)
        except KeyError:
            pointer = f"/body/answers/{number}/code"
            raise invalid(
                pointer, "unknown_question", "No such question can be answered."
            ) from None
    return parsed_settings(given)


@routes.add(
    "POST",
    "/imports/{id}/start",
    answer=Import,
    status=202,
    scope=SCOPE,
    localized=True,
    retryable=True,
    headers=(("Location", ""), ("Retry-After", "")),
    links=(Link("get_import", "Read how far it is.", _HERE),),
    problems=(404, 409),
    summary="Start an import",
)
async def start_import(call: Call, id: ImportId, body: Annotated[StartImport, _START]) -> Answer:
    """Queues it; answers 409 with the open `questions` if there are any.

    An import that has ended can be started again: after a dry run for real, or once more, which
    changes nothing that is unchanged. A dry run does every check and writes nothing; it cannot
    know what others write until the real run, and which rule the second of two different rows
    with one external id would break. A dry run also needs the scope `<resource>:pii`.
    """
    row = await allowed(call, id)
    allow(call, row["resource"], creates_contacts=row["settings"]["create_missing_contacts"])
    if body.dry_run:
        allow_trial(call, row["resource"])
    runner = runner_of(call)
    if not uploads.upload_path(runner.folder, id).exists():
        raise operations.UploadMissing()

    async def work(transaction: Transaction) -> Answer:
        started = await operations.start(
            transaction,
            id,
            is_dry_run=body.dry_run,
            stamp=call.stamp,
            language=call.language,
            personal=call.may(f"{row['resource']}:pii"),
        )
        await note(transaction, "import_started", "import", id, stamp=call.stamp)
        return accepted(call, started, 202)

    answer = await once(call, body.model_dump_json().encode(), work)
    runner.wake()
    return answer


@routes.add(
    "POST",
    "/imports/{id}/cancel",
    answer=Import,
    scope=SCOPE,
    writes=True,
    localized=True,
    headers=(("ETag", ""),),
    problems=(404, 409),
    summary="Cancel an import",
)
async def cancel_import(call: Call, id: ImportId) -> Answer:
    """Stops it between two chunks; the records that it has written stay."""
    row = await operations.read(call.transaction, id)
    allow(call, row["resource"])
    return _answer(call, await operations.cancel(call.transaction, id, now=call.now))


@routes.add(
    "GET",
    "/imports/{id}/rejected-rows",
    answer=None,
    scope=SCOPE,
    localized=True,
    media_types=("text/csv",),
    problems=(404,),
    summary="Read the rejected rows",
)
async def get_rejected_rows(call: Call, id: ImportId) -> StreamAnswer:
    """A CSV file: line number, column, code and message of each rejected row, then its cells.

    The cells are blank without the scope `<resource>:pii`, and of a person who was erased nothing is
    kept (code `suppressed`). A spreadsheet opens the file as it should and calculates none of its
    cells (as `excel_csv`). Correct them, drop the first four columns, and upload it as a new import.
    """
    row = await allowed(call, id)
    chunks = operations.rejected_file(
        call.database, row, language=call.language, personal=call.may(f"{row['resource']}:pii")
    )
    headers = {
        "Content-Disposition": f'attachment; filename="rejected-{id}.csv"',
        "Content-Language": call.language,
    }
    return StreamAnswer(chunks, "text/csv; charset=utf-8", headers=headers)
