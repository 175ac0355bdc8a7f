"""SQL constructs that mean the same on PostgreSQL and on SQLite; no tables are here."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    Text,
    bindparam,
    literal_column,
    or_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType

from services.foundation.columns import Day, Document, Identifier, Instant, Texts
from shared.money import CURRENCY_EXPONENTS


class json_record(FunctionElement[str]):  # noqa: N801 - reads as an SQL function
    """A JSON object made by the database: `json_record(("id", table.c.id), …)`."""

    # NullType: a boolean or text type would make SQLite's renderer wrap the construct.
    type = NullType()  # type: ignore[assignment]
    inherit_cache = True

    def __init__(self, *pairs: tuple[str, ColumnElement[Any]]) -> None:
        self.names = tuple(name for name, _ in pairs)
        super().__init__(*(expression for _, expression in pairs))

    def pairs(self) -> list[tuple[str, ColumnElement[Any]]]:
        return list(zip(self.names, self.clauses, strict=True))


_MOST_ARGUMENTS = 100
"""PostgreSQL's limit of a function's arguments; SQLite's is 127."""


@compiles(json_record, "postgresql")
def _json_record_on_postgresql(element: json_record, compiler: Any, **kw: Any) -> str:
    values = [(name, _json_value(part, compiler, **kw)) for name, part in element.pairs()]
    if 2 * len(values) <= _MOST_ARGUMENTS:
        pairs = (f"'{name}', {value}" for name, value in values)
        return f"json_build_object({', '.join(pairs)})"
    columns = ", ".join(f'{value} AS "{name}"' for name, value in values)
    return f"(SELECT row_to_json(record) FROM (SELECT {columns}) AS record)"


@compiles(json_record, "sqlite")
def _json_record_on_sqlite(element: json_record, compiler: Any, **kw: Any) -> str:
    parts = [f"'{name}', {_json_value(part, compiler, **kw)}" for name, part in element.pairs()]
    half = _MOST_ARGUMENTS // 2
    first, rest = parts[:half], parts[half:]
    if not rest:
        return f"json_object({', '.join(first)})"
    # Two objects made one as text: what ends the first is a bracket, and the second begins with one.
    begin, end = f"json_object({', '.join(first)})", f"json_object({', '.join(rest)})"
    return f"substr({begin}, 1, length({begin}) - 1) || ',' || substr({end}, 2)"


def _json_value(part: ColumnElement[Any], compiler: Any, **kw: Any) -> str:
    """Give `part` the form that the dialect's JSON maker turns into our wire spelling."""
    text = compiler.process(part, **kw)
    sqlite = compiler.dialect.name == "sqlite"
    kind = type(part.type)
    if kind is Instant and not sqlite:
        return f"to_char({text} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    if kind is Document and sqlite:
        return f"json({text})"
    if isinstance(part.type, Float) and sqlite:
        # SQLite's JSON keeps 15 digits, which is not every double; 17 are, and uglier.
        short, exact = f"printf('%!.15g', {text})", f"printf('%!.17g', {text})"
        digits = f"CASE WHEN CAST({short} AS REAL) = {text} THEN {short} ELSE {exact} END"
        return f"CASE WHEN typeof({text}) <> 'null' THEN json({digits}) END"
    if part.type.python_type is bool if kind.__name__ == "Boolean" else False:
        return (
            f"json(CASE WHEN {text} THEN 'true' WHEN NOT {text} THEN 'false' END)"
            if sqlite
            else text
        )
    return str(text)


class wire_text(FunctionElement[str]):  # noqa: N801
    """A column as the text that the wire shows, for exports that are not JSON."""

    type = Text()
    inherit_cache = True


@compiles(wire_text)
def _wire_text(element: wire_text, compiler: Any, **kw: Any) -> str:
    (part,) = element.clauses
    if type(part.type) is Instant and compiler.dialect.name == "postgresql":
        return _json_value(part, compiler, **kw)
    text = str(compiler.process(part, **kw))
    if type(part.type).__name__ == "Boolean":
        return f"CASE WHEN {text} THEN 'true' WHEN NOT {text} THEN 'false' END"
    return text


class json_money(FunctionElement[str]):  # noqa: N801
    """`{"amount": "12.30", "currency": "EUR"}` from minor units and a currency, null when unknown."""

    type = NullType()  # type: ignore[assignment]
    inherit_cache = True

    def __init__(self, minor: ColumnElement[int], currency: ColumnElement[str]) -> None:
        super().__init__(minor, currency)


def _by_exponent(currency: str, make: Any) -> str:
    """A CASE that writes the amount with as many decimals as the currency has."""
    groups: dict[int, list[str]] = {}
    for code, exponent in CURRENCY_EXPONENTS.items():
        groups.setdefault(exponent, []).append(f"'{code}'")
    branches = (
        f"WHEN {currency} IN ({', '.join(codes)}) THEN {make(e)}" for e, codes in groups.items()
    )
    return f"CASE {' '.join(branches)} ELSE {make(2)} END"


