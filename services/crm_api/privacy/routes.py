"""Privacy over HTTP."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from fastapi import Path, Query

from services.crm_api import listing
from services.crm_api.audit.operations import note
from services.crm_api.privacy import erasing, files, personal_data
from services.crm_api.privacy.schemas import (
    EXAMPLE,
    EXAMPLE_REPLAY,
    AskGone,
    Erasure,
    ErasurePage,
    ErasureRequest,
    GoneContacts,
    ListErasures,
    Replay,
    ReplayAnswer,
)
from services.crm_api.privacy.table import erasures
from services.foundation import idempotency
from services.foundation.answers import StreamAnswer
from services.foundation.bodies import typical
from services.foundation.calls import Call
from services.foundation.database import Transaction
from services.foundation.links import Link, of_answer
from services.foundation.problems import Answer, NotFound
from services.foundation.routing import Routes
from services.foundation.statements import Record
from shared.values import RecordId, wire_instant

routes = Routes("privacy")
ContactId = Annotated[RecordId, Path(description="The id of a contact.")]
_HIDDEN = {"key_id", "contact_ids", "checkpoint"}


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
    """For Art. 15 and 20 GDPR: one JSON object a line with `type` and `record`. The first, `about`, says
    which contacts are the person (merged ones too), where analytics tells what is computed of it, the
    purposes, and how long what is kept. Then the contacts, interactions, deals, memberships, consents
    as they are and with their history, merges, dismissed duplicates, who changed or read what when with
    which key and by which import, rejected rows of imports that name it, who can receive it, and
    erasures. `former_values` is what was there before a change of the contact, its interactions, deals
    and memberships, for as long as it can be undone, and `set_columns` of a merge what that replaced:
    by column, amounts in minor units. It answers in the same way for an erased person: with what is
    left. The reading itself is noted in the audit log."""
    database, stamp = call.database, call.stamp
    about, parts = await personal_data.gather(database, id)
    await database.write(
        lambda transaction: note(transaction, "personal_data_read", "contact", id, stamp=stamp)
    )
    return StreamAnswer(personal_data.lines(database, about, parts), "application/x-ndjson")


def _shown(erasure: Record) -> dict[str, Any]:
    shown = {name: value for name, value in erasure.items() if name not in _HIDDEN}
    for name in ("erased_at", "finished_at", "scrubbed_at"):
        shown[name] = None if erasure[name] is None else wire_instant(erasure[name])
    return shown


def _answer(erasure: Record, others: Sequence[str]) -> Answer:
    status = 201 if erasure["finished_at"] is not None else 202
    headers = {"Location": f"/v1/erasures/{erasure['id']}"}
    if status == 202:
        headers["Retry-After"] = "1"
    body = {**_shown(erasure), "same_address_ids": list(others)}
    return Answer(orjson.dumps(body), status, headers=headers)


async def _remove_files(call: Call, contact_id: str) -> list[str]:
    """Remove uploads that name a person; before it is erased, as then nobody knows whom."""
    try:
        _, marks = await erasing.find(call.database, contact_id)
    except NotFound:
        return []
    folder, known = call.scope["app"].state.imports.folder, await files.uploads(call.database)
    return await asyncio.to_thread(files.remove_naming, folder, known, marks)


@routes.add(
    "POST",
    "/contacts/{id:record}/erasure",
    answer=Erasure,
    status=201,
    scope="privacy:erase",
    retryable=True,
    headers=(("Location", ""), ("Retry-After", "")),
    problems=(404, 409),
    links=(
        Link("get_erasure", "Read how far it is.", {"id": of_answer("id")}),
        Link("list_erasures", "All erasures."),
    ),
    summary="Erase a person",
    responses={202: {"model": Erasure, "description": "Who it is, is gone; the rest goes on"}},
)
async def erase_contact(
    call: Call,
    id: ContactId,
    body: Annotated[ErasureRequest, typical(EXAMPLE)],
) -> Answer:
    """For Art. 17 GDPR, for good: names, addresses, texts, custom values and references of the contact,
    of those merged into it or that it was merged into, and of all its interactions and deals are
    emptied, with what undo, imports and stored answers had kept of them. Amounts, days and kinds stay
    without a person; what was emptied is not filled again (`contact_missing`). The feed tells
    `crm.contact.erased.v1`, so that whoever follows it forgets as well. A keyed hash of addresses,
    numbers and references keeps anything from bringing the person back.

    An uploaded file goes as a whole, started or not, if the import of it wrote the contact or if it names
    the person: an address, a number, an id of ours or the full name anywhere, given and family name in
    one row, or, in files of the same source, a reference as the id of a contact (one of five characters
    or more also as any other cell). An import that waits for such a file is cancelled. Saved filters of
    segments and webhooks lose its addresses, and values of custom texts that only it had.

    `same_address_ids` names other contacts with an address or number of the person, who are not erased:
    perhaps it was in there twice. What tells who it is goes at once. Of a person with more than a
    thousand interactions or deals the rest goes on behind the answer: 202, and
    `GET /v1/erasures/{id}` says when it is finished. Who is erased already is erased once more."""
    named = await _remove_files(call, id)
    gone: list[str] = []

    async def work(transaction: Transaction) -> Answer:
        others = await erasing.same_address(transaction, id)
        erasure, gone[:] = await erasing.erase(
            transaction,
            id,
            reason=body.reason,
            request_ref=body.request_ref,
            named=named,
            stamp=call.stamp,
        )
        return _answer(erasure, others)

    answer = await idempotency.write_once(call, body.model_dump_json().encode(), work)
    state = call.scope["app"].state
    await asyncio.to_thread(files.remove, state.imports.folder, gone)
    state.erasures.wake()
    return answer


@routes.add(
    "GET",
    "/gone-contacts",
    answer=GoneContacts,
    scope="contacts:read",
    summary="Ask which contacts are gone for good",
)
async def list_gone_contacts(call: Call, query: Annotated[AskGone, Query()]) -> Answer:
    """For whoever keeps something under ids of contacts: what was erased, or was erased and then
    removed, is to be forgotten there as well. What lies in the trash or was merged is not gone, as it may
    come back; once a person is erased, neither is what was merged into it any more."""
    known = {row["id"] for row in await call.database.all(erasing.NOT_ERASED, {"ids": query.id})}
    ids = sorted({*query.id} - known)
    return Answer(orjson.dumps({"ids": ids}))


@routes.add(
    "GET",
    "/erasures",
    answer=ErasurePage,
    scope="privacy:erase",
    headers=(("Link", ""),),
    summary="List erasures",
)
async def list_erasures(call: Call, query: Annotated[ListErasures, Query()]) -> Answer:
    """That somebody was erased, when and why; not who. Keep this list outside of the database: after
    an old backup is restored, `POST /v1/erasures/replay` takes its items."""
    return await listing.answer_events(call, erasures, query, at="erased_at", hidden=_HIDDEN)


@routes.add(
    "GET",
    "/erasures/{id:record}",
    answer=Erasure,
    scope="privacy:erase",
    problems=(404,),
    summary="Read an erasure",
)
async def get_erasure(
    call: Call, id: Annotated[RecordId, Path(description="The id of an erasure.")]
) -> Answer:
    """`finished_at` says when nothing of the person could be read any more, `scrubbed_at` when it was
    also overwritten where the database keeps what was deleted (on PostgreSQL its VACUUM does that)."""
    erasure = await call.database.first(erasing.READ, {"id": id})
    if erasure is None:
        raise NotFound(f"There is no erasure {id}.")
    return Answer(orjson.dumps(_shown(erasure)))


@routes.add(
    "POST",
    "/erasures/replay",
    answer=ReplayAnswer,
    scope="privacy:erase",
    retryable=True,
    summary="Erase again after a backup was restored",
)
async def replay_erasures(
    call: Call,
    body: Annotated[Replay, typical(EXAMPLE_REPLAY)],
) -> Answer:
    """Takes items of `GET /v1/erasures` that were kept elsewhere, and erases again whom the backup
    brought back: `erased`, or `erased_already`; `unknown` are those whom the backup does not know, whose
    addresses are remembered all the same by `address_hashes`."""
    named = {item.contact_id: await _remove_files(call, item.contact_id) for item in body.items}

    async def work(transaction: Transaction) -> Answer:
        results = [
            {
                "contact_id": item.contact_id,
                "result": await erasing.erase_again(
                    transaction,
                    item.contact_id,
                    reason=item.reason,
                    request_ref=item.request_ref,
                    hashes=item.address_hashes,
                    named=named[item.contact_id],
                    stamp=call.stamp,
                ),
            }
            for item in body.items
        ]
        return Answer(orjson.dumps({"items": results}))

    answer = await idempotency.write_once(call, body.model_dump_json().encode(), work)
    call.scope["app"].state.erasures.wake()
    return answer
