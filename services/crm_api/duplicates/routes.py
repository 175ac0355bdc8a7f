"""Duplicates over HTTP."""

from collections.abc import Sequence
from typing import Annotated

import orjson
from fastapi import Path, Query

from services.crm_api import records
from services.crm_api.contacts import finding
from services.crm_api.contacts import operations as contacts
from services.crm_api.contacts.schemas import EXAMPLE, NewContact
from services.crm_api.contacts.table import CONTACT
from services.crm_api.duplicates import operations
from services.crm_api.duplicates.operations import Candidate
from services.crm_api.duplicates.schemas import (
    DuplicateCandidates,
    DuplicatePairPage,
    ListDuplicates,
)
from services.crm_api.places import seal, unseal
from services.foundation.bodies import typical
from services.foundation.calls import Call
from services.foundation.cursors import read_cursor, write_cursor
from services.foundation.problems import Answer
from services.foundation.routing import Routes
from shared.values import RecordId

routes = Routes("duplicates")
Checked = Annotated[NewContact, typical(EXAMPLE)]


async def _answer(call: Call, found: Sequence[Candidate]) -> Answer:
    shown = await records.read_many(
        call.database, CONTACT, [each.id for each in found], personal=call.may("contacts:pii")
    )
    items = []
    for each in found:
        if each.id in shown:
            told = each.document(personal=True)
            del told["id"]
            items.append(f'{orjson.dumps(told).decode()[:-1]},"contact":{shown[each.id]}}}')
    return Answer(('{"items":[' + ",".join(items) + "]}").encode())


@routes.add(
    "GET",
    "/contacts/{id:record}/duplicates",
    answer=DuplicateCandidates,
    scope="contacts:pii",
    problems=(404,),
    summary="Find contacts that are likely the same as this one",
)
async def find_duplicates(
    call: Call, id: Annotated[RecordId, Path(description="The id of a contact.")]
) -> Answer:
    """With a score and its reasons, the likeliest first. Merge them with
    `POST /v1/contacts/{id}/merge`, or say that they are others: `POST /v1/duplicates/dismissals`. The id
    of a contact that was merged answers with the one that it is part of."""
    row = await finding.or_survivor(
        call.database, id, lambda each: finding.read_row(call.database, each)
    )
    return await _answer(call, await operations.find(call.database, row))


@routes.add(
    "POST",
    "/duplicates/check",
    answer=DuplicateCandidates,
    scope="contacts:pii",
    summary="Find contacts that are likely the same as one that is not entered yet",
)
async def check_duplicates(call: Call, body: Checked) -> Answer:
    """Takes what `POST /v1/contacts` takes and writes nothing: for a form that warns while one types."""
    row = contacts.complete(body.model_dump())
    return await _answer(call, await operations.find(call.database, row))


@routes.add(
    "GET",
    "/duplicates",
    answer=DuplicatePairPage,
    scope="contacts:pii",
    headers=(("Link", ""),),
    summary="List pairs of contacts that are likely one",
)
async def list_duplicates(call: Call, query: Annotated[ListDuplicates, Query()]) -> Answer:
    """Goes through the whole base, a page at a time; contacts are compared only if they share something
    telling: an address, a number, how their names sound. Follow `next` to the end; each pair comes once,
    one that was dismissed with `POST /v1/duplicates/dismissals` not at all.
    """
    signed, after = {"of": "duplicates"}, ""
    if query.cursor is not None:
        (sealed,) = read_cursor(query.cursor, signed, length=1)
        after = await unseal(call.database, sealed)  # a key has an address in it, or a name
    found, last = await operations.pairs_behind(call.database, after, page_size=query.limit)
    items = [pair.document() for pair in found]
    if last is None:
        return Answer(orjson.dumps({"items": items}))
    cursor = write_cursor((await seal(call.database, last),), signed)
    following = f"/v1/duplicates?limit={query.limit}&cursor={cursor}"
    headers = {"Link": f'<{following}>; rel="next"'}
    return Answer(orjson.dumps({"items": items, "next": following}), headers=headers)
