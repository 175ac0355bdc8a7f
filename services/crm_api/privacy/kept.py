"""What stays of a person's records after an erasure; every other column is emptied, new ones too."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, select

from services.crm_api.campaign_members.table import CAMPAIGN_MEMBER
from services.crm_api.contacts.finding import ContactMissing
from services.crm_api.contacts.table import CONTACT, contacts
from services.crm_api.deals.table import AMOUNTS, DEAL
from services.crm_api.interactions.table import INTERACTION
from services.crm_api.resources import Resource
from services.foundation.columns import Document
from services.foundation.problems import FieldError
from services.foundation.statements import Record

_BOOKKEEPING = frozenset({"id", "version", "created_at", "updated_at", "deleted_at"})
# Kinds, days, amounts and codes of our own lists: what totals are made of, and nobody's words.
KEPT: dict[str, frozenset[str]] = {
    CONTACT.name: frozenset(
        {
            *("kind", "parent_id", "status", "terminated_at", "terminated_by"),
            *("source_campaign_id", "acquisition_cost_minor", "acquisition_cost_currency"),
            *("country_code", "language", "profiling_objection_at", "merged_into_id", "erased_at"),
            *("credit_hold", "individual_price", "consents"),
        }
    ),
    INTERACTION.name: frozenset(
        {
            *("contact_id", "deal_id", "parent_id", "kind", "channel", "touchpoint", "direction"),
            *("occurred_at", "campaign_id", "sentiment", "sentiment_source", "product_id"),
            *("treatment_id", "due_at", "done_at", "is_planned", "status", "status_history"),
            *("severity", "resolved_at", "resolution", "justified", "ratings", "nps", "outcome"),
            *("discount_pct", "price_minor", "price_currency", "valid_until", "decline_reason"),
            *("despite_open_complaint", "competitor_id", "effective_at", "cost_minor"),
            *("cost_currency", "is_public"),
        }
    ),
    DEAL.name: frozenset(
        {
            *("contact_id", "pipeline_id", "stage", "stage_kind", "stage_history", "currency"),
            *(f"{name}_minor" for name in AMOUNTS),
            *("discount_pct", "fx_rate", "lines", "opened_at", "expected_close_date", "closed_at"),
            *("won_reason", "lost_reason", "competitor_id", "campaign_id", "treatment_id"),
            *("payment_status", "invoiced_at", "disputed_at", "written_off_at", "due_at"),
            *("fraud_confirmed_at", "paid_at", "refunded_at", "chargeback_at", "contract_end_at"),
            "contract_cancelled_at",
        }
    ),
    CAMPAIGN_MEMBER.name: frozenset({"campaign_id", "contact_id", "arm", "outcome", "joined_at"}),
}


@cache
def emptied(resource: Resource) -> Record:
    """Return the columns that an erasure sets, and to what."""
    values: Record = {}
    for column in resource.table.columns:
        if column.name in KEPT[resource.name] | _BOOKKEEPING:
            continue
        if isinstance(column.type, Document):
            values[column.name] = {} if column.info.get("empty") == "{}" else []
        else:
            values[column.name] = None if column.nullable else ""
    return values


def filled(resource: Resource, values: Mapping[str, Any]) -> list[str]:
    """Return which of these columns of a contact's record put something where an erasure empties."""
    if resource is CONTACT or resource.name not in KEPT:
        return []
    empty = emptied(resource)
    names = [name for name, value in values.items() if name in empty and value != empty[name]]
    if any(line.get("name") for line in values.get("lines") or ()):
        names.append("lines")
    return names


def is_of_erased(resource: Resource) -> ColumnElement[bool]:
    """Build the condition that a record belongs to a contact that is erased."""
    owner = resource.table.c.contact_id
    return (
        select(contacts.c.id)
        .where(contacts.c.id == owner, contacts.c.erased_at.is_not(None))
        .exists()
    )


def still_empty(resource: Resource, names: list[str]) -> ContactMissing:
    """Build the problem of who wants to fill these columns for a contact that is erased."""
    fields = sorted({resource.wire_name(name) for name in names})
    message = f"The contact was erased, so this stays empty: {', '.join(fields)}."
    return ContactMissing(
        message,
        errors=[FieldError(f"/body/{field}", ContactMissing.code, message) for field in fields],
    )
