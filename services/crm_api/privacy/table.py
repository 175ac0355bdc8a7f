"""Erasures, without a word of whom; and keyed hashes of the addresses that must not come back."""

from sqlalchemy import Column, Index, String, Table

from services.crm_api.resources import identifier, metadata
from services.foundation.columns import Document, Identifier, Instant

erasures = Table(
    "erasures",
    metadata,
    identifier(),
    Column("contact_id", Identifier, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("request_ref", String(200)),
    Column("counts", Document, nullable=False),
    Column("key_id", String(8), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("erased_at", Instant, nullable=False),
    # Whom: the contact and those merged into it; and how far its interactions and deals are done.
    Column("contact_ids", Document),
    Column("checkpoint", Document),
    Column("address_hashes", Document),
    Column("finished_at", Instant),
    Column("scrubbed_at", Instant),
    Index("ix_erasures_contact", "contact_id"),
    Index("ix_erasures_erased", "erased_at", "id"),
)
suppressions = Table(
    "suppressions",
    metadata,
    # HMAC-SHA-256 of the e-mail address or telephone number, with this deployment's salt.
    Column("hash", String(64), primary_key=True),
    Column("erasure_id", Identifier, nullable=False),
    Column("created_at", Instant, nullable=False),
)
suppression_salt = Table(
    "suppression_salt",
    metadata,
    Column("salt", String(64), primary_key=True),
)
