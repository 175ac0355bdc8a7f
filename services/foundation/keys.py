"""Keys: their form, how they are stored and looked up; who may do what is written at the routes."""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select

from services.foundation.calls import Principal
from services.foundation.database import Database, Reader, Transaction
from services.foundation.problems import Unauthenticated
from services.foundation.statements import Record, Statement
from services.foundation.tables import keys

_LETTERS = string.ascii_letters + string.digits
_SECRET_LENGTH = 43  # 43 letters of 62 are 256 bits: no slow hash is needed
_ID = re.compile(r"[A-Za-z0-9]{1,8}")

BEYOND_GRACE = frozenset({"keys:manage"})
"""What a secret from before a rotation cannot do any more, although its grace still runs."""

_ADD = Statement(insert(keys))
_FIND = Statement(
    select(
        keys.c.name,
        keys.c.secret_hash,
        keys.c.previous_secrets,
        keys.c.scopes,
        keys.c.expires_at,
        keys.c.revoked_at,
        keys.c.requests_per_minute,
    ).where(keys.c.id == bindparam("id"))
)


def _random(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def new_key(environment: str, identifier: str | None = None) -> str:
    """Make a key `crm_<environment>_<id>_<secret>_<checksum>`, a form that secret scanners find.

    With the identifier of a key that there is already, it is that key with another secret.
    """
    start = f"crm_{environment}_{identifier or _random(8)}_{_random(_SECRET_LENGTH)}"
    return f"{start}_{zlib.crc32(start.encode()):08x}"


def _parts(key: str) -> tuple[str, str]:
    start, _, checksum = key.rpartition("_")
    parts = start.split("_")
    if (
        len(parts) != 4
        or not hmac.compare_digest(checksum, f"{zlib.crc32(start.encode()):08x}")
        or not _ID.fullmatch(parts[2])
    ):
        raise Unauthenticated("This is not a key of ours; look for a letter lost while copying.")
    return parts[2], parts[3]


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def secret_hash(key: str) -> str:
    """Return what is stored of a key's secret."""
    return _hash(_parts(key)[1])


async def insert_key(
    transaction: Transaction,
    key: str,
    *,
    name: str,
    scopes: Iterable[str],
    now: datetime,
    expires_at: datetime | None = None,
    requests_per_minute: int | None = None,
    created_by: str | None = None,
) -> Record:
    """Store a key, its secret only as a hash, and return its row; the key itself is kept nowhere."""
    row = {
        "id": _parts(key)[0],
        "name": name,
        "secret_hash": secret_hash(key),
        "scopes": sorted(set(scopes)),
        "created_at": now,
        "expires_at": expires_at,
        "revoked_at": None,
        "previous_secrets": [],
        "requests_per_minute": requests_per_minute,
        "last_used_at": None,
        "created_by": created_by,
        "version": 1,
    }
    await transaction.run(_ADD, row)
    return row


async def add_key(
    database: Database, key: str, *, name: str, scopes: Iterable[str], now: datetime
) -> str:
    """Store a key that nobody asked for over HTTP and return its id."""

    async def work(transaction: Transaction) -> Record:
        return await insert_key(transaction, key, name=name, scopes=scopes, now=now)

    return str((await database.write(work))["id"])


async def has_key(database: Database, key: str) -> bool:
    return await database.first(_FIND, {"id": _parts(key)[0]}) is not None


def has_expired(row: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether a key has ended: it is good up to the instant of its end, not at it."""
    return row["expires_at"] is not None and row["expires_at"] <= now


def _was_right(given: str, row: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether a secret was the key's until a rotation whose grace still runs."""
    previous: list[dict[str, str]] = row["previous_secrets"]
    return any(
        hmac.compare_digest(given, each["hash"]) and now < datetime.fromisoformat(each["until"])
        for each in previous
    )


async def look_up(reader: Reader, key: str, *, now: datetime) -> Principal:
    """Return whose key it is.

    Raises
    ------
    Unauthenticated
        It is none of ours, unknown, revoked or expired.
    """
    if not key.isascii():
        raise Unauthenticated()
    identifier, secret = _parts(key)
    given = _hash(secret)
    row = await reader.first(_FIND, {"id": identifier})
    if row is None:
        raise Unauthenticated("This key is unknown.")
    scopes = frozenset(row["scopes"])
    if not hmac.compare_digest(given, str(row["secret_hash"])):
        if not _was_right(given, row, now):
            raise Unauthenticated("This key is unknown.")
        # Who found an old secret shall not rotate the key once more and have the only good one.
        scopes -= BEYOND_GRACE
    if row["revoked_at"] is not None or has_expired(row, now):
        raise Unauthenticated("This key was revoked or has expired.")
    quota, end = row["requests_per_minute"], row["expires_at"]
    return Principal(identifier, row["name"], scopes, quota, end)
