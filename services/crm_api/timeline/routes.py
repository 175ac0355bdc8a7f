"""The timeline over HTTP."""

from typing import Annotated, Any

from fastapi import Path, Query

from services.crm_api import listing
from services.crm_api.contacts.finding import or_survivor
from services.crm_api.customer_card.operations import kind_of
from services.crm_api.timeline.operations import TYPES, timeline_statement
from services.crm_api.timeline.schemas import ReadTimeline, TimelinePage
from services.foundation.calls import Call
from services.foundation.problems import Answer
from services.foundation.routing import Routes
from shared.values import RecordId

routes = Routes("contacts")


async def _known(call: Call, contact_id: str) -> tuple[str, str]:
    return contact_id, await kind_of(call.database, contact_id)


@routes.add(
    "GET",
    "/contacts/{id:record}/timeline",
    answer=TimelinePage,
    scope="contacts:read",
    also=("interactions:read", "deals:read"),
    problems=(404,),
    headers=(("Link", ""),),
    summary="Read the timeline of a contact or of an organisation",
)
async def get_timeline(
    call: Call,
    id: Annotated[RecordId, Path(description="The id of a contact.")],
    query: Annotated[ReadTimeline, Query()],
) -> Answer:
    """Interactions that happened, moves of deals, consents and changes of the contact, newest first; an
    organisation's timeline holds those of its persons, too. The id of a contact that was merged answers
    with the one that it is part of."""
    types = frozenset(query.type or TYPES)
    id, kind = await or_survivor(call.database, id, lambda each: _known(call, each))
    sees = (call.may("interactions:pii"), call.may("deals:pii"), call.may("contacts:pii"))
    signed = {"of": "timeline", "id": id, "type": sorted(types)}
    values: dict[str, Any] = {"id": id, "page_size": query.limit + 1}
    if query.cursor is not None:
        values |= listing.read_place(query.cursor, signed)
    statement = timeline_statement(types, sees, kind, is_continued=query.cursor is not None)
    rows = await call.database.texts(statement, values)
    return listing.page(call, rows, signed, limit=query.limit)
