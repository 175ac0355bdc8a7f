"""Customer cards over HTTP."""

import logging
from typing import Annotated

import orjson
from fastapi import Path

from services.analytics.customer_card.schemas import CustomerCard
from services.analytics.customer_card.showing import show_card
from services.analytics.customers import operations
from services.analytics.customers.visibility import visible
from services.foundation.calls import Call
from services.foundation.links import Link, of_answer
from services.foundation.problems import Answer
from services.foundation.routing import Routes
from shared.values import RecordId

log = logging.getLogger("phasewise")
routes = Routes("customers")


@routes.add(
    "GET",
    "/customers/{unit_id}/card",
    answer=CustomerCard,
    scope="analytics:read",
    also=("customers:card",),
    localized=True,
    links=(
        Link(
            "create_decision",
            "Decide on the next step.",
            body={
                "unit_id": of_answer("unit_id"),
                "recommendation_id": of_answer("next_step/id"),
            },
        ),
    ),
    problems=(404,),
    summary="Read the customer card before a contact",
)
async def get_customer_card(
    call: Call, unit_id: Annotated[RecordId, Path(description="The id of the contact in the CRM.")]
) -> Answer:
    """What is computed, what to do and what not to do, beside the CRM's own card with names, last
    contacts, promises and products, in one call; it needs the scope `customers:card`, as it shows
    personal data. The CRM has two seconds to answer: without it `crm` is null and the rest is there. That
    it was read is noted in the log with key and request id.
    """
    publication, row = await call.app.state.publications.read(
        lambda current: operations.find_customer(call.database, current, unit_id)
    )
    person_id = row["person"] or unit_id
    waiting = (row["must_answer_person"], row["complaint_person"], row["privacy_person"])
    answer = await call.app.state.crm_cards.read(
        unit_id,
        person_id,
        others=[each for each in waiting if each is not None],
        request_id=call.request_id,
    )
    fields = {"unit_id": unit_id, "key_id": call.principal.key_id, "request_id": call.request_id}
    log.info("customer card read", extra={"fields": fields})
    (visible_row,) = await visible(call, [row])
    body = show_card(
        visible_row,
        publication,
        answer,
        catalogue=call.app.state.catalogue,
        language=call.language,
        time_zone=call.app.state.time_zone,
    )
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language})
