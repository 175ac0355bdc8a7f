"""Lists: filters and order from the query parameters, a page by keyset, its JSON by the database."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, bindparam, select, tuple_

from services.crm_api.resources import Resource
from services.foundation.calls import Call
from services.foundation.columns import Document, Instant, Texts, any_of, contains_any
from services.foundation.cursors import bad_cursor, read_cursor, write_cursor
from services.foundation.problems import Answer, Forbidden
from services.foundation.queries import Page
from services.foundation.statements import Statement
from shared.values import RecordId, wire_instant

_resources: dict[str, Resource] = {}
_RECORD_ID: TypeAdapter[str] = TypeAdapter(RecordId)


async def answer_page(call: Call, resource: Resource, query: Page, *, sort: str) -> Answer:
    """Answer one page of a list: `{"items": […], "next": "…"}`, `next` being absent on the last."""
    _resources[resource.name] = resource
    asked = query.model_dump(exclude_none=True, exclude={"limit", "cursor", "sort"})
    filters = {name: value for name, value in asked.items() if value not in ([], None)}
    question = {"of": resource.name, "sort": sort, **filters}
    column = resource.table.c[sort.removeprefix("-")]
    values: dict[str, Any] = {**filters, "page_size": query.limit + 1}
    if query.cursor is not None:
        last, last_id = read_cursor(query.cursor, question, length=2)
        values |= {"last_value": _parsed(column, last), "last_id": _parsed_id(last_id)}
    personal = call.may(f"{resource.scopes}:pii")
    if not personal and not resource.personal.isdisjoint({column.name, *filters}):
        # The order of names, or a list that is empty or not, would tell what is blanked out.
        raise Forbidden(f"This filter or order needs a key with the scope {resource.scopes}:pii.")
    statement = _statement(
        resource.name, frozenset(filters), sort, query.cursor is not None, personal
    )
    rows = await call.database.texts(statement, values)
    return _page(call, rows, question, limit=query.limit)


def _page(call: Call, rows: list[Any], question: Mapping[str, Any], *, limit: int) -> Answer:
    more, rows = len(rows) > limit, rows[:limit]
    body = '{"items":[' + ",".join([row[0] for row in rows])
    if not more:
        return Answer((body + "]}").encode())
    last = rows[-1]
    value = wire_instant(last[1]) if isinstance(last[1], datetime) else last[1]
    parameters = [
        (name, item) for name, item in call.query_params.multi_items() if name != "cursor"
    ]
    cursor = write_cursor((value, last[2]), question)
    following = f"{call.url.path}?{urlencode([*parameters, ('cursor', cursor)])}"
    headers = {"Link": f'<{following}>; rel="next"'}
    return Answer(f'{body}],"next":"{following}"}}'.encode(), headers=headers)


def _parsed(column: ColumnElement[Any], value: Any) -> Any:
    if not isinstance(value, str) or "\x00" in value:
        raise bad_cursor()
    if not isinstance(column.type, Instant):
        return value
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise bad_cursor() from None
    if instant.tzinfo is None:
        raise bad_cursor()
    return instant


def _parsed_id(value: Any) -> str:
    try:
        return _RECORD_ID.validate_python(value)
    except ValidationError:
        raise bad_cursor() from None


@lru_cache(maxsize=2000)
def _statement(
    name: str, filters: frozenset[str], sort: str, continued: bool, personal: bool
) -> Statement:
    resource = _resources[name]
    table = resource.table
    descending, column = sort.startswith("-"), table.c[sort.removeprefix("-")]
    clauses = [clause(resource, item) for item in sorted(filters)]
    if continued:
        here = tuple_(column, table.c.id)
        there = tuple_(
            bindparam("last_value", type_=column.type), bindparam("last_id", type_=table.c.id.type)
        )
        clauses.append(here < there if descending else here > there)
    order = [column.desc(), table.c.id.desc()] if descending else [column, table.c.id]
    return Statement(
        select(resource.json(personal=personal), column, table.c.id)
        .where(table.c.deleted_at.is_(None), *clauses)
        .order_by(*order)
        .limit(bindparam("page_size"))
    )


def clause(resource: Resource, name: str) -> ColumnElement[bool]:
    """Build the condition of one filter from its name: `x`, `x_gte`, `x_lt`; a list means any of it."""
    columns = resource.table.c
    for suffix in ("_gte", "_lt"):
        if name.endswith(suffix) and (base := name.removesuffix(suffix)) in columns:
            bound = bindparam(name, type_=columns[base].type)
            return columns[base] >= bound if suffix == "_gte" else columns[base] < bound
    if name not in columns:  # a single word of a list: tag of tags, flag of flags
        return contains_any(columns[f"{name}s"], bindparam(name, type_=Texts))
    column = columns[name]
    assert not isinstance(column.type, Document)
    return any_of(column, bindparam(name, type_=Texts))
