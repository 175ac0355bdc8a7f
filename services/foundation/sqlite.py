"""SQLite behind `Database`: reads run inline, one writer thread commits waiting writes in groups."""

import asyncio
import csv as csv_module
import io
import queue
import sqlite3
import threading
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import suppress
from datetime import date, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Table
from sqlalchemy.schema import ExecutableDDLElement

from services.foundation.constructs import SUM_PART
from services.foundation.database import NOTHING, Result, UniqueViolation, Work
from services.foundation.problems import Unavailable
from services.foundation.statements import SQLITE, Record, Statement, driver_rows

_GROUP = 64
_MERGE_PAGES = 500
_INDEXES = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%USING fts5%'"
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
    # What is erased is overwritten, not only marked as free.
    "PRAGMA secure_delete=ON",
)
# Many rows at once fill indexes in random order, and the usual 2 MiB would thrash. What a statement
# needs to be undone grows with the search index that it merges, so it may go to a file.
_WRITERS = ("PRAGMA cache_size=-65536", "PRAGMA temp_store=FILE")
_READERS = ("PRAGMA cache_size=-16384", "PRAGMA temp_store=MEMORY", "PRAGMA query_only=ON")


@lru_cache(maxsize=100_000)
def _calendar_unit(text: str | None, unit: str, time_zone: str) -> str | None:
    """Name the unit of the calendar that an instant, or a day, falls into (PostgreSQL: to_char)."""
    if text is None:
        return None
    when: date = date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    if isinstance(when, datetime):
        with suppress(OverflowError):  # beyond the calendar its first or last day, as UTC has it
            when = when.astimezone(ZoneInfo(time_zone))
    if unit == "week":
        year, week, _ = when.isocalendar()
        return f"{year:04}-W{week:02}"
    if unit == "quarter":
        return f"{when.year:04}-Q{(when.month + 2) // 3}"
    return f"{when.year:04}-{when.month:02}-{when.day:02}"[: {"day": 10, "month": 7}.get(unit, 4)]


def _sum_of_parts(high: int | None, low: int | None) -> str | None:
    """Write the sum whose two parts SQLite has summed (`constructs.exact_sum`)."""
    return None if high is None or low is None else str(high * SUM_PART + low)


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a connection with our pragmas; `isolation_level=None` leaves transactions to us."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    for pragma in (*_PRAGMAS, *(_READERS if read_only else _WRITERS)):
        connection.execute(pragma)
    connection.create_function("calendar_unit", 3, _calendar_unit, deterministic=True)
    connection.create_function("sum_of_parts", 2, _sum_of_parts, deterministic=True)
    return connection


def _translate(error: sqlite3.Error) -> Exception:
    text = str(error)
    if isinstance(error, sqlite3.IntegrityError) and text.startswith("UNIQUE constraint failed: "):
        return UniqueViolation(text.removeprefix("UNIQUE constraint failed: ").split(".")[0])
    if isinstance(error, sqlite3.OperationalError) and any(
        word in text for word in ("locked", "disk", "full", "unable to open", "readonly")
    ):
        return Unavailable()
    return error


