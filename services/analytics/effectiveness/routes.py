"""The report on effectiveness, learned effects and sample sizes over HTTP."""

from typing import Annotated, Any

import orjson
from fastapi import Query

from services.analytics.catalogue.asked_ids import check_ids, check_ids_of_records
from services.analytics.effectiveness import operations
from services.analytics.effectiveness.schemas import (
    AskSampleSize,
    EffectivenessPage,
    EffectPage,
    ListEffectiveness,
    ListEffects,
    SampleSize,
)
from services.analytics.experiments.table import experiments
from services.foundation.calls import Call
from services.foundation.problems import Answer
from services.foundation.routing import Routes

routes = Routes("experiments")


@routes.add(
    "GET",
    "/effectiveness",
    answer=EffectivenessPage,
    scope="analytics:read",
    localized=True,
    headers=(("Link", ""),),
    summary="Read what steps brought",
)
async def list_effectiveness(call: Call, query: Annotated[ListEffectiveness, Query()]) -> Answer:
    """What every closed experiment found, by strategy, instrument, phase and value tier: rates, uplift,
    contribution, cost and return. Rows of fewer than five customers in an arm are hidden."""
    await check_ids_of_records(
        call.database,
        {"strategy_id": query.strategy_id, "instrument_id": query.instrument_id},
        call.app.state.catalogue,
        records=experiments,
    )
    items, cursor = await operations.list_effectiveness(
        call.database,
        filters={
            "strategy_id": list(query.strategy_id),
            "instrument_id": list(query.instrument_id),
            "phase": list(query.phase),
        },
        tiers=list(query.tier),
        catalogue=call.app.state.catalogue,
        language=call.language,
        cursor=query.cursor,
        limit=query.limit,
    )
    return _page(call, items, cursor)


@routes.add(
    "GET",
    "/effects",
    answer=EffectPage,
    scope="analytics:read",
    localized=True,
    headers=(("Link", ""),),
    summary="Read what is believed of effects",
)
async def list_effects(call: Call, query: Annotated[ListEffects, Query()]) -> Answer:
    """By how much each instrument is believed to raise the chance of success in each phase: what the
    catalogue assumes, and what results have made of it."""
    check_ids({"instrument_id": query.instrument_id}, call.app.state.catalogue)
    items, cursor = await operations.list_effects(
        call.database,
        instrument_ids=list(query.instrument_id),
        phases=list(query.phase),
        is_learned=query.is_learned,
        catalogue=call.app.state.catalogue,
        language=call.language,
        cursor=query.cursor,
        limit=query.limit,
    )
    return _page(call, items, cursor)


@routes.add(
    "GET",
    "/sample-size",
    answer=SampleSize,
    scope="analytics:read",
    summary="Ask how many customers an experiment needs",
)
async def check_sample_size(
    call: Call,  # noqa: ARG001
    query: Annotated[AskSampleSize, Query()],
) -> Answer:
    """How many customers it takes to see an effect, at 95% confidence."""
    found = operations.sample_size(
        query.base_rate, query.effect, power=query.power, holdout_share=query.holdout_share
    )
    return Answer(orjson.dumps(found))


def _page(call: Call, items: list[dict[str, Any]], cursor: str | None) -> Answer:
    """Answer with a page and the path of the next one."""
    following, link = call.following(cursor)
    headers = {"Content-Language": call.language, **link}
    return Answer(orjson.dumps({"items": items, "next": following}), headers=headers)
