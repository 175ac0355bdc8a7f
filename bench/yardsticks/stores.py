"""The two databases as a service by hand would reach them: the driver, a pool or one connection."""

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import asyncpg

from shared.values import wire_instant

Row = dict[str, Any]


class Postgres:
    """A pool of four connections."""

    is_sqlite = False

    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> None:
        async def no_reset(_: Any) -> None:
            pass

        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=4,
            max_size=4,
            reset=no_reset,
            server_settings={"pg_trgm.word_similarity_threshold": "0.4"},
        )

    @staticmethod
    def shown(names: Iterable[str]) -> str:
        texts = ("id", "request_ref")
        return ", ".join(f"{name}::text" if name.endswith(texts) else name for name in names)

    async def fetch(self, text: str, *values: Any) -> list[Row]:
        return [dict(row) for row in await self._pool.fetch(text, *values)]

    async def fetch_all(self, *asked: tuple[str, Sequence[Any]]) -> list[list[Row]]:
        """Ask several questions one behind the other on one connection."""
        async with self._pool.acquire() as connection:
            return [
                [dict(row) for row in await connection.fetch(text, *values)]
                for text, values in asked
            ]

    async def add(self, text: str, values: Sequence[Any]) -> None:
        await self._pool.execute(text, *values)

    async def add_many(self, *added: tuple[str, Sequence[Sequence[Any]]]) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            for text, rows in added:
                await connection.executemany(text, rows)


class Sqlite:
    """One connection on the event loop."""

    is_sqlite = True

    def __init__(self, url: str) -> None:
        self._path = url.removeprefix("sqlite:///")

    async def open(self) -> None:
        self._connection = sqlite3.connect(self._path, isolation_level=None, cached_statements=500)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("PRAGMA cache_size=-65536")
        self._connection.execute("PRAGMA busy_timeout=5000")
        self._connection.row_factory = sqlite3.Row

    @staticmethod
    def shown(names: Iterable[str]) -> str:
        return ", ".join(names)

    async def fetch(self, text: str, *values: Any) -> list[Row]:
        rows = self._connection.execute(text.replace("$", "?"), values).fetchall()
        return [dict(row) for row in rows]

    async def fetch_all(self, *asked: tuple[str, Sequence[Any]]) -> list[list[Row]]:
        return [await self.fetch(text, *values) for text, values in asked]

    async def add_many(self, *added: tuple[str, Sequence[Sequence[Any]]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for text, rows in added:
            stored = ([*map(_stored, row)] for row in rows)
            self._connection.executemany(text.replace("$", "?"), stored)
        self._connection.execute("COMMIT")


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return wire_instant(value)
    return value.isoformat() if isinstance(value, date) else value


Store = Postgres | Sqlite


async def open_store(url: str) -> Store:
    """Connect to either database."""
    store: Store = Sqlite(url) if url.startswith("sqlite:") else Postgres(url)
    await asyncio.wait_for(store.open(), 30)
    return store
