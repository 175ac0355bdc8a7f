"""Puts the customer card together: what the contact is, then one statement for all that is on the card."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from sqlalchemy import ColumnElement, and_, bindparam, not_, or_, select

from services.crm_api.contacts.finding import existing
from services.crm_api.contacts.table import CONTACT, contacts
from services.crm_api.customer_card.schemas import MOST
from services.crm_api.deals.table import DEAL, deals
from services.crm_api.interactions.cases import OPEN_STATUSES
from services.crm_api.interactions.table import INTERACTION, interactions
from services.crm_api.terms.operations import ANSWERED
from services.foundation.columns import Instant
from services.foundation.constructs import json_record, one_of, unindexed
from services.foundation.database import Reader
from services.foundation.json_constructs import json_list, without_member
from services.foundation.problems import NotFound
from services.foundation.statements import Statement
from shared.values import wire_instant

Sees = tuple[bool, bool, bool]
"""Whether personal fields of contacts, interactions and deals are shown."""


def is_of_unit(column: ColumnElement[Any], kind: str) -> ColumnElement[bool]:
    """Build the condition that a record is of the contact `id` or, if that is an organisation, its persons."""
    if kind == "person":
        return column == bindparam("id")
    member = contacts.alias("member")
    of_unit = or_(member.c.id == bindparam("id"), member.c.parent_id == bindparam("id"))
    members = select(member.c.id).where(of_unit, member.c.deleted_at.is_(None)).correlate(None)
    return column.in_(members)


async def kind_of(reader: Reader, contact_id: str) -> str:
    """Return whether a live contact is a person or an organisation.

    Raises
    ------
    NotFound
        There is no such contact.
    """
    kind = (await existing(reader, [contact_id])).get(contact_id)
    if kind is None:
        raise NotFound(f"There is no contact {contact_id}.")
    return kind


@cache
def _card(sees: Sees, unit: str) -> Statement:
    parent = contacts.alias("organisation")
    organisation = (
        select(CONTACT.json(personal=sees[0], of=parent))
        .where(parent.c.id == contacts.c.parent_id, parent.c.deleted_at.is_(None))
        .correlate(contacts)
        .scalar_subquery()
    )
    i, d = interactions.c, deals.c
    columns: Iterable[ColumnElement[Any]] = (i.kind, i.status, d.stage_kind, d.payment_status)
    if unit != "person":  # SQLite would go by these: all offers there are, instead of the unit's
        columns = map(unindexed, columns)
    kind, status, stage_kind, payment_status = columns
    of_unit = and_(is_of_unit(i.contact_id, unit), i.deleted_at.is_(None))
    deals_of_unit = and_(is_of_unit(d.contact_id, unit), d.deleted_at.is_(None))
    happened = and_(of_unit, not_(i.is_planned))
    now = bindparam("now", type_=Instant)
    is_live = and_(
        one_of(kind, ["offer"]),
        or_(i.outcome.is_(None), not_(one_of(i.outcome, ANSWERED))),
        or_(i.valid_until.is_(None), i.valid_until > now),
    )
    is_open = and_(one_of(kind, ["complaint"]), one_of(status, OPEN_STATUSES))

    def some(where: Any, *order: Any, most: int = MOST) -> json_list:
        shown = INTERACTION.json(personal=sees[1])
        return json_list(select(shown).where(where).order_by(*order).limit(most))

    def some_deals(where: Any, *order: Any) -> json_list:
        shown = DEAL.json(personal=sees[2])
        return json_list(select(shown).where(deals_of_unit, where).order_by(*order).limit(MOST))

    # Both descending: in the order of an index, so that only what is shown is written as JSON.
    newest = (i.occurred_at.desc(), i.id.desc())
    lines = d.lines if sees[2] else without_member(d.lines, "name")
    bought = select(json_record(("at", d.closed_at), ("lines", lines))).where(
        deals_of_unit, one_of(stage_kind, ["won"])
    )
    return Statement(
        select(
            CONTACT.json(personal=sees[0]),
            organisation,
            some(happened, *newest, most=3),
            some(and_(happened, is_open), i.occurred_at, i.id),
            some(and_(happened, is_live), *newest),
            some(and_(of_unit, i.is_planned), i.due_at, i.id),
            some_deals(one_of(stage_kind, ["open"]), d.opened_at.desc(), d.id.desc()),
            some_deals(one_of(payment_status, ("issued", "disputed")), d.due_at, d.opened_at, d.id),
            json_list(bought.order_by(d.closed_at.desc(), d.id).limit(200)),
            contacts.c.version,
        ).where(contacts.c.id == bindparam("id"), contacts.c.deleted_at.is_(None)),
        planned="once",
    )


_PARTS = (
    "contact",
    "organisation",
    "last_interactions",
    "open_complaints",
    "offers",
    "promises",
    "open_deals",
    "unpaid_deals",
    "owned_products",
)


async def read_card(
    reader: Reader, contact_id: str, *, sees: Sees, now: datetime
) -> tuple[bytes, int]:
    """Return the card as JSON, and the version of the contact.

    Raises
    ------
    NotFound
        There is no such live contact.
    """
    kind = await kind_of(reader, contact_id)
    rows = await reader.texts(_card(sees, kind), {"id": contact_id, "now": now})
    if not rows:
        raise NotFound(f"There is no contact {contact_id}.")
    *parts, bought, version = rows[0]
    owned = orjson.dumps(_owned(orjson.loads(bought))[:MOST]).decode()
    members = zip(_PARTS, [*parts, owned], strict=True)
    shown = ",".join(f'"{name}":{part or "null"}' for name, part in members)
    return f"{{{shown}}}".encode(), version


def _owned(deals: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Gather what was bought from the lines of deals, the newest deal first."""
    owned: dict[tuple[Any, Any], dict[str, Any]] = {}
    for deal in deals:
        for product_id, name in {
            (line["product_id"], None if line["product_id"] else line["name"]): line["name"]
            for line in deal["lines"]
        }.items():
            product = owned.setdefault(
                product_id,
                {
                    "product_id": product_id[0],
                    "name": name,
                    "purchase_count": 0,
                    "last_bought_at": wire_instant(datetime.fromisoformat(deal["at"])),
                },
            )
            product["purchase_count"] += 1
    return list(owned.values())
