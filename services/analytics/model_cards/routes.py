"""Model cards over HTTP."""

from typing import Annotated

import orjson
from fastapi import Path

from services.analytics.model_cards import operations
from services.analytics.model_cards.schemas import ModelCard, ModelCardList
from services.foundation.calls import Call
from services.foundation.links import Link, of_answer
from services.foundation.problems import Answer
from services.foundation.queries import query_integer
from services.foundation.routing import Routes
from services.foundation.statements import Record

routes = Routes("models")
VersionNumber = Annotated[
    query_integer(1, 2**31 - 1, example=3), Path(description="Number of a kept version.")
]


@routes.add(
    "GET",
    "/models",
    answer=ModelCardList,
    scope="analytics:read",
    localized=True,
    summary="List models",
)
async def list_models(call: Call) -> Answer:
    """The versions that are kept, newest first, each with its model and the headline of its verdict."""
    rows = await operations.list_cards(call.database)
    catalogue, language = call.app.state.catalogue, call.language
    items = [operations.summarize(row, catalogue=catalogue, language=language) for row in rows]
    return _answer(call, {"items": items})


@routes.add(
    "GET",
    "/models/latest",
    answer=ModelCard,
    scope="analytics:read",
    localized=True,
    problems=(404,),
    links=(Link("get_model", "The same by its number.", {"version": of_answer("model_version")}),),
    summary="Read the model card of the published version",
)
async def get_latest_model(call: Call) -> Answer:
    """The model card of the version that all other answers come from."""
    publication = await call.app.state.publications.current()
    row = await operations.find_card(call.database, publication.number)
    return _card(call, row)


@routes.add(
    "GET",
    "/models/{version}",
    answer=ModelCard,
    scope="analytics:read",
    localized=True,
    problems=(404,),
    summary="Read a model card",
)
async def get_model(call: Call, version: VersionNumber) -> Answer:
    """What a version rests on: its window, its parameters with standard errors, what was left out; and
    how its forecasts did on this base's own past, beside naive yardsticks, with the verdict in words."""
    return _card(call, await operations.find_card(call.database, version))


def _card(call: Call, row: Record) -> Answer:
    catalogue = call.app.state.catalogue
    return _answer(call, operations.describe(row, catalogue=catalogue, language=call.language))


def _answer(call: Call, body: object) -> Answer:
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language})
