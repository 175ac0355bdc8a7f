"""Retention over HTTP."""

from typing import Annotated, Any

import orjson
from fastapi import Path

from services.crm_api.retention import operations
from services.crm_api.retention.schemas import (
    EXAMPLE,
    Retention,
    RetentionRequest,
    RetentionRun,
)
from services.foundation import idempotency
from services.foundation.bodies import typical
from services.foundation.calls import Call
from services.foundation.database import Transaction
from services.foundation.links import Link, of_answer
from services.foundation.problems import Answer
from services.foundation.routing import Routes
from services.foundation.statements import Record
from shared.values import RecordId, wire_instant

routes = Routes("privacy")
SCOPE = "privacy:retention"


def _shown(run: Record) -> dict[str, Any]:
    shown = {name: run[name] for name in ("id", "is_dry_run", "status", "request_id")}
    finished = run["finished_at"]
    return {
        **shown,
        "is_of_the_day": run["day"] is not None,
        "results": [{"rule": rule, **found} for rule, found in run["results"].items()],
        "created_at": wire_instant(run["created_at"]),
        "finished_at": None if finished is None else wire_instant(finished),
    }


@routes.add(
    "GET", "/retention", answer=Retention, scope=SCOPE, summary="Read the rules of retention"
)
async def read_retention(call: Call) -> Answer:
    """What is forgotten by itself and after how many days, as configured; once a day all rules are run."""
    rules = [
        {
            "rule": rule.name,
            "about": rule.about,
            "days": rule.days,
            "is_automatic": rule.days is not None and rule.remove is not None,
        }
        for rule in call.scope["app"].state.retention_rules
    ]
    last = await call.database.first(operations.LATEST)
    body = {"rules": rules, "last_run_id": None if last is None else last["id"]}
    return Answer(orjson.dumps(body))


@routes.add(
    "POST",
    "/retention/runs",
    answer=RetentionRun,
    status=202,
    scope=SCOPE,
    retryable=True,
    headers=(("Location", ""), ("Retry-After", "")),
    links=(Link("get_retention_run", "Read how far it is.", {"id": of_answer("id")}),),
    summary="Run the rules of retention, or look what they would do",
)
async def run_retention(
    call: Call,
    body: Annotated[RetentionRequest, typical(EXAMPLE)],
) -> Answer:
    """Queues a run; with `dry_run`, as by default, it only counts what is due and names some ids."""
    run = operations.new_run(
        is_dry_run=body.dry_run,
        key_id=call.principal.key_id,
        request_id=call.request_id,
        now=call.now,
    )
    headers = {"Location": f"/v1/retention/runs/{run['id']}", "Retry-After": "1"}

    async def work(transaction: Transaction) -> Answer:
        await operations.add(transaction, run)
        return Answer(orjson.dumps(_shown(run)), 202, headers=headers)

    answer = await idempotency.write_once(call, body.model_dump_json().encode(), work)
    call.scope["app"].state.retention.wake()
    return answer


@routes.add(
    "GET",
    "/retention/runs/{id:record}",
    answer=RetentionRun,
    scope=SCOPE,
    problems=(404,),
    summary="Read a run of retention",
)
async def get_retention_run(
    call: Call, id: Annotated[RecordId, Path(description="The id of a run.")]
) -> Answer:
    """How far it is, and how much each rule found or removed."""
    return Answer(orjson.dumps(_shown(await operations.read(call.database, id))))
