"""Recommendations over HTTP."""

from typing import Annotated

import orjson
from fastapi import Path, Query

from services.analytics.customers import operations
from services.analytics.customers.visibility import check_filters, visible
from services.analytics.recommendations import showing
from services.analytics.recommendations.filters import ListRecommendations
from services.analytics.recommendations.schemas import (
    CustomerRecommendations,
    RecommendationPage,
)
from services.foundation.calls import Call
from services.foundation.problems import Answer
from services.foundation.routing import Routes
from shared.values import RecordId

routes = Routes("recommendations")
UnitId = Annotated[RecordId, Path(description="The id of the contact in the CRM.")]


@routes.add(
    "GET",
    "/customers/{unit_id}/recommendations",
    answer=CustomerRecommendations,
    scope="analytics:read",
    localized=True,
    problems=(404,),
    summary="Read what to do next for a customer",
)
async def get_customer_recommendations(call: Call, unit_id: UnitId) -> Answer:
    """What is owed first, then at most three steps by expected value with channel, product, reasons and
    a draft in the language of the contact; doing nothing is worth 0. `ruled_out` tells what would bring
    something and is not allowed, and why. Nothing is sent from here: people act."""
    publication, row = await call.app.state.publications.read(
        lambda current: operations.find_customer(call.database, current, unit_id)
    )
    (visible_row,) = await visible(call, [row])
    shown = showing.show_all(
        visible_row, publication, catalogue=call.app.state.catalogue, language=call.language
    )
    body = {**publication.about(), **shown}
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language})


@routes.add(
    "GET",
    "/recommendations",
    answer=RecommendationPage,
    scope="analytics:read",
    localized=True,
    headers=(("Link", ""),),
    summary="List recommendations",
)
async def list_recommendations(
    call: Call, query: Annotated[ListRecommendations, Query()]
) -> Answer:
    """Customers with something to do, by expected value: one row each, with all of its steps.

    Goal, strategy, instrument, channel and event are those of the best step that pays, also where
    something is owed before it; `obligation` finds those who are owed something, whatever their basis.

    A page and its `next` speak of the version that is published at that moment.
    """
    await check_filters(call, query)
    publication, (rows, cursor) = await call.app.state.publications.read(
        lambda current: operations.list_customers(call.database, current, query)
    )
    rows = await visible(call, rows)
    items = [
        showing.show_all(
            row, publication, catalogue=call.app.state.catalogue, language=call.language
        )
        for row in rows
    ]
    following, link = call.following(cursor)
    body = {**publication.about(), "items": items, "next": following}
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language, **link})
