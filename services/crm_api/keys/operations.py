"""Makes, lists, changes, rotates and revokes keys: nobody hands on more than he has."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import bindparam, select, tuple_, update

from services.crm_api.audit.operations import note
from services.crm_api.webhooks.operations import pause_granted
from services.foundation.calls import Principal, Stamp
from services.foundation.database import Reader, Transaction
from services.foundation.keys import has_expired, insert_key, new_key, secret_hash
from services.foundation.problems import (
    Conflict,
    FieldError,
    Forbidden,
    NotFound,
    StaleVersion,
    Unauthenticated,
    invalid,
)
from services.foundation.statements import Record, Statement
from services.foundation.tables import keys
from services.foundation.tokens import TOKEN_MARK
from shared.values import wire_instant

MANAGE = "keys:manage"
_ENVIRONMENT = "live"
_MOST_PREVIOUS = 10
LONGEST_OF_TOKEN = timedelta(days=366)
"""A user's token ends in minutes, and he may be gone; what he makes with it shall not stay for ever."""
_READ = Statement(select(keys).where(keys.c.id == bindparam("id")))
_LOCK = Statement(select(keys).where(keys.c.id == bindparam("id")).with_for_update())


class ScopeNotHeld(Forbidden):
    code, title = "scope_not_held", "A key gives on only what it may do itself."


class OwnKey(Conflict):
    code, title = "own_key", "This would shut out the key that you call with."


class KeyIsOver(Conflict):
    code, title = "key_is_over", "The key was revoked or has expired."


@cache
def _update(names: frozenset[str]) -> Statement:
    columns = {"version", *names}
    return Statement(
        update(keys)
        .where(keys.c.id == bindparam("at_id"))
        .values({name: bindparam(f"set_{name}") for name in sorted(columns)})
    )


@cache
def _list(is_continued: bool) -> Statement:
    statement = select(keys)
    if is_continued:
        last = tuple_(
            bindparam("last_at", type_=keys.c.created_at.type),
            bindparam("last_id", type_=keys.c.id.type),
        )
        statement = statement.where(tuple_(keys.c.created_at, keys.c.id) < last)
    ordered = statement.order_by(keys.c.created_at.desc(), keys.c.id.desc())
    return Statement(ordered.limit(bindparam("page_size")))


def document(row: Record, *, now: datetime) -> dict[str, Any]:
    """Return what is shown of a key."""
    until = [each["until"] for each in _still_good(row, now)]
    instants = ("expires_at", "last_used_at", "created_at", "revoked_at")
    shown = ("id", "name", "scopes", "requests_per_minute", "created_by", "version")
    return {
        **{name: row[name] for name in shown},
        **{name: None if row[name] is None else wire_instant(row[name]) for name in instants},
        "previous_secret_until": max(until, default=None),
    }


def own_document(caller: Principal, *, quota: int) -> dict[str, Any]:
    """Return what a caller is shown of himself."""
    return {
        "id": caller.key_id,
        "name": caller.name,
        "is_token": caller.key_id.startswith(TOKEN_MARK),
        "scopes": sorted(caller.scopes),
        "expires_at": caller.expires_at and wire_instant(caller.expires_at),
        "requests_per_minute": quota,
    }


def _still_good(row: Record, now: datetime) -> list[dict[str, str]]:
    return [each for each in row["previous_secrets"] if each["until"] > wire_instant(now)]


@dataclass(frozen=True)
class Caller:
    """Who manages keys: what he may do himself, and until when."""

    key_id: str
    scopes: frozenset[str]
    expires_at: datetime | None


def _check_grant(by: Caller, scopes: Collection[str]) -> None:
    """Refuse to give a key what the caller may not do himself."""
    lacking = sorted(set(scopes) - by.scopes)
    if lacking:
        message = f"Your key lacks {', '.join(lacking)}, so it cannot give that to another."
        raise ScopeNotHeld(
            message, errors=[FieldError("/body/scopes", "scope_not_held", each) for each in lacking]
        )


