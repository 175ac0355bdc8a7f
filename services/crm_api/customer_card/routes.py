"""The customer card over HTTP."""

from typing import Annotated

from fastapi import Path

from services.crm_api.contacts.finding import or_survivor
from services.crm_api.customer_card.operations import read_card
from services.crm_api.customer_card.schemas import CustomerCard
from services.foundation.calls import Call, etag
from services.foundation.problems import Answer
from services.foundation.routing import Routes
from shared.values import RecordId

routes = Routes("contacts")


@routes.add(
    "GET",
    "/contacts/{id:record}/card",
    answer=CustomerCard,
    scope="contacts:read",
    also=("interactions:read", "deals:read"),
    headers=(("ETag", ""),),
    problems=(404,),
    summary="Read the customer card",
)
async def get_customer_card(
    call: Call, id: Annotated[RecordId, Path(description="The id of a contact.")]
) -> Answer:
    """All for the page that a person opens before a conversation, in one call. An organisation's card
    holds what happened with its persons, too. The ETag is that of the contact, for If-Match.
    The id of a contact that was merged answers with the one that it is part of."""
    sees = (call.may("contacts:pii"), call.may("interactions:pii"), call.may("deals:pii"))
    card, version = await or_survivor(
        call.database, id, lambda each: read_card(call.database, each, sees=sees, now=call.now)
    )
    return Answer(card, headers=etag(version))
