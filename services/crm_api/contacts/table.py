"""The contacts: people and organisations in one table, a person pointing to its organisation."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, String, Table, Text, text

from services.crm_api.resources import (
    Resource,
    identifier,
    known_index,
    metadata,
    record_columns,
)
from services.foundation.columns import Day, Document, Identifier, Instant, Whole

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
    Column("job_title", String(200)),
    Column("birth_date", Day),
    Column("street", String(200)),
    Column("additional", String(200)),
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
    Column("communication_style", String(16)),
    Column("preferred_channel", String(32)),
    Column("previous_supplier_id", String(64)),
    Column("supplier_loyalty", String(16)),
    Column("roles", Document, nullable=False),
    Column("protections", Document, nullable=False),
    Column("credit_hold", Boolean, nullable=False),
    Column("individual_price", Boolean, nullable=False),
    Column("other_emails", Document, nullable=False),
    Column("other_phones", Document, nullable=False),
    Column("other_addresses", Document, nullable=False),
    Column("custom", Document, nullable=False, info={"empty": "{}"}),
    Column("consents", Document, nullable=False),
    Column("profiling_objection_at", Instant),
    Column("next_contact_at", Instant),
    Column("flags", Document, nullable=False),
    Column("tags", Document, nullable=False),
    Column("merged_into_id", Identifier),
    Column("erased_at", Instant),
    Column("search_text", Text, nullable=False),
    # Null until it is derived: of rows from before there were any.
    Column("match_keys", Document),
    *record_columns(),
    Index("ix_contacts_created", "created_at", "id"),
    Index(
        "ix_contacts_trash",
        "deleted_at",
        "id",
        postgresql_where=text("deleted_at IS NOT NULL"),
        sqlite_where=text("deleted_at IS NOT NULL"),
    ),
    Index("ix_contacts_updated", "updated_at", "id"),
    Index("ix_contacts_display_name", "display_name", "id"),
    Index("ix_contacts_email", "email"),
    # A filter of one value, in the order of the list.
    *(
        Index(f"ix_contacts_{name}", name, "created_at", "id")
        for name in ("owner_id", "country_code", "status", "city", "zip")
    ),
    *(
        known_index("contacts", name, "created_at")
        for name in ("source_campaign_id", "preferred_channel", "purchase_motive", "language")
    ),
    Index(
        "ix_contacts_credit_hold",
        "created_at",
        "id",
        postgresql_where=text("credit_hold"),
        sqlite_where=text("credit_hold = 1"),
    ),
    Index("ix_contacts_next_contact_at", "next_contact_at", "id"),
    Index("ix_contacts_phone", "phone_e164"),
    Index("ix_contacts_referred_by_id", "referred_by_id"),
    Index("ix_contacts_merged_into_id", "merged_into_id"),
    # Where SQLite is told of many new rows, so that triggers index them together.
    info={"in_bulk": "contact_search_bulk"},
)

search_words = Table(
    "search_words",
    metadata,
    # In the order of bytes, so that a beginning is a range.
    Column(
        "word",
        String(40).with_variant(String(40, collation="C"), "postgresql"),
        nullable=False,
        index=True,
    ),
)
"""The words of all search texts that are only letters; triggers keep them, some perhaps twice."""

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
            "job_title",
            "birth_date",
            "street",
            "additional",
            "zip",
            "city",
            "other_emails",
            "other_phones",
            "other_addresses",
            "custom",
            # Another system may name people by their e-mail addresses.
            "external_refs",
        }
    ),
    hidden=frozenset({"search_text", "match_keys"}),
    presence={
        "has_email": ("email", "other_emails"),
        "has_phone": ("phone", "other_phones"),
        "has_address": ("street", "other_addresses"),
    },
)