@compiles(json_money, "postgresql")
def _json_money_on_postgresql(element: json_money, compiler: Any, **kw: Any) -> str:
    minor, currency = (compiler.process(part, **kw) for part in element.clauses)
    amount = _by_exponent(currency, lambda e: f"round({minor} * 1e-{e}, {e})::text")
    return (
        f"CASE WHEN {minor} IS NOT NULL THEN "
        f"json_build_object('amount', {amount}, 'currency', {currency}) END"
    )


@compiles(json_money, "sqlite")
def _json_money_on_sqlite(element: json_money, compiler: Any, **kw: Any) -> str:
    minor, currency = (compiler.process(part, **kw) for part in element.clauses)

    def decimal(exponent: int) -> str:
        if exponent == 0:
            return f"CAST({minor} AS TEXT)"
        unit = 10**exponent
        sign = f"CASE WHEN {minor} < 0 THEN '-' ELSE '' END"
        return f"printf('%s%d.%0{exponent}d', {sign}, abs({minor}) / {unit}, abs({minor}) % {unit})"

    # SQLite 3.40 takes `IS NULL` for false in RETURNING if the table has foreign keys; typeof is right.
    return (
        f"CASE WHEN typeof({minor}) <> 'null' THEN "
        f"json_object('amount', {_by_exponent(currency, decimal)}, 'currency', {currency}) END"
    )


class any_of(FunctionElement[bool]):  # noqa: N801
    """`column is one of the values`, the values being one parameter however many they are.

    Where the column holds numbers (`Float`), they are compared as numbers, however they are written.
    """

    type = NullType()  # type: ignore[assignment]
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], values: ColumnElement[Any]) -> None:
        super().__init__(column, values)


@compiles(any_of, "postgresql")
def _any_of_on_postgresql(element: any_of, compiler: Any, **kw: Any) -> str:
    column, values = element.clauses
    cast = "uuid[]" if isinstance(column.type, Identifier) else "text[]"
    if isinstance(column.type, Float):
        cast += "::float8[]"
    value = compiler.process(values, **kw).split("::")[0]
    return f"{compiler.process(column, **kw)} = ANY({value}::{cast})"


@compiles(any_of, "sqlite")
def _any_of_on_sqlite(element: any_of, compiler: Any, **kw: Any) -> str:
    column, values = element.clauses
    value = "CAST(value AS REAL)" if isinstance(column.type, Float) else "value"
    return (
        f"{compiler.process(column, **kw)} IN "
        f"(SELECT {value} FROM json_each({compiler.process(values, **kw)}))"
    )


class each_text(FunctionElement[str]):  # noqa: N801
    """The texts of a JSON list as rows: `each_text(…).table_valued("value", name="wanted")`."""

    type = Text()
    inherit_cache = True


@compiles(each_text, "postgresql")
def _each_text_on_postgresql(element: each_text, compiler: Any, **kw: Any) -> str:
    (texts,) = element.clauses
    return f"jsonb_array_elements_text({compiler.process(texts, **kw)})"


@compiles(each_text, "sqlite")
def _each_text_on_sqlite(element: each_text, compiler: Any, **kw: Any) -> str:
    (texts,) = element.clauses
    return f"json_each({compiler.process(texts, **kw)})"


class joined(FunctionElement[str]):  # noqa: N801
    """The texts of a column over all rows, with commas between."""

    type = Text()
    inherit_cache = True


@compiles(joined, "postgresql")
def _joined_on_postgresql(element: joined, compiler: Any, **kw: Any) -> str:
    (column,) = element.clauses
    return f"string_agg({compiler.process(column, **kw)}::text, ',')"


@compiles(joined, "sqlite")
def _joined_on_sqlite(element: joined, compiler: Any, **kw: Any) -> str:
    (column,) = element.clauses
    return f"group_concat({compiler.process(column, **kw)}, ',')"


class unindexed(FunctionElement[Any]):  # noqa: N801
    """A column by which SQLite shall not search: another one of the condition says more.

    PostgreSQL knows how frequent values are and needs no hint.
    """

    inherit_cache = True

    def __init__(self, column: ColumnElement[Any]) -> None:
        self.type = column.type
        super().__init__(column)


@compiles(unindexed, "postgresql")
def _unindexed_on_postgresql(element: unindexed, compiler: Any, **kw: Any) -> str:
    (column,) = element.clauses
    return str(compiler.process(column, **kw))


@compiles(unindexed, "sqlite")
def _unindexed_on_sqlite(element: unindexed, compiler: Any, **kw: Any) -> str:
    (column,) = element.clauses
    return f"+{compiler.process(column, **kw)}"


def is_among(column: ColumnElement[Any]) -> any_of:
    """Build the condition that a column is one of the texts of the parameter `ids`."""
    return any_of(column, bindparam("ids", type_=Texts))


