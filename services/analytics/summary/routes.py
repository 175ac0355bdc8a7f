"""The summary over HTTP."""

import orjson

from services.analytics.summary import operations
from services.analytics.summary.schemas import Summary
from services.foundation.calls import Call
from services.foundation.problems import Answer
from services.foundation.routing import Routes

routes = Routes("summary")


@routes.add(
    "GET",
    "/summary",
    answer=Summary,
    scope="analytics:read",
    localized=True,
    summary="Read the summary",
)
async def get_summary(call: Call) -> Answer:
    """Counts and sums by phase and state, the model behind the numbers, and what was missing."""
    publication = await call.app.state.publications.current()
    body = operations.show(publication, catalogue=call.app.state.catalogue, language=call.language)
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language})
