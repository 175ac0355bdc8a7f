"""RFM segments over HTTP."""

import orjson

from services.analytics.rfm import operations
from services.analytics.rfm.schemas import RfmSegments
from services.foundation.calls import Call
from services.foundation.problems import Answer
from services.foundation.routing import Routes

routes = Routes("segments")


@routes.add(
    "GET",
    "/segments/rfm",
    answer=RfmSegments,
    scope="analytics:read",
    localized=True,
    summary="Read the RFM segments",
)
async def get_rfm_segments(call: Call) -> Answer:
    """How many customers bought recently, often and for much, and what they are worth.

    Each score says in which fifth of all customers who have bought somebody stands: R by the days since
    the last purchase, F by purchases and M by contribution within 730 days.
    """
    publication = await call.app.state.publications.current()
    body = operations.show(publication, catalogue=call.app.state.catalogue, language=call.language)
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language})
