"""Filters: from the query parameters, from a segment, of custom and of related fields, to conditions."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    Select,
    SmallInteger,
    and_,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    type_coerce,
)
from sqlalchemy import String as Text

from services.crm_api.contacts import finding
from services.crm_api.contacts.table import contacts
from services.crm_api.custom_fields import operations as custom_fields
from services.crm_api.relations import RELATIONS
from services.crm_api.resources import Resource
from services.crm_api.schemas import BOUNDS, Filters
from services.crm_api.segments import saved as segments
from services.crm_api.segments.table import segment_members
from services.foundation.columns import Document, Texts
from services.foundation.constructs import any_of, unindexed
from services.foundation.database import Reader
from services.foundation.json_constructs import contains_any, json_member
from services.foundation.problems import FieldError, Forbidden
from services.foundation.statements import Statement

NOT_FILTERS = {
    *("limit", "cursor", "sort", "fields", "embed", "count", "q", "in_trash"),
    *("group_by", "time_zone", "closed_since"),
}
_WITHOUT_RANGE = ("boolean", "choice", "choices", "text")
_FOR_GOOD = ("merged_into_id", "erased_at")


@dataclass(frozen=True)
class Custom:
    """A filter of a custom field: its key, its type, and which comparison."""

    key: str
    type: str
    suffix: str


class Search(Protocol):
    """What is looked for in texts; its values are among those of the question."""

    def clause(self) -> ColumnElement[bool]: ...


@dataclass(frozen=True)
class Question:
    """What a list is asked for, apart from page and order: filters by name, and their values.

    `single` are those of the filters that have one value, for which an index gives the order, too;
    `common` are relations that many records have as it is asked;
    `in_trash` asks for what lies in the trash instead of what is live; `search` holds besides;
    `within` is the filter of a segment, which holds besides; its values carry a `prefix`.
    """

    resource: Resource
    names: frozenset[str]
    single: frozenset[str]
    common: frozenset[str]
    custom: frozenset[Custom]
    within: "Question | None"
    prefix: str
    in_trash: bool
    values: Mapping[str, Any] = field(hash=False, compare=False)
    asked: Mapping[str, Any] = field(hash=False, compare=False)
    search: Search | None = None

    @property
    def is_filtered(self) -> bool:
        """Whether it asks for anything but all live records."""
        return bool(self.names or self.custom or self.within or self.in_trash or self.search)

    def clauses(self) -> list[ColumnElement[bool]]:
        """Return the conditions, and that the record is live, or lies in the trash."""
        columns = self.resource.table.c
        if not self.in_trash:
            return [columns.deleted_at.is_(None), *self.conditions()]
        # What was merged or erased is in the trash for good.
        gone = [unindexed(columns[name]).is_(None) for name in _FOR_GOOD if name in columns]
        return [columns.deleted_at.is_not(None), *gone, *self.conditions()]

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions of the filters alone."""
        own = [name for name in self.names if "__" not in name]
        clauses = [
            clause(self.resource, name, bind=self.prefix + name, is_single=name in self.single)
            for name in sorted(own)
        ]
        clauses += [
            _custom_clause(self.resource, item, self.prefix)
            for item in sorted(self.custom, key=str)
        ]
        clauses += [_related(self, name) for name in _relations(self.names)]
        if self.within is not None:
            clauses += self.within.conditions()
        if self.search is not None:
            clauses.append(self.search.clause())
        return clauses


class Asker(Protocol):
    """Who asks: a call, or somebody who was allowed to before."""

    @property
    def database(self) -> Reader: ...

    def may(self, scope: str) -> bool: ...


async def ask(
    call: Asker, resource: Resource, query: Filters, *, without: AbstractSet[str] = frozenset()
) -> Question:
    """Read the filters of a list; `without` names parameters that are none.

    Raises
    ------
    Forbidden
        A filter looks at what the key may not see.
    Invalid
        A custom field is unknown, or its value is not of its type.
    """
    question = await _question(call, resource, query, prefix="", without=without)
    several = question.names - question.single
    if any(_is_of_contacts(resource, name) for name in several):
        question = await of_survivors(call.database, question)
    return question


