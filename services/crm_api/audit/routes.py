"""The audit log over HTTP."""

from typing import Annotated, Any

from fastapi import Query

from services.crm_api import listing
from services.crm_api.audit.operations import audit_statement
from services.crm_api.audit.schemas import AuditPage, ReadAudit
from services.foundation.calls import Call
from services.foundation.problems import Answer
from services.foundation.routing import Routes

routes = Routes("privacy")


@routes.add(
    "GET",
    "/audit",
    answer=AuditPage,
    scope="audit:read",
    headers=(("Link", ""),),
    summary="Read who did what when",
)
async def read_audit(call: Call, query: Annotated[ReadAudit, Query()]) -> Answer:
    """Every write of every record and every reading of a person's data, newest first: ids and names of
    fields, no values. Entries are never changed and outlive what they tell of."""
    asked = query.model_dump(exclude_none=True, exclude={"limit", "cursor"})
    filters = {name: value for name, value in asked.items() if value != []}
    signed = {"of": "audit", **filters}
    values: dict[str, Any] = {**filters, "page_size": query.limit + 1}
    if query.cursor is not None:
        values |= listing.read_place(query.cursor, signed)
    statement = audit_statement(frozenset(filters), is_continued=query.cursor is not None)
    rows = await call.database.texts(statement, values)
    return listing.page(call, rows, signed, limit=query.limit)
