"""Refreshes over HTTP."""

from typing import Annotated
from urllib.parse import urlencode

import orjson
from fastapi import Path, Query
from uuid_utils import uuid7

from services.analytics import store
from services.analytics.refreshes import operations
from services.analytics.refreshes.schemas import (
    EXAMPLE,
    ListRefreshes,
    NewRefresh,
    Refresh,
    RefreshPage,
)
from services.foundation.bodies import typical
from services.foundation.calls import Call
from services.foundation.links import Link, of_answer
from services.foundation.problems import Answer, NotFound
from services.foundation.routing import Routes
from shared.values import RecordId

routes = Routes("refreshes")
RefreshId = Annotated[RecordId, Path(description="The id of the refresh.")]


@routes.add(
    "POST",
    "/refreshes",
    answer=Refresh,
    status=202,
    scope="analytics:refresh",
    writes=True,
    headers=(("Location", ""), ("Retry-After", "")),
    links=(Link("get_refresh", "Follow it.", {"refresh_id": of_answer("id")}),),
    summary="Ask for a refresh",
)
async def create_refresh(
    call: Call,
    body: Annotated[NewRefresh, typical(EXAMPLE)],
) -> Answer:
    """Queues a refresh; follow it at `Location`. Refreshes run one after the other."""
    operations.check_as_of(body.as_of, now=call.now)
    refresh_id = str(uuid7())
    row = await store.add_refresh(
        call.transaction, refresh_id, as_of=body.as_of, is_full=body.is_full, now=call.now
    )
    headers = {"Location": f"/v1/refreshes/{refresh_id}", "Retry-After": "2"}
    return Answer(orjson.dumps(operations.show(row)), 202, headers=headers)


@routes.add(
    "GET",
    "/refreshes",
    answer=RefreshPage,
    scope="analytics:read",
    headers=(("Link", ""),),
    summary="List refreshes",
)
async def list_refreshes(call: Call, query: Annotated[ListRefreshes, Query()]) -> Answer:
    """Refreshes with their progress, newest first."""
    rows, cursor = await operations.list_refreshes(
        call.database, cursor=query.cursor, limit=query.limit
    )
    following, headers = None, {}
    if cursor is not None:
        following = f"/v1/refreshes?{urlencode({'limit': query.limit, 'cursor': cursor})}"
        headers["Link"] = f'<{following}>; rel="next"'
    body = {"items": [operations.show(row) for row in rows], "next": following}
    return Answer(orjson.dumps(body), headers=headers)


@routes.add(
    "GET",
    "/refreshes/{refresh_id}",
    answer=Refresh,
    scope="analytics:read",
    problems=(404,),
    summary="Read a refresh",
)
async def get_refresh(call: Call, refresh_id: RefreshId) -> Answer:
    """One refresh with its progress."""
    row = await store.find_refresh(call.database, refresh_id)
    if row is None:
        raise NotFound(f"There is no refresh {refresh_id}.")
    return Answer(orjson.dumps(operations.show(row)))
