"""Experiments over HTTP."""

from typing import Annotated, Any

import orjson
from fastapi import Path, Query

from services.analytics.experiments import operations, showing
from services.analytics.experiments.result_schemas import ExperimentResult
from services.analytics.experiments.schemas import (
    EXAMPLE,
    EXAMPLE_PATCH,
    EXAMPLE_RENAMED,
    AssignmentPage,
    Experiment,
    ExperimentPage,
    ExperimentPatch,
    ExperimentWithHistory,
    ListAssignments,
    ListExperiments,
    NewExperiment,
)
from services.foundation.bodies import typical
from services.foundation.calls import Call, etag
from services.foundation.links import ANSWERED_VERSION, Link, of_answer
from services.foundation.problems import Answer
from services.foundation.routing import MERGE_PATCH, Routes
from services.foundation.statements import Record
from shared.values import RecordId

routes = Routes("experiments")
ExperimentId = Annotated[RecordId, Path(description="The id of the experiment.")]
_PLACE = {"experiment_id": of_answer("id")}
_LINKS = (
    Link("get_experiment", "Read it with its history.", _PLACE),
    Link("patch_experiment", "Change this version.", {**_PLACE, "If-Match": ANSWERED_VERSION}),
    Link("list_experiment_assignments", "Who is in which arm.", _PLACE),
    Link("get_experiment_result", "What it found.", _PLACE),
)


@routes.add(
    "POST",
    "/experiments",
    answer=Experiment,
    status=201,
    scope="experiments:write",
    writes=True,
    localized=True,
    problems=(409,),
    headers=(("Location", ""), ("ETag", "")),
    links=_LINKS,
    summary="Plan an experiment",
)
async def create_experiment(call: Call, body: Annotated[NewExperiment, typical(EXAMPLE)]) -> Answer:
    """Writes down what is tried, on whom, and what is expected. Nobody is assigned before it is started by
    `PATCH` with `{"status": "running"}`."""
    row = await operations.create_experiment(
        call.transaction,
        body.model_dump(),
        catalogue=call.app.state.catalogue,
        stamp=call.stamp,
        who=call.principal,
    )
    return _answer(call, _shown(call, row), row, 201)


@routes.add(
    "GET",
    "/experiments",
    answer=ExperimentPage,
    scope="analytics:read",
    localized=True,
    headers=(("Link", ""),),
    summary="List experiments",
)
async def list_experiments(call: Call, query: Annotated[ListExperiments, Query()]) -> Answer:
    """Experiments, newest first."""
    rows, cursor = await operations.list_experiments(
        call.database,
        filters={"status": list(query.status), "phase": list(query.phase)},
        cursor=query.cursor,
        limit=query.limit,
    )
    return _page(call, [_shown(call, row) for row in rows], cursor)


@routes.add(
    "GET",
    "/experiments/{experiment_id}",
    answer=ExperimentWithHistory,
    scope="analytics:read",
    localized=True,
    problems=(404,),
    headers=(("ETag", ""),),
    links=_LINKS[1:],
    summary="Read an experiment",
)
async def get_experiment(call: Call, experiment_id: ExperimentId) -> Answer:
    """An experiment with everything that was done about it, by whom and in which request."""
    row = await operations.find_experiment(call.database, experiment_id)
    steps = await operations.list_steps(call.database, experiment_id)
    history = [showing.show_step(step) for step in steps]
    return _answer(call, {**_shown(call, row), "history": history}, row)


@routes.add(
    "PATCH",
    "/experiments/{experiment_id}",
    answer=Experiment,
    scope="experiments:write",
    writes=True,
    if_match="required",
    localized=True,
    problems=(404, 409),
    headers=(("ETag", ""),),
    links=_LINKS,
    body_media_types=(MERGE_PATCH,),
    summary="Change, start, stop or review an experiment",
)
async def patch_experiment(
    call: Call,
    experiment_id: ExperimentId,
    body: Annotated[ExperimentPatch, typical(EXAMPLE_PATCH, renamed=EXAMPLE_RENAMED)],
) -> Answer:
    """A plan may change in everything but its key. Once started, what is tried is fixed: only the name
    changes, it can be stopped, and one that did harm can be reviewed, which ends the time in which its
    step is put to a person.

    It starts on the latest day that was computed so far, `started_on`: a refresh for an earlier day
    assigns nobody, because what became of people would be known already."""
    given = body.model_dump()
    state = call.app.state
    row = await operations.change_experiment(
        call.transaction,
        experiment_id,
        {name: given[name] for name in given if name in body.model_fields_set},
        version=call.expected_version(),
        catalogue=state.catalogue,
        stamp=call.stamp,
        who=call.principal,
        today=state.day_at(call.now),
    )
    return _answer(call, _shown(call, row), row)


@routes.add(
    "GET",
    "/experiments/{experiment_id}/assignments",
    answer=AssignmentPage,
    scope="analytics:read",
    problems=(404,),
    headers=(("Link", ""),),
    summary="List the customers of an experiment",
)
async def list_experiment_assignments(
    call: Call, experiment_id: ExperimentId, query: Annotated[ListAssignments, Query()]
) -> Answer:
    """Who is in which arm, since when, and what was expected; what they did once it is closed."""
    experiment = await operations.find_experiment(call.database, experiment_id)
    rows, cursor = await operations.list_assignments(
        call.database, experiment_id, arm=query.arm, cursor=query.cursor, limit=query.limit
    )
    items = [showing.show_assignment(row, currency=experiment["currency"]) for row in rows]
    return _page(call, items, cursor)


@routes.add(
    "GET",
    "/experiments/{experiment_id}/result",
    answer=ExperimentResult,
    scope="analytics:read",
    localized=True,
    problems=(404,),
    summary="Read the result of an experiment",
)
async def get_experiment_result(call: Call, experiment_id: ExperimentId) -> Answer:
    """What the step brought, by the arm customers were assigned to, whether it was done or not. Before all
    windows have closed there is nothing to see but how many are in each arm, and when it will be known."""
    row = await operations.find_experiment(call.database, experiment_id)
    catalogue, language = call.app.state.catalogue, call.language
    shown = showing.show_result(row, catalogue=catalogue, language=language)
    return Answer(orjson.dumps(shown), headers={"Content-Language": language})


def _shown(call: Call, row: Record) -> dict[str, Any]:
    return showing.show(row, catalogue=call.app.state.catalogue, language=call.language)


def _answer(call: Call, body: dict[str, Any], row: Record, status: int = 200) -> Answer:
    headers = {**etag(row["version"]), "Content-Language": call.language}
    if status == 201:
        headers["Location"] = f"/v1/experiments/{row['id']}"
    return Answer(orjson.dumps(body), status, headers=headers)


def _page(call: Call, items: list[dict[str, Any]], cursor: str | None) -> Answer:
    """Answer with a page and the path of the next one."""
    following, link = call.following(cursor)
    headers = {"Content-Language": call.language, **link}
    return Answer(orjson.dumps({"items": items, "next": following}), headers=headers)
