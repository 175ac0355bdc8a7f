"""Lists: filters and order from the query parameters, a page by keyset, its JSON by the database."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    SmallInteger,
    Table,
    and_,
    bindparam,
    cast,
    func,
    or_,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy import String as Text

from services.crm_api.custom_fields import operations as custom_fields
from services.crm_api.relations import RELATIONS
from services.crm_api.resources import Resource
from services.crm_api.schemas import Filters, ListQuery
from services.crm_api.segments import saved as segments
from services.crm_api.segments.table import segment_members
from services.foundation.calls import Call
from services.foundation.columns import (
    Day,
    Document,
    Instant,
    Texts,
    any_of,
    contains_any,
    json_member,
    json_record,
)
from services.foundation.cursors import bad_cursor, read_cursor, write_cursor
from services.foundation.problems import Answer, Forbidden, invalid
from services.foundation.queries import Page
from services.foundation.statements import Statement
from shared.values import RecordId, wire_instant

_NOT_FILTERS = {
    *("limit", "cursor", "sort", "fields", "embed", "count", "q"),
    *("group_by", "time_zone", "closed_since"),
}
_RECORD_ID: TypeAdapter[str] = TypeAdapter(RecordId)
_SUFFIXES = ("_gte", "_lt")


@dataclass(frozen=True)
class Custom:
    """A filter of a custom field: its key, its type, and which comparison."""

    key: str
    type: str
    suffix: str


@dataclass(frozen=True)
class Question:
    """What a list is asked for, apart from page and order: filters by name, and their values.

    `within` is the filter of a segment, which holds besides; its values carry a `prefix`.
    """

    resource: Resource
    names: frozenset[str]
    custom: frozenset[Custom]
    within: "Question | None"
    prefix: str
    values: Mapping[str, Any] = field(hash=False, compare=False)
    asked: Mapping[str, Any] = field(hash=False, compare=False)

    def clauses(self) -> list[ColumnElement[bool]]:
        """Return the conditions, the live ones' included."""
        own = [name for name in self.names if "__" not in name]
        clauses = [clause(self.resource, name, bind=self.prefix + name) for name in sorted(own)]
        clauses += [
            _custom_clause(self.resource, item, self.prefix)
            for item in sorted(self.custom, key=str)
        ]
        by_relation: dict[str, list[str]] = {}
        for name in sorted(self.names - set(own)):
            by_relation.setdefault(name.partition("__")[0], []).append(name)
        for relation, names in by_relation.items():
            clauses.append(_related(self.resource, relation, names, self.prefix))
        if self.within is not None:
            clauses += self.within.clauses()
        return [self.resource.table.c.deleted_at.is_(None), *clauses]


async def ask(
    call: Call, resource: Resource, query: Filters, *, without: AbstractSet[str] = frozenset()
) -> Question:
    """Read the filters of a list; `without` names parameters that are none.

    Raises
    ------
    Forbidden
        A filter looks at what the key may not see.
    Invalid
        A custom field is unknown, or its value is not of its type.
    """
    return await _question(call, resource, query, prefix="", without=without)


async def _question(
    call: Call,
    resource: Resource,
    query: Filters,
    *,
    prefix: str,
    without: AbstractSet[str] = frozenset(),
) -> Question:
    asked = query.model_dump(exclude_none=True, exclude={*_NOT_FILTERS, *without})
    filters = {name: value for name, value in asked.items() if value not in ([], None)}
    more = query.more_filters
    custom, values = await custom_filters(call, resource, more) if more else (frozenset(), {})
    seen = set(filters) | ({"custom"} if custom else set())
    if not call.may(f"{resource.scopes}:pii") and not resource.personal.isdisjoint(seen):
        # A list that is empty or not would tell what is blanked out.
        raise Forbidden(f"This filter needs a key with the scope {resource.scopes}:pii.")
    for name in filters:
        relation, is_related, _ = name.partition("__")
        if is_related:
            reached = RELATIONS[resource.name][relation].resource
            if not call.may(f"{reached.scopes}:read"):
                raise Forbidden(f"This filter needs a key with the scope {reached.scopes}:read.")
    within, names = None, frozenset(filters)
    if "segment_id" in filters:
        saved = await segments.saved_filter(call.database, filters["segment_id"])
        if saved is not None:
            within = await _question(call, resource, saved, prefix="segment_")
            names -= {"segment_id"}
    held = {prefix + name: value for name, value in {**filters, **values}.items()}
    if within is not None:
        held |= within.values
    asked_for = {**filters, **more} | ({"within": within.asked} if within is not None else {})
    return Question(resource, names, custom, within, prefix, held, asked_for)


