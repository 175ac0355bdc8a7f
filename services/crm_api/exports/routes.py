"""Exports over HTTP."""

from typing import Annotated, Literal

from fastapi import Path, Query

from services.crm_api.audit.operations import note
from services.crm_api.changes.operations import last_position, write_position
from services.crm_api.exports.operations import export_statement
from services.crm_api.exports.schemas import ExportQuery
from services.crm_api.features import FEATURES
from services.foundation.calls import Call
from services.foundation.problems import Forbidden
from services.foundation.routing import Routes, StreamAnswer

routes = Routes("exports")
Exported = Annotated[
    Literal["contacts", "interactions", "deals"], Path(description="What to export.")
]
_MEDIA = {"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}


@routes.add(
    "GET",
    "/exports/{resource}",
    answer=None,
    scope="changes:read",
    summary="Export all records of a kind",
    headers=(("X-Change-Cursor", ""),),
    media_types=("application/x-ndjson", "text/csv"),
)
async def export_records(
    call: Call, resource: Exported, query: Annotated[ExportQuery, Query()]
) -> StreamAnswer:
    """All live records, streamed, in no particular order. Also needs the scope `<resource>:read`.

    Contacts that were erased are there as well, empty and with `erased_at`: totals need somebody that
    their deals belong to. With the scope `<resource>:pii` the reading is noted in the audit log.

    `X-Change-Cursor` is a position of the change feed from before the export: export once, then follow
    the feed from there, and you miss nothing.
    """
    if not call.may(f"{resource}:read"):
        raise Forbidden(f"This needs a key with the scope {resource}:read.")
    if call.may(f"{resource}:pii"):
        name, stamp = FEATURES[resource].resource.name, call.stamp
        await call.database.write(
            lambda transaction: note(transaction, "exported", name, None, stamp=stamp)
        )
    position = await last_position(call.database)
    statement = export_statement(
        resource,
        is_csv=query.format == "csv",
        by_id=bool(query.id),
        personal=call.may(f"{resource}:pii"),
    )
    values = {"ids": query.id} if query.id else {}
    chunks = call.database.stream(statement, values, csv=query.format == "csv")
    headers = {"X-Change-Cursor": write_position(position)}
    return StreamAnswer(chunks, _MEDIA[query.format], headers=headers)
