"""A write that is sent again answers as it did: its answer is stored in the transaction of the write."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, insert, select

from services.foundation.calls import Call
from services.foundation.database import Database, Transaction, UniqueViolation, Work
from services.foundation.problems import Answer, Conflict, FieldError, Invalid, Unreadable
from services.foundation.statements import Statement
from services.foundation.tables import idempotency_records as records

KEEP = timedelta(days=7)
FORM = r'^([!#-~]{1,255}|"[!#-~]{1,255}")$'

_FIND = Statement(
    select(
        records.c.request_hash,
        records.c.status,
        records.c.media_type,
        records.c.headers,
        records.c.body,
    ).where(
        records.c.key_id == bindparam("key_id"),
        records.c.method == bindparam("method"),
        records.c.path == bindparam("path"),
        records.c.idempotency_key == bindparam("idempotency_key"),
    )
)
_STORE = Statement(insert(records))
_FORGET = Statement(delete(records).where(records.c.created_at < bindparam("before")))


class KeyReused(Invalid):
    code, title = "idempotency_key_reused", "This Idempotency-Key was used for another request."


@dataclass(frozen=True)
class Request:
    """What makes two requests the same: caller, method, path, key; and the hash of what was sent."""

    key_id: str
    method: str
    path: str
    idempotency_key: str
    request_hash: str

    @classmethod
    def of(cls, call: Call, body: bytes) -> "Request | None":
        """Read the Idempotency-Key of a call, bare or quoted; None when there is none.

        Raises
        ------
        Unreadable
            The header is not 1 to 255 visible characters without a quote among them.
        """
        header = call.header(b"idempotency-key")
        if header is None:
            return None
        if not re.fullmatch(FORM, header):
            raise Unreadable("Idempotency-Key takes 1 to 255 visible ASCII characters.")
        key = header.strip('"')
        sent = hashlib.sha256(call.scope["query_string"] + b"\n" + body)
        # A caller that has lost a right to see personal data is not shown an answer from before.
        sent.update(
            " ".join(sorted(s for s in call.principal.scopes if s.endswith(":pii"))).encode()
        )
        for name in (b"if-match", b"if-none-match"):
            sent.update(f"{call.header(name)}\n".encode())
        method, path = call.scope["method"], call.scope["path"][:600]
        return cls(call.principal.key_id, method, path, key, sent.hexdigest())

    def identity(self) -> dict[str, str]:
        return {
            "key_id": self.key_id,
            "method": self.method,
            "path": self.path,
            "idempotency_key": self.idempotency_key,
        }


async def once(
    transaction: Transaction,
    request: Request | None,
    work: Callable[[], Awaitable[Answer]],
    *,
    now: datetime,
) -> Answer:
    """Do the work, or answer as the first time did.

    Raises
    ------
    KeyReused
        The same key came with another request before.
    """
    if request is None:
        return await work()
    found = await transaction.first(_FIND, request.identity())
    if found is not None:
        if found["request_hash"] != request.request_hash:
            message = "Send another Idempotency-Key with another request."
            fault = FieldError("/headers/Idempotency-Key", KeyReused.code, message)
            raise KeyReused(errors=[fault])
        headers = {**found["headers"], "Idempotent-Replayed": "true"}
        return Answer(found["body"].encode(), found["status"], found["media_type"], headers)
    answer = await work()
    stored: dict[str, Any] = {
        **request.identity(),
        "request_hash": request.request_hash,
        "status": answer.status,
        "media_type": answer.media_type,
        "headers": dict(answer.headers),
        "body": (answer.body if answer.kept_body is None else answer.kept_body).decode(),
        "created_at": now,
    }
    await transaction.run(_STORE, stored)
    return answer


async def write_once(
    call: Call, body: bytes, work: Callable[[Transaction], Awaitable[Answer]]
) -> Answer:
    """Run a unit of work for an endpoint that opens its own transactions (`RouteRules.retryable`)."""
    request = Request.of(call, body)

    async def unit(transaction: Transaction) -> Answer:
        return await once(transaction, request, lambda: work(transaction), now=call.now)

    return await settle(call.database, unit)


async def settle(database: Database, unit: Work[Answer], *, ends_itself: bool = False) -> Answer:
    """Run a unit of work; who lost a race for the same key or reference looks again.

    Raises
    ------
    Conflict
        What is stored stands against it, now as a moment ago.
    """
    try:
        return await database.write(unit, ends_itself=ends_itself)
    except (UniqueViolation, Conflict):
        pass  # perhaps of a twin, whose answer or record is there by now
    try:
        return await database.write(unit, ends_itself=ends_itself)
    except UniqueViolation:
        raise Conflict("Another request is writing the same; try again.") from None


async def forget_old(database: Database, *, now: datetime) -> None:
    """Remove records older than seven days."""
    await database.write(lambda transaction: transaction.run(_FORGET, {"before": now - KEEP}))