def one_of(column: ColumnElement[Any], values: Iterable[str]) -> ColumnElement[bool]:
    """Build `column is one of the values` for values that never change.

    They stand in the text: for a parameter that an index of a part of the table could depend on,
    SQLite prepares the whole statement anew with every value.
    """
    values = tuple(values)
    assert all(value.isidentifier() for value in values), "values are plain words of ours"
    return or_(*(column == literal_column(f"'{value}'", Text()) for value in values))


SUM_PART = 10**9
"""What divides the two parts in which SQLite sums whole numbers."""


class exact_sum(FunctionElement[str]):  # noqa: N801
    """The sum of whole numbers as a text, however large it gets: 64 bits may not hold it."""

    type = Text()
    inherit_cache = True

    def __init__(self, column: ColumnElement[int]) -> None:
        super().__init__(column)


@compiles(exact_sum, "postgresql")
def _exact_sum_on_postgresql(element: exact_sum, compiler: Any, **kw: Any) -> str:
    return f"sum({compiler.process(element.clauses, **kw)})::text"


@compiles(exact_sum, "sqlite")
def _exact_sum_on_sqlite(element: exact_sum, compiler: Any, **kw: Any) -> str:
    # Its own sum of whole numbers fails where 64 bits end; those of two parts stay below.
    column = compiler.process(element.clauses, **kw)
    high, low = (f"sum({column} {operator} {SUM_PART})" for operator in "/%")
    return f"sum_of_parts({high}, {low})"


class calendar_unit(FunctionElement[str]):  # noqa: N801
    """The day, week, month, quarter or year of an instant in a time zone: `2026-03`, `2026-W09`.

    An instant that lies outside the years 0001 to 9999 there counts to the first or the last day of them.
    """

    type = Text()
    inherit_cache = False
    FORMS = {
        "day": "YYYY-MM-DD",
        "week": 'IYYY-"W"IW',
        "month": "YYYY-MM",
        "quarter": 'YYYY-"Q"Q',
        "year": "YYYY",
    }

    def __init__(
        self, instant: ColumnElement[Any], unit: str, time_zone: ColumnElement[str]
    ) -> None:
        self.unit = unit
        super().__init__(instant, time_zone)


@compiles(calendar_unit, "postgresql")
def _calendar_unit_on_postgresql(element: calendar_unit, compiler: Any, **kw: Any) -> str:
    column, zone = element.clauses
    text = compiler.process(column, **kw)
    local = text
    if not isinstance(column.type, Day):
        local = f"{text} AT TIME ZONE {compiler.process(zone, **kw)}"
        local = f"least(greatest({local}, '0001-01-01'), '9999-12-31'::timestamp)"
        local = f"CASE WHEN {text} IS NOT NULL THEN {local} END"  # they pass over what is unknown
    return f"to_char({local}, '{element.FORMS[element.unit]}')"


@compiles(calendar_unit, "sqlite")
def _calendar_unit_on_sqlite(element: calendar_unit, compiler: Any, **kw: Any) -> str:
    text, zone = (compiler.process(part, **kw) for part in element.clauses)
    return f"calendar_unit({text}, '{element.unit}', {zone})"


class settled(FunctionElement[bool]):  # noqa: N801
    """The row's transaction is below every transaction that still runs (always so on SQLite)."""

    type = NullType()  # type: ignore[assignment]
    inherit_cache = True


@compiles(settled, "postgresql")
def _settled_on_postgresql(element: settled, compiler: Any, **kw: Any) -> str:
    (column,) = element.clauses
    return f"{compiler.process(column, **kw)} < pg_snapshot_xmin(pg_current_snapshot())"


@compiles(settled, "sqlite")
def _settled_on_sqlite(*_: Any, **__: Any) -> str:
    return "1"


class like_any(FunctionElement[bool]):  # noqa: N801
    """A text, read without regard to case, is like one of the patterns; a backslash escapes."""

    type = NullType()  # type: ignore[assignment]
    inherit_cache = True

    def __init__(self, text: ColumnElement[Any], patterns: ColumnElement[Any]) -> None:
        super().__init__(text, patterns)


@compiles(like_any, "postgresql")
def _like_any_on_postgresql(element: like_any, compiler: Any, **kw: Any) -> str:
    text, patterns = element.clauses
    value = compiler.process(patterns, **kw).split("::")[0]
    return f"{compiler.process(text, **kw)} ILIKE ANY({value}::text[])"


@compiles(like_any, "sqlite")
def _like_any_on_sqlite(element: like_any, compiler: Any, **kw: Any) -> str:
    text, patterns = (compiler.process(part, **kw) for part in element.clauses)
    return (
        f"EXISTS (SELECT 1 FROM json_each({patterns}) AS pattern "
        f"WHERE {text} LIKE pattern.value ESCAPE '\\')"
    )
