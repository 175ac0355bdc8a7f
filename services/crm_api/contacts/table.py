"""The contacts: people and organisations in one table, a person pointing to its organisation."""

from sqlalchemy import Column, ForeignKey, Index, String, Table

from services.crm_api.resources import Resource, identifier, metadata, record_columns
from services.foundation.columns import Document, Identifier, Instant, Whole

contacts = Table(
    "contacts",
    metadata,
    identifier(),
    Column("kind", String(16), nullable=False),
    Column("parent_id", Identifier, ForeignKey("contacts.id"), index=True),
    Column("display_name", String(410), nullable=False),
    Column("name", String(200)),
    Column("given_name", String(200)),
    Column("family_name", String(200)),
    Column("email", String(254)),
    Column("phone", String(64)),
    Column("phone_e164", String(16)),
    Column("street", String(200)),
    Column("zip", String(20)),
    Column("city", String(200)),
    Column("country_code", String(2)),
    Column("language", String(2)),
    Column("status", String(16), nullable=False),
    Column("terminated_at", Instant),
    Column("terminated_by", String(16)),
    Column("owner_id", String(64)),
    Column("source_campaign_id", String(64)),
    Column("acquisition_cost_minor", Whole),
    Column("acquisition_cost_currency", String(3)),
    Column("referred_by_id", Identifier, ForeignKey("contacts.id")),
    Column("purchase_motive", String(64)),
    Column("profiling_objection_at", Instant),
    Column("next_contact_at", Instant),
    Column("flags", Document, nullable=False),
    Column("tags", Document, nullable=False),
    *record_columns(),
    Index("ix_contacts_created", "created_at", "id"),
    Index("ix_contacts_updated", "updated_at", "id"),
    Index("ix_contacts_display_name", "display_name", "id"),
    Index("ix_contacts_email", "email"),
    Index("ix_contacts_owner", "owner_id", "id"),
)

CONTACT = Resource(
    name="contact",
    plural="contacts",
    table=contacts,
    money={"acquisition_cost": ("acquisition_cost_minor", "acquisition_cost_currency")},
    personal=frozenset(
        {
            "display_name",
            "name",
            "given_name",
            "family_name",
            "email",
            "phone",
            "phone_e164",
            "street",
            "zip",
            "city",
        }
    ),
)
