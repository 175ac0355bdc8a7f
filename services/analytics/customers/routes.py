"""Customers over HTTP."""

import logging
from typing import Annotated

import orjson
from fastapi import Path, Query

from services.analytics.customers import operations, showing
from services.analytics.customers.filters import ListCustomers, ListHistory
from services.analytics.customers.personal_data import PersonalData
from services.analytics.customers.schemas import Customer, CustomerHistory, CustomerPage
from services.analytics.customers.visibility import check_filters, note_termination, visible
from services.analytics.termination_cases import log as termination_log
from services.foundation.calls import Call
from services.foundation.links import Link, of_answer
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
    """A page of customers of the published version, by any score and within bounds of any score.

    A page and its `next` speak of the version that is published at that moment. Who has an open
    termination case is told to keys with the scope `termination:read` alone, and that is logged: without
    it the filters for that are refused, and such a customer is shown without state and phase.
    """
    await check_filters(call, query)
    publication, (rows, cursor) = await call.app.state.publications.read(
        lambda current: operations.list_customers(call.database, current, query)
    )
    catalogue, language = call.app.state.catalogue, call.language
    following, link = call.following(cursor)
    shown = await visible(call, rows)
    items = [
        showing.summarize(row, publication, catalogue=catalogue, language=language) for row in shown
    ]
    body = {**publication.about(), "items": items, "next": following}
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language, **link})


@routes.add(
    "GET",
    "/customers/{unit_id}",
    answer=Customer,
    scope="analytics:read",
    localized=True,
    links=(
        Link(
            "create_decision",
            "Decide on what is recommended.",
            body={
                "unit_id": of_answer("unit_id"),
                "recommendation_id": of_answer("recommendation/id"),
            },
        ),
        Link("list_decisions", "What was decided.", {"unit_id": of_answer("unit_id")}),
    ),
    problems=(404,),
    summary="Read a customer",
)
async def get_customer(call: Call, unit_id: UnitId) -> Answer:
    """Phase, value, churn, signals, standing, next step and next products of one customer;
    `explanations` says of each score why, on what evidence, and what was not known. `termination` is
    shown to keys with the scope `termination:read`; that it was read is logged where there is any
    signal."""
    publication, row = await call.app.state.publications.read(
        lambda current: operations.find_customer(call.database, current, unit_id)
    )
    shown = row if call.may("termination:read") else showing.without_termination(row)
    body = showing.describe(
        shown, publication, catalogue=call.app.state.catalogue, language=call.language
    )
    if row["termination_signal_ids"] is None and row["state"] != "to_terminate":
        is_shown = call.may("termination:read")
    else:
        is_shown = await note_termination(call, "customer_read", unit_id)
    if not is_shown:
        body["termination"] = None
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
    following, link = call.following(cursor)
    if not call.may("termination:read"):
        rows = [row for row in rows if row["state"] != "to_terminate"]
    items = [showing.show_past(row, catalogue=catalogue, language=language) for row in rows]
    body = {"unit_id": unit_id, **publication.about(), "items": items, "next": following}
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language, **link})


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
    this path: what is published, what is kept of versions before, every stored number, decisions,
    experiments and plans with the lists taken of them, and the logic behind them. Of a person of an
    organisation nothing is computed, only of the organisation; of an erased person nothing is kept: 404.
    The reading is noted in the log with key and request id, and as a reading of termination data, which it
    holds whatever the key's other scopes."""
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
    entry = termination_log.entry(
        "personal_data_read",
        now=call.now,
        unit_id=unit_id,
        by=call.principal,
        request_id=call.request_id,
    )
    await termination_log.add_all(call.database, [entry])
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language})
