"""Makes, lists, changes, pauses and removes webhooks: nobody subscribes to what he may not read."""

import base64
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import orjson
from sqlalchemy import bindparam, func, insert, select, tuple_, update

from services.crm_api.changes.operations import last_position
from services.crm_api.records import new_id
from services.crm_api.resources import Resource
from services.crm_api.segments.saved import personal_filters
from services.crm_api.webhooks.asking import FILTERS, grant, granted_by
from services.crm_api.webhooks.table import webhooks
from services.foundation.calls import Principal, Stamp
from services.foundation.database import Reader, Transaction
from services.foundation.problems import (
    Conflict,
    NotFound,
    StaleVersion,
)
from services.foundation.statements import Record, Statement
from shared.values import wire_instant

MANAGE = "webhooks:manage"
MOST = 50
_SHOWN = (
    *("id", "url", "description", "event_types", "changed", "filters", "skip_own", "skip_keys"),
    *("is_active", "pause_reason", "key_id", "version"),
)
_INSTANTS = ("paused_at", "failing_since", "created_at", "updated_at")
_WELL = {"failure_count": 0, "failing_since": None, "resting_until": None}
_is_there = (webhooks.c.id == bindparam("id"), webhooks.c.deleted_at.is_(None))
_READ = Statement(select(webhooks).where(*_is_there))
_LOCK = Statement(select(webhooks).where(*_is_there).with_for_update())
_COUNT = Statement(select(func.count()).where(webhooks.c.deleted_at.is_(None)))
_ADD = Statement(insert(webhooks))
_LOCK_ALL = Statement(select(webhooks).order_by(webhooks.c.id).with_for_update())
_LOCK_GRANTED = Statement(
    select(webhooks)
    .where(
        func.coalesce(webhooks.c.granted_by, webhooks.c.key_id) == bindparam("key_id"),
        webhooks.c.is_active,
        webhooks.c.deleted_at.is_(None),
    )
    .order_by(webhooks.c.id)
    .with_for_update()
)


class TooManyWebhooks(Conflict):
    code, title = "too_many_webhooks", f"There are {MOST} webhooks already; delete one first."


@cache
def _update(names: frozenset[str]) -> Statement:
    return Statement(
        update(webhooks)
        .where(webhooks.c.id == bindparam("at_id"))
        .values({name: bindparam(f"set_{name}") for name in sorted(names)})
    )


@cache
def _list(is_continued: bool) -> Statement:
    statement = select(webhooks).where(webhooks.c.deleted_at.is_(None))
    if is_continued:
        last = tuple_(
            bindparam("last_value", type_=webhooks.c.created_at.type),
            bindparam("last_id", type_=webhooks.c.id.type),
        )
        statement = statement.where(tuple_(webhooks.c.created_at, webhooks.c.id) < last)
    ordered = statement.order_by(webhooks.c.created_at.desc(), webhooks.c.id.desc())
    return Statement(ordered.limit(bindparam("page_size")))


def document(row: Record, *, scopes: Collection[str], now: datetime) -> dict[str, Any]:
    """Return what is shown of a webhook, without what its filters ask of fields that are personal."""
    until = row["previous_secret_until"]
    return {
        **{name: row[name] for name in _SHOWN},
        "filters": {
            plural: _shown_filter(FILTERS[plural][0], saved, scopes)
            for plural, saved in row["filters"].items()
        },
        "granted_by": granted_by(row),
        **{name: None if row[name] is None else wire_instant(row[name]) for name in _INSTANTS},
        "previous_secret_until": wire_instant(until) if until is not None and until > now else None,
    }


def _shown_filter(
    resource: Resource, saved: Mapping[str, list[str]], scopes: Collection[str]
) -> dict[str, list[str]]:
    hidden = () if resource.pii_scope in scopes else personal_filters(resource, saved)
    return {name: [] if name in hidden else values for name, values in saved.items()}


def signing_secrets(row: Record, *, now: datetime) -> list[str]:
    """Return the secrets that are good: the one from before a rotation during its grace, too."""
    until = row["previous_secret_until"]
    return [row["secret"], *([row["previous_secret"]] if until is not None and until > now else [])]


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


async def create(
    transaction: Transaction, *, given: Mapping[str, Any], by: Principal, stamp: Stamp
) -> tuple[Record, str]:
    """Store a new webhook, which tells of what is written from now on; returns its secret, too.

    Raises
    ------
    TooManyWebhooks
        There are as many as can be served.
    """
    if int(await transaction.text(_COUNT) or 0) >= MOST:
        raise TooManyWebhooks()
    position = await last_position(transaction)
    secret = _new_secret()
    row: Record = {
        **dict.fromkeys(column.name for column in webhooks.columns),
        **_WELL,
        **given,
        "id": new_id(),
        "event_types": sorted(set(given["event_types"])),
        "secret": secret,
        "position_transaction": position[0],
        "position_seq": position[1],
        "key_id": stamp.key_id,
        **grant(by),
        "version": 1,
        "created_at": stamp.now,
        "updated_at": stamp.now,
    }
    if not row["is_active"]:
        row |= _paused("requested", stamp.now)
    await transaction.run(_ADD, row)
    return row, secret


