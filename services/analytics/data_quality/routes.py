"""Data quality over HTTP."""

import orjson

from services.analytics.data_quality import operations
from services.analytics.data_quality.schemas import DataQuality
from services.foundation.calls import Call
from services.foundation.problems import Answer
from services.foundation.routing import Routes

routes = Routes("data-quality")


@routes.add(
    "GET",
    "/data-quality",
    answer=DataQuality,
    scope="analytics:read",
    localized=True,
    summary="Read the data quality",
)
async def get_data_quality(call: Call) -> Answer:
    """What is missing in the CRM, which figures leave it out and why, and what filling it would change.

    Counted on the records that were known by the day of the version. Examples are ids in the CRM.
    """
    publication = await call.app.state.publications.current()
    body = operations.show(publication, catalogue=call.app.state.catalogue, language=call.language)
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language})
