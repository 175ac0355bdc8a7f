"""The events of consents; rows are added and never changed."""

from sqlalchemy import Column, ForeignKey, Index, String, Table

from services.crm_api.resources import identifier, metadata
from services.foundation.columns import Identifier, Instant

consent_events = Table(
    "consent_events",
    metadata,
    identifier(),
    Column("contact_id", Identifier, ForeignKey("contacts.id"), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("action", String(16), nullable=False),
    Column("basis", String(32), nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("text_version", String(100)),
    Column("source", String(200)),
    Column("evidence_ref", String(500)),
    Column("key_id", String(8), nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("ix_consent_events_contact", "contact_id", "occurred_at", "id"),
)

PERSONAL = frozenset({"source", "evidence_ref"})
"""Free texts, which only keys with the scope `contacts:pii` see."""
