"""Keys over HTTP."""

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

import orjson
from fastapi import Path, Query

from services.crm_api.keys import operations
from services.crm_api.keys.schemas import (
    Key,
    KeyName,
    KeyPage,
    KeyPatch,
    ListKeys,
    MadeKey,
    NewKey,
    OwnKey,
    Rotation,
)
from services.crm_api.schemas import sent_fields
from services.foundation.bodies import typical
from services.foundation.calls import Call, etag
from services.foundation.cursors import bad_cursor, read_cursor, write_cursor
from services.foundation.links import ANSWERED_VERSION, Link, of_answer
from services.foundation.problems import Answer
from services.foundation.routing import ANYONE, MERGE_PATCH, Routes
from services.foundation.statements import Record
from shared.values import wire_instant

routes = Routes("keys")
KeyId = Annotated[KeyName, Path(description="The id of a key: the third part of it.")]
_QUESTION = {"of": "keys"}
_HERE = {"id": of_answer("id")}


_NEW = typical(
    {
        "name": "Shop",
        "scopes": ["contacts:read", "contacts:write"],
        "expires_at": "2099-12-31T23:00:00Z",
        "requests_per_minute": 600,
    }
)
_PATCH = typical({"name": "Shop, new", "requests_per_minute": None})
_ROTATION = typical({"grace_seconds": 86400})


def _answer(call: Call, row: Record) -> Answer:
    body = operations.document(row, now=call.now)
    return Answer(orjson.dumps(body), headers=etag(row["version"]))


def _made(call: Call, row: Record, key: str, *, status: int) -> Answer:
    """Show a key; what is stored for a request that comes again has none in it."""
    body = operations.document(row, now=call.now)
    headers = {**etag(row["version"]), "Location": f"/v1/keys/{row['id']}"}
    return Answer(
        orjson.dumps({**body, "key": key}),
        status,
        headers=headers,
        kept_body=orjson.dumps({**body, "key": None}),
    )


@routes.add(
    "POST",
    "/keys",
    answer=MadeKey,
    status=201,
    scope=operations.MANAGE,
    writes=True,
    headers=(("Location", ""), ("ETag", "")),
    links=(
        Link("get_key", "Read it again, without its secret.", _HERE),
        Link("patch_key", "Change this version.", {**_HERE, "If-Match": ANSWERED_VERSION}),
        Link("rotate_key", "Give it another secret.", _HERE),
        Link("revoke_key", "End it.", _HERE),
    ),
    summary="Make a key",
)
async def create_key(call: Call, body: Annotated[NewKey, _NEW]) -> Answer:
    """Makes a key and shows it this once; only a hash of its secret is stored.

    It can be given no scope that the caller lacks: 403 `scope_not_held` names those. By a key that ends it
    is given an end no later than that, by a token one within 366 days: 422 `outlives_maker`. Sent again with
    the same Idempotency-Key no second key is made, and the answer has `key` null, since the first
    one was not kept: rotate the key if the first answer is lost.
    """
    row, key = await operations.create(
        call.transaction, given=body.model_dump(), by=call.principal, stamp=call.stamp
    )
    return _made(call, row, key, status=201)


@routes.add(
    "GET",
    "/keys",
    answer=KeyPage,
    scope=operations.MANAGE,
    headers=(("Link", ""),),
    summary="List keys",
)
async def list_keys(call: Call, query: Annotated[ListKeys, Query()]) -> Answer:
    """A page of all keys, revoked and expired ones too, the newest first, none with its secret."""
    rows = await operations.page(call.database, after=_after(query), limit=query.limit + 1)
    more, rows = len(rows) > query.limit, rows[: query.limit]
    items = [operations.document(row, now=call.now) for row in rows]
    if not more:
        return Answer(orjson.dumps({"items": items}))
    position = (wire_instant(rows[-1]["created_at"]), rows[-1]["id"])
    parameters = {"limit": query.limit, "cursor": write_cursor(position, _QUESTION)}
    following = f"{call.url.path}?{urlencode(parameters)}"
    headers = {"Link": f'<{following}>; rel="next"'}
    return Answer(orjson.dumps({"items": items, "next": following}), headers=headers)


