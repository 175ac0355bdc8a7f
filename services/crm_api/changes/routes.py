"""The change feed over HTTP."""

from typing import Annotated

from fastapi import Query

from services.crm_api.changes import operations
from services.crm_api.changes.schemas import ChangePage, FollowChanges
from services.foundation.calls import Call
from services.foundation.problems import Answer
from services.foundation.routing import Routes

routes = Routes("changes")


@routes.add(
    "GET", "/changes", answer=ChangePage, scope="changes:read", summary="Follow the change feed"
)
async def follow_changes(call: Call, query: Annotated[FollowChanges, Query()]) -> Answer:
    """Every write of every record, once, in an order that never changes, without personal data.

    Keep `cursor` and send it as `after` to go on: nothing is missed and nothing comes twice, however
    many writers there are. A change is shown once no earlier one can still appear.
    """
    position = operations.read_position(query.after)
    found = await operations.follow(
        call.database, position, limit=query.limit, wait_seconds=query.wait_seconds
    )
    return Answer(operations.page(*found))
