"""The HTTP face that contacts, interactions and deals share: eight operations, the same for each."""

# Annotations of the endpoints are the models of the feature, so they are evaluated, not postponed.
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import Field

from services.crm_api import features, filters, listing, records
from services.crm_api.aggregates import Aggregate, answer_aggregate, grouped_query
from services.crm_api.batches.operations import run_batch
from services.crm_api.batches.schemas import BatchAnswer, batch_of
from services.crm_api.exports.routes import add_export
from services.crm_api.feature import Feature
from services.crm_api.records import Written
from services.crm_api.schemas import CUSTOM_FILTERS, Mode, sent_fields
from services.foundation.bodies import typical
from services.foundation.calls import Call, etag
from services.foundation.links import ANSWERED_VERSION, Link, of_answer
from services.foundation.problems import Answer, NotFound, StaleVersion
from services.foundation.queries import Query as QueryModel
from services.foundation.queries import QueryFlag
from services.foundation.routing import MERGE_PATCH, Routes
from shared.values import RecordId, Shape


def _external(*, longest: int, pattern: str, example: str, what: str) -> Any:
    """Declare a path part that is one half of an external reference."""
    info = Path(max_length=longest, pattern=pattern, examples=[example], description=what)
    return Annotated[str, info]


class UpsertQuery(QueryModel):
    """How an upsert treats a record that is there, or is not."""

    mode: Mode = Field(default="both", description="Only create, only update, or whichever fits.")


class BatchQuery(QueryModel):
    """How a batch treats an item that fails."""

    atomic: QueryFlag = Field(
        default=False, description="All items or none: the first that fails undoes the others."
    )


def answer_written(written: Written, plural: str) -> Answer:
    """Answer a write with the record: 201 with its place if it was created, else 200."""
    headers = dict(etag(written.version))
    if written.action == "created":
        headers["Location"] = f"/v1/{plural}/{written.id}"
    return Answer(
        written.body.encode(), 201 if written.action == "created" else 200, headers=headers
    )


def _shown(body: type[Shape], example: Mapping[str, Any], **others: Any) -> Any:
    """Declare a body with examples of it."""
    return Annotated[body, typical(example, **others)]


def _links(name: str, singular: str) -> tuple[Link, ...]:
    """Return where an answer that shows a record leads: to what can be done with it."""
    place = {"id": of_answer("id")}
    versioned = {**place, "If-Match": ANSWERED_VERSION}
    return (
        Link(f"get_{name}", f"Read {singular} again.", place),
        Link(f"patch_{name}", "Change this version.", versioned),
        Link(f"delete_{name}", "Move this version to the trash.", versioned),
    )


