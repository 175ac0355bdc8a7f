"""The decisions, every step of them, and what is to be planned of them in the CRM."""

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text, text

from services.analytics.tables import metadata
from services.foundation.columns import Day, Document, Identifier, Instant, Whole

_IS_OPEN = text("status = 'accepted'")

decisions = Table(
    "decisions",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("version", Whole, nullable=False),
    Column("unit_id", Identifier, nullable=False),
    Column("recommendation_id", Identifier, nullable=False),
    Column("status", String(16), nullable=False),
    # What was decided on, as it was published; the rest of it stands in `snapshot`.
    Column("phase", String(64)),
    Column("goal_id", String(64)),
    Column("strategy_id", String(64)),
    Column("instrument_id", String(64), nullable=False),
    Column("channel_id", String(64)),
    Column("product_id", String(200)),
    Column("snapshot", Document, nullable=False),
    Column("reason", String(32)),
    Column("note", Text),
    Column("planned_for", Day),
    Column("valid_until", Day),
    Column("assigned_to", String(64)),
    Column("executed_at", Instant),
    Column("interaction_id", Identifier),
    Column("cost_minor", Whole),
    Column("cost_currency", String(3)),
    Column("decided_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_decisions_decided", "decided_at", "id"),
    Index("ix_decisions_unit", "unit_id", "decided_at"),
    # Two who decide at the same time: one is told of the other's decision.
    Index(
        "ix_decisions_open",
        "unit_id",
        "recommendation_id",
        unique=True,
        postgresql_where=_IS_OPEN,
        sqlite_where=_IS_OPEN,
    ),
    Index("ix_decisions_due", "valid_until", postgresql_where=_IS_OPEN, sqlite_where=_IS_OPEN),
)

decision_steps = Table(
    "decision_steps",
    metadata,
    Column("decision_id", Identifier, primary_key=True),
    # The version that the decision had after it.
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("key_id", String(8), nullable=False),
    Column("key_name", String(100), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("from_status", String(16)),
    Column("to_status", String(16), nullable=False),
    Column("changed", Document, nullable=False),
    Column("cause", String(32)),
)

decision_writes = Table(
    "decision_writes",
    metadata,
    # That of the decision, by which the CRM knows the interaction as well.
    Column("id", Identifier, primary_key=True),
    Column("wanted", String(8), nullable=False),
    Column("state", String(8), nullable=False),
    # Grows with every change of what is wanted: who sent an older one has not finished.
    Column("revision", Integer, nullable=False),
    # Grows with every interaction that is asked for after one was removed.
    Column("generation", Integer, nullable=False),
    Column("is_sent", Boolean, nullable=False),
    Column("body", Document, nullable=False),
    Column("change", Document, nullable=False),
    Column("interaction_id", Identifier),
    Column("problem", String(64)),
    Column("attempt_count", Integer, nullable=False),
    Column("next_attempt_at", Instant),
    Column("lease_holder", String(36)),
    Column("lease_until", Instant),
    Index("ix_decision_writes_next", "next_attempt_at", "id"),
)
