"""The interactions."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, SmallInteger, String, Table, Text

from services.crm_api.resources import Resource, identifier, metadata, record_columns
from services.foundation.columns import Document, Identifier, Instant, Whole

interactions = Table(
    "interactions",
    metadata,
    identifier(),
    Column("contact_id", Identifier, ForeignKey("contacts.id"), nullable=False),
    Column("deal_id", Identifier, ForeignKey("deals.id"), index=True),
    Column("parent_id", Identifier, ForeignKey("interactions.id")),
    Column("kind", String(32), nullable=False),
    Column("channel", String(32)),
    Column("touchpoint", String(64)),
    Column("direction", String(16)),
    Column("occurred_at", Instant, nullable=False),
    Column("user_id", String(64)),
    Column("campaign_id", String(64)),
    Column("subject", String(500)),
    Column("body", Text),
    Column("sentiment", Float(53)),
    Column("sentiment_source", String(16)),
    Column("severity", SmallInteger),
    Column("resolved_at", Instant),
    Column("resolution", String(16)),
    Column("justified", Boolean),
    Column("ratings", Document, nullable=False),
    Column("nps", SmallInteger),
    Column("outcome", String(16)),
    Column("decline_reason", String(32)),
    Column("competitor_id", String(64)),
    Column("effective_at", Instant),
    Column("event_type", String(64)),
    Column("cost_minor", Whole),
    Column("cost_currency", String(3)),
    Column("is_public", Boolean, nullable=False),
    Column("tags", Document, nullable=False),
    *record_columns(),
    Index("ix_interactions_contact", "contact_id", "occurred_at", "id"),
    Index("ix_interactions_occurred", "occurred_at", "id"),
    Index("ix_interactions_created", "created_at", "id"),
    Index("ix_interactions_updated", "updated_at", "id"),
)

INTERACTION = Resource(
    name="interaction",
    plural="interactions",
    table=interactions,
    money={"cost": ("cost_minor", "cost_currency")},
    personal=frozenset({"subject", "body"}),
)
