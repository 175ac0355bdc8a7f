"""Dismissals of duplicates over HTTP."""

from typing import Annotated

import orjson
from fastapi import Path, Query

from services.crm_api import listing
from services.crm_api.dismissals import operations
from services.crm_api.dismissals.schemas import (
    EXAMPLE,
    Dismissal,
    DismissalPage,
    ListDismissals,
    NewDismissal,
)
from services.crm_api.dismissals.table import duplicate_dismissals
from services.foundation.bodies import typical
from services.foundation.calls import Call
from services.foundation.links import Link, of_answer
from services.foundation.problems import Answer
from services.foundation.routing import Routes
from shared.values import RecordId, wire_instant

routes = Routes("duplicates")
New = Annotated[NewDismissal, typical(EXAMPLE)]


@routes.add(
    "POST",
    "/duplicates/dismissals",
    answer=Dismissal,
    status=201,
    scope="contacts:write",
    writes=True,
    links=(Link("take_dismissal_back", "Take it back.", {"id": of_answer("id")}),),
    responses={200: {"model": Dismissal, "description": "It was dismissed already."}},
    summary="Dismiss a pair of contacts: they are two",
)
async def dismiss_duplicate(call: Call, body: New) -> Answer:
    """The pair is proposed no more, neither in `GET /v1/duplicates` nor among the duplicates of either
    contact. It is remembered until it is taken back, or one of the two is erased or merged into another.
    Answers 200 if the pair was dismissed already."""
    row, is_new = await operations.dismiss(
        call.transaction, body.first_id, body.second_id, stamp=call.stamp
    )
    shown = {**row, "dismissed_at": wire_instant(row["dismissed_at"])}
    return Answer(orjson.dumps(shown), 201 if is_new else 200)


@routes.add(
    "GET",
    "/duplicates/dismissals",
    answer=DismissalPage,
    scope="contacts:read",
    headers=(("Link", ""),),
    summary="List dismissed pairs",
)
async def list_dismissals(call: Call, query: Annotated[ListDismissals, Query()]) -> Answer:
    """The pairs that are not proposed any more, the newest first."""
    return await listing.answer_events(
        call, duplicate_dismissals, query, at="dismissed_at", hidden=set()
    )


@routes.add(
    "DELETE",
    "/duplicates/dismissals/{id:record}",
    answer=None,
    status=204,
    scope="contacts:write",
    writes=True,
    problems=(404,),
    summary="Take a dismissal back",
)
async def take_dismissal_back(
    call: Call, id: Annotated[RecordId, Path(description="The id of a dismissal.")]
) -> Answer:
    """The pair is proposed again, if the two still look like one."""
    await operations.take_back(call.transaction, id)
    return Answer(status=204)
