"""What a database can do for an operation; `postgres` and `sqlite` are the two that can."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import Table
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.schema import ExecutableDDLElement

from services.foundation.statements import Record, Statement

Result = TypeVar("Result")
NOTHING: Mapping[str, Any] = {}


class UniqueViolation(Exception):
    """A unique index of `table` refused a row."""

    def __init__(self, table: str) -> None:
        super().__init__(f"a unique index of {table} refused a row")
        self.table = table


class Reader(Protocol):
    """Runs statements and gives back records, or the text that the database made."""

    dialect: Dialect

    async def all(
        self, statement: Statement, values: Mapping[str, Any] = NOTHING
    ) -> list[Record]: ...

    async def first(
        self, statement: Statement, values: Mapping[str, Any] = NOTHING
    ) -> Record | None: ...

    async def text(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> str | None:
        """Return the first column of the first row as the driver gives it."""
        ...

    async def texts(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> list[Any]:
        """Return the rows as tuples as the driver gives them: no conversion at all."""
        ...


class Transaction(Reader, Protocol):
    """One open transaction; nobody but `Database.write` commits it."""

    async def run(self, statement: Statement, values: Mapping[str, Any] = NOTHING) -> None: ...

    async def run_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None: ...

    async def copy(self, table: Table, rows: Iterable[Sequence[Any]]) -> None:
        """Insert many rows the fastest way there is; values in the order of the table's columns."""
        ...

    async def insert_many(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert many rows the fastest way there is; all name the same columns."""
        ...

    async def define(self, definition: ExecutableDDLElement) -> None:
        """Change what there is in the schema, such as an index; it may take its time."""
        ...

    async def alone(self, names: Iterable[str]) -> None:
        """Wait until nobody else is in here with one of these names; keep others out to the end.

        Of use before a look-up for what is not there yet, which no row can be locked for.
        """
        ...

    async def savepoint(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Run `work`; if it raises, take back what it wrote and let the exception through."""
        ...


Work = Callable[[Transaction], Awaitable[Result]]


class Database(Reader, Protocol):
    """A pool of connections; reads outside a transaction see the newest committed state."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def write(self, work: Work[Result], *, ends_itself: bool = False) -> Result:
        """Run `work` in one transaction and return only after its commit is durable.

        `work` may run again after a deadlock, so it does nothing but talk to its transaction.
        `ends_itself` promises that its last statement is the only one that writes and returns
        something: if nothing else was written before, that statement commits by itself, which saves
        PostgreSQL the round trips of BEGIN and COMMIT. A write after it is refused.
        """
        ...

    async def scrub(self) -> bool:
        """Overwrite what deleted values left behind in the files; tells whether nothing is left.

        SQLite: in search indexes and the write-ahead log. PostgreSQL does it by itself (VACUUM), so
        there is nothing to do.
        """
        ...

    def stream(
        self, statement: Statement, values: Mapping[str, Any] = NOTHING, *, csv: bool = False
    ) -> AsyncIterator[bytes]:
        """Yield the rows in constant memory: CSV with a header, or one text column a line."""
        ...
