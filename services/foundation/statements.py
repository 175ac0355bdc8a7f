"""SQLAlchemy Core statements, compiled once per dialect and then run by the bare driver."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import Executable, Float, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

POSTGRESQL: Dialect = asyncpg.dialect()  # type: ignore[no-untyped-call]
SQLITE: Dialect = sqlite.dialect()

Record = dict[str, Any]
Converter = Callable[[Any], Any]
Access = Literal["reads", "locks", "writes"]
Planned = Literal["anew", "once"]


@dataclass(frozen=True, slots=True)
class Compiled:
    """Text of a statement with what turns Python values into parameters and columns into values."""

    text: str
    parameters: tuple[tuple[str, Converter | None], ...]
    defaults: Mapping[str, Any]
    columns: tuple[tuple[str, Converter | None], ...]
    access: Access
    then: "Compiled | None" = None

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        given = {**self.defaults, **values} if self.defaults else values
        return [
            value if convert is None or value is None else convert(value)
            for name, convert in self.parameters
            for value in (given[name],)
        ]

    def record(self, row: Any) -> Record:
        return {
            name: value if convert is None or value is None else convert(value)
            for (name, convert), value in zip(self.columns, row, strict=True)
        }


class Statement:
    """One Core statement; make it once at import, or per combination of filters and keep it.

    `along` is a second write that always goes with this one: PostgreSQL does both as one statement
    (a common table expression), so in one round trip; SQLite one after the other.
    `planned` tells PostgreSQL when to plan it: `anew` for each values, where the best way to a rare value
    is a bad one to a frequent value; `once` where planning costs more than running; else it guesses.
    """

    def __init__(
        self,
        clause: Executable,
        *,
        along: Executable | None = None,
        planned: Planned | None = None,
    ) -> None:
        self.clause, self.along, self.planned = clause, along, planned
        self._compiled: dict[str, Compiled] = {}

    def on(self, dialect: Dialect) -> Compiled:
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = self._compile(dialect)
        return found

    def _compile(self, dialect: Dialect) -> Compiled:
        clause: Any = self.clause
        along: Any = self.along
        if along is None:
            return _compile(clause, dialect)
        if dialect.name == "postgresql":
            return _compile(clause.add_cte(along.cte("along")), dialect)
        return replace(_compile(clause, dialect), then=_compile(along, dialect))


@lru_cache(maxsize=200)
def writers(table: Table, names: tuple[str, ...], dialect: Dialect) -> tuple[Converter | None, ...]:
    """Return what turns the values of these columns into what the driver takes."""
    return tuple(table.c[name].type._cached_bind_processor(dialect) for name in names)


def driver_rows(
    table: Table, rows: Sequence[Mapping[str, Any]], dialect: Dialect
) -> tuple[tuple[str, ...], Iterator[list[Any]]]:
    """Return the columns that rows name, all the same ones, and the rows as the driver takes them."""
    names = tuple(rows[0])
    pairs = tuple(zip(names, writers(table, names, dialect), strict=True))
    return names, (
        [
            value if convert is None or value is None else convert(value)
            for name, convert in pairs
            for value in (row[name],)
        ]
        for row in rows
    )


def _access(clause: Any) -> Access:
    if not clause.is_select:
        return "writes"
    return "reads" if clause._for_update_arg is None else "locks"


def _compile(clause: Any, dialect: Dialect) -> Compiled:
    # Only SQLite's dialect names no casts; both get literal limits and one text for good.
    compiled: SQLCompiler = clause.compile(
        dialect=dialect, compile_kwargs={"render_postcompile": True}
    )
    names = list(compiled.positiontup or ())
    processors: Mapping[str, Any] = compiled._bind_processors
    columns: list[tuple[str, Converter | None]] = []
    for entry in compiled._result_columns or ():
        # Drivers give floats as floats; SQLAlchemy's processor for them wants the column's wire type.
        is_float = isinstance(entry.type, Float)
        kind = entry.type.dialect_impl(dialect)
        processor = None if is_float else kind.result_processor(dialect, None)
        columns.append((str(entry.keyname), processor))
    fixed = {
        name: bind.effective_value
        for name, bind in compiled.binds.items()
        if not bind.required and bind.effective_value is not None
    }
    return Compiled(
        text=str(compiled),
        parameters=tuple((name, processors.get(name)) for name in names),
        defaults=fixed,
        columns=tuple(columns),
        access=_access(clause),
    )
