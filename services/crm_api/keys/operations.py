"""Makes, lists, changes, rotates and revokes keys: nobody hands on more than he has."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import bindparam, select, tuple_, update

from services.foundation.calls import Principal
from services.foundation.database import Reader, Transaction
from services.foundation.keys import insert_key, new_key, secret_hash
from services.foundation.problems import (
    Conflict,
    FieldError,
    Forbidden,
    NotFound,
    StaleVersion,
    invalid,
)
from services.foundation.statements import Record, Statement
from services.foundation.tables import keys
from shared.values import wire_instant

MANAGE = "keys:manage"
_ENVIRONMENT = "live"
_MOST_PREVIOUS = 10
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


def _still_good(row: Record, now: datetime) -> list[dict[str, str]]:
    return [each for each in row["previous_secrets"] if each["until"] > wire_instant(now)]


def _check_grant(by: Principal, scopes: Collection[str]) -> None:
    """Refuse to make or keep alive what may do more than the caller."""
    lacking = sorted(set(scopes) - by.scopes)
    if lacking:
        message = f"Your key lacks {', '.join(lacking)}, so it cannot give that to another."
        raise ScopeNotHeld(
            message, errors=[FieldError("/body/scopes", "scope_not_held", each) for each in lacking]
        )


def _check_expiry(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        raise invalid(
            "/body/expires_at", "in_the_past", "This instant is past; to end a key, revoke it."
        )


def _check_alive(row: Record, now: datetime, *, even_expired: bool = False) -> None:
    if row["revoked_at"] is not None:
        raise KeyIsOver("The key was revoked, which is for good; make another.")
    if not even_expired and row["expires_at"] is not None and row["expires_at"] <= now:
        raise KeyIsOver("The key has expired; set another expires_at first.")


async def create(
    transaction: Transaction, *, given: Mapping[str, Any], by: Principal, now: datetime
) -> tuple[Record, str]:
    """Store a new key and return it with its secret.

    Raises
    ------
    ScopeNotHeld, Invalid
        It would be able to do what its maker is not, or would have ended already.
    """
    _check_grant(by, given["scopes"])
    _check_expiry(given["expires_at"], now)
    key = new_key(_ENVIRONMENT)
    row = await insert_key(transaction, key, **given, now=now, created_by=by.key_id)
    return row, key


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
    now: datetime,
) -> Record:
    """Change a key; what it may do afterwards, its changer may do as well.

    Raises
    ------
    NotFound, StaleVersion, KeyIsOver, OwnKey, ScopeNotHeld, Invalid
        There is none; it was changed meanwhile; it is revoked; the caller would lose his own right to
        manage keys; he has not all its scopes; it would have ended already.
    """
    row = _found(await transaction.first(_LOCK, {"id": key_id}))
    if version is not None and version != row["version"]:
        raise StaleVersion()
    _check_alive(row, now, even_expired=True)
    given = {**given, **({"scopes": sorted(set(given["scopes"]))} if "scopes" in given else {})}
    changed = {name: value for name, value in given.items() if row[name] != value}
    if "expires_at" in changed:
        _check_expiry(changed["expires_at"], now)
    scopes: Collection[str] = changed["scopes"] if "scopes" in changed else row["scopes"]
    if key_id == by.key_id and MANAGE not in scopes:
        raise OwnKey("You call with this key: take keys:manage from it with another.")
    if changed.keys() - {"name"}:
        _check_grant(by, scopes)
    return await _write(transaction, row, changed)


async def rotate(
    transaction: Transaction, key_id: str, *, grace_seconds: int, by: Principal, now: datetime
) -> tuple[Record, str]:
    """Give a key another secret; those from before are good until the grace ends, or theirs does.

    Raises
    ------
    NotFound, KeyIsOver, ScopeNotHeld
        There is none; it is revoked or expired; it may do what the caller may not, who would have it.
    """
    row = _found(await transaction.first(_LOCK, {"id": key_id}))
    _check_alive(row, now)
    _check_grant(by, row["scopes"])
    key = new_key(_ENVIRONMENT, key_id)
    end = wire_instant(now + timedelta(seconds=grace_seconds))
    kept = [{"hash": row["secret_hash"], "until": end}, *_still_good(row, now)]
    previous = [{**each, "until": min(each["until"], end)} for each in kept[:_MOST_PREVIOUS]]
    changed = {
        "secret_hash": secret_hash(key),
        "previous_secrets": previous if grace_seconds else [],
    }
    return await _write(transaction, row, changed), key


async def revoke(transaction: Transaction, key_id: str, *, by: Principal, now: datetime) -> None:
    """End a key for good; one that is revoked already stays as it is.

    Raises
    ------
    NotFound, OwnKey
        There is none, or it is the one that the caller uses.
    """
    row = _found(await transaction.first(_LOCK, {"id": key_id}))
    if key_id == by.key_id:
        raise OwnKey("You call with this key: revoke it with another.")
    if row["revoked_at"] is None:
        await _write(transaction, row, {"revoked_at": now, "previous_secrets": []})
