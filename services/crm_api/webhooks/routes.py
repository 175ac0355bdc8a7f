"""Webhooks over HTTP."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import Path, Query

from services.crm_api import listing
from services.crm_api.records import new_id
from services.crm_api.schemas import sent_fields
from services.crm_api.webhooks import asking, deliveries, operations
from services.crm_api.webhooks.operations import MANAGE
from services.crm_api.webhooks.runner import WebhookRunner, attempt_document
from services.crm_api.webhooks.schemas import (
    EXAMPLE,
    EXAMPLE_PATCH,
    Delivery,
    DeliveryPage,
    ListDeliveries,
    ListWebhooks,
    MadeWebhook,
    NewWebhook,
    Redelivered,
    Redelivery,
    SecretRotation,
    TestResult,
    Webhook,
    WebhookPage,
    WebhookPatch,
)
from services.crm_api.webhooks.table import deliveries as log
from services.crm_api.webhooks.targets import TargetRefused
from services.foundation import idempotency
from services.foundation.bodies import typical
from services.foundation.calls import Call, etag
from services.foundation.cursors import write_cursor
from services.foundation.database import Transaction
from services.foundation.links import ANSWERED_VERSION, Link, of_answer
from services.foundation.problems import Answer, invalid
from services.foundation.routing import MERGE_PATCH, Routes
from services.foundation.statements import Record
from shared.values import RecordId, Shape, wire_instant

routes = Routes("webhooks")
WebhookId = Annotated[RecordId, Path(description="The id of a webhook.")]
_HERE = {"id": of_answer("id")}
_QUESTION = {"of": "webhooks"}
_TEST_SECONDS = 8.0


def _runner(call: Call) -> WebhookRunner:
    runner: WebhookRunner = call.scope["app"].state.webhooks
    return runner


def _document(call: Call, row: Record) -> dict[str, Any]:
    return operations.document(row, scopes=call.principal.scopes, now=call.now)


def _answer(call: Call, row: Record) -> Answer:
    return Answer(orjson.dumps(_document(call, row)), headers=etag(row["version"]))


def _made(call: Call, row: Record, secret: str, *, status: int) -> Answer:
    """Show a webhook with its secret; what is stored for a request that comes again has none."""
    body = _document(call, row)
    return Answer(
        orjson.dumps({**body, "secret": secret}),
        status,
        headers={**etag(row["version"]), "Location": f"/v1/webhooks/{row['id']}"},
        kept_body=orjson.dumps({**body, "secret": None}),
    )


async def _check(call: Call, transaction: Transaction, after: Mapping[str, Any]) -> None:
    await asking.check(asking.Caller(transaction, call.principal.scopes), after)


async def _check_target(call: Call, url: str) -> None:
    try:
        await _runner(call).sender.check(url)
    except TargetRefused as refused:
        raise invalid("/body/url", refused.code, refused.message) from None


async def _once(
    call: Call, body: Shape, work: Callable[[Transaction], Awaitable[Answer]]
) -> Answer:
    """Write in one transaction, after names were looked up outside of it; a retry answers the same."""
    sent = idempotency.Request.of(call, body.model_dump_json(exclude_unset=True).encode())

    async def unit(transaction: Transaction) -> Answer:
        return await idempotency.once(transaction, sent, lambda: work(transaction), now=call.now)

    return await idempotency.settle(call.database, unit)


@routes.add(
    "POST",
    "/webhooks",
    answer=MadeWebhook,
    status=201,
    scope=MANAGE,
    retryable=True,
    headers=(("Location", ""), ("ETag", "")),
    problems=(409,),
    links=(
        Link("get_webhook", "Read it.", _HERE),
        Link("patch_webhook", "Change this version.", {**_HERE, "If-Match": ANSWERED_VERSION}),
        Link("list_webhook_deliveries", "What was sent, and what came of it.", _HERE),
        Link("delete_webhook", "End it.", {**_HERE, "If-Match": ANSWERED_VERSION}),
    ),
    summary="Make a webhook",
)
async def create_webhook(call: Call, body: Annotated[NewWebhook, typical(EXAMPLE)]) -> Answer:
    """From now on every event of these types is sent to the URL by POST, at least once, as the CloudEvent
    of `GET /v1/changes`: ids and names of fields, no personal data. Signed by Standard Webhooks 1.0.0:
    headers `webhook-id`, `webhook-timestamp`, `webhook-signature`; check them with a library of
    standardwebhooks.com and the secret, which is shown this once.

    Answer 2xx within 15 seconds. Anything else is tried again with the same `webhook-id` after 5 s, 5 min,
    30 min, 2, 5, 10, 14, 20 and 24 h. Events can come twice (`webhook-id` is the same) and, after a failure,
    in another order (`data.version` tells which is newer). 410 ends it; 72 hours without success pause it.
    """
    await _check_target(call, body.url)

    async def work(transaction: Transaction) -> Answer:
        given = body.model_dump()
        await _check(call, transaction, given)
        row, secret = await operations.create(
            transaction, given=given, by=call.principal, stamp=call.stamp
        )
        return _made(call, row, secret, status=201)

    return await _once(call, body, work)


@routes.add(
    "GET",
    "/webhooks",
    answer=WebhookPage,
    scope=MANAGE,
    headers=(("Link", ""),),
    summary="List webhooks",
)
async def list_webhooks(call: Call, query: Annotated[ListWebhooks, Query()]) -> Answer:
    """A page of all webhooks, the newest first, none with its secret."""
    after = {} if query.cursor is None else listing.read_place(query.cursor, _QUESTION)
    rows = await operations.page(call.database, after=after, limit=query.limit + 1)
    more, rows = len(rows) > query.limit, rows[: query.limit]
    items = [_document(call, row) for row in rows]
    if not more:
        return Answer(orjson.dumps({"items": items}))
    place = (wire_instant(rows[-1]["created_at"]), rows[-1]["id"])
    parameters = {"limit": query.limit, "cursor": write_cursor(place, _QUESTION)}
    following = f"{call.url.path}?{urlencode(parameters)}"
    headers = {"Link": f'<{following}>; rel="next"'}
    return Answer(orjson.dumps({"items": items, "next": following}), headers=headers)


@routes.add(
    "GET",
    "/webhooks/{id:record}",
    answer=Webhook,
    scope=MANAGE,
    headers=(("ETag", ""),),
    problems=(404,),
    summary="Read a webhook",
)
async def get_webhook(call: Call, id: WebhookId) -> Answer:
    """What it sends where, whether it is paused and why; never its secret."""
    return _answer(call, await operations.read(call.database, id))


@routes.add(
    "PATCH",
    "/webhooks/{id:record}",
    answer=Webhook,
    scope=MANAGE,
    retryable=True,
    if_match="required",
    headers=(("ETag", ""),),
    problems=(404,),
    body_media_types=(MERGE_PATCH,),
    summary="Change, pause or resume a webhook",
)
async def patch_webhook(
    call: Call, id: WebhookId, body: Annotated[WebhookPatch, typical(EXAMPLE_PATCH)]
) -> Answer:
    """JSON merge patch (RFC 7396). Your key needs the read scopes of all events that the webhook tells of
    afterwards, and sees to it from now on (`granted_by`). `is_active` true resumes one that was paused by
    you or by us: what waits is sent at once."""
    version, given = call.expected_version(), sent_fields(body)
    if "url" in given:
        await _check_target(call, given["url"])

    async def work(transaction: Transaction) -> Answer:
        row = await operations.lock(transaction, id, version=version)
        await _check(call, transaction, {**row, **given})
        changed = await operations.change(
            transaction, row, given=given, by=call.principal, now=call.now
        )
        if changed["is_active"] and not row["is_active"]:
            await deliveries.hasten(transaction, id, now=call.now)
        return _answer(call, changed)

    return await _once(call, body, work)


@routes.add(
    "DELETE",
    "/webhooks/{id:record}",
    answer=None,
    status=204,
    scope=MANAGE,
    writes=True,
    if_match="required",
    problems=(404,),
    summary="Delete a webhook",
)
async def delete_webhook(call: Call, id: WebhookId) -> Answer:
    """Ends it at once and for good; what was not delivered is not, and its log goes."""
    row = await operations.lock(call.transaction, id, version=call.expected_version())
    await operations.delete(call.transaction, row, now=call.now)
    return Answer(status=204)


@routes.add(
    "POST",
    "/webhooks/{id:record}/rotate-secret",
    answer=MadeWebhook,
    scope=MANAGE,
    writes=True,
    headers=(("Location", ""), ("ETag", "")),
    problems=(404,),
    summary="Give a webhook another secret",
)
async def rotate_webhook_secret(
    call: Call, id: WebhookId, body: Annotated[SecretRotation, typical({"grace_seconds": 86400})]
) -> Answer:
    """Shows the new secret this once. During the grace every event has two signatures, by the new secret
    and by the one before, so that the receiver can change over when it likes."""
    row = await operations.lock(call.transaction, id)
    await _check(call, call.transaction, row)
    row, secret = await operations.rotate(
        call.transaction, row, grace_seconds=body.grace_seconds, now=call.now
    )
    return _made(call, row, secret, status=200)


@routes.add(
    "POST",
    "/webhooks/{id:record}/test",
    answer=TestResult,
    scope=MANAGE,
    problems=(404,),
    summary="Send a test event now",
)
async def test_webhook(call: Call, id: WebhookId) -> Answer:
    """Makes one attempt with an event of the type `crm.webhook.test.v1`, waits 8 seconds at most and tells
    how it went. Works while the webhook is paused; nothing of it enters the log."""
    row, now = await operations.read(call.database, id), call.now
    outcome = await _runner(call).sender.send(
        row["url"],
        message_id=new_id(),
        body=operations.test_event(row, request_id=call.request_id, now=now),
        secrets=operations.signing_secrets(row, now=now),
        now=now,
        seconds=_TEST_SECONDS,
    )
    is_delivered = outcome.error is None
    body = {"is_delivered": is_delivered, "attempt": attempt_document(outcome)}
    return Answer(orjson.dumps(body))


@routes.add(
    "GET",
    "/webhooks/{id:record}/deliveries",
    answer=DeliveryPage,
    scope=MANAGE,
    headers=(("Link", ""),),
    problems=(404,),
    summary="List the deliveries of a webhook",
)
async def list_webhook_deliveries(
    call: Call, id: WebhookId, query: Annotated[ListDeliveries, Query()]
) -> Answer:
    """Every event that was taken up in the last 30 days with its attempts, the newest first."""
    await operations.read(call.database, id)
    return await listing.answer_events(
        call,
        log,
        query,
        of=("webhook_id", id),
        at="created_at",
        hidden={"body"},
    )


@routes.add(
    "POST",
    "/webhooks/{id:record}/deliveries/{delivery_id}/redeliver",
    answer=Delivery,
    scope=MANAGE,
    writes=True,
    problems=(404, 409),
    summary="Send one delivery again",
)
async def redeliver_event(
    call: Call,
    id: WebhookId,
    delivery_id: Annotated[RecordId, Path(description="The id of a delivery.")],
) -> Answer:
    """Whatever came of it: it is due at once, with the same `webhook-id` and ten attempts more."""
    row = await operations.lock(call.transaction, id)
    sent = await deliveries.redeliver(call.transaction, row, delivery_id, now=call.now)
    return Answer(orjson.dumps(deliveries.document(sent)))


@routes.add(
    "POST",
    "/webhooks/{id:record}/redeliver",
    answer=Redelivered,
    scope=MANAGE,
    writes=True,
    problems=(404, 409),
    summary="Send all failed deliveries again",
)
async def redeliver_failed_events(
    call: Call,
    id: WebhookId,
    body: Annotated[Redelivery, typical({"since": "2026-11-21T19:00:00Z"})],
) -> Answer:
    """Those that were given up and those that wait after a failure, the oldest first, 10,000 at most."""
    row = await operations.lock(call.transaction, id)
    count, has_more = await deliveries.redeliver_failed(
        call.transaction, row, since=body.since, now=call.now
    )
    return Answer(orjson.dumps({"redelivered_count": count, "has_more": has_more}))
