"""SQL constructs that mean the same on PostgreSQL and on SQLite; no tables are here."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    Integer,
    Select,
    Text,
    or_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeEngine

from services.foundation.columns import Day, Document, Identifier, Instant
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
    """`column is one of the values`, the values being one parameter however many they are."""

    type = NullType()  # type: ignore[assignment]
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], values: ColumnElement[Any]) -> None:
        super().__init__(column, values)


@compiles(any_of, "postgresql")
def _any_of_on_postgresql(element: any_of, compiler: Any, **kw: Any) -> str:
    column, values = element.clauses
    cast = "uuid[]" if isinstance(column.type, Identifier) else "text[]"
    value = compiler.process(values, **kw).split("::")[0]
    return f"{compiler.process(column, **kw)} = ANY({value}::{cast})"


@compiles(any_of, "sqlite")
def _any_of_on_sqlite(element: any_of, compiler: Any, **kw: Any) -> str:
    column, values = (compiler.process(part, **kw) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"


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


def one_of(column: ColumnElement[Any], values: Iterable[str]) -> ColumnElement[bool]:
    """Build `column is one of the values` for values that never change."""
    return or_(*(column == value for value in values))


class contains_any(FunctionElement[bool]):  # noqa: N801
    """A JSON list of words (tags, flags) contains at least one of the given words."""

    type = NullType()  # type: ignore[assignment]
    inherit_cache = True

    def __init__(self, document: ColumnElement[Any], values: ColumnElement[Any]) -> None:
        super().__init__(document, values)


@compiles(contains_any, "postgresql")
def _contains_any_on_postgresql(element: contains_any, compiler: Any, **kw: Any) -> str:
    document, values = (compiler.process(part, **kw) for part in element.clauses)
    return f"{document} ?| {values.split('::')[0]}::text[]"


@compiles(contains_any, "sqlite")
def _contains_any_on_sqlite(element: contains_any, compiler: Any, **kw: Any) -> str:
    document, values = (compiler.process(part, **kw) for part in element.clauses)
    return (
        f"EXISTS (SELECT 1 FROM json_each({document}) AS have "
        f"WHERE have.value IN (SELECT value FROM json_each({values})))"
    )


class json_member(FunctionElement[Any]):  # noqa: N801
    """A member of a JSON object: as text (`true`, `1.5`, the bare string), as a number, or as JSON."""

    inherit_cache = False

    def __init__(self, document: ColumnElement[Any], key: str, kind: str) -> None:
        assert key.isidentifier(), "a key of a custom field is a plain word"
        self.key, self.kind = key, kind
        types: dict[str, TypeEngine[Any]] = {
            "number": Float(),
            "text": Text(),
            "json": NullType(),
        }
        self.type = types[kind]
        super().__init__(document)


@compiles(json_member, "postgresql")
def _json_member_on_postgresql(element: json_member, compiler: Any, **kw: Any) -> str:
    (document,) = (compiler.process(part, **kw) for part in element.clauses)
    if element.kind == "number":
        return f"({document}->>'{element.key}')::float8"
    return f"({document}{'->' if element.kind == 'json' else '->>'}'{element.key}')"


@compiles(json_member, "sqlite")
def _json_member_on_sqlite(element: json_member, compiler: Any, **kw: Any) -> str:
    (document,) = (compiler.process(part, **kw) for part in element.clauses)
    if element.kind == "text":
        # A boolean would come as 1 or 0, which PostgreSQL and people call true and false.
        value = f"json_extract({document}, '$.{element.key}')"
        return (
            f"CASE json_type({document}, '$.{element.key}') WHEN 'true' THEN 'true' "
            f"WHEN 'false' THEN 'false' ELSE CAST({value} AS TEXT) END"
        )
    return f"json_extract({document}, '$.{element.key}')"


class without_values(FunctionElement[Any]):  # noqa: N801
    """A JSON object of lists, those of some members empty: `email` names also `email.…`."""

    type = Document()
    inherit_cache = False

    def __init__(self, document: ColumnElement[Any], names: Iterable[str]) -> None:
        self.names = sorted(names)
        assert all(name.isidentifier() for name in self.names), "names of columns are plain words"
        super().__init__(document)

    def listed(self) -> str:
        return ", ".join(f"'{name}'" for name in self.names)


@compiles(without_values, "postgresql")
def _without_values_on_postgresql(element: without_values, compiler: Any, **kw: Any) -> str:
    (document,) = (compiler.process(part, **kw) for part in element.clauses)
    return (
        f"(SELECT coalesce(jsonb_object_agg(have.key, CASE WHEN split_part(have.key, '.', 1) "
        f"IN ({element.listed()}) THEN '[]'::jsonb ELSE have.value END), '{{}}'::jsonb) "
        f"FROM jsonb_each({document}) AS have)"
    )


@compiles(without_values, "sqlite")
def _without_values_on_sqlite(element: without_values, compiler: Any, **kw: Any) -> str:
    (document,) = (compiler.process(part, **kw) for part in element.clauses)
    name = "substr(have.key, 1, instr(have.key || '.', '.') - 1)"
    return (
        f"(SELECT json_group_object(have.key, json(CASE WHEN {name} IN ({element.listed()}) "
        f"THEN '[]' ELSE have.value END)) FROM json_each({document}) AS have)"
    )


class without_member(FunctionElement[Any]):  # noqa: N801
    """A JSON list of objects in each of which one member is null."""

    type = Document()
    inherit_cache = False

    def __init__(self, document: ColumnElement[Any], name: str) -> None:
        assert name.isidentifier(), "a member is a plain word"
        self.name = name
        super().__init__(document)


@compiles(without_member, "postgresql")
def _without_member_on_postgresql(element: without_member, compiler: Any, **kw: Any) -> str:
    (document,) = (compiler.process(part, **kw) for part in element.clauses)
    null = f"jsonb_build_object('{element.name}', NULL)"
    return (
        f"(SELECT coalesce(jsonb_agg(have.value || {null} ORDER BY have.place), '[]'::jsonb) "
        f"FROM jsonb_array_elements({document}) WITH ORDINALITY AS have(value, place))"
    )


@compiles(without_member, "sqlite")
def _without_member_on_sqlite(element: without_member, compiler: Any, **kw: Any) -> str:
    (document,) = (compiler.process(part, **kw) for part in element.clauses)
    return (
        f"(SELECT json_group_array(json_set(have.value, '$.{element.name}', NULL)) "
        f"FROM json_each({document}) AS have)"
    )


class json_length(FunctionElement[int]):  # noqa: N801
    """How many entries a JSON list has."""

    type = Integer()
    inherit_cache = True


@compiles(json_length, "postgresql")
def _json_length_on_postgresql(element: json_length, compiler: Any, **kw: Any) -> str:
    return f"jsonb_array_length({compiler.process(next(iter(element.clauses)), **kw)})"


@compiles(json_length, "sqlite")
def _json_length_on_sqlite(element: json_length, compiler: Any, **kw: Any) -> str:
    return f"json_array_length({compiler.process(next(iter(element.clauses)), **kw)})"


class json_list(FunctionElement[str]):  # noqa: N801
    """A JSON list made by the database from a select of one JSON column, in the select's order."""

    type = NullType()  # type: ignore[assignment]
    inherit_cache = True

    def __init__(self, rows: Select[Any]) -> None:
        super().__init__(rows.correlate(None).scalar_subquery())


@compiles(json_list, "postgresql")
def _json_list_on_postgresql(element: json_list, compiler: Any, **kw: Any) -> str:
    (rows,) = (compiler.process(part, **kw) for part in element.clauses)
    return f"(SELECT coalesce(json_agg(item), '[]'::json) FROM {rows} AS list(item))"


@compiles(json_list, "sqlite")
def _json_list_on_sqlite(element: json_list, compiler: Any, **kw: Any) -> str:
    (rows,) = (compiler.process(part, **kw) for part in element.clauses)
    return f"(WITH list(item) AS {rows} SELECT json_group_array(json(item)) FROM list)"


class calendar_unit(FunctionElement[str]):  # noqa: N801
    """The day, week, month, quarter or year of an instant in a time zone: `2026-03`, `2026-W09`."""

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
    local = (
        text
        if isinstance(column.type, Day)
        else f"{text} AT TIME ZONE {compiler.process(zone, **kw)}"
    )
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
