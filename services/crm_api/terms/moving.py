"""Terms follow the customer unit: when a contact comes into another one, so do those of its live offers."""

from datetime import datetime

from sqlalchemy import select

from services.crm_api.customer_card.operations import unit_members
from services.crm_api.interactions import operations as interactions
from services.crm_api.interactions.table import interactions as table
from services.crm_api.terms import operations as terms
from services.foundation.database import Transaction
from services.foundation.statements import Record, Statement

_OFFERS = Statement(
    select(table).where(
        table.c.contact_id.in_(unit_members()),
        table.c.kind == "offer",
        table.c.product_id.is_not(None),
        table.c.deleted_at.is_(None),
    )
)


def unit_of(contact: Record) -> str:
    """Return the customer unit of a contact: its organisation, else itself."""
    return str(contact["parent_id"] or contact["id"])


async def move_terms(
    transaction: Transaction, contact_id: str, *, from_unit: str, to_unit: str, now: datetime
) -> None:
    """Let the live terms of a contact's offers be those of another unit.

    Raises
    ------
    TermsConflict
        The other unit has a live offer with different terms for the same product.
    """
    if from_unit == to_unit:
        return
    for offer in await transaction.all(_OFFERS, {"id": contact_id}):
        if interactions.is_live_offer(offer, now):
            await terms.release(transaction, from_unit, offer, now=now)
            await terms.claim(transaction, to_unit, offer, now=now)
