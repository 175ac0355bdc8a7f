"""SQL constructs about JSON in a column that mean the same on PostgreSQL and on SQLite."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    Integer,
    Select,
    Text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeEngine

from services.foundation.columns import Document


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
    """A member of a JSON object: as text (`true`, `1.5`, the bare string), as JSON, or as a number.

    As a number, a member that is none is null.
    """

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
        return (
            f"CASE jsonb_typeof({document}->'{element.key}') WHEN 'number' "
            f"THEN ({document}->>'{element.key}')::float8 END"
        )
    return f"({document}{'->' if element.kind == 'json' else '->>'}'{element.key}')"


@compiles(json_member, "sqlite")
def _json_member_on_sqlite(element: json_member, compiler: Any, **kw: Any) -> str:
    (document,) = (compiler.process(part, **kw) for part in element.clauses)
    if element.kind == "json":
        return f"({document} -> '$.{element.key}')"
    kind = f"json_type({document}, '$.{element.key}')"
    value = f"json_extract({document}, '$.{element.key}')"
    if element.kind == "number":
        return f"CASE WHEN {kind} IN ('integer', 'real') THEN {value} END"
    # A boolean would come as 1 or 0, which PostgreSQL and people call true and false.
    return (
        f"CASE {kind} WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' "
        f"ELSE CAST({value} AS TEXT) END"
    )


class _WithoutSome(FunctionElement[Any]):
    """A JSON object that lacks something of some of its members."""

    type = Document()
    inherit_cache = False

    def __init__(self, document: ColumnElement[Any], names: Iterable[str]) -> None:
        self.names = sorted(names)
        assert all(name.isidentifier() for name in self.names), "names of columns are plain words"
        super().__init__(document)


class without_values(_WithoutSome):  # noqa: N801
    """A JSON object of lists, those of some members empty: `email` names also `email.…`."""

    inherit_cache = False

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


class without_names(_WithoutSome):  # noqa: N801
    """A JSON object without some of its members."""

    inherit_cache = False


@compiles(without_names, "postgresql")
def _without_names_on_postgresql(element: without_names, compiler: Any, **kw: Any) -> str:
    (document,) = (compiler.process(part, **kw) for part in element.clauses)
    return f"({document} - '{{{','.join(element.names)}}}'::text[])"


@compiles(without_names, "sqlite")
def _without_names_on_sqlite(element: without_names, compiler: Any, **kw: Any) -> str:
    (document,) = (compiler.process(part, **kw) for part in element.clauses)
    paths = "".join(f", '$.{name}'" for name in element.names)
    return f"json_remove({document}{paths})"


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
