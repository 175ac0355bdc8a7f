"""The operations on segments over HTTP."""

from typing import Annotated

import orjson
from fastapi import Path

from services.crm_api.record_routes import record_routes
from services.crm_api.satellites import satellite
from services.crm_api.segments.operations import change_members, check_segment
from services.crm_api.segments.schemas import (
    EXAMPLE,
    EXAMPLE_PATCH,
    EXAMPLE_STATIC,
    FIXED,
    SHAPES,
    ChangedMembers,
    ChangeMembers,
    ListSegments,
)
from services.crm_api.segments.table import SEGMENT
from services.foundation.bodies import typical
from services.foundation.calls import Call
from services.foundation.links import Link, of_answer
from services.foundation.problems import Answer
from shared.values import RecordId

routes = record_routes(
    satellite(
        SEGMENT,
        SHAPES,
        ListSegments,
        example=EXAMPLE,
        example_patch=EXAMPLE_PATCH,
        more_examples={"static": EXAMPLE_STATIC},
        fixed=FIXED,
        check=check_segment,
        is_keyed=True,
    ),
    singular="a segment",
    links=(
        Link("list_contacts", "Its members.", {"segment_id": of_answer("id")}),
        Link("change_segment_members", "Put contacts into it.", {"id": of_answer("id")}),
    ),
)
_EXAMPLE = {"add": ["01977b3a-5c00-7000-8000-000000000001"]}


@routes.add(
    "POST",
    "/segments/{id:record}/members",
    answer=ChangedMembers,
    scope="segments:write",
    writes=True,
    problems=(404, 409),
    summary="Put contacts into a static segment, or take them out",
)
async def change_segment_members(
    call: Call,
    id: Annotated[RecordId, Path(description="The id of a segment of the kind static.")],
    body: Annotated[ChangeMembers, typical(_EXAMPLE)],
) -> Answer:
    """All or nothing; the contacts are named by the `id` that the answers to their creation have.
    `GET /v1/contacts?segment_id=…` lists the members, of a filter as well. Members are not
    part of `POST /v1/changes/undo`: add what was removed, and the other way round."""
    added, removed = await change_members(
        call.transaction, id, add=body.add, remove=body.remove, stamp=call.stamp
    )
    return Answer(orjson.dumps({"added_count": added, "removed_count": removed}))
