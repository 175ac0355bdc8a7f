"""The interactions."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from services.crm_api.resources import (
    Resource,
    identifier,
    known_index,
    metadata,
    record_columns,
)
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
    Column("product_id", String(64)),
    Column("treatment_id", String(64)),
    Column("recording_ref", String(500)),
    Column("due_at", Instant),
    Column("done_at", Instant),
    Column("is_planned", Boolean, nullable=False),
    Column("status", String(16)),
    Column("status_history", Document, nullable=False),
    Column("severity", SmallInteger),
    Column("resolved_at", Instant),
    Column("resolution", String(16)),
    Column("justified", Boolean),
    Column("ratings", Document, nullable=False),
    Column("nps", SmallInteger),
    Column("reason", Text),
    Column("outcome", String(16)),
    Column("discount_pct", String(8)),
    Column("price_minor", Whole),
    Column("price_currency", String(3)),
    Column("valid_until", Instant),
    Column("despite_open_complaint", Boolean, nullable=False),
    Column("decline_reason", String(32)),
    Column("competitor_id", String(64)),
    Column("effective_at", Instant),
    Column("event_type", String(64)),
    Column("cost_minor", Whole),
    Column("cost_currency", String(3)),
    Column("is_public", Boolean, nullable=False),
    Column("custom", Document, nullable=False, info={"empty": "{}"}),
    Column("tags", Document, nullable=False),
    *record_columns(),
    Index("ix_interactions_contact", "contact_id", "occurred_at", "id"),
    *(
        Index(f"ix_interactions_{name}", name, "occurred_at", "id")
        for name in ("kind", "user_id", "channel")
    ),
    *(
        known_index("interactions", name, "occurred_at")
        for name in ("product_id", "campaign_id", "status", "outcome")
    ),
    *(
        Index(
            f"ix_interactions_{name}_of_contact",
            *("contact_id", order, "id"),
            postgresql_where=text(where),
            sqlite_where=text(sqlite),
        )
        for name, order, where, sqlite in (
            ("offers", "occurred_at", "kind = 'offer'", "kind = 'offer'"),
            ("complaints", "occurred_at", "kind = 'complaint'", "kind = 'complaint'"),
            ("promises", "due_at", "is_planned", "is_planned = 1"),
        )
    ),
    Index("ix_interactions_due_at", "due_at", "id"),
    Index("ix_interactions_occurred", "occurred_at", "id"),
    Index("ix_interactions_created", "created_at", "id"),
    Index(
        "ix_interactions_planned",
        "due_at",
        "id",
        postgresql_where=text("is_planned"),
        sqlite_where=text("is_planned"),
    ),
    Index(
        "ix_interactions_open_cases",
        "contact_id",
        "occurred_at",
        postgresql_where=text("status IN ('open', 'acknowledged', 'reopened')"),
        sqlite_where=text("status IN ('open', 'acknowledged', 'reopened')"),
    ),
    Index(
        "ix_interactions_trash",
        "deleted_at",
        "id",
        postgresql_where=text("deleted_at IS NOT NULL"),
        sqlite_where=text("deleted_at IS NOT NULL"),
    ),
    Index("ix_interactions_updated", "updated_at", "id"),
)

INTERACTION = Resource(
    name="interaction",
    plural="interactions",
    table=interactions,
    money={
        "cost": ("cost_minor", "cost_currency"),
        "price": ("price_minor", "price_currency"),
    },
    personal=frozenset({"subject", "body", "reason", "recording_ref", "custom"}),
    presence={"has_reason": ("reason",)},
)
