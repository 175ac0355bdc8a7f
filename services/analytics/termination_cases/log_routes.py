"""The log of termination data over HTTP; that it was read is logged as well."""

from typing import Annotated

import orjson
from fastapi import Path, Query

from services.analytics.termination_cases import log, operations
from services.analytics.termination_cases import schemas as shapes
from services.foundation.calls import Call
from services.foundation.problems import Answer
from services.foundation.routing import Routes
from services.foundation.statements import Record
from shared.values import RecordId

routes = Routes("termination")
CaseId = Annotated[RecordId, Path(description="The id of the case.")]


@routes.add(
    "GET",
    "/termination-cases/{case_id}/log",
    answer=shapes.LogPage,
    scope="termination:read",
    localized=True,
    problems=(404,),
    headers=(("Link", ""),),
    summary="Read the log of a termination case",
)
async def list_termination_log(
    call: Call, case_id: CaseId, query: Annotated[shapes.ListLog, Query()]
) -> Answer:
    """Who read or changed what, the newest first: of all cases of this customer, and of what is published
    about its termination signals. Entries are only added. Reading the log is logged as well."""
    case = await operations.find_case(call.database, case_id)
    by, now, request_id = call.principal, call.now, call.request_id
    entry = log.case_entry("log_read", case, now=now, by=by, request_id=request_id)
    return await _shown(call, entry, query, unit_id=case["unit_id"])


@routes.add(
    "GET",
    "/termination-log",
    answer=shapes.LogPage,
    scope="termination:manage",
    localized=True,
    headers=(("Link", ""),),
    summary="Read the whole log of termination data",
)
async def list_whole_termination_log(
    call: Call, query: Annotated[shapes.ListWholeLog, Query()]
) -> Answer:
    """Who read or changed what about whose termination, the newest first, and also what is about no single
    customer: lists that were filtered by termination signals, and readings of the fairness report. Entries
    are only added; what names an erased person is taken out of them. Reading the log is logged as well."""
    by, now, request_id = call.principal, call.now, call.request_id
    entry = log.entry("log_read", now=now, unit_id=query.unit_id, by=by, request_id=request_id)
    return await _shown(call, entry, query, unit_id=query.unit_id)


async def _shown(
    call: Call, entry: Record, query: shapes.ListLog, *, unit_id: str | None
) -> Answer:
    await log.add_all(call.database, [entry])
    rows, cursor = await log.list_entries(
        call.database, unit_id, cursor=query.cursor, limit=query.limit
    )
    following, link = call.following(cursor)
    body = {"items": [log.show(row) for row in rows], "next": following}
    return Answer(orjson.dumps(body), headers={"Content-Language": call.language, **link})
