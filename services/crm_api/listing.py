"""Lists: filters and order from the query parameters, a page by keyset, its JSON by the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import (
    ColumnElement,
    Table,
    and_,
    bindparam,
    func,
    or_,
    select,
    tuple_,
    type_coerce,
)

from services.crm_api.filters import NOT_FILTERS, Question, ask, of_survivors
from services.crm_api.places import seal, unseal
from services.crm_api.relations import RELATIONS
from services.crm_api.resources import Resource
from services.crm_api.schemas import ALWAYS_SHOWN, Filters, ListQuery
from services.foundation.calls import Call
from services.foundation.columns import Day, Document, Instant, Texts
from services.foundation.constructs import any_of, json_record
from services.foundation.cursors import bad_cursor, read_cursor, write_cursor
from services.foundation.problems import Answer, Forbidden, invalid
from services.foundation.queries import Page
from services.foundation.statements import Statement
from shared.values import RecordId, wire_instant

_RECORD_ID: TypeAdapter[str] = TypeAdapter(RecordId)


async def answer_page(call: Call, resource: Resource, query: ListQuery, *, sort: str) -> Answer:
    """Answer one page of a list: `{"items": […], "next": "…"}`, `next` being absent on the last."""
    question = await ask(call, resource, query)
    personal = call.may(resource.pii_scope)
    column = resource.table.c[sort.removeprefix("-")]
    if not personal and column.name in resource.personal:
        # The order of names would tell what is blanked out.
        raise Forbidden(f"This order needs a key with the scope {resource.pii_scope}.")
    shape = await shape_of(call, resource, query)
    signed = {"of": resource.name, "sort": sort, **question.asked}
    values: dict[str, Any] = {**question.values, "page_size": query.limit + 1}
    continued = ""
    if query.cursor is not None:
        last, last_id = read_cursor(query.cursor, signed, length=2)
        continued = "null" if last is None and column.nullable else "value"
        values |= {"last_id": _parsed_id(last_id)}
        if continued == "value":
            if column.name in resource.personal:
                last = await unseal(call.database, last)
            values |= {"last_value": _parsed(column, last)}
    statement = _statement(question, sort, continued, shape)
    rows = await call.database.texts(statement, values)
    if not rows and (meant := await of_survivors(call.database, question)) is not question:
        question = meant
        rows = await call.database.texts(statement, {**values, **question.values})
    total = None
    if getattr(query, "count", False):
        total = await call.database.text(_count(question), question.values)
    if column.name in resource.personal and len(rows) > query.limit:
        item, value, last_id = rows[query.limit - 1]
        rows[query.limit - 1] = (item, await seal(call.database, value), last_id)
    return page(call, rows, signed, limit=query.limit, total=total)


@dataclass(frozen=True)
class ItemShape:
    """How an item is shown: personal fields or not, which fields, what of others inside it."""

    personal: bool
    only: frozenset[str] | None = None
    embed: frozenset[tuple[str, bool]] = frozenset()

    def json(self, resource: Resource) -> ColumnElement[Any]:
        more = []
        for name, personal in sorted(self.embed):
            relation = RELATIONS[resource.name][name]
            inner = relation.resource.table.alias(name)
            record = relation.resource.json(personal=personal, of=inner)
            one = (
                select(record)
                .where(inner.c[relation.theirs] == resource.table.c[relation.mine])
                .where(inner.c.deleted_at.is_(None))
                .scalar_subquery()
            )
            more.append((name, type_coerce(one, Document())))
        return resource.json(personal=self.personal, only=self.only, more=more)


async def shape_of(call: Call, resource: Resource, query: Filters) -> ItemShape:
    """Read `fields` and `embed`.

    Raises
    ------
    Invalid
        A field is unknown.
    Forbidden
        The key may not read what is to be embedded.
    """
    chosen = check_fields(resource, getattr(query, "fields", None))
    only = None if chosen is None else ALWAYS_SHOWN.union(chosen)
    embed: set[tuple[str, bool]] = set()
    for name in getattr(query, "embed", ()):
        reached = RELATIONS[resource.name][name].resource
        if not call.may(f"{reached.scopes}:read"):
            raise Forbidden(f"To embed this needs a key with the scope {reached.scopes}:read.")
        embed.add((name, call.may(reached.pii_scope)))
    return ItemShape(call.may(resource.pii_scope), only, frozenset(embed))


def check_fields(resource: Resource, fields: str | None) -> list[str] | None:
    """Return the fields that are asked for, in their order; None: all.

    Raises
    ------
    Invalid
        A field is unknown.
    """
    if not fields:
        return None
    chosen = list(dict.fromkeys(fields.split(",")))
    for name in chosen:
        if name not in resource.wire_names:
            known = ", ".join(sorted(resource.wire_names))
            message = f"There is no field {name[:64]}; there are: {known}."
            raise invalid("/query/fields", "unknown", message)
    return chosen


def page(
    call: Call, rows: list[Any], signed: Mapping[str, Any], *, limit: int, total: Any = None
) -> Answer:
    """Answer rows of (JSON, place, id), one more than the limit if there is a further page."""
    more, rows = len(rows) > limit, rows[:limit]
    body = '{"items":[' + ",".join([row[0] for row in rows]) + "]"
    if total is not None:
        body += f',"total":{total}'
    if not more:
        return Answer((body + "}").encode())
    cursor = cursor_behind(rows[-1][1], rows[-1][2], signed)
    following, headers = call.following(cursor)
    return Answer(f'{body},"next":"{following}"}}'.encode(), headers=headers)


def cursor_behind(value: Any, last_id: str, signed: Mapping[str, Any]) -> str:
    """Return the cursor behind a row, by the value that orders it and its id."""
    if isinstance(value, datetime):
        value = wire_instant(value)
    elif isinstance(value, date):
        value = value.isoformat()
    return write_cursor((value, last_id), signed)


def _parsed(column: ColumnElement[Any], value: Any) -> Any:
    if not isinstance(value, str) or "\x00" in value:
        raise bad_cursor()
    try:
        if isinstance(column.type, Day):
            return date.fromisoformat(value)
        if not isinstance(column.type, Instant):
            return value
    except ValueError:
        raise bad_cursor() from None
    return _instant(value)


def _parsed_id(value: Any) -> str:
    try:
        return _RECORD_ID.validate_python(value)
    except ValidationError:
        raise bad_cursor() from None


@lru_cache(maxsize=2000)
def _statement(question: Question, sort: str, continued: str, shape: ItemShape) -> Statement:
    resource = question.resource
    table = resource.table
    descending, column = sort.startswith("-"), table.c[sort.removeprefix("-")]
    clauses = question.clauses()
    if continued:
        clauses.append(_behind(column, table.c.id, descending=descending, continued=continued))
    order = [column.desc(), table.c.id.desc()] if descending else [column.asc(), table.c.id.asc()]
    if column.nullable and column is not table.c.deleted_at:
        # Unknown comes last, and first in the reverse; what is in the trash has its instant.
        order[0] = order[0].nulls_first() if descending else order[0].nulls_last()
    chosen = select(shape.json(resource), column, table.c.id)
    most: ColumnElement[int] = bindparam("page_size")
    if not question.is_filtered:
        return Statement(chosen.where(*clauses).order_by(*order).limit(most))
    # Where no index gives the order, SQLite would write the JSON of all rows before it sorts them.
    page = select(table.c.id).where(*clauses).order_by(*order).limit(most).subquery("page")
    return Statement(chosen.select_from(table.join(page, page.c.id == table.c.id)).order_by(*order))


def _behind(
    column: ColumnElement[Any], id: ColumnElement[Any], *, descending: bool, continued: str
) -> ColumnElement[bool]:
    """Build the condition that a row comes behind the last one of the page before."""
    last_id = bindparam("last_id", type_=id.type)
    further = id < last_id if descending else id > last_id
    if continued == "null":
        rest = and_(column.is_(None), further)
        return or_(rest, column.is_not(None)) if descending else rest
    last = bindparam("last_value", type_=column.type)
    here, there = tuple_(column, id), tuple_(last, last_id)
    behind = here < there if descending else here > there
    if getattr(column, "nullable", False) and not descending:
        return or_(behind, column.is_(None))
    return behind


@lru_cache(maxsize=2000)
def _count(question: Question) -> Statement:
    return Statement(
        select(func.count()).select_from(question.resource.table).where(*question.clauses())
    )


async def answer_events(
    call: Call,
    table: Table,
    query: Page,
    *,
    of: tuple[str, str] | None = None,
    at: str,
    hidden: set[str],
) -> Answer:
    """Answer a page of the rows that belong to one record, newest first.

    `of` is the column and the id of that record (absent: all rows), `at` the instant that orders
    them; what else the query names are filters of the same names, or bounds of instants.
    """
    asked = query.model_dump(exclude_none=True, exclude=NOT_FILTERS)
    filters = {name: value for name, value in asked.items() if value not in ([], None)}
    column, owner = of or ("", None)
    signed = {"of": table.name, "owner": owner, **filters}
    values: dict[str, Any] = {**filters, "owner": owner, "page_size": query.limit + 1}
    if query.cursor is not None:
        last, last_id = read_cursor(query.cursor, signed, length=2)
        values |= {"last_value": _parsed(table.c[at], last), "last_id": _parsed_id(last_id)}
    statement = _events(
        table, column, at, frozenset(filters), query.cursor is not None, frozenset(hidden)
    )
    rows = await call.database.texts(statement, values)
    return page(call, rows, signed, limit=query.limit)


def _event_clause(table: Table, name: str) -> ColumnElement[bool]:
    """Build the condition of one filter of events: `x`, or `x_gte` and `x_lt` of instants."""
    if name in table.c:
        return any_of(table.c[name], bindparam(name, type_=Texts))
    base, _, bound = name.rpartition("_")
    limit: ColumnElement[Any] = bindparam(name, type_=Instant)
    return table.c[base] >= limit if bound == "gte" else table.c[base] < limit


@lru_cache(maxsize=200)
def _events(
    table: Table,
    of: str,
    at: str,
    filters: frozenset[str],
    is_continued: bool,
    hidden: frozenset[str],
) -> Statement:
    columns = table.c
    clauses: list[ColumnElement[bool]] = []
    if of:
        clauses.append(columns[of] == bindparam("owner"))
    clauses += [_event_clause(table, name) for name in sorted(filters)]
    if is_continued:
        clauses.append(_behind(columns[at], columns.id, descending=True, continued="value"))
    shown = [(column.name, column) for column in columns if column.name not in hidden]
    return Statement(
        select(json_record(*shown), columns[at], columns.id)
        .where(*clauses)
        .order_by(columns[at].desc(), columns.id.desc())
        .limit(bindparam("page_size"))
    )


def read_place(cursor: str, signed: Mapping[str, Any]) -> dict[str, Any]:
    """Read a cursor whose place is an instant and any text.

    Raises
    ------
    Invalid
        It is not one of ours, or of another list.
    """
    last, last_id = read_cursor(cursor, signed, length=2)
    if not isinstance(last_id, str) or "\x00" in last_id:
        raise bad_cursor()
    return {"last_value": _instant(last), "last_id": last_id}


def _instant(value: Any) -> datetime:
    try:
        instant = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise bad_cursor() from None
    if instant.tzinfo is None:
        raise bad_cursor()
    return instant