def _paused(reason: str, now: datetime) -> Record:
    return {"is_active": False, "paused_at": now, "pause_reason": reason}


async def read(reader: Reader, webhook_id: str) -> Record:
    """Return a webhook.

    Raises
    ------
    NotFound
        There is none.
    """
    return _found(await reader.first(_READ, {"id": webhook_id}))


async def lock(transaction: Transaction, webhook_id: str, *, version: int | None = None) -> Record:
    """Read a webhook for a change and keep others from changing it.

    Raises
    ------
    NotFound, StaleVersion
        There is none; it was changed meanwhile.
    """
    row = _found(await transaction.first(_LOCK, {"id": webhook_id}))
    if version is not None and version != row["version"]:
        raise StaleVersion(f"The webhook's version is {row['version']}, If-Match named {version}.")
    return row


def _found(row: Record | None) -> Record:
    if row is None:
        raise NotFound("There is no such webhook.")
    return row


async def page(reader: Reader, *, after: Mapping[str, Any], limit: int) -> Sequence[Record]:
    """Return webhooks, the newest first; `after` is the place of the last one before."""
    return await reader.all(_list(bool(after)), {**after, "page_size": limit})


async def write(transaction: Transaction, row: Record, changed: Record, *, now: datetime) -> Record:
    """Write what is different of a locked webhook."""
    fresh = {**changed, "version": row["version"] + 1, "updated_at": now}
    values = {"at_id": row["id"], **{f"set_{name}": value for name, value in fresh.items()}}
    await transaction.run(_update(frozenset(fresh)), values)
    return {**row, **fresh}


async def change(
    transaction: Transaction,
    row: Record,
    *,
    given: Mapping[str, Any],
    by: Principal,
    now: datetime,
) -> Record:
    """Change a locked webhook, which has the rights of its changer from now on.

    What is put on again forgets its failures, also if it was never off.
    """
    wanted = dict(given)
    if "event_types" in wanted:
        wanted["event_types"] = sorted(set(wanted["event_types"]))
    changed = {name: value for name, value in wanted.items() if row[name] != value}
    if "is_active" in changed:
        resumed = {"paused_at": None, "pause_reason": None, **_WELL}
        changed |= resumed if changed["is_active"] else _paused("requested", now)
    if "url" in changed:
        changed |= _WELL
    return await write(transaction, row, changed | grant(by), now=now) if changed else row


async def rotate(
    transaction: Transaction, row: Record, *, grace_seconds: int, now: datetime
) -> tuple[Record, str]:
    """Give a locked webhook another secret; the one from before signs as well until the grace ends."""
    secret = _new_secret()
    changed: Record = {"secret": secret, "previous_secret": None, "previous_secret_until": None}
    if grace_seconds:
        changed["previous_secret"] = row["secret"]
        changed["previous_secret_until"] = now + timedelta(seconds=grace_seconds)
    return await write(transaction, row, changed, now=now), secret


def test_event(row: Record, *, request_id: str, now: datetime) -> str:
    """Return the body of an event that tells of nothing but that webhooks arrive."""
    told = {
        "specversion": "1.0",
        "id": f"test.{new_id()}",
        "source": "/crm",
        "type": "crm.webhook.test.v1",
        "subject": f"webhooks/{row['id']}",
        "time": wire_instant(now),
        "data": {"version": row["version"], "changed": [], "request_id": request_id},
    }
    return orjson.dumps(told).decode()


async def pause(transaction: Transaction, webhook_id: str, reason: str, *, now: datetime) -> None:
    """Pause a webhook for a reason of ours; one that is paused or gone already stays as it is."""
    row = await transaction.first(_LOCK, {"id": webhook_id})
    if row is not None and row["is_active"]:
        await write(transaction, row, _paused(reason, now), now=now)


async def lock_all(transaction: Transaction) -> list[Record]:
    """Read all webhooks for a change, in the order of their ids, deleted ones too."""
    return await transaction.all(_LOCK_ALL)


async def replace_filters(
    transaction: Transaction, row: Record, saved: Mapping[str, Any], *, now: datetime
) -> None:
    """Give a locked webhook filters that nobody asked for, and pause it."""
    paused = _paused("filter_invalid", now) if row["is_active"] else {}
    await write(transaction, row, {"filters": dict(saved), **paused}, now=now)


async def pause_granted(transaction: Transaction, key_id: str, *, now: datetime) -> None:
    """Pause what tells with the rights of a key that is revoked."""
    for row in await transaction.all(_LOCK_GRANTED, {"key_id": key_id}):
        await write(transaction, row, _paused("key_revoked", now), now=now)


async def delete(transaction: Transaction, row: Record, *, now: datetime) -> None:
    """End a locked webhook at once; its log goes bit by bit, later."""
    await write(transaction, row, {"is_active": False, "deleted_at": now}, now=now)