class _Reader:
    """The reading half, over one connection."""

    dialect = SQLITE

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def _fetch(self, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        compiled = statement.on(SQLITE)
        try:
            rows = self.connection.execute(compiled.text, compiled.arguments(values)).fetchall()
            if compiled.then is not None:
                self.connection.execute(compiled.then.text, compiled.then.arguments(values))
        except sqlite3.Error as error:
            raise _translate(error) from error
        return rows

    async def all(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> list[Record]:
        record = statement.on(SQLITE).record
        return [record(row) for row in self._fetch(statement, values)]

    async def first(
        self, statement: Statement, values: Mapping[str, Any] = NOTHING
    ) -> Record | None:
        rows = self._fetch(statement, values)
        return statement.on(SQLITE).record(rows[0]) if rows else None

    async def text(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> str | None:
        rows = self._fetch(statement, values)
        return rows[0][0] if rows else None

    async def texts(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> list[Any]:
        return self._fetch(statement, values)


class _Transaction(_Reader):
    """A transaction on the writer's connection."""

    async def run(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> None:
        self._fetch(statement, values)

    async def run_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None:
        compiled = statement.on(SQLITE)
        try:
            self.connection.executemany(compiled.text, [compiled.arguments(row) for row in rows])
        except sqlite3.Error as error:
            raise _translate(error) from error

    async def copy(self, table: Table, rows: Iterable[Sequence[Any]]) -> None:
        marks = ", ".join("?" for _ in table.columns)
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        text = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'
        try:
            self.connection.executemany(text, rows)
        except sqlite3.Error as error:
            raise _translate(error) from error

    async def insert_many(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        names, records = driver_rows(table, rows, SQLITE)
        marks, columns = ", ".join("?" for _ in names), ", ".join(f'"{name}"' for name in names)
        text = f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})'
        # Triggers see one row at a time here; a table of this name lets them see all of them.
        together = table.info.get("in_bulk")
        try:
            if together is not None:
                ids = orjson.dumps([row["id"] for row in rows]).decode()
                self.connection.execute(f"INSERT INTO {together} (ids) VALUES (?)", (ids,))
            self.connection.executemany(text, records)
            if together is not None:
                self.connection.execute(f"DELETE FROM {together}")
        except sqlite3.Error as error:
            raise _translate(error) from error

    async def define(self, definition: ExecutableDDLElement) -> None:
        try:
            self.connection.execute(str(definition.compile(dialect=SQLITE)))
        except sqlite3.Error as error:
            raise _translate(error) from error

    async def alone(self, names: Iterable[str]) -> None:
        """Do nothing: one writes at a time anyway."""

    async def savepoint(self, work: Callable[[], Awaitable[Result]]) -> Result:
        self.connection.execute("SAVEPOINT step")
        try:
            result = await work()
        except BaseException:
            self.connection.execute("ROLLBACK TO step")
            self.connection.execute("RELEASE step")
            raise
        self.connection.execute("RELEASE step")
        return result


def _drive(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine that never waits for anything but the transaction, which never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    work.close()
    raise RuntimeError("a unit of work on SQLite may only await its transaction")


class _Job:
    def __init__(self, work: Work[Any]) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def attempt(self, transaction: _Transaction, *, is_first: bool = False) -> None:
        async def unit() -> Any:
            if is_first:
                return await self.work(transaction)
            return await transaction.savepoint(lambda: self.work(transaction))

        try:
            self.result = _drive(unit())
        except BaseException as error:
            self.error = error

    def settle(self) -> None:
        if self.future.cancelled():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class SqliteDatabase(_Reader):
    """One file, one reading connection on the event loop, one writing thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None

    async def open(self) -> None:
        self.connection = connect(self.path, read_only=True)
        self._writer = threading.Thread(target=self._write_forever, name="writer", daemon=True)
        self._writer.start()

    async def close(self) -> None:
        if self._writer is not None:
            self._jobs.put(None)
            await asyncio.to_thread(self._writer.join)
            self._writer = None
            self.connection.close()

    async def write(
        self,
        work: Work[Result],
        *,
        ends_itself: bool = False,  # noqa: ARG002 - a group commits together, nothing to save
    ) -> Result:
        job = _Job(work)
        self._jobs.put(job)
        result: Result = await job.future
        return result

    def _write_forever(self) -> None:
        connection = connect(self.path)
        try:
            while (job := self._jobs.get()) is not None:
                group = [job]
                last = self._write_group(connection, group)
                self._settle(group)
                if last:
                    return
        finally:
            connection.close()

    def _write_group(self, connection: sqlite3.Connection, group: list[_Job]) -> bool:
        """Run the first job and all that wait behind it, then commit once for all of them."""
        transaction, last = _Transaction(connection), False
        try:
            connection.execute("BEGIN IMMEDIATE")
            # The transaction itself is the first one's savepoint. In a real one, each statement of a large
            # job takes longer than the one before: SQLite walks over all that it keeps for undoing.
            group[0].attempt(transaction, is_first=True)
            if group[0].error is not None:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                connection.execute("BEGIN IMMEDIATE")
            while len(group) < _GROUP and not self._jobs.empty():
                job = self._jobs.get()
                if job is None:
                    last = True
                    break
                group.append(job)
                job.attempt(transaction)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for job in group:
                job.error = job.error or _translate(error)
        return last

    def _settle(self, group: list[_Job]) -> None:
        def settle() -> None:
            for job in group:
                job.settle()

        group[0].loop.call_soon_threadsafe(settle)

    async def scrub(self) -> bool:
        """Merge search indexes, in steps that writes pass between, and empty the write-ahead log.

        An index keeps the words of a deleted text until the parts that hold them are merged, and the
        log keeps old pages until it is begun anew; `secure_delete` sees to everything else.
        """
        for (name,) in self.connection.execute(_INDEXES).fetchall():
            pages = -_MERGE_PAGES  # negative: even parts that would not be merged yet
            while await self.write(partial(_merge, index=name, pages=pages)):
                pages = _MERGE_PAGES
        return await asyncio.to_thread(_empty_log, self.path)

    async def stream(
        self, statement: Statement, values: Mapping[str, Any] = NOTHING, *, csv: bool = False
    ) -> AsyncIterator[bytes]:
        compiled = statement.on(SQLITE)
        connection = await asyncio.to_thread(connect, self.path, read_only=True)
        try:
            cursor = await asyncio.to_thread(
                connection.execute, compiled.text, compiled.arguments(values)
            )
            if csv:
                yield _csv([[name for name, _ in compiled.columns]])
            while rows := await asyncio.to_thread(cursor.fetchmany, 2000):
                yield _csv(rows) if csv else ("\n".join([row[0] for row in rows]) + "\n").encode()
        finally:
            connection.close()


async def _merge(transaction: Any, *, index: str, pages: int) -> bool:
    """Merge so many pages of an index; tells whether there was anything to merge."""
    connection = transaction.connection
    before = connection.total_changes
    connection.execute(f'INSERT INTO "{index}" ("{index}", rank) VALUES (\'merge\', ?)', (pages,))
    # The command itself counts for one, as its documentation says.
    return bool(connection.total_changes - before >= 2)


def _empty_log(path: Path) -> bool:
    """Write the log into the file and cut it off; tells whether no reader stood in the way."""
    connection = connect(path)
    try:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy
    finally:
        connection.close()


def _csv(rows: Sequence[Any]) -> bytes:
    out = io.StringIO()
    # The writer quotes what holds a character of the line end, so a lone return has to be one.
    csv_module.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()