def record_routes(feature: Feature, *, singular: str, links: tuple[Link, ...] = ()) -> Routes:
    """Declare the operations of one resource; `singular` is its name in sentences, with article.

    `links` lead on from a record to others.
    """
    resource = feature.resource
    name, plural = resource.name, resource.plural
    many = plural.replace("-", " ")
    routes = Routes(plural)
    add_export(feature)
    reads, writes = (f"{resource.scopes}:{right}" for right in ("read", "write"))
    sees = resource.pii_scope
    id_path = Annotated[RecordId, Path(description=f"The id of {singular}.")]
    New: Any = _shown(feature.new, feature.example, **feature.more_examples)
    Patch: Any = _shown(feature.patch, feature.example_patch)
    named = {key: value for key, value in feature.example.items() if key != "external_refs"}
    Upsert: Any = _shown(feature.upsert, named)
    Listed: Any = Annotated[feature.query, Query()]
    ref = feature.example["external_refs"][0]
    Source: Any = _external(
        longest=64,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        example=ref["source"],
        what="The other system.",
    )
    ExternalId: Any = _external(
        longest=200,
        pattern=r"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]{0,199}$",
        example=ref["id"],
        what="The id of the record there.",
    )
    item = {"action": "upsert", "ref": ref, "data": named}
    to_whom = f", if it is malformed or the key has the scope `{sees}`" if resource.personal else ""
    batches = batch_of(feature)
    Batch: Any = _shown(batches.request, {"items": [item]})

    async def create(call: Call, body: New) -> Answer:
        written = await feature.create(
            call.transaction, given=body.model_dump(), stamp=call.stamp, personal=call.may(sees)
        )
        return answer_written(written, plural)

    async def list_all(call: Call, query: Listed) -> Answer:
        if feature.search is not None and query.q is not None:
            return await feature.search(call, query)
        latest = query.in_trash and "sort" not in query.model_fields_set
        sort = "-deleted_at" if latest else query.sort
        return await listing.answer_page(call, resource, query, sort=sort)

    async def read(call: Call, id: id_path) -> Answer:
        try:
            body, version = await records.read(call.database, resource, id, personal=call.may(sees))
        except NotFound:
            instead = feature.instead and await feature.instead(call.database, id)
            if not instead:
                raise
            personal = call.may(sees)
            body, version = await records.read(call.database, resource, instead, personal=personal)
            headers = {**etag(version), "Content-Location": f"/v1/{plural}/{instead}"}
            return Answer(body.encode(), headers=headers)
        if call.holds(version):
            return Answer(status=304, headers=etag(version))
        return Answer(body.encode(), headers=etag(version))

    async def patch(call: Call, id: id_path, body: Patch) -> Answer:
        written = await feature.change(
            call.transaction,
            id,
            given=sent_fields(body),
            version=call.expected_version(),
            stamp=call.stamp,
            personal=call.may(sees),
        )
        return answer_written(written, plural)

    async def delete(call: Call, id: id_path) -> Answer:
        version = call.expected_version()
        await features.trash(call.transaction, feature, id, version=version, stamp=call.stamp)
        return Answer(status=204)

    async def restore(call: Call, id: id_path) -> Answer:
        written = await features.restore(
            call.transaction, feature, id, stamp=call.stamp, personal=call.may(sees)
        )
        return answer_written(written, plural)

    async def upsert(
        call: Call,
        source: Source,
        external_id: ExternalId,
        query: Annotated[UpsertQuery, Query()],
        body: Upsert,
    ) -> Answer:
        creates_only = call.creates_only()
        try:
            written = await features.upsert(
                call.transaction,
                feature,
                (source, external_id),
                body,
                mode="create" if creates_only else query.mode,
                version=call.optional_version(),
                stamp=call.stamp,
                personal=call.may(sees),
            )
        except features.ExistsAlready as problem:
            if creates_only:
                message = "The record exists, and If-None-Match asked only to create it."
                raise StaleVersion(message, extra=problem.extra) from None
            raise
        return answer_written(written, plural)

    async def batch(call: Call, query: Annotated[BatchQuery, Query()], body: Batch) -> Answer:
        return await run_batch(
            call.transaction,
            feature,
            batches,
            body.items,
            is_atomic=query.atomic,
            stamp=call.stamp,
        )

    by = feature.aggregate and grouped_query(resource, feature.aggregate, feature.groupable)
    Grouped: Any = Annotated[by or QueryModel, Query()]

    async def aggregate(call: Call, query: Grouped) -> Answer:
        return await answer_aggregate(call, resource, query)

    by_custom = f" {CUSTOM_FILTERS.format(pii=sees)}" if feature.query.more_prefix else ""
    custom_names = partial(filters.custom_names, resource=resource) if by_custom else None
    shown = feature.shown
    made = (("Location", ""), ("ETag", ""))
    versioned = (("ETag", ""),)
    further = (*_links(name, singular), *links)
    same = {"source": "$request.path.source", "external_id": "$request.path.external_id"}
    again = Link(f"upsert_{name}", "Change it by the same reference.", same)
    trashed = (Link(f"restore_{name}", "Take it out of the trash.", {"id": "$request.path.id"}),)
    merged = ""
    if feature.instead:
        merged = (
            " The id of one that was merged answers 409 `merged_away`: `existing_id` names the one that "
            "it is part of now."
        )
    declarations: tuple[tuple[str, str, Any, dict[str, Any]], ...] = (
        ("GET", "", list_all, {
            "answer": feature.page, "scope": reads, "headers": (("Link", ""),),
            "more_names": custom_names,
            "name": f"list_{plural}".replace("-", "_"), "summary": f"List {many}",
            "description": f"A page of live {many}. Follow `next` for more; an unknown parameter is "
            "an error, a filter given several times means any of its values. With `in_trash=true` the "
            f"list is of what can be restored.{by_custom}",
        }),
        ("POST", "", create, {
            "answer": shown, "status": 201, "scope": writes, "writes": True, "writes_last": True,
            "headers": made, "links": further, "problems": (409,), "name": f"create_{name}",
            "summary": f"Create {singular}",
            "description": f"Creates {singular}. Send an Idempotency-Key to retry safely.",
        }),
        ("POST", "/batch", batch, {
            "answer": BatchAnswer, "status": 207, "scope": writes, "writes": True, "problems": (409,),
            "name": f"batch_{plural}".replace("-", "_"), "summary": f"Write many {many} at once",
            "description": f"Up to 500 creations, changes, upserts and deletions of {many}, done in "
            "order. Each item succeeds or fails on its own and tells, also one that is malformed; with "
            f"`atomic=true` a failure undoes them all: 422 `batch_undone` names the item{to_whom}.",
        }),
        ("PUT", "/by-external-id/{source}/{external_id:path}", upsert, {
            "answer": shown, "scope": writes, "writes": True, "if_match": "optional",
            "headers": versioned, "links": (*further, again), "problems": (404, 409),
            "name": f"upsert_{name}",
            "summary": f"Create or change {singular} by external id",
            "description": f"Finds {singular} by the reference that another system gave it. Sent fields "
            "are set, absent ones keep their value; what equals the stored record changes nothing. "
            "`mode` limits it to creating or to changing. Answers 201 if it created, else 200.",
            "responses": {201: {"model": shown, "description": "Created"}},
        }),
        ("GET", "/{id:record}", read, {
            "answer": shown, "scope": reads, "conditional": True, "headers": versioned,
            "problems": (404,), "name": f"get_{name}", "summary": f"Read {singular}",
            "description": f"One live {resource.title}. The ETag holds its version for If-Match."
            + (" The id of one that was merged answers with the one that it is part of now; "
               "Content-Location names it." if feature.instead else ""),
        }),
        ("PATCH", "/{id:record}", patch, {
            "answer": shown, "scope": writes, "writes": True, "if_match": "required",
            "headers": versioned, "problems": (404, 409), "body_media_types": (MERGE_PATCH,),
            "name": f"patch_{name}", "summary": f"Change {singular}",
            "description": f"JSON merge patch (RFC 7396): only what differs is written.{merged}",
        }),
        ("DELETE", "/{id:record}", delete, {
            "answer": None, "status": 204, "scope": writes, "writes": True, "if_match": "required",
            "links": trashed, "problems": (404, 409) if feature.instead else (404,),
            "name": f"delete_{name}",
            "summary": f"Move {singular} to the trash",
            "description": "It can be restored; until then it is found nowhere and its external "
            f"references are free. {feature.on_deletion}{merged}".strip(),
        }),
        ("POST", "/{id:record}/restore", restore, {
            "answer": shown, "scope": writes, "writes": True, "headers": versioned,
            "problems": (404, 409), "name": f"restore_{name}",
            "summary": f"Take {singular} out of the trash",
            "description": "Answers 409 if another live record has one of its external references now.",
        }),
    )  # fmt: skip
    if feature.aggregate is not None:
        declarations += (("GET", "/aggregate", aggregate, {
            "answer": Aggregate, "scope": reads, "name": f"aggregate_{plural}",
            "more_names": custom_names,
            "summary": f"Count {many} by groups",
            "description": f"Counts the {many} that the list with these filters would show, by up to four "
            "groups; sums of amounts stand by currency. Groups by: "
            f"{', '.join(f'`{name}`' for name in feature.groupable)}; dates with `day:`, `week:`, "
            "`month:`, `quarter:` or `year:` before them, for instance "
            f"`month:{feature.groupable[-1]}`.{by_custom}",
        }),)  # fmt: skip
    for method, path, endpoint, options in declarations:
        endpoint.__name__ = options.pop("name")
        routes.add(method, f"/{plural}{path}", **options)(endpoint)
    return routes
