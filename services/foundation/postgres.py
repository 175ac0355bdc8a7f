"""PostgreSQL behind `Database`, on asyncpg."""

import asyncio
import random
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
from sqlalchemy import Table
from sqlalchemy.schema import ExecutableDDLElement

from services.foundation.database import NOTHING, Result, UniqueViolation, Work
from services.foundation.problems import Contended, Unavailable
from services.foundation.statements import POSTGRESQL, Record, Statement, driver_rows

_ATTEMPTS = 4
_UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.DiskFullError,
    asyncpg.QueryCanceledError,
)
# COPY's CSV form leaves a text alone if neither delimiter, quote nor line break is in it, and
# JSON made by the database holds no control characters.
_LINES = {"format": "csv", "delimiter": "\x02", "quote": "\x01"}
_TABLE = {"format": "csv", "header": True}
_STREAM_SECONDS = 6 * 3600


_PLANS = {"anew": "force_custom_plan", "once": "force_generic_plan"}


# Names of `alone` become one of so many numbers: the table of locks, which all share, cannot run full
# (64 locks for each of 100 connections, as PostgreSQL comes), however large a batch is.
_NAMES = 4096
_ALONE = "SELECT pg_advisory_xact_lock(7, name) FROM unnest($1::integer[]) AS name"


