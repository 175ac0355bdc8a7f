"""Customers over HTTP."""

from typing import Annotated
from urllib.parse import urlencode

import orjson
from fastapi import Path, Query

from services.analytics.customers import operations
from services.analytics.customers.schemas import Customer, CustomerPage, ListCustomers
from services.foundation.calls import Call
from services.foundation.problems import Answer
from services.foundation.routing import Routes
from shared.values import RecordId

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
