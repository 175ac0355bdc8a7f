"""Counts the statements that reach the driver of either database."""

import functools
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest

from services.foundation import keys
from services.foundation.statements import POSTGRESQL, SQLITE

_FRAME = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA", "SET ")
_BESIDE = (
    "UPDATE keys SET last_used_at",
    "DELETE FROM idempotency_records",
    "FROM imports WHERE imports.status",
    "pg_catalog",
    "set_config('jit'",
)
"""The last use of keys, old answers, waiting imports, and what asyncpg asks when it meets a type."""
_LOOK_UP = {keys._FIND.on(dialect).text for dialect in (SQLITE, POSTGRESQL)}


class Counter:
    """What was run since the last look, but for the frame of transactions and the look-up of the key."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def note(self, text: str) -> None:
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

    patch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Sqlite))
    patch.setattr(
        asyncpg, "create_pool", functools.partial(asyncpg.create_pool, connection_class=Postgres)
    )
    return counter
