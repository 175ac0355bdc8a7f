"""Customers over HTTP."""

import logging
from typing import Annotated
from urllib.parse import urlencode

import orjson
from fastapi import Path, Query

from services.analytics.customers import operations
from services.analytics.customers.schemas import (
    Customer,
    CustomerPage,
    ListCustomers,
    PersonalData,
)
from services.foundation.calls import Call
from services.foundation.problems import Answer
from services.foundation.routing import Routes
from shared.values import RecordId

log = logging.getLogger("phasewise")
routes = Routes("customers")
UnitId = Annotated[RecordId, Path(description="The id of the contact in the CRM.")]


@routes.add(
    "GET",
    "/customers",
    answer=CustomerPage,
    scope="analytics:read",
    localized=True,
    problems=(404,),
    headers=(("Link", ""),),
    summary="List customers",
)
async def list_customers(call: Call, query: Annotated[ListCustomers, Query()]) -> Answer:
    """A page of customers of the published version, by value, churn probability or value at risk.

    A page and its `next` speak of the version that is published at that moment.
    """
    publication = await call.app.state.publications.current()
    rows, cursor = await operations.list_customers(call.database, publication, query)
    catalogue, language = call.app.state.catalogue, call.language
    following = None
    headers: dict[str, str] = {"Content-Language": language}
    if cursor is not None:
        asked = [pair for pair in call.query_params.multi_items() if pair[0] != "cursor"]
        following = f"{call.url.path}?{urlencode([*asked, ('cursor', cursor)])}"
        headers["Link"] = f'<{following}>; rel="next"'
    items = [
        operations.summarize(
            row, currency=publication.currency, catalogue=catalogue, language=language
        )
        for row in rows
    ]
    body = {**publication.about(), "items": items, "next": following}
    return Answer(orjson.dumps(body), headers=headers)


@routes.add(
    "GET",
    "/customers/{unit_id}",
    answer=Customer,
    scope="analytics:read",
    localized=True,
    problems=(404,),
    summary="Read a customer",
)
async def get_customer(call: Call, unit_id: UnitId) -> Answer:
    """Phase, value, churn and next step of one customer, with reasons, evidence and data gaps."""
    publication = await call.app.state.publications.current()
    row = await operations.find_customer(call.database, publication, unit_id)
    body = operations.describe(
        row, publication, catalogue=call.app.state.catalogue, language=call.language
    )
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language})


@routes.add(
    "GET",
    "/customers/{unit_id}/personal-data",
    answer=PersonalData,
    scope="privacy:export",
    localized=True,
    problems=(404,),
    summary="Read all that is computed about a person",
)
async def read_personal_data(call: Call, unit_id: UnitId) -> Answer:
    """For Art. 15 GDPR, beside `GET /v1/contacts/{id}/personal-data` of the CRM, whose first line names
    this path: every version that is kept, with reasons and evidence, every stored number, and the logic
    behind them. Of a person of an organisation nothing is computed, only of the organisation; of an
    erased person nothing is kept: 404. The reading is noted in the log with key and request id."""
    body = await operations.personal_data(
        call.database, unit_id, catalogue=call.app.state.catalogue, language=call.language
    )
    fields = {"unit_id": unit_id, "key_id": call.principal.key_id, "request_id": call.request_id}
    log.info("personal data read", extra={"fields": fields})
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language})
