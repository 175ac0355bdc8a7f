"""Undoing over HTTP."""

from typing import Annotated

import orjson

from services.crm_api.resources import RESOURCES
from services.crm_api.undo import operations
from services.crm_api.undo.schemas import EXAMPLE, UndoAnswer, UndoRequest
from services.foundation.bodies import typical
from services.foundation.calls import Call
from services.foundation.problems import Answer, Forbidden
from services.foundation.routing import Routes

routes = Routes("changes")


@routes.add(
    "POST",
    "/changes/undo",
    answer=UndoAnswer,
    scope="changes:undo",
    writes=True,
    problems=(404, 409),
    summary="Undo what one request wrote",
)
async def undo_request(
    call: Call,
    body: Annotated[UndoRequest, typical(EXAMPLE)],
) -> Answer:
    """All records that the request created, changed, threw away or restored are as they were before it,
    or none of them: 409 tells what later touched which record, or which record is gone that one would
    point to again. What was itself undone since does not count: request after request can be undone,
    the newest first. Undoing is a write like any other, so it can be undone, too; only the undo of a
    merge cannot: merge the two again. 422 tells what no undo takes back: an un-merge, an erasure, a
    consent, and what is too long ago. The members of static segments are no records and not part of it:
    add what was removed, and the other way round. Also needs the scope to write each of the records."""
    found = await operations.changes_of(call.transaction, body.request_id)
    for name in {change["resource"] for change in found}:
        if not call.may(f"{RESOURCES[name].scopes}:write"):
            raise Forbidden(f"This also needs a key with the scope {RESOURCES[name].scopes}:write.")
    done = await operations.undo(call.transaction, found, stamp=call.stamp)
    items = [
        {
            "resource": resource.plural,
            "id": written.id,
            "action": written.action,
            "version": written.version,
        }
        for resource, written in done
    ]
    return Answer(orjson.dumps({"items": items}))
