"""Merges interactions, moves of deals, consents and changes into one stream, a page at a time."""

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    bindparam,
    cast,
    literal,
    literal_column,
    select,
    tuple_,
    type_coerce,
    union_all,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from services.crm_api.changes.table import changes
from services.crm_api.consents.table import PERSONAL, consent_events
from services.crm_api.contacts.table import CONTACT
from services.crm_api.customer_card.operations import is_of_unit
from services.crm_api.interactions.table import INTERACTION, interactions
from services.foundation.columns import Document, Identifier, Instant
from services.foundation.constructs import json_record
from services.foundation.statements import Statement

TYPES = ("interaction", "deal_move", "consent", "change")


class deal_moves(FunctionElement[Any]):  # noqa: N801 - reads as a table
    """The deals, one row for each entry of their histories: `entry` is the entry, `place` its place."""

    inherit_cache = True
    name = "deal_moves"


@compiles(deal_moves, "postgresql")
def _deal_moves_on_postgresql(*_: Any, **__: Any) -> str:
    return (
        "deals CROSS JOIN LATERAL jsonb_array_elements(deals.stage_history) "
        "WITH ORDINALITY AS move(entry, place)"
    )


@compiles(deal_moves, "sqlite")
def _deal_moves_on_sqlite(*_: Any, **__: Any) -> str:
    return "deals CROSS JOIN (SELECT NULL) CROSS JOIN json_each(deals.stage_history) AS move"


class move_part(FunctionElement[Any]):  # noqa: N801
    """A member of a history's entry, or `place`, its place."""

    inherit_cache = False

    def __init__(self, member: str, kind: Any) -> None:
        self.member, self.type = member, kind
        super().__init__()


@compiles(move_part, "postgresql")
def _move_part_on_postgresql(element: move_part, *_: Any, **__: Any) -> str:
    if element.member == "place":
        return "move.place::text"
    text = f"(move.entry->>'{element.member}')"
    return f"{text}::timestamptz" if isinstance(element.type, Instant) else text


@compiles(move_part, "sqlite")
def _move_part_on_sqlite(element: move_part, *_: Any, **__: Any) -> str:
    if element.member == "place":
        return "(move.key + 1)"
    return f"json_extract(move.value, '$.{element.member}')"


def _item(
    kind: str,
    at: ColumnElement[Any],
    id: ColumnElement[Any],
    contact: Any,
    part: ColumnElement[Any],
) -> tuple[ColumnElement[Any], ...]:
    item = json_record(
        ("type", literal_column(f"'{kind}'", String())),
        ("id", id),
        ("at", at),
        ("contact_id", contact),
        (kind, type_coerce(part, Document())),
    )
    return item.label("item"), type_coerce(at, Instant()).label("at"), id.label("id")


def _interactions(sees: tuple[bool, bool, bool], unit: str) -> Select[Any]:
    i = interactions.c
    part = INTERACTION.json(personal=sees[0])
    return select(
        *_item("interaction", i.occurred_at, cast(i.id, String), i.contact_id, part)
    ).where(is_of_unit(i.contact_id, unit), i.deleted_at.is_(None), i.is_planned.is_(False))


def _moves(sees: tuple[bool, bool, bool], unit: str) -> Select[Any]:
    def deal(name: str, kind: Any) -> ColumnElement[Any]:
        return literal_column(f"deals.{name}", kind)

    at = move_part("entered_at", Instant())
    id = cast(deal("id", Identifier()), String) + literal("/") + move_part("place", String())
    part = json_record(
        ("deal_id", deal("id", Identifier())),
        ("title", deal("title", String()) if sees[1] else literal_column("NULL", String())),
        ("stage", move_part("stage", String())),
        ("kind", move_part("kind", String())),
    )
    return (
        select(*_item("deal_move", at, id, deal("contact_id", Identifier()), part))
        .select_from(deal_moves())
        .where(
            is_of_unit(deal("contact_id", Identifier()), unit),
            deal("deleted_at", Instant()).is_(None),
        )
    )


def _consents(unit: str, *, personal: bool) -> Select[Any]:
    e = consent_events.c
    hidden = {"key_id"} | (set() if personal else PERSONAL)
    part = json_record(*((column.name, column) for column in e if column.name not in hidden))
    return select(*_item("consent", e.occurred_at, cast(e.id, String), e.contact_id, part)).where(
        is_of_unit(e.contact_id, unit)
    )


def _changes(unit: str) -> Select[Any]:
    c = changes.c
    names = ("action", "version", "changed", "request_id", "key_id")
    part = json_record(*((name, c[name]) for name in names))
    return select(*_item("change", c.occurred_at, cast(c.seq, String), c.record_id, part)).where(
        c.resource == CONTACT.name, is_of_unit(c.record_id, unit)
    )


@lru_cache(maxsize=200)
def timeline_statement(
    types: frozenset[str], sees: tuple[bool, bool, bool], unit: str, *, is_continued: bool
) -> Statement:
    """Return the statement of a page: each part gives its newest, the whole the newest of these.

    `unit` is the kind of the contact: a person, or an organisation with its persons.
    """
    made = {
        "interaction": _interactions(sees, unit),
        "deal_move": _moves(sees, unit),
        "consent": _consents(unit, personal=sees[2]),
        "change": _changes(unit),
    }
    parts = []
    for name in TYPES:
        if name not in types:
            continue
        inner = made[name].subquery(name)
        part = select(inner.c.item, inner.c.at, inner.c.id)
        if is_continued:
            last = tuple_(bindparam("last_value", type_=Instant), bindparam("last_id"))
            part = part.where(tuple_(inner.c.at, inner.c.id) < last)
        newest = part.order_by(inner.c.at.desc(), inner.c.id.desc()).limit(bindparam("page_size"))
        parts.append(select(*newest.subquery(f"newest_{name}").c))
    whole = union_all(*parts).subquery("whole")
    return Statement(
        select(whole.c.item, whole.c.at, whole.c.id)
        .order_by(whole.c.at.desc(), whole.c.id.desc())
        .limit(bindparam("page_size")),
        planned="once",
    )