def _after(query: ListKeys) -> tuple[datetime, str] | None:
    if query.cursor is None:
        return None
    at, last_id = read_cursor(query.cursor, _QUESTION, length=2)
    try:
        instant = datetime.fromisoformat(at)
    except (TypeError, ValueError):
        raise bad_cursor() from None
    if instant.tzinfo is None or not isinstance(last_id, str) or "\x00" in last_id:
        raise bad_cursor()
    return instant, last_id


@routes.add(
    "GET",
    "/keys/self",
    answer=OwnKey,
    scope=ANYONE,
    summary="Read what the own key or token may do",
)
async def get_own_key(call: Call) -> Answer:
    """For a page that hides what its user may not do. Every caller may ask it; what is changed of a key
    shows within five seconds."""
    gate = call.scope["app"].state.gate
    own = operations.own_document(call.principal, quota=gate.quota_of(call.principal))
    return Answer(orjson.dumps(own))


@routes.add(
    "GET",
    "/keys/{id}",
    answer=Key,
    scope=operations.MANAGE,
    headers=(("ETag", ""),),
    problems=(404,),
    summary="Read a key",
)
async def get_key(call: Call, id: KeyId) -> Answer:
    """What it may do, until when, how often, and when it was last used; never its secret."""
    return _answer(call, await operations.read(call.database, id))


@routes.add(
    "PATCH",
    "/keys/{id}",
    answer=Key,
    scope=operations.MANAGE,
    writes=True,
    if_match="required",
    headers=(("ETag", ""),),
    problems=(404, 409),
    body_media_types=(MERGE_PATCH,),
    summary="Change a key",
)
async def patch_key(call: Call, id: KeyId, body: Annotated[KeyPatch, _PATCH]) -> Answer:
    """JSON merge patch (RFC 7396). It holds within five seconds; so long a scope that was taken away may
    still be good.

    Only who has all scopes that the key has before and afterwards can change it: 403 `scope_not_held`;
    to revoke it takes none of them. The key that calls cannot lose `keys:manage`, and a revoked one
    stays as it is: 409.
    """
    row = await operations.change(
        call.transaction,
        id,
        given=sent_fields(body),
        version=call.expected_version(),
        by=call.principal,
        stamp=call.stamp,
    )
    return _answer(call, row)


@routes.add(
    "DELETE",
    "/keys/{id}",
    answer=None,
    status=204,
    scope=operations.MANAGE,
    writes=True,
    problems=(404, 409),
    summary="Revoke a key",
)
async def revoke_key(call: Call, id: KeyId) -> Answer:
    """Ends it for good, within five seconds, and whatever its version is; it stays in the list. Its scopes
    do not matter: in an emergency any key with `keys:manage` can end any other.

    Webhooks that it made, or was the last to change, are paused: `key_revoked`.
    The key that calls cannot be revoked: 409. One that is revoked already stays as it is.
    """
    await operations.revoke(call.transaction, id, by=call.principal, stamp=call.stamp)
    return Answer(status=204)


@routes.add(
    "POST",
    "/keys/{id}/rotate",
    answer=MadeKey,
    scope=operations.MANAGE,
    writes=True,
    headers=(("Location", ""), ("ETag", "")),
    problems=(404, 409),
    summary="Give a key another secret",
)
async def rotate_key(call: Call, id: KeyId, body: Annotated[Rotation, _ROTATION]) -> Answer:
    """Shows the key with its new secret this once; id, scopes, quota and history stay.

    The secret from before is good for `grace_seconds` more, and so are those from rotations before it
    if their grace still runs, none for longer than this grace; each may be good for up to five seconds
    beyond its end, also with a grace of 0, when `previous_secret_until` is null at once. Needs all scopes
    of the key: 403 `scope_not_held`. If the answer is lost, rotate again: nothing that is in use is cut off.
    """
    row, key = await operations.rotate(
        call.transaction, id, grace_seconds=body.grace_seconds, by=call.principal, stamp=call.stamp
    )
    return _made(call, row, key, status=200)