def _check_reach(by: Caller, row: Record) -> None:
    """Refuse to change or take over a key that may do more than the caller; to end it he may."""
    lacking = sorted(set(row["scopes"]) - by.scopes)
    if lacking:
        message = (
            f"This key has {', '.join(lacking)}, which yours lacks: change it with one that has all its "
            "scopes, or revoke it."
        )
        raise ScopeNotHeld(
            message, errors=[FieldError("/path/id", "scope_not_held", each) for each in lacking]
        )


def _check_expiry(expires_at: datetime | None, by: Caller, now: datetime) -> None:
    if by.expires_at is not None and (expires_at is None or expires_at > by.expires_at):
        until = wire_instant(by.expires_at)
        raise invalid(
            "/body/expires_at",
            "outlives_maker",
            f"What you make, rotate or prolong has to end by {until}; give it an expires_at by then.",
        )
    if expires_at is not None and expires_at <= now:
        raise invalid(
            "/body/expires_at", "in_the_past", "This instant is past; to end a key, revoke it."
        )


def _check_alive(row: Record, now: datetime, *, even_expired: bool = False) -> None:
    if row["revoked_at"] is not None:
        raise KeyIsOver("The key was revoked, which is for good; make another.")
    if not even_expired and has_expired(row, now):
        raise KeyIsOver("The key has expired; set another expires_at first.")


async def _caller(transaction: Transaction, by: Principal, now: datetime) -> Caller:
    """Return what the caller may do at this moment.

    A checked key is remembered for some seconds; nobody shall make himself another in that time.

    Raises
    ------
    Unauthenticated, Forbidden
        His key was revoked, has expired, or may not manage keys any more.
    """
    if by.key_id.startswith(TOKEN_MARK):
        return Caller(by.key_id, by.scopes, now + LONGEST_OF_TOKEN)
    row = await transaction.first(_LOCK, {"id": by.key_id})
    if row is None or row["revoked_at"] is not None or has_expired(row, now):
        raise Unauthenticated("This key was revoked or has expired.")
    scopes = by.scopes.intersection(row["scopes"])
    if MANAGE not in scopes:
        raise Forbidden(f"This needs a key with the scope {MANAGE}.")
    return Caller(by.key_id, scopes, row["expires_at"])


async def create(
    transaction: Transaction, *, given: Mapping[str, Any], by: Principal, stamp: Stamp
) -> tuple[Record, str]:
    """Store a new key and return it with its secret.

    Raises
    ------
    ScopeNotHeld, Invalid
        It would be able to do what its maker is not, or for longer, or would have ended already.
    """
    caller = await _caller(transaction, by, stamp.now)
    _check_grant(caller, given["scopes"])
    _check_expiry(given["expires_at"], caller, stamp.now)
    key = new_key(_ENVIRONMENT)
    row = await insert_key(transaction, key, **given, now=stamp.now, created_by=by.key_id)
    await _note(transaction, "key_created", row["id"], stamp)
    return row, key


async def _note(transaction: Transaction, action: str, key_id: str, stamp: Stamp) -> None:
    await note(transaction, action, "key", None, about_key_id=key_id, stamp=stamp)


async def read(reader: Reader, key_id: str) -> Record:
    """Return a key, revoked ones too.

    Raises
    ------
    NotFound
        There is none.
    """
    return _found(await reader.first(_READ, {"id": key_id}))


def _found(row: Record | None) -> Record:
    if row is None:
        raise NotFound("There is no such key.")
    return row


async def page(reader: Reader, *, after: tuple[datetime, str] | None, limit: int) -> list[Record]:
    """Return keys, the newest first."""
    values: dict[str, Any] = {"page_size": limit}
    if after is not None:
        values |= {"last_at": after[0], "last_id": after[1]}
    return await reader.all(_list(after is not None), values)


