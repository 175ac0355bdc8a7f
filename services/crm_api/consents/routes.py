"""Consents over HTTP."""

from typing import Annotated

import orjson
from fastapi import Path, Query

from services.crm_api import listing, records
from services.crm_api.consents import operations
from services.crm_api.consents.schemas import (
    EXAMPLE,
    ConsentEventPage,
    ListConsentEvents,
    NewConsentEvent,
    RecordedConsent,
)
from services.crm_api.consents.table import PERSONAL, consent_events
from services.crm_api.contacts.finding import or_survivor
from services.crm_api.contacts.table import CONTACT
from services.foundation.bodies import typical
from services.foundation.calls import Call
from services.foundation.links import Link
from services.foundation.problems import Answer
from services.foundation.routing import Routes
from shared.values import RecordId, wire_instant

routes = Routes("contacts")
ContactId = Annotated[RecordId, Path(description="The id of a contact.")]
NewEvent = Annotated[NewConsentEvent, typical(EXAMPLE)]
_INSTANTS = ("occurred_at", "created_at")


@routes.add(
    "POST",
    "/contacts/{id:record}/consents",
    answer=RecordedConsent,
    status=201,
    scope="contacts:write",
    writes=True,
    problems=(404, 409),
    links=(Link("list_consents", "All it said.", {"id": "$request.path.id"}),),
    summary="Record what a contact said about being contacted",
)
async def record_consent(call: Call, id: ContactId, body: NewEvent) -> Answer:
    """Adds an event; events are never changed. What the contact allows now follows from all of them,
    in the order of `occurred_at` (at one instant, a refusal is last), and stands in the contact as
    `consents`. The id of a contact that was merged answers 409 `merged_away`: `existing_id` names the one
    that it is part of now."""
    event, consents = await operations.record_consent(
        call.transaction, id, given=body.model_dump(), stamp=call.stamp
    )
    shown = {name: value for name, value in event.items() if name != "key_id"}
    if not call.may("contacts:pii"):
        shown |= dict.fromkeys(PERSONAL)
    shown |= {name: wire_instant(event[name]) for name in _INSTANTS}
    return Answer(orjson.dumps({"event": shown, "consents": consents}), 201)


@routes.add(
    "GET",
    "/contacts/{id:record}/consents",
    answer=ConsentEventPage,
    scope="contacts:read",
    problems=(404,),
    headers=(("Link", ""),),
    summary="List what a contact said about being contacted",
)
async def list_consents(
    call: Call, id: ContactId, query: Annotated[ListConsentEvents, Query()]
) -> Answer:
    """The events, newest first; what follows from them stands in the contact as `consents`. Where it was
    said and where the proof is kept are null without the scope `contacts:pii`. The id of a contact that was
    merged answers with the one that it is part of."""
    hidden = {"key_id"} | (set() if call.may("contacts:pii") else PERSONAL)

    async def events_of(contact_id: str) -> Answer:
        await records.read(call.database, CONTACT, contact_id, personal=False)
        of = ("contact_id", contact_id)
        return await listing.answer_events(
            call, consent_events, query, of=of, at="occurred_at", hidden=hidden
        )

    return await or_survivor(call.database, id, events_of)
