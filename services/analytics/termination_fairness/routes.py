"""The fairness report over HTTP."""

from typing import Annotated

import orjson
from fastapi import Query

from services.analytics.termination_cases import log
from services.analytics.termination_cases.feeding import count_forgotten
from services.analytics.termination_fairness import operations
from services.analytics.termination_fairness.schemas import FairnessQuery, FairnessReport
from services.foundation.calls import Call
from services.foundation.problems import Answer
from services.foundation.routing import Routes

routes = Routes("termination")


@routes.add(
    "GET",
    "/termination-fairness",
    answer=FairnessReport,
    scope="termination:read",
    localized=True,
    problems=(404,),
    summary="Read the fairness report",
)
async def get_termination_fairness(call: Call, query: Annotated[FairnessQuery, Query()]) -> Answer:
    """Share of customers under review by language, country and kind of contact, quarter by quarter. The
    counts are made when a version is published; no attribute of a person is stored for them. The reading
    is logged."""
    newest = await call.app.state.publications.current()
    publication = await operations.find_publication(call.database, newest, query.quarter)
    entry = log.entry("fairness_read", now=call.now, by=call.principal, request_id=call.request_id)
    await log.add_all(call.database, [entry])
    forgotten = await count_forgotten(call.database)
    body = operations.show(publication, forgotten=forgotten, language=call.language)
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language})
