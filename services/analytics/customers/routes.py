"""Customers over HTTP."""

import logging
from typing import Annotated
from urllib.parse import urlencode

import orjson
from fastapi import Path, Query

from services.analytics.customers import operations, showing
from services.analytics.customers.filters import ListCustomers, ListHistory
from services.analytics.customers.schemas import (
    Customer,
    CustomerHistory,
    CustomerPage,
    PersonalData,
)
from services.analytics.publication import Publication
from services.foundation.calls import Call
from services.foundation.problems import Answer
from services.foundation.routing import Routes
from services.foundation.statements import Record
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
    """A page of customers of the published version, by any score and within bounds of any score.

    A page and its `next` speak of the version that is published at that moment.
    """
    publication, (rows, cursor) = await call.app.state.publications.read(
        lambda current: operations.list_customers(call.database, current, query)
    )
    catalogue, language = call.app.state.catalogue, call.language
    following, headers = _following(call, cursor)
    items = [
        showing.summarize(
            row, currency=publication.currency, catalogue=catalogue, language=language
        )
        for row in rows
    ]
    body = {**publication.about(), "items": items, "next": following}
    return Answer(orjson.dumps(body), headers=headers)


def _following(call: Call, cursor: str | None) -> tuple[str | None, dict[str, str]]:
    """Return the path of the next page and the headers that name it."""
    headers: dict[str, str] = {"Content-Language": call.language}
    if cursor is None:
        return None, headers
    asked = [pair for pair in call.query_params.multi_items() if pair[0] != "cursor"]
    following = f"{call.url.path}?{urlencode([*asked, ('cursor', cursor)])}"
    return following, headers | {"Link": f'<{following}>; rel="next"'}


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
    """Phase, value, churn, signals, standing, next step and next products of one customer;
    `explanations` says of each score why, on what evidence, and what was not known."""

    async def question(current: Publication) -> tuple[Record, dict[int, Record]]:
        row = await operations.find_customer(call.database, current, unit_id)
        return row, await operations.find_named_products(call.database, current, row)

    publication, (row, products) = await call.app.state.publications.read(question)
    body = showing.describe(
        row, publication, products, catalogue=call.app.state.catalogue, language=call.language
    )
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language})


@routes.add(
    "GET",
    "/customers/{unit_id}/history",
    answer=CustomerHistory,
    scope="analytics:read",
    localized=True,
    problems=(404,),
    headers=(("Link", ""),),
    summary="Read what a customer was before",
)
async def list_customer_history(
    call: Call, unit_id: UnitId, query: Annotated[ListHistory, Query()]
) -> Answer:
    """What this customer was in versions before the published one, the newest first.

    Each item is a customer as its last version showed it. Kept are the ends of months, for 24 months,
    and of the 30 newest versions those in which the customer stood last before it changed noticeably:
    before state, phase or tier changed, or the churn probability moved by 0.05 or more. Of customers
    who object to profiling nothing is kept, of erased ones neither.
    """
    publication, (rows, cursor) = await call.app.state.publications.read(
        lambda current: operations.list_history(call.database, current, unit_id, query)
    )
    catalogue, language = call.app.state.catalogue, call.language
    following, headers = _following(call, cursor)
    items = [showing.show_past(row, catalogue=catalogue, language=language) for row in rows]
    body = {"unit_id": unit_id, **publication.about(), "items": items, "next": following}
    return Answer(orjson.dumps(body), headers=headers)


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
    this path: what is published, what is kept of versions before, every stored number, and the logic
    behind them. Of a person of an organisation nothing is computed, only of the organisation; of an
    erased person nothing is kept: 404. The reading is noted in the log with key and request id."""
    _, body = await call.app.state.publications.read(
        lambda current: operations.personal_data(
            call.database,
            current,
            unit_id,
            catalogue=call.app.state.catalogue,
            language=call.language,
        )
    )
    fields = {"unit_id": unit_id, "key_id": call.principal.key_id, "request_id": call.request_id}
    log.info("personal data read", extra={"fields": fields})
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language})
