"""Counts the statements of requests that reach the driver of either database."""

import functools
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import asyncpg
import pytest
from starlette.types import Receive, Scope, Send

from services.foundation import keys
from services.foundation.edge import Edge
from services.foundation.sqlite import SqliteDatabase
from services.foundation.statements import POSTGRESQL, SQLITE

_FRAME = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA", "SET ", "RESET ")
_BESIDE = (
    "UPDATE keys SET last_used_at",
    "DELETE FROM idempotency_records",
    "pg_catalog",
    "set_config('jit'",
)
"""The last use of keys, old answers, and what asyncpg asks when it meets a type."""
_of_a_request: ContextVar[bool] = ContextVar("of_a_request", default=False)
_LOOK_UP = {keys._FIND.on(dialect).text for dialect in (SQLITE, POSTGRESQL)}


class Counter:
    """What requests ran since the last look, but for the frame of transactions and the look-up of the key.

    What runs beside them (imports, webhooks, erasures, retention) is not theirs.
    """

    def __init__(self) -> None:
        self.statements: list[str] = []

    def note(self, text: str) -> None:
        if not _of_a_request.get():
            return
        plain = " ".join(text.split())
        is_beside = text in _LOOK_UP or any(part in plain for part in _BESIDE)
        if not is_beside and not plain.upper().startswith(_FRAME):
            self.statements.append(plain)

    @contextmanager
    def counting(self) -> Iterator[list[str]]:
        counted: list[str] = []
        self.statements = counted
        yield counted
        self.statements = []


def count_statements(patch: pytest.MonkeyPatch) -> Counter:
    """Let both drivers, for connections that are opened from now on, tell what they run."""
    counter = Counter()

    class Sqlite(sqlite3.Connection):
        def execute(self, text: str, *rest: Any) -> Any:
            counter.note(text)
            return super().execute(text, *rest)

        def executemany(self, text: str, *rest: Any) -> Any:
            counter.note(text)
            return super().executemany(text, *rest)

    class Postgres(asyncpg.Connection):  # type: ignore[misc]
        async def _do_execute(self, query: str, *rest: Any, **more: Any) -> Any:
            counter.note(query)
            return await super()._do_execute(query, *rest, **more)

        async def execute(self, query: str, *rest: Any, **more: Any) -> Any:
            if not rest:
                counter.note(query)
            return await super().execute(query, *rest, **more)

        async def copy_records_to_table(self, table: str, **more: Any) -> Any:
            counter.note(f"COPY {table}")
            return await super().copy_records_to_table(table, **more)

        async def copy_from_query(self, query: str, *rest: Any, **more: Any) -> Any:
            counter.note(query)
            return await super().copy_from_query(query, *rest, **more)

    answer, write = Edge.__call__, SqliteDatabase.write

    async def answer_noted(edge: Edge, scope: Scope, receive: Receive, send: Send) -> None:
        _of_a_request.set(scope["type"] == "http")
        await answer(edge, scope, receive, send)

    async def write_noted(database: SqliteDatabase, work: Any, **more: Any) -> Any:
        """Take along into the writer's thread whether this is of a request."""
        is_asked = _of_a_request.get()

        async def noted(transaction: Any) -> Any:
            token = _of_a_request.set(is_asked)
            try:
                return await work(transaction)
            finally:
                _of_a_request.reset(token)

        return await write(database, noted, **more)

    patch.setattr(Edge, "__call__", answer_noted)
    patch.setattr(SqliteDatabase, "write", write_noted)
    patch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Sqlite))
    patch.setattr(
        asyncpg, "create_pool", functools.partial(asyncpg.create_pool, connection_class=Postgres)
    )
    return counter
