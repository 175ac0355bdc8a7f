"""The subscriptions, and the log of what was sent to them."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, text

from services.crm_api.resources import identifier, metadata
from services.foundation.columns import Document, Identifier, Instant, Whole

_WAITS = text("next_attempt_at IS NOT NULL")

webhooks = Table(
    "webhooks",
    metadata,
    identifier(),
    Column("url", String(2000), nullable=False),
    Column("description", String(1000)),
    Column("event_types", Document, nullable=False),
    Column("changed", Document, nullable=False),
    Column("filters", Document, nullable=False),
    Column("skip_own", Boolean, nullable=False),
    Column("skip_keys", Document, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("paused_at", Instant),
    Column("pause_reason", String(16)),
    # As they are: whoever signs needs the secret itself.
    Column("secret", String(100), nullable=False),
    Column("previous_secret", String(100)),
    Column("previous_secret_until", Instant),
    # Up to where the feed was turned into deliveries.
    Column("position_transaction", String(20), nullable=False),
    Column("position_seq", Whole, nullable=False),
    Column("failure_count", Integer, nullable=False),
    Column("failing_since", Instant),
    Column("resting_until", Instant),
    Column("lease_holder", String(36)),
    Column("lease_until", Instant),
    Column("key_id", String(8), nullable=False),
    # Whose rights it has; null: of the key that made it. Scopes only of a token, which is kept nowhere.
    Column("granted_by", String(8)),
    Column("granted_scopes", Document),
    Column("version", Whole, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("deleted_at", Instant),
    Index("ix_webhooks_created", "created_at", "id"),
)

deliveries = Table(
    "webhook_deliveries",
    metadata,
    identifier(),
    Column("webhook_id", Identifier, ForeignKey("webhooks.id"), nullable=False),
    Column("event_id", String(64), nullable=False),
    Column("event_type", String(64), nullable=False),
    Column("subject", String(80), nullable=False),
    # The very bytes that are signed and sent, the same at every attempt.
    Column("body", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempt_count", Integer, nullable=False),
    Column("attempts", Document, nullable=False),
    Column("next_attempt_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Index("ix_webhook_deliveries_created", "webhook_id", "created_at", "id"),
    Index("ix_webhook_deliveries_status", "webhook_id", "status", "created_at", "id"),
    Index(
        "ix_webhook_deliveries_waiting",
        *("webhook_id", "next_attempt_at"),
        postgresql_where=_WAITS,
        sqlite_where=_WAITS,
    ),
)
