"""The board over HTTP."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import Query

from services.crm_api import filters
from services.crm_api.board import operations
from services.crm_api.board.schemas import Board, BoardQuery
from services.crm_api.deals.schemas import ListDeals
from services.crm_api.deals.table import DEAL
from services.crm_api.listing import cursor_behind, shape_of
from services.crm_api.pipelines.operations import read_pipeline
from services.foundation.calls import Call
from services.foundation.problems import Answer
from services.foundation.routing import Routes
from shared.values import Total, wire_instant

routes = Routes("deals")
_ORDER = ListDeals.model_fields["sort"].default


@routes.add(
    "GET",
    "/deals/board",
    answer=Board,
    scope="deals:read",
    more_names=partial(filters.custom_names, resource=DEAL),
    summary="Read a pipeline as a board",
)
async def get_board(call: Call, query: Annotated[BoardQuery, Query()]) -> Answer:
    """The stages of a pipeline in order, each with the number of its deals, their sums by currency and
    the newest of them. To move a card, PATCH the deal with `{"stage": …}` and its ETag as If-Match; a
    move that is not possible answers 422 with `possible_stages`."""
    pipeline = await read_pipeline(call.database, query.pipeline_id)
    question = await filters.ask(call, DEAL, query, without={"pipeline_id"})
    question = await filters.of_survivors(call.database, question)
    shape = await shape_of(call, DEAL, query)
    is_recent = query.closed_since is not None
    values: dict[str, Any] = {**question.values, "board": query.pipeline_id}
    if is_recent:
        values["closed_since"] = query.closed_since
    stages = [stage["key"] for stage in pipeline["stages"]]
    counted = await call.database.texts(operations.figures(question, is_recent=is_recent), values)
    shown: dict[str, list[str]] = {stage: [] for stage in stages}
    last: dict[str, list[Any]] = {}
    if query.limit:
        statement = operations.cards(question, shape, is_recent=is_recent, columns=len(stages))
        places = {f"stage_{at}": stage for at, stage in enumerate(stages)} | {"cards": query.limit}
        for stage, item, *place in await call.database.texts(statement, values | places):
            shown[stage].append(item)
            last[stage] = place
    columns = []
    for stage in pipeline["stages"]:
        mine = [row for row in counted if row[0] == stage["key"]]
        mine.sort(key=lambda row: row[1] or "")
        count = sum(row[2] for row in mine)
        sums = [
            {"total": Total.of_minor(int(total), currency).model_dump(), "known_count": known}
            for _, currency, _, known, total in mine
            if currency is not None and known
        ]
        head = {**stage, "count": count, "sums": sums}
        if count > len(shown[stage["key"]]):
            head["more"] = _others(call, query, stage, question.asked, last.get(stage["key"]))
        text = orjson.dumps(head).decode()
        columns.append(f'{text[:-1]},"deals":[{",".join(shown[stage["key"]])}]}}')
    board = orjson.dumps({"pipeline_id": query.pipeline_id, "name": pipeline["name"]}).decode()
    return Answer(f'{board[:-1]},"columns":[{",".join(columns)}]}}'.encode())


def _others(
    call: Call,
    query: BoardQuery,
    stage: Mapping[str, Any],
    asked: Mapping[str, Any],
    last: Sequence[Any] | None,
) -> str:
    """Return the path of the list of a column's deals with the filters of the board, behind its last card."""
    filters: dict[str, Any] = {"pipeline_id": query.pipeline_id, "stage": stage["key"]}
    signed: dict[str, Any] = {**asked, **{name: [value] for name, value in filters.items()}}
    if query.closed_since is not None and stage["kind"] != "open":
        since = max(query.closed_since, asked.get("closed_at_gte", query.closed_since))
        signed["closed_at_gte"], filters["closed_at_gte"] = since, wire_instant(since)
    others = {"limit", "closed_since", *filters}
    kept = [pair for pair in call.query_params.multi_items() if pair[0] not in others]
    pairs = [*filters.items(), *kept]
    if last is not None:
        opened_at, last_id = last
        place = {"of": DEAL.name, "sort": _ORDER, **signed}
        pairs.append(("cursor", cursor_behind(opened_at, last_id, place)))
    return "/v1/deals?" + urlencode(pairs)