async def _question(
    call: Asker,
    resource: Resource,
    query: Filters,
    *,
    prefix: str,
    without: AbstractSet[str] = frozenset(),
) -> Question:
    asked = query.model_dump(exclude_none=True, exclude={*NOT_FILTERS, *without})
    filters = {name: value for name, value in asked.items() if value not in ([], None)}
    more = query.more_filters
    custom, values = frozenset[Custom](), dict[str, Any]()
    if more:
        custom, values = await custom_filters(call.database, resource, more, at="/query")
    seen = set(filters) | ({"custom"} if custom else set())
    if not call.may(resource.pii_scope) and not resource.personal.isdisjoint(seen):
        # A list that is empty or not would tell what is blanked out.
        raise Forbidden(f"This filter needs a key with the scope {resource.pii_scope}.")
    for name in filters:
        relation, is_related, _ = name.partition("__")
        if is_related:
            reached = RELATIONS[resource.name][relation].resource
            if not call.may(f"{reached.scopes}:read"):
                raise Forbidden(f"This filter needs a key with the scope {reached.scopes}:read.")
    within, names = None, frozenset(filters)
    if "segment_id" in filters:
        within = await _question_of_segment(call, resource, filters["segment_id"])
        if within is not None:
            names -= {"segment_id"}
    single = frozenset(name for name, value in filters.items() if _is_single(resource, name, value))
    asked_values = {
        name: value[0] if name in single and isinstance(value, list) else value
        for name, value in filters.items()
    }
    held = {prefix + name: value for name, value in {**asked_values, **values}.items()}
    if within is not None:
        held |= within.values
    asked_for = {**filters, **more} | ({"within": within.asked} if within is not None else {})
    in_trash = bool(getattr(query, "in_trash", False))
    if in_trash:
        asked_for["in_trash"] = True
    question = Question(
        resource, names, single, frozenset(), custom, within, prefix, in_trash, held, asked_for
    )
    return replace(question, common=await _common_relations(call.database, question))


def _is_of_contacts(resource: Resource, name: str) -> bool:
    """Tell whether a filter names contacts that records point to."""
    relation, is_related, field_name = name.partition("__")
    if is_related:
        resource, name = RELATIONS[resource.name][relation].resource, field_name
    column = resource.table.c.get(name)
    return column is not None and column.references(contacts.c.id)


async def of_survivors(reader: Reader, question: Question) -> Question:
    """Return the question with the contacts that answer for merged ones that it names."""
    names = [name for name in question.names if _is_of_contacts(question.resource, name)]
    named = {name: question.values[question.prefix + name] for name in names}
    ids = [id for value in named.values() for id in ([value] if isinstance(value, str) else value)]
    meant = await finding.answering(reader, ids)
    if all(meant.get(id, id) == id for id in ids):
        return question
    values = {
        question.prefix + name: meant.get(value, value)
        if isinstance(value, str)
        else [meant.get(id, id) for id in value]
        for name, value in named.items()
    }
    return replace(question, values={**question.values, **values})


def _is_single(resource: Resource, name: str, value: Any) -> bool:
    relation, is_related, field_name = name.partition("__")
    if is_related:
        resource, name = RELATIONS[resource.name][relation].resource, field_name
    if value is True:
        return True  # asked without a parameter, so that an index of just these serves
    column = resource.table.c.get(name)
    is_text = column is not None and not isinstance(column.type, Integer | SmallInteger)
    return is_text and isinstance(value, list) and len(value) == 1


async def _question_of_segment(call: Asker, resource: Resource, segment_id: str) -> Question | None:
    """Return what the filter of a segment asks for; None for a static segment.

    Raises
    ------
    SegmentInvalid
        The filter does not hold any more, for instance because a custom field is gone.
    """
    try:
        saved = await segments.saved_filter(call.database, segment_id)
        if saved is None:
            return None
        return await _question(call, resource, saved, prefix="segment_")
    except (
        segments.FilterInvalid,
        custom_fields.CustomFieldUnknown,
        custom_fields.CustomValueInvalid,
    ) as fault:
        raise segments.SegmentInvalid(segment_id, fault) from None


async def custom_names(call: Asker, resource: Resource) -> list[str]:
    """Return the parameters that filter by custom fields, for who may read what fields there are."""
    if not call.may("settings:read"):
        return []
    known = await custom_fields.definitions(call.database, resource.plural)
    return [
        f"custom.{key}{ending}"
        for key, each in sorted(known.items())
        for ending in ("", *(() if each["type"] in _WITHOUT_RANGE else BOUNDS))
    ]


async def custom_filters(
    reader: Reader, resource: Resource, more: Mapping[str, Sequence[str]], *, at: str
) -> tuple[frozenset[Custom], dict[str, Any]]:
    """Read the filters `custom.<key>`, `custom.<key>_gte` and `custom.<key>_lt`; they stand at `at`.

    Raises
    ------
    CustomFieldUnknown, CustomValueInvalid
        There is no such custom field, or the value is not of its type.
    """
    known = await custom_fields.definitions(reader, resource.plural)
    found: set[Custom] = set()
    values: dict[str, Any] = {}
    for name, sent in more.items():
        key, suffix = name.removeprefix("custom."), ""
        if key not in known:
            suffix = next((s for s in BOUNDS if key.endswith(s)), "")
            key = key.removesuffix(suffix) if suffix else key
        if key not in known:
            names = ", ".join(sorted(known)[:20]) or "none"
            message = f"There is no custom field {key} of {resource.plural}; there are: {names}."
            fault = FieldError(f"{at}/{name}", "unknown", message)
            raise custom_fields.CustomFieldUnknown(message, errors=[fault])
        item = Custom(key, known[key]["type"], suffix)
        if suffix and (len(sent) > 1 or item.type in _WITHOUT_RANGE):
            message = f"{key} takes no range, or one bound."
            fault = FieldError(f"{at}/{name}", "no_range", message)
            raise custom_fields.CustomValueInvalid(message, errors=[fault])
        found.add(item)
        read = custom_fields.read_filter(known[key], list(sent), pointer=f"{at}/{name}")
        values[_custom_bind(item)] = read[0] if suffix else read
    return frozenset(found), values