async def _write(transaction: Transaction, row: Record, changed: Mapping[str, Any]) -> Record:
    if not changed:
        return row
    fresh = {**changed, "version": row["version"] + 1}
    values = {"at_id": row["id"], **{f"set_{name}": value for name, value in fresh.items()}}
    await transaction.run(_update(frozenset(changed)), values)
    return {**row, **fresh}


async def change(
    transaction: Transaction,
    key_id: str,
    *,
    given: Mapping[str, Any],
    version: int | None,
    by: Principal,
    stamp: Stamp,
) -> Record:
    """Change a key; what it may do before and afterwards, its changer may do as well.

    Who could narrow a larger key could rotate it then, and act as it.

    Raises
    ------
    NotFound, StaleVersion, KeyIsOver, OwnKey, ScopeNotHeld, Invalid
        There is none; it was changed meanwhile; it is revoked; the caller would lose his own right to
        manage keys; he has not all its scopes; it would have ended already, or outlive his own.
    """
    now, caller = stamp.now, await _caller(transaction, by, stamp.now)
    row = _found(await transaction.first(_LOCK, {"id": key_id}))
    if version is not None and version != row["version"]:
        raise StaleVersion()
    _check_alive(row, now, even_expired=True)
    given = {**given, **({"scopes": sorted(set(given["scopes"]))} if "scopes" in given else {})}
    changed = {name: value for name, value in given.items() if row[name] != value}
    if changed:
        _check_reach(caller, row)
    if "expires_at" in changed:
        _check_expiry(changed["expires_at"], caller, now)
    scopes: Collection[str] = changed["scopes"] if "scopes" in changed else row["scopes"]
    if key_id == by.key_id and MANAGE not in scopes:
        raise OwnKey("You call with this key: take keys:manage from it with another.")
    if "scopes" in changed:
        _check_grant(caller, scopes)
    if changed:
        await _note(transaction, "key_changed", key_id, stamp)
    return await _write(transaction, row, changed)


async def rotate(
    transaction: Transaction, key_id: str, *, grace_seconds: int, by: Principal, stamp: Stamp
) -> tuple[Record, str]:
    """Give a key another secret; those from before are good until the grace ends, or theirs does.

    Raises
    ------
    NotFound, KeyIsOver, ScopeNotHeld
        There is none; it is revoked or expired; it may do what the caller may not, who would have it.
    """
    now, caller = stamp.now, await _caller(transaction, by, stamp.now)
    row = _found(await transaction.first(_LOCK, {"id": key_id}))
    _check_alive(row, now)
    _check_reach(caller, row)
    if key_id != by.key_id:
        _check_expiry(row["expires_at"], caller, now)
    await _note(transaction, "key_rotated", key_id, stamp)
    key = new_key(_ENVIRONMENT, key_id)
    end = wire_instant(now + timedelta(seconds=grace_seconds))
    kept = [{"hash": row["secret_hash"], "until": end}, *_still_good(row, now)]
    previous = [{**each, "until": min(each["until"], end)} for each in kept[:_MOST_PREVIOUS]]
    changed = {
        "secret_hash": secret_hash(key),
        "previous_secrets": previous if grace_seconds else [],
    }
    return await _write(transaction, row, changed), key


async def revoke(transaction: Transaction, key_id: str, *, by: Principal, stamp: Stamp) -> None:
    """End a key for good, and pause its webhooks; one that is revoked already stays as it is.

    One that may do more than the caller, too: in an emergency whoever manages keys ends it.

    Raises
    ------
    NotFound, OwnKey
        There is none, or it is the one that the caller uses.
    """
    await _caller(transaction, by, stamp.now)
    row = _found(await transaction.first(_LOCK, {"id": key_id}))
    if key_id == by.key_id:
        raise OwnKey("You call with this key: revoke it with another.")
    if row["revoked_at"] is None:
        await _note(transaction, "key_revoked", key_id, stamp)
        await _write(transaction, row, {"revoked_at": stamp.now, "previous_secrets": []})
        await pause_granted(transaction, key_id, now=stamp.now)
