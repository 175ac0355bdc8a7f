"""The portfolio over HTTP."""

from typing import Annotated

import orjson
from fastapi import Query

from services.analytics.portfolio import operations
from services.analytics.portfolio.schemas import Portfolio, ReadPortfolio
from services.foundation.calls import Call
from services.foundation.problems import Answer
from services.foundation.routing import Routes

routes = Routes("portfolio")


@routes.add(
    "GET",
    "/portfolio",
    answer=Portfolio,
    scope="analytics:read",
    localized=True,
    summary="Read the portfolio",
)
async def get_portfolio(call: Call, query: Annotated[ReadPortfolio, Query()]) -> Answer:
    """How many customers are of high or low value and at high or low risk, and what is at stake.

    High value is tier A or B, high risk the state at_risk or lapsed. Customers whose value is not known,
    leads among them, and relationships that ended are in no quadrant.
    """
    publication = await call.app.state.publications.current()
    body = operations.show(
        publication,
        basis=query.basis,
        catalogue=call.app.state.catalogue,
        language=call.language,
    )
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language})