async def custom_filters(
    call: Call, resource: Resource, more: Mapping[str, Sequence[str]]
) -> tuple[frozenset[Custom], dict[str, Any]]:
    """Read the filters `custom.<key>`, `custom.<key>_gte` and `custom.<key>_lt`.

    Raises
    ------
    Invalid
        There is no such custom field, or the value is not of its type.
    """
    known = await custom_fields.definitions(call.database, resource.plural)
    found: set[Custom] = set()
    values: dict[str, Any] = {}
    for name, sent in more.items():
        key, suffix = name.removeprefix("custom."), ""
        if key not in known:
            suffix = next((s for s in _SUFFIXES if key.endswith(s)), "")
            key = key.removesuffix(suffix) if suffix else key
        if key not in known:
            names = ", ".join(sorted(known)[:20]) or "none"
            raise invalid(f"/query/{name}", "unknown", f"No such custom field; there are: {names}.")
        item = Custom(key, known[key]["type"], suffix)
        if suffix and (len(sent) > 1 or item.type in ("boolean", "choice", "choices", "text")):
            raise invalid(f"/query/{name}", "no_range", f"{key} takes no range, or one bound.")
        found.add(item)
        read = custom_fields.read_filter(known[key], list(sent), pointer=f"/query/{name}")
        values[_custom_bind(item)] = read[0] if suffix else read
    return frozenset(found), values


def _custom_bind(item: Custom) -> str:
    return f"custom_{item.key}{item.suffix}"


def _custom_clause(resource: Resource, item: Custom, prefix: str) -> ColumnElement[bool]:
    is_number = item.type in ("integer", "number")
    column = resource.table.c.custom
    if item.type == "choices":
        chosen = type_coerce(json_member(column, item.key, "json"), Document())
        return contains_any(chosen, bindparam(prefix + _custom_bind(item), type_=Texts))
    kind = "number" if is_number else "text"
    member = json_member(column, item.key, kind)
    if not item.suffix:
        wanted = bindparam(prefix + _custom_bind(item), type_=Texts)
        return any_of(json_member(column, item.key, "text"), wanted)
    bound: ColumnElement[Any] = bindparam(prefix + _custom_bind(item), type_=member.type)
    return member >= bound if item.suffix == "_gte" else member < bound


def _related(
    resource: Resource, name: str, names: Sequence[str], prefix: str
) -> ColumnElement[bool]:
    """Build the condition that one record of another resource fulfils all of these filters."""
    relation = RELATIONS[resource.name][name]
    other = relation.resource.table
    inner = [
        clause(relation.resource, each.partition("__")[2], bind=prefix + each) for each in names
    ]
    # The related records first: they are few where the filter is worth asking.
    return resource.table.c[relation.mine].in_(
        select(other.c[relation.theirs]).where(other.c.deleted_at.is_(None), *inner)
    )


async def answer_page(call: Call, resource: Resource, query: ListQuery, *, sort: str) -> Answer:
    """Answer one page of a list: `{"items": […], "next": "…"}`, `next` being absent on the last."""
    question = await ask(call, resource, query)
    personal = call.may(f"{resource.scopes}:pii")
    column = resource.table.c[sort.removeprefix("-")]
    if not personal and column.name in resource.personal:
        # The order of names would tell what is blanked out.
        raise Forbidden(f"This order needs a key with the scope {resource.scopes}:pii.")
    shape = await shape_of(call, resource, query)
    signed = {"of": resource.name, "sort": sort, **question.asked}
    values: dict[str, Any] = {**question.values, "page_size": query.limit + 1}
    continued = ""
    if query.cursor is not None:
        last, last_id = read_cursor(query.cursor, signed, length=2)
        continued = "null" if last is None and column.nullable else "value"
        values |= {"last_id": _parsed_id(last_id)}
        if continued == "value":
            values |= {"last_value": _parsed(column, last)}
    statement = _statement(question, sort, continued, shape)
    rows = await call.database.texts(statement, values)
    total = None
    if getattr(query, "count", False):
        total = await call.database.text(_count(question), question.values)
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


