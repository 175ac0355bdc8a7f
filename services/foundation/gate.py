"""The gate of a service: who calls, how much of the quota is left, and when a key was last used."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import bindparam, or_, update
from starlette.types import Scope

from services.foundation.calls import Principal
from services.foundation.columns import Instant
from services.foundation.database import Database
from services.foundation.keys import look_up
from services.foundation.problems import Problem, TooManyRequests, Unauthenticated
from services.foundation.statements import Statement
from services.foundation.tables import keys
from services.foundation.tokens import TOKEN_MARK, Issuer

log = logging.getLogger("phasewise")
_REMEMBER_SECONDS = 5.0
_REMEMBER_KEYS = 10_000
_WINDOW_SECONDS = 60
_NOTE_SECONDS = 60.0
_LOOK_SECONDS = 1.0
_LAST_SECONDS = 5.0

_used_at = bindparam("used_at", type_=Instant)
_NOTE = Statement(
    update(keys)
    .where(
        keys.c.id == bindparam("at_id"),
        or_(keys.c.last_used_at.is_(None), keys.c.last_used_at < _used_at),
    )
    .values(last_used_at=_used_at)
)


@dataclass(slots=True)
class _Window:
    """What a caller used of the present minute; when he last called, and up to when that is stored."""

    number: int = 0
    used: int = 0
    at: float = 0.0
    noted: float = 0.0
    noted_at: float = 0.0


class Gate:
    """Lets callers in: who they are, and how much of their quota is left.

    A key that is revoked or expires is let in for at most five seconds more, the time for which a
    checked key is remembered; a token is remembered until it expires, at most for five minutes.
    The quota is counted per process. When a key was last used is written beside the requests, at
    most once a minute and key, so a crash loses about the last minute of it.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime],
        requests_per_minute: int,
        issuer: Issuer | None = None,
    ) -> None:
        self._database, self._clock, self._quota = database, clock, requests_per_minute
        self._issuer = issuer
        self._known: dict[str, tuple[float, Principal]] = {}
        self._windows: dict[str, _Window] = {}
        self.policy = _policy(requests_per_minute)

    async def authenticate(self, authorization: str | None) -> Principal:
        """Return who calls.

        Raises
        ------
        Unauthenticated
            There is no bearer key or token, or it is not good, or not any more.
        """
        if authorization is None:
            raise Unauthenticated("Send the header Authorization: Bearer <key>.")
        known = self._known.get(authorization)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("Send the header Authorization: Bearer <key>.")
        key, seconds = key.strip(), _REMEMBER_SECONDS
        if self._issuer is not None and key.count(".") == 2:
            principal, seconds = await self._issuer.verify(key, now=self._clock())
        else:
            principal = await look_up(self._database, key, now=self._clock())
        if len(self._known) >= _REMEMBER_KEYS:
            self._known.clear()
        self._known[authorization] = (time.monotonic() + seconds, principal)
        return principal

    def quota_of(self, principal: Principal) -> int:
        """Return how many requests a minute a caller may send."""
        own = principal.requests_per_minute
        return self._quota if own is None else own

    def admit(self, scope: Scope, principal: Principal) -> None:
        """Count the request against the key's quota and leave the figures for the answer's headers.

        Raises
        ------
        TooManyRequests
            The quota of the present minute is used up.
        """
        now = time.time()
        number, left = int(now // _WINDOW_SECONDS), _WINDOW_SECONDS - int(now % _WINDOW_SECONDS)
        window = self._windows.get(principal.key_id)
        if window is None:
            window = self._windows[principal.key_id] = _Window()
        if window.number != number:
            window.number, window.used = number, 0
        window.used += 1
        window.at = now
        quota = self.quota_of(principal)
        if principal.requests_per_minute is not None:
            scope["rate_policy"] = _policy(quota)
        rest = max(quota - window.used, 0)
        scope["quota"] = b'"default";r=%d;t=%d' % (rest, left)
        if window.used > quota:
            raise TooManyRequests(
                f"This key may send {quota} requests a minute.",
                headers={"Retry-After": str(left)},
            )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Do what the gate does beside the requests while the block runs."""
        tasks = [asyncio.create_task(self._note_forever())]
        if self._issuer is not None:
            tasks.append(asyncio.create_task(self._issuer.follow()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(Problem, TimeoutError):
                await asyncio.wait_for(self._note(every_seconds=0), _LAST_SECONDS)

    async def _note_forever(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self._note(every_seconds=_NOTE_SECONDS)
            except Problem:
                pass  # the database is away; what is not noted yet is noted later
            except Exception:
                log.exception("the last use of keys could not be written")
                await asyncio.sleep(_NOTE_SECONDS)

    async def _note(self, *, every_seconds: float) -> None:
        """Store when keys were last used, unless that was done less than so many seconds ago."""
        now = time.time()
        due = [
            (key_id, window, window.at)
            for key_id, window in self._windows.items()
            if window.at > window.noted
            and now - window.noted_at >= every_seconds
            and not key_id.startswith(TOKEN_MARK)
        ]
        for key_id in [
            key_id
            for key_id, window in self._windows.items()
            if now - window.at > 2 * _WINDOW_SECONDS
            and (window.noted >= window.at or key_id.startswith(TOKEN_MARK))
        ]:
            del self._windows[key_id]
        if not due:
            return
        rows = [
            {"at_id": key_id, "used_at": datetime.fromtimestamp(at, UTC)}
            for key_id, _, at in sorted(due, key=lambda each: each[0])
        ]
        await self._database.write(lambda transaction: transaction.run_many(_NOTE, rows))
        for _, window, at in due:
            window.noted, window.noted_at = at, now


def _policy(requests_per_minute: int) -> bytes:
    return b'"default";q=%d;w=%d' % (requests_per_minute, _WINDOW_SECONDS)