class _Reader:
    """The reading half, over one connection."""

    dialect = POSTGRESQL

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def _fetch(self, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        compiled = statement.on(POSTGRESQL)
        arguments = compiled.arguments(values)
        if statement.planned is None:
            rows: list[Any] = await self.connection.fetch(compiled.text, *arguments)
            return rows
        await self.connection.execute(f"SET plan_cache_mode = {_PLANS[statement.planned]}")
        try:
            rows = await self.connection.fetch(compiled.text, *arguments)
        finally:
            await self.connection.execute("RESET plan_cache_mode")
        return rows

    async def all(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> list[Record]:
        record = statement.on(POSTGRESQL).record
        return [record(row) for row in await self._fetch(statement, values)]

    async def first(
        self, statement: Statement, values: Mapping[str, Any] = NOTHING
    ) -> Record | None:
        rows = await self._fetch(statement, values)
        return statement.on(POSTGRESQL).record(rows[0]) if rows else None

    async def text(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> str | None:
        rows = await self._fetch(statement, values)
        return rows[0][0] if rows else None

    async def texts(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> list[Any]:
        return await self._fetch(statement, values)


class _Transaction(_Reader):
    """A transaction on one connection."""

    async def run(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> None:
        await self._fetch(statement, values)

    async def run_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None:
        compiled = statement.on(POSTGRESQL)
        await self.connection.executemany(compiled.text, [compiled.arguments(row) for row in rows])

    async def copy(self, table: Table, rows: Iterable[Sequence[Any]]) -> None:
        names = [column.name for column in table.columns]
        await self.connection.copy_records_to_table(
            table.name, records=rows, columns=names, timeout=_STREAM_SECONDS
        )

    async def insert_many(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        names, records = driver_rows(table, rows, POSTGRESQL)
        await self.connection.copy_records_to_table(table.name, records=records, columns=names)

    async def define(self, definition: ExecutableDDLElement) -> None:
        text = str(definition.compile(dialect=POSTGRESQL))
        await self.connection.execute(text, timeout=_STREAM_SECONDS)

    async def alone(self, names: Iterable[str]) -> None:
        numbers = sorted({zlib.crc32(name.encode()) % _NAMES for name in names})
        if numbers:
            await self.connection.fetch(_ALONE, numbers)

    async def savepoint(self, work: Callable[[], Awaitable[Result]]) -> Result:
        try:
            async with self.connection.transaction():
                return await work()
        except asyncpg.UniqueViolationError as error:
            raise UniqueViolation(error.table_name or "") from error


class _EndingTransaction(_Transaction):
    """A transaction that its last write commits: it begins only if there is another one before."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self._begun: Any = None
        self._has_ended = False

    async def _begin(self) -> None:
        if self._has_ended:
            raise RuntimeError("this unit of work promised to write nothing after its last write")
        if self._begun is None:
            self._begun = self.connection.transaction()
            await self._begun.start()

    async def __aenter__(self) -> "_EndingTransaction":
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self._begun is not None:
            await (self._begun.commit() if error is None else self._begun.rollback())

    async def _fetch(self, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        access = statement.on(POSTGRESQL).access
        if access == "locks" or (access == "writes" and self._has_ended):
            await self._begin()
        self._has_ended |= access == "writes" and self._begun is None
        return await super()._fetch(statement, values)

    async def run(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> None:
        await self._begin()
        await super().run(statement, values)

    async def run_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None:
        await self._begin()
        await super().run_many(statement, rows)

    async def copy(self, table: Table, rows: Iterable[Sequence[Any]]) -> None:
        await self._begin()
        await super().copy(table, rows)

    async def insert_many(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        await self._begin()
        await super().insert_many(table, rows)

    async def define(self, definition: ExecutableDDLElement) -> None:
        await self._begin()
        await super().define(definition)

    async def alone(self, names: Iterable[str]) -> None:
        await self._begin()
        await super().alone(names)

    async def savepoint(self, work: Callable[[], Awaitable[Result]]) -> Result:
        await self._begin()
        return await super().savepoint(work)


async def _no_reset(_: Any) -> None:
    """Nothing of ours sets session state, and the default reset doubles the server's work."""


_EPOCH, _MICROSECOND = datetime(2000, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_EPOCH_DAY = _EPOCH.toordinal()


def _uuid_text(value: bytes) -> str:
    text = value.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


async def _prepare(connection: Any) -> None:
    # Binary, because COPY takes no other form.
    await connection.set_type_codec(
        "uuid",
        encoder=lambda text: bytes.fromhex(text.replace("-", "")),
        decoder=_uuid_text,
        schema="pg_catalog",
        format="binary",
    )
    # asyncpg's own codecs turn the first and the last day of the calendar into infinities.
    await connection.set_type_codec(
        "timestamptz",
        encoder=lambda instant: ((instant - _EPOCH) // _MICROSECOND,),
        decoder=lambda parts: _EPOCH + parts[0] * _MICROSECOND,
        schema="pg_catalog",
        format="tuple",
    )
    await connection.set_type_codec(
        "date",
        encoder=lambda day: (day.toordinal() - _EPOCH_DAY,),
        decoder=lambda parts: date.fromordinal(_EPOCH_DAY + parts[0]),
        schema="pg_catalog",
        format="tuple",
    )


def _is_gone(connection: Any) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True  # the pool has taken it back, which it does when a connection dies


class PostgresDatabase:
    """A pool of connections to one PostgreSQL database."""

    dialect = POSTGRESQL

    def __init__(self, url: str, *, connections: int = 4) -> None:
        self.url = url.replace("postgresql+asyncpg://", "postgresql://")
        self._connections = connections
        self._pool: Any = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        try:
            async with self._opening:
                if self._pool is None:
                    self._pool = await asyncpg.create_pool(
                        self.url,
                        min_size=1,
                        max_size=self._connections,
                        init=_prepare,
                        reset=_no_reset,
                        statement_cache_size=500,
                        # By default what is longer than 15 KiB is parsed and planned every time.
                        max_cacheable_statement_size=0,
                        command_timeout=10,
                        timeout=5,
                        server_settings={
                            "application_name": "phasewise",
                            "timezone": "UTC",
                            # pg_trgm's own 0.6 misses a name of six letters with one wrong.
                            "pg_trgm.word_similarity_threshold": "0.4",
                        },
                    )
        except _UNREACHABLE as error:
            raise Unavailable() from error

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        try:
            if self._pool is None:
                await self.open()
            connection = await self._pool.acquire(timeout=5)
            try:
                yield connection
            except asyncpg.InternalClientError as error:
                # asyncpg lost track of the protocol while the connection died.
                connection.terminate()
                raise Unavailable() from error
            except asyncpg.InterfaceError as error:
                # Whatever is tried with a connection that died ends so, even ending a transaction.
                if _is_gone(connection):
                    raise Unavailable() from error
                raise
            finally:
                await self._pool.release(connection)
        except _UNREACHABLE as error:
            raise Unavailable() from error

    async def all(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> list[Record]:
        async with self._connection() as connection:
            return await _Reader(connection).all(statement, values)

    async def first(
        self, statement: Statement, values: Mapping[str, Any] = NOTHING
    ) -> Record | None:
        async with self._connection() as connection:
            return await _Reader(connection).first(statement, values)

    async def text(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> str | None:
        async with self._connection() as connection:
            return await _Reader(connection).text(statement, values)

    async def texts(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> list[Any]:
        async with self._connection() as connection:
            return await _Reader(connection).texts(statement, values)

    async def write(self, work: Work[Result], *, ends_itself: bool = False) -> Result:
        for attempt in range(_ATTEMPTS):
            try:
                async with self._connection() as connection:
                    if ends_itself:
                        async with _EndingTransaction(connection) as transaction:
                            return await work(transaction)
                    async with connection.transaction():
                        return await work(_Transaction(connection))
            except asyncpg.UniqueViolationError as error:
                raise UniqueViolation(error.table_name or "") from error
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
                if attempt == _ATTEMPTS - 1:
                    raise Contended() from error
                # By chance, so that two who blocked each other do not do it again in step.
                await asyncio.sleep(random.uniform(0.01, 0.05 * 4**attempt))
        raise AssertionError("unreachable")

    async def scrub(self) -> bool:
        """Leave it to the server: autovacuum frees dead rows, and its log is recycled."""
        return True

    async def stream(
        self, statement: Statement, values: Mapping[str, Any] = NOTHING, *, csv: bool = False
    ) -> AsyncIterator[bytes]:
        compiled = statement.on(POSTGRESQL)
        # A bounded queue between COPY and the client: a slow client slows COPY, memory stays flat.
        chunks: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=8)
        async with self._connection() as connection:

            async def copy() -> None:
                try:
                    await connection.copy_from_query(
                        compiled.text,
                        *compiled.arguments(values),
                        output=chunks.put,
                        timeout=_STREAM_SECONDS,
                        **(_TABLE if csv else _LINES),
                    )
                finally:
                    await chunks.put(None)

            task = asyncio.create_task(copy())
            try:
                while (chunk := await chunks.get()) is not None:
                    yield chunk
                await task
            finally:
                task.cancel()