async def shape_of(call: Call, resource: Resource, query: ListQuery) -> ItemShape:
    """Read `fields` and `embed`.

    Raises
    ------
    Invalid
        A field is unknown.
    Forbidden
        The key may not read what is to be embedded.
    """
    only = None
    chosen: str | None = getattr(query, "fields", None)
    if chosen:
        only = frozenset(chosen.split(","))
        unknown = only - resource.wire_names
        if unknown:
            known = ", ".join(sorted(resource.wire_names))
            message = f"There is no field {sorted(unknown)[0]}; there are: {known}."
            raise invalid("/query/fields", "unknown", message)
    embed: set[tuple[str, bool]] = set()
    for name in getattr(query, "embed", ()):
        reached = RELATIONS[resource.name][name].resource
        if not call.may(f"{reached.scopes}:read"):
            raise Forbidden(f"To embed this needs a key with the scope {reached.scopes}:read.")
        embed.add((name, call.may(f"{reached.scopes}:pii")))
    return ItemShape(call.may(f"{resource.scopes}:pii"), only, frozenset(embed))


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
    last = rows[-1]
    value = last[1]
    if isinstance(value, datetime):
        value = wire_instant(value)
    elif isinstance(value, date):
        value = value.isoformat()
    parameters = [
        (name, item) for name, item in call.query_params.multi_items() if name != "cursor"
    ]
    cursor = write_cursor((value, last[2]), signed)
    following = f"{call.url.path}?{urlencode([*parameters, ('cursor', cursor)])}"
    headers = {"Link": f'<{following}>; rel="next"'}
    return Answer(f'{body},"next":"{following}"}}'.encode(), headers=headers)


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
    if column.nullable:  # unknown comes last, and first in the reverse
        order[0] = order[0].nulls_first() if descending else order[0].nulls_last()
    return Statement(
        select(shape.json(resource), column, table.c.id)
        .where(*clauses)
        .order_by(*order)
        .limit(bindparam("page_size"))
    )


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


def clause(resource: Resource, name: str, *, bind: str = "") -> ColumnElement[bool]:
    """Build the condition of one filter from its name: `x`, `x_gte`, `x_lt`; a list means any of it."""
    columns, bind = resource.table.c, bind or name
    if name == "segment_id":
        return columns.id.in_(
            select(segment_members.c.contact_id).where(
                segment_members.c.segment_id == bindparam(bind, type_=columns.id.type)
            )
        )
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and (base := name.removesuffix(suffix)) in columns:
            bound = bindparam(bind, type_=columns[base].type)
            return columns[base] >= bound if suffix == "_gte" else columns[base] < bound
    if name not in columns:  # a single word of a list: tag of tags, flag of flags
        return contains_any(columns[f"{name}s"], bindparam(bind, type_=Texts))
    column = columns[name]
    if isinstance(column.type, Boolean):
        return column.is_(bindparam(bind, type_=Boolean))
    assert not isinstance(column.type, Document)
    if isinstance(column.type, Integer | SmallInteger):
        return any_of(cast(column, Text), bindparam(bind, type_=Texts))
    return any_of(column, bindparam(bind, type_=Texts))


async def answer_events(
    call: Call, table: Table, query: Page, *, of: tuple[str, str], at: str, hidden: set[str]
) -> Answer:
    """Answer a page of the rows that belong to one record, newest first.

    `of` is the column and the id of that record, `at` the instant that orders them; what else the
    query names are filters of the same names.
    """
    asked = query.model_dump(exclude_none=True, exclude=_NOT_FILTERS)
    filters = {name: value for name, value in asked.items() if value not in ([], None)}
    signed = {"of": table.name, of[0]: of[1], **filters}
    values: dict[str, Any] = {**filters, "owner": of[1], "page_size": query.limit + 1}
    if query.cursor is not None:
        last, last_id = read_cursor(query.cursor, signed, length=2)
        values |= {"last_value": _parsed(table.c[at], last), "last_id": _parsed_id(last_id)}
    statement = _events(
        table, of[0], at, frozenset(filters), query.cursor is not None, frozenset(hidden)
    )
    rows = await call.database.texts(statement, values)
    return page(call, rows, signed, limit=query.limit)


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
    clauses = [columns[of] == bindparam("owner")]
    clauses += [any_of(columns[name], bindparam(name, type_=Texts)) for name in sorted(filters)]
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
