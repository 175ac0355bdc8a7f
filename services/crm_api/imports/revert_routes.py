"""Taking imports back over HTTP."""

from typing import Annotated

from services.crm_api.audit.operations import note
from services.crm_api.imports import operations, reverts
from services.crm_api.imports.revert_schemas import RevertImport
from services.crm_api.imports.routes import (
    SCOPE,
    ImportId,
    accepted,
    allow,
    allowed,
    once,
    runner_of,
)
from services.crm_api.imports.schemas import Import
from services.foundation.answers import StreamAnswer
from services.foundation.bodies import typical
from services.foundation.calls import Call
from services.foundation.database import Transaction
from services.foundation.links import Link, of_answer
from services.foundation.problems import Answer
from services.foundation.routing import Routes

routes = Routes("imports")
EXAMPLE = {"dry_run": False, "keep_touched": False}


@routes.add(
    "POST",
    "/imports/{id}/revert",
    answer=Import,
    status=202,
    scope=SCOPE,
    localized=True,
    retryable=True,
    headers=(("Location", ""), ("Retry-After", "")),
    problems=(404, 409),
    links=(
        Link("get_import", "Read how far it is.", {"id": of_answer("id")}),
        Link("read_kept_records", "What it leaves alone, and why.", {"id": of_answer("id")}),
    ),
    summary="Take an import back",
)
async def revert_import(
    call: Call,
    id: ImportId,
    body: Annotated[RevertImport, typical(EXAMPLE)],
) -> Answer:
    """Puts back what the import wrote: what it created goes to the trash, the contacts included that it
    made for its rows; what it changed has its values from before. It is queued like the import itself;
    `revert` of the import tells how it goes.

    First everything is looked at. If a record was touched later, something that others entered
    belongs to it, or what it pointed to before is gone, nothing is taken back and `revert.status` is
    `refused`; with `keep_touched` the rest is, and only if nothing else is left it is `refused` too.
    `GET /v1/imports/{id}/kept-records` names these records. A reverted import can be started again.
    """
    row = await operations.read(call.database, id)
    allow(call, row["resource"], creates_contacts=row["settings"]["create_missing_contacts"])

    async def work(transaction: Transaction) -> Answer:
        reverted = await reverts.revert(
            transaction,
            id,
            is_dry_run=body.dry_run,
            keep_touched=body.keep_touched,
            stamp=call.stamp,
        )
        await note(transaction, "import_reverted", "import", id, stamp=call.stamp)
        return accepted(call, reverted, 202)

    answer = await once(call, body.model_dump_json().encode(), work)
    runner_of(call).wake()
    return answer


@routes.add(
    "GET",
    "/imports/{id}/kept-records",
    answer=None,
    scope=SCOPE,
    localized=True,
    media_types=("text/csv",),
    problems=(404,),
    summary="Read the records that a revert leaves alone",
)
async def read_kept_records(call: Call, id: ImportId) -> StreamAnswer:
    """A CSV file: each record that the last revert, or its dry run, leaves alone, why, and which later
    version and request touched it."""
    await allowed(call, id)
    chunks = reverts.kept_file(call.database, id, language=call.language)
    headers = {
        "Content-Disposition": 'attachment; filename="kept-records.csv"',
        "Content-Language": call.language,
    }
    return StreamAnswer(chunks, "text/csv; charset=utf-8", headers=headers)
