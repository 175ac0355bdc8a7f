"""Keys: their form, how they are stored, checked and limited; who may do what is written at the routes."""

import hashlib
import hmac
import secrets
import string
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, select
from starlette.types import Scope

from services.foundation.calls import Principal
from services.foundation.database import Database
from services.foundation.problems import TooManyRequests, Unauthenticated
from services.foundation.statements import Statement
from services.foundation.tables import keys

_LETTERS = string.ascii_letters + string.digits
_SECRET_LENGTH = 43  # 43 letters of 62 are 256 bits: no slow hash is needed
_REMEMBER_SECONDS = 5.0
_REMEMBER_KEYS = 10_000
_WINDOW_SECONDS = 60

_ADD = Statement(insert(keys))
_FIND = Statement(
    select(
        keys.c.name, keys.c.secret_hash, keys.c.scopes, keys.c.expires_at, keys.c.revoked_at
    ).where(keys.c.id == bindparam("id"))
)


def new_key(environment: str) -> str:
    """Make a key `crm_<environment>_<id>_<secret>_<checksum>`, a form that secret scanners find."""
    identifier = "".join(secrets.choice(_LETTERS) for _ in range(8))
    secret = "".join(secrets.choice(_LETTERS) for _ in range(_SECRET_LENGTH))
    start = f"crm_{environment}_{identifier}_{secret}"
    return f"{start}_{zlib.crc32(start.encode()):08x}"


def _parts(key: str) -> tuple[str, str]:
    start, _, checksum = key.rpartition("_")
    parts = start.split("_")
    if len(parts) != 4 or not hmac.compare_digest(checksum, f"{zlib.crc32(start.encode()):08x}"):
        raise Unauthenticated("This is not a key of ours; look for a letter lost while copying.")
    return parts[2], parts[3]


async def add_key(
    database: Database, key: str, *, name: str, scopes: Iterable[str], now: datetime
) -> str:
    """Store the hash of a key and return its id; the key itself is kept nowhere."""
    identifier, secret = _parts(key)
    row = {
        "id": identifier,
        "name": name,
        "secret_hash": hashlib.sha256(secret.encode()).hexdigest(),
        "scopes": sorted(scopes),
        "created_at": now,
        "expires_at": None,
        "revoked_at": None,
    }
    await database.write(lambda transaction: transaction.run(_ADD, row))
    return identifier


async def has_key(database: Database, key: str) -> bool:
    return await database.first(_FIND, {"id": _parts(key)[0]}) is not None


@dataclass
class _Window:
    number: int = 0
    used: int = 0


class Gate:
    """Lets callers in: who they are, and how much of their quota is left.

    A key that is revoked or expires is let in for at most five seconds more, the time for which a
    checked key is remembered. The quota is counted per process.
    """

    def __init__(
        self, database: Database, *, clock: Callable[[], datetime], requests_per_minute: int
    ) -> None:
        self._database, self._clock, self._quota = database, clock, requests_per_minute
        self._known: dict[str, tuple[float, Principal]] = {}
        self._windows: dict[str, _Window] = {}
        self.policy = f'"default";q={requests_per_minute};w={_WINDOW_SECONDS}'.encode()

    async def authenticate(self, authorization: str | None) -> Principal:
        """Return who calls.

        Raises
        ------
        Unauthenticated
            There is no bearer key, or it is unknown, revoked or expired.
        """
        if authorization is None:
            raise Unauthenticated("Send the header Authorization: Bearer <key>.")
        known = self._known.get(authorization)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("Send the header Authorization: Bearer <key>.")
        principal = await self._look_up(key.strip())
        if len(self._known) >= _REMEMBER_KEYS:
            self._known.clear()
        self._known[authorization] = (time.monotonic() + _REMEMBER_SECONDS, principal)
        return principal

    async def _look_up(self, key: str) -> Principal:
        if not key.isascii():
            raise Unauthenticated()
        identifier, secret = _parts(key)
        row = await self._database.first(_FIND, {"id": identifier})
        given = hashlib.sha256(secret.encode()).hexdigest()
        if row is None or not hmac.compare_digest(given, row["secret_hash"]):
            raise Unauthenticated("This key is unknown.")
        now = self._clock()
        if row["revoked_at"] is not None or (row["expires_at"] or now) < now:
            raise Unauthenticated("This key was revoked or has expired.")
        return Principal(identifier, row["name"], frozenset(row["scopes"]))

    def admit(self, scope: Scope, principal: Principal) -> None:
        """Count the request against the key's quota and leave the figures for the answer's headers.

        Raises
        ------
        TooManyRequests
            The quota of the present minute is used up.
        """
        now = time.time()
        number, left = int(now // _WINDOW_SECONDS), _WINDOW_SECONDS - int(now % _WINDOW_SECONDS)
        window = self._windows.setdefault(principal.key_id, _Window())
        if window.number != number:
            window.number, window.used = number, 0
        window.used += 1
        rest = max(self._quota - window.used, 0)
        scope["quota"] = b'"default";r=%d;t=%d' % (rest, left)
        if window.used > self._quota:
            raise TooManyRequests(
                f"This key may send {self._quota} requests a minute.",
                headers={"Retry-After": str(left)},
            )


Scopes = Mapping[str, str]
