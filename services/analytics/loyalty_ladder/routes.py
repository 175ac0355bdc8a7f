"""The loyalty ladder over HTTP."""

import orjson

from services.analytics.loyalty_ladder import operations
from services.analytics.loyalty_ladder.schemas import LoyaltyLadder
from services.foundation.calls import Call
from services.foundation.problems import Answer
from services.foundation.routing import Routes

routes = Routes("loyalty-ladder")


@routes.add(
    "GET",
    "/loyalty-ladder",
    answer=LoyaltyLadder,
    scope="analytics:read",
    localized=True,
    summary="Read the loyalty ladder",
)
async def get_loyalty_ladder(call: Call) -> Answer:
    """How many customers stand on each rung, from never in touch to partner, and who speaks for us.

    Acts that count are referrals, positive public posts and ideas of the last 730 days.
    """
    publication = await call.app.state.publications.current()
    body = operations.show(publication, catalogue=call.app.state.catalogue, language=call.language)
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language})