def _custom_bind(item: Custom) -> str:
    return f"custom_{item.key}{item.suffix}"


def _custom_clause(resource: Resource, item: Custom, prefix: str) -> ColumnElement[bool]:
    column = resource.table.c.custom
    if item.type == "choices":
        chosen = type_coerce(json_member(column, item.key, "json"), Document())
        return contains_any(chosen, bindparam(prefix + _custom_bind(item), type_=Texts))
    kind = "number" if item.type in ("integer", "number") else "text"
    member = json_member(column, item.key, kind)
    if not item.suffix:
        return any_of(member, bindparam(prefix + _custom_bind(item), type_=Texts))
    bound: ColumnElement[Any] = bindparam(prefix + _custom_bind(item), type_=member.type)
    return member >= bound if item.suffix == "_gte" else member < bound


def _relations(names: AbstractSet[str]) -> list[str]:
    return sorted({name.partition("__")[0] for name in names if "__" in name})


def _found(question: Question, name: str, *columns: Any) -> Select[Any]:
    """Select the records of another resource of which one fulfils all filters of it."""
    other = RELATIONS[question.resource.name][name].resource
    inner = [
        clause(
            other,
            each.partition("__")[2],
            bind=question.prefix + each,
            is_single=each in question.single,
        )
        for each in sorted(question.names)
        if each.startswith(f"{name}__")
    ]
    return select(*columns).where(other.table.c.deleted_at.is_(None), *inner)


def _related(question: Question, name: str) -> ColumnElement[bool]:
    relation = RELATIONS[question.resource.name][name]
    mine = question.resource.table.c[relation.mine]
    theirs = relation.resource.table.c[relation.theirs]
    if name in question.common:
        return _found(question, name, theirs).where(theirs == mine).correlate(mine.table).exists()
    return mine.in_(_found(question, name, theirs))


_MANY = 5_000


@lru_cache(maxsize=500)
def _are_many(question: Question, name: str) -> Statement:
    some = _found(question, name, literal(1)).limit(_MANY).subquery("some")
    return Statement(select(func.count() == _MANY).select_from(some))


async def _common_relations(reader: Reader, question: Question) -> frozenset[str]:
    """Return the relations that SQLite has to look for from each record, because many have them.

    It takes the same way always; PostgreSQL knows how frequent values are and chooses.
    """
    if reader.dialect.name != "sqlite":
        return frozenset()
    return frozenset(
        [
            name
            for name in _relations(question.names)
            if await reader.text(_are_many(question, name), question.values)
        ]
    )


def clause(
    resource: Resource, name: str, *, bind: str = "", is_single: bool = False
) -> ColumnElement[bool]:
    """Build the condition of one filter from its name.

    It is `x` (a list means any of it), `x_gte`, `x_lt`, `x_known`, or the name of a span, which holds
    the given day or instant; a span without a start or an end is open there.
    """
    columns, bind = resource.table.c, bind or name
    if name in resource.spans:
        start, end = (columns[each] for each in resource.spans[name])
        at = bindparam(bind, type_=start.type)
        return and_(or_(start.is_(None), start <= at), or_(end.is_(None), end >= at))
    if name.endswith("_known") and (base := name.removesuffix("_known")) in columns:
        return columns[base].is_not(None) == bindparam(bind, type_=Boolean)
    if name == "segment_id":
        return columns.id.in_(
            select(segment_members.c.contact_id).where(
                segment_members.c.segment_id == bindparam(bind, type_=columns.id.type)
            )
        )
    for suffix in BOUNDS:
        if name.endswith(suffix) and (base := name.removesuffix(suffix)) in columns:
            bound = bindparam(bind, type_=columns[base].type)
            return columns[base] >= bound if suffix == "_gte" else columns[base] < bound
    if name not in columns:  # a single word of a list: tag of tags, flag of flags
        return contains_any(columns[f"{name}s"], bindparam(bind, type_=Texts))
    column = columns[name]
    if isinstance(column.type, Boolean) and is_single:
        return column
    if is_single:
        return column == bindparam(bind, type_=column.type)
    if isinstance(column.type, Boolean):
        return column == bindparam(bind, type_=Boolean)
    assert not isinstance(column.type, Document)
    if isinstance(column.type, Integer | SmallInteger):
        return any_of(cast(column, Text), bindparam(bind, type_=Texts))
    return any_of(column, bindparam(bind, type_=Texts))
