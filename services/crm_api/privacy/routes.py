"""Privacy over HTTP."""

from pathlib import Path as FilePath
from typing import Annotated

import orjson
from fastapi import Body, Path, Query

from services.crm_api import listing
from services.crm_api.audit.operations import note
from services.crm_api.imports.uploads import upload_path
from services.crm_api.privacy import operations
from services.crm_api.privacy.schemas import (
    EXAMPLE,
    Erasure,
    ErasurePage,
    ErasureRequest,
    ListErasures,
)
from services.crm_api.privacy.table import erasures
from services.foundation.calls import Call
from services.foundation.links import Link
from services.foundation.problems import Answer, NotFound
from services.foundation.routing import Routes, StreamAnswer
from shared.values import RecordId, wire_instant

routes = Routes("privacy")
ContactId = Annotated[RecordId, Path(description="The id of a contact.")]
_ALL = operations.personal_data_statement()


@routes.add(
    "GET",
    "/contacts/{id:record}/personal-data",
    answer=None,
    scope="privacy:export",
    problems=(404,),
    media_types=("application/x-ndjson",),
    summary="Read all that is kept about a person",
)
async def read_personal_data(call: Call, id: ContactId) -> StreamAnswer:
    """For Art. 15 and 20 GDPR: one JSON object a line with `type` and `record`: the contact and those
    merged into it, interactions, deals, memberships, events of consents, and who changed what when. What
    is computed about the contact answers `GET /v1/customers/{id}` of the analytics service. The reading
    itself is noted in the audit log."""
    database, stamp = call.database, call.stamp
    if await database.first(operations.EXISTS, {"id": id}) is None:
        raise NotFound(f"There is no contact {id}.")
    await database.write(
        lambda transaction: note(transaction, "personal_data_read", "contact", id, stamp=stamp)
    )
    return StreamAnswer(database.stream(_ALL, {"id": id}), "application/x-ndjson")


@routes.add(
    "POST",
    "/contacts/{id:record}/erasure",
    answer=Erasure,
    status=201,
    scope="privacy:erase",
    writes=True,
    problems=(404, 409),
    links=(Link("list_erasures", "All erasures."),),
    summary="Erase a person",
)
async def erase_contact(
    call: Call,
    id: ContactId,
    body: Annotated[ErasureRequest, Body(openapi_examples={"typical": {"value": EXAMPLE}})],
) -> Answer:
    """For Art. 17 GDPR, at once and for good: names, addresses, texts, custom values and references of the
    contact, of those merged into it and of all its interactions and deals are emptied, with what undo
    and imports had kept of them. Amounts, days and kinds stay without a person. The feed tells
    `crm.contact.erased.v1`, so that whoever follows it forgets as well. A keyed hash of the addresses
    keeps an import from bringing the person back."""
    erasure, files = await operations.erase_contact(
        call.transaction,
        id,
        reason=body.reason,
        request_ref=body.request_ref,
        stamp=call.stamp,
    )
    folder: FilePath = call.scope["app"].state.imports.folder
    for import_id in files:
        upload_path(folder, import_id).unlink(missing_ok=True)
    shown = {name: value for name, value in erasure.items() if name != "key_id"}
    shown["erased_at"] = wire_instant(erasure["erased_at"])
    return Answer(orjson.dumps(shown), 201)


@routes.add(
    "GET",
    "/erasures",
    answer=ErasurePage,
    scope="privacy:erase",
    headers=(("Link", ""),),
    summary="List erasures",
)
async def list_erasures(call: Call, query: Annotated[ListErasures, Query()]) -> Answer:
    """That somebody was erased, when and why; not who. After a restored backup, erase these again."""
    return await listing.answer_events(call, erasures, query, at="erased_at", hidden={"key_id"})
