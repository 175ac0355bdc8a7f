"""Claims terms for an offer and lets them go; two offers with different terms cannot both be live."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, delete, insert, or_, select, update

from services.crm_api.contacts.table import contacts
from services.crm_api.interactions.table import interactions
from services.crm_api.terms.table import live_terms
from services.foundation.constructs import is_among
from services.foundation.database import Transaction
from services.foundation.problems import Conflict
from services.foundation.statements import Record, Statement
from shared.values import wire_instant

ANSWERED = ("accepted", "declined", "unsubscribed", "bounced")
"""The outcomes that end an offer."""
_table = live_terms.c
_HERE = (_table.unit_id == bindparam("at_unit"), _table.product_id == bindparam("at_product"))
_LOCK = Statement(select(live_terms).where(*_HERE).with_for_update())
_ADD = Statement(insert(live_terms))
_SET = Statement(
    update(live_terms)
    .where(*_HERE)
    .values(
        {
            name: bindparam(f"set_{name}")
            for name in ("discount_pct", "price_minor", "price_currency", "holders")
        }
    )
)
_DROP = Statement(delete(live_terms).where(*_HERE))


# What counts against an offer: others that are there, of live contacts or of its own.
_BINDING = Statement(
    select(interactions.c.id)
    .join(contacts, contacts.c.id == interactions.c.contact_id)
    .where(
        is_among(interactions.c.id),
        interactions.c.deleted_at.is_(None),
        or_(contacts.c.deleted_at.is_(None), contacts.c.id == bindparam("contact_id")),
    )
    .order_by(interactions.c.id)
    .limit(1)
)
_OFFERS = Statement(
    select(interactions)
    .where(
        interactions.c.contact_id == bindparam("contact_id"),
        interactions.c.kind == "offer",
        interactions.c.product_id.is_not(None),
        interactions.c.deleted_at.is_(None),
    )
    .order_by(interactions.c.product_id, interactions.c.id)
)


class TermsConflict(Conflict):
    code, title = "terms_conflict", "Other terms for this product are live for this customer."


def is_live(row: Mapping[str, Any], *, now: datetime) -> bool:
    """Tell whether this is an offer for a product that is out and neither answered nor over."""
    return (
        row["kind"] == "offer"
        and row["product_id"] is not None
        and not row["is_planned"]
        and row["outcome"] not in ANSWERED
        and (row["valid_until"] is None or row["valid_until"] > now)
    )


def _terms(row: Mapping[str, Any]) -> tuple[Any, ...]:
    discount = row["discount_pct"]
    return (
        None if discount is None else Decimal(discount),
        row["price_minor"],
        row["price_currency"],
    )


async def claim(
    transaction: Transaction, unit_id: str, offer: Mapping[str, Any], *, now: datetime
) -> None:
    """Make the terms of an offer the live ones of its unit and product.

    An offer of a contact in the trash, or of one who was erased, binds nobody.

    Raises
    ------
    TermsConflict
        Another live offer has other terms; the problem names it.
    """
    at = {"at_unit": unit_id, "at_product": offer["product_id"]}
    until = offer["valid_until"]
    own = {"id": offer["id"], "until": None if until is None else wire_instant(until)}
    found = await transaction.first(_LOCK, at)
    terms = {name: offer[name] for name in ("discount_pct", "price_minor", "price_currency")}
    if found is None:
        row = {"unit_id": unit_id, "product_id": offer["product_id"], **terms, "holders": [own]}
        await transaction.run(_ADD, row)
        return
    others = _others(found, offer["id"], now)
    if others and _terms(found) != _terms(offer):
        named = {"ids": [each["id"] for each in others], "contact_id": offer["contact_id"]}
        binding = await transaction.first(_BINDING, named)
        if binding is not None:
            raise TermsConflict(
                f"The offer {binding['id']} is live with other terms for this product; change, "
                "decline or wait for the end of that one first.",
                extra={"existing_id": binding["id"]},
            )
        others = []
    await transaction.run(
        _SET,
        at
        | {f"set_{name}": value for name, value in terms.items()}
        | {"set_holders": [*others, own]},
    )


async def release(
    transaction: Transaction, unit_id: str, offer: Mapping[str, Any], *, now: datetime
) -> None:
    """Let the terms of an offer go; they stay live as long as another offer repeats them."""
    at = {"at_unit": unit_id, "at_product": offer["product_id"]}
    found = await transaction.first(_LOCK, at)
    if found is None:
        return
    others = _others(found, offer["id"], now)
    if not others:
        await transaction.run(_DROP, at)
        return
    kept = {
        f"set_{name}": found[name] for name in ("discount_pct", "price_minor", "price_currency")
    }
    await transaction.run(_SET, at | kept | {"set_holders": others})


async def move(
    transaction: Transaction,
    offers: Iterable[Record],
    *,
    from_unit: str,
    to_unit: str,
    now: datetime,
) -> None:
    """Let the live terms of these offers be those of another unit.

    Raises
    ------
    TermsConflict
        That unit has a live offer with other terms for the same product.
    """
    if from_unit == to_unit:
        return
    for offer in offers:
        if is_live(offer, now=now):
            await release(transaction, from_unit, offer, now=now)
            await claim(transaction, to_unit, offer, now=now)


async def move_contact(
    transaction: Transaction, contact_id: str, *, from_unit: str, to_unit: str, now: datetime
) -> None:
    """Let the live terms of a contact's own offers be those of another unit.

    Raises
    ------
    TermsConflict
        That unit has a live offer with other terms for the same product.
    """
    if from_unit != to_unit:
        offers = await transaction.all(_OFFERS, {"contact_id": contact_id})
        await move(transaction, offers, from_unit=from_unit, to_unit=to_unit, now=now)


async def claim_contact(
    transaction: Transaction, contact_id: str, unit_id: str, *, now: datetime
) -> None:
    """Make the terms of a contact's own offers live again, when it comes out of the trash.

    Raises
    ------
    TermsConflict
        Meanwhile its unit has a live offer with other terms for the same product.
    """
    for offer in await transaction.all(_OFFERS, {"contact_id": contact_id}):
        if is_live(offer, now=now):
            await claim(transaction, unit_id, offer, now=now)


def _others(found: Record, offer_id: str, now: datetime) -> list[dict[str, Any]]:
    """Return who else holds the terms at this instant."""
    present = wire_instant(now)
    return [
        holder
        for holder in found["holders"]
        if holder["id"] != offer_id and (holder["until"] is None or holder["until"] > present)
    ]
