"""What is noted beside the changes of records: readings of personal data, erasures, keys."""

from sqlalchemy import Column, Index, Integer, String, Table

from services.crm_api.resources import metadata
from services.foundation.columns import Identifier, Instant, Whole

audit_events = Table(
    "audit_events",
    metadata,
    Column("seq", Whole().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("action", String(32), nullable=False),
    Column("resource", String(32), nullable=False),
    Column("record_id", Identifier),
    Column("key_id", String(8), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("about_key_id", String(8)),
    Index("ix_audit_events_key", "about_key_id"),
    Index("ix_audit_events_occurred", "occurred_at", "seq"),
    Index("ix_audit_events_record", "record_id"),
    sqlite_autoincrement=True,
)
