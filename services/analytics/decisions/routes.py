"""Decisions over HTTP."""

from typing import Annotated, Any

import orjson
from fastapi import Path, Query

from services.analytics.catalogue.asked_ids import check_ids_of_records
from services.analytics.decisions import automatic, operations, showing
from services.analytics.decisions.plans import Planning
from services.analytics.decisions.schemas import (
    EXAMPLE,
    EXAMPLE_EXPIRED,
    EXAMPLE_PATCH,
    EXAMPLE_REJECTED,
    Decision,
    DecisionInFull,
    DecisionPage,
    DecisionPatch,
    ListDecisions,
    NewDecision,
)
from services.analytics.decisions.steps import Actor
from services.analytics.decisions.table import decisions
from services.foundation.bodies import typical
from services.foundation.calls import Call, etag
from services.foundation.links import ANSWERED_VERSION, Link, of_answer
from services.foundation.problems import Answer
from services.foundation.routing import MERGE_PATCH, Routes
from services.foundation.statements import Record
from shared.values import RecordId

routes = Routes("decisions")
DecisionId = Annotated[RecordId, Path(description="The id of the decision.")]
_HERE = {"decision_id": of_answer("id")}
_LINKS = (
    Link("get_decision", "Read it with every step.", _HERE),
    Link("patch_decision", "Change this version.", {**_HERE, "If-Match": ANSWERED_VERSION}),
    Link(
        "get_customer",
        "The customer, with what is recommended now.",
        {"unit_id": of_answer("unit_id")},
    ),
    Link("list_decisions", "All decisions on the customer.", {"unit_id": of_answer("unit_id")}),
)


def _planning(call: Call) -> Planning:
    state = call.app.state
    return Planning(state.catalogue, call.language, state.time_zone)


def _shown(call: Call, row: Record) -> dict[str, Any]:
    return showing.show(row, catalogue=call.app.state.catalogue, language=call.language)


def _answer(call: Call, row: Record, *, status: int = 200) -> Answer:
    headers = {**etag(row["version"]), "Content-Language": call.language}
    if status == 201:
        headers["Location"] = f"/v1/decisions/{row['id']}"
    return Answer(orjson.dumps(_shown(call, row)), status, headers=headers)


async def _expire(call: Call) -> None:
    """End what is over, so that nobody is shown it as open."""
    today = _planning(call).today(call.now)
    await automatic.expire_due(call.database, today=today, actor=Actor.of(call))


@routes.add(
    "POST",
    "/decisions",
    answer=Decision,
    status=201,
    scope="decisions:write",
    writes=True,
    localized=True,
    headers=(("Location", ""), ("ETag", "")),
    links=_LINKS,
    problems=(404, 409),
    summary="Decide on a recommendation",
)
async def create_decision(
    call: Call, body: Annotated[NewDecision, typical(EXAMPLE, rejected=EXAMPLE_REJECTED)]
) -> Answer:
    """Accepts or rejects what the published version recommends to a customer, and keeps what that was.

    Recommendations change with every refresh: 404 `recommendation_gone` if this one is not published any
    more; read the customer again. 409 `decision_open` names a decision that is open on it already, to be
    changed by `PATCH`, and `decision_stands` one that has ended and still keeps it from being recommended:
    what is rejected is not recommended again for 90 days, what was executed for 30 days, under any strategy.

    With `write_to_crm` it becomes a planned interaction of the customer in the CRM, due at 17:00 on the day
    that it is planned for, else on the last day that it is open; the subject is the instrument's name in the
    language of this request. That is done soon after the answer, and again until the CRM takes it: `crm`
    tells. A decision that is rejected or expires takes the interaction out of the CRM.
    """
    row = await operations.create_decision(
        call.transaction,
        given=body.model_dump(),
        actor=Actor.of(call),
        planning=_planning(call),
        publications=call.app.state.publications,
    )
    return _answer(call, row, status=201)


@routes.add(
    "GET",
    "/decisions",
    answer=DecisionPage,
    scope="analytics:read",
    localized=True,
    headers=(("Link", ""),),
    summary="List decisions",
)
async def list_decisions(call: Call, query: Annotated[ListDecisions, Query()]) -> Answer:
    """A page of decisions, the newest first; none about customers who object to profiling."""
    await check_ids_of_records(
        call.database,
        {"strategy_id": query.strategy_id, "instrument_id": query.instrument_id},
        call.app.state.catalogue,
        records=decisions,
    )
    await _expire(call)
    rows, cursor = await operations.list_decisions(call.database, query)
    following, link = call.following(cursor)
    body = {"items": [_shown(call, row) for row in rows], "next": following}
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language, **link})


@routes.add(
    "GET",
    "/decisions/{decision_id}",
    answer=DecisionInFull,
    scope="analytics:read",
    localized=True,
    headers=(("ETag", ""),),
    links=_LINKS,
    problems=(404,),
    summary="Read a decision",
)
async def get_decision(call: Call, decision_id: DecisionId) -> Answer:
    """One decision with every step of people and of the service itself."""
    await _expire(call)
    row = await operations.find(call.database, decision_id)
    steps = await operations.history_of(call.database, decision_id)
    body = {**_shown(call, row), "history": showing.show_steps(steps)}
    headers = {**etag(row["version"]), "Content-Language": call.language}
    return Answer(orjson.dumps(body), headers=headers)


@routes.add(
    "PATCH",
    "/decisions/{decision_id}",
    answer=Decision,
    scope="decisions:write",
    writes=True,
    localized=True,
    if_match="required",
    headers=(("ETag", ""),),
    links=_LINKS,
    problems=(404, 409),
    body_media_types=(MERGE_PATCH,),
    summary="Change a decision",
)
async def patch_decision(
    call: Call,
    decision_id: DecisionId,
    body: Annotated[DecisionPatch, typical(EXAMPLE_PATCH, expired=EXAMPLE_EXPIRED)],
) -> Answer:
    """JSON merge patch (RFC 7396) of an accepted decision: it is executed, rejected after all, ended before
    its time, or planned in another way; what has ended stays as it is: 409 `decision_closed`.

    The planned interaction in the CRM follows: another day or user is set there, a rejected or expired
    decision takes it out, an executed one marks it as done, or takes it out if `interaction_id` names
    another that it was. Whoever completes the interaction in the CRM need not tell it here: the next
    refresh notices.
    """
    sent = body.model_dump(include=body.model_fields_set)
    row = await operations.change_decision(
        call.transaction,
        decision_id,
        given=sent,
        version=call.expected_version(),
        actor=Actor.of(call),
        planning=_planning(call),
    )
    return _answer(call, row)
