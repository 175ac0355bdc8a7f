"""The dismissed pairs; the smaller id of a pair comes first."""

from sqlalchemy import Column, ForeignKey, Index, String, Table

from services.crm_api.resources import identifier, metadata
from services.foundation.columns import Identifier, Instant

duplicate_dismissals = Table(
    "duplicate_dismissals",
    metadata,
    identifier(),
    Column("first_id", Identifier, ForeignKey("contacts.id"), nullable=False),
    Column("second_id", Identifier, ForeignKey("contacts.id"), nullable=False),
    Column("key_id", String(8), nullable=False),
    Column("dismissed_at", Instant, nullable=False),
    Index("uq_duplicate_dismissals_pair", "first_id", "second_id", unique=True),
    Index("ix_duplicate_dismissals_second_id", "second_id"),
    Index("ix_duplicate_dismissals_dismissed_at", "dismissed_at", "id"),
)
