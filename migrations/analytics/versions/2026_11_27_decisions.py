"""Decisions on recommendations, every step of them, and what is to be planned of them in the CRM."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "2026_11_27_decisions"
down_revision = "2026_11_27_steps"
branch_labels = None
depends_on = None

ID = sa.String(36).with_variant(sa.Uuid(as_uuid=False), "postgresql")
INSTANT = sa.Text().with_variant(TIMESTAMP(timezone=True), "postgresql")
DAY = sa.Text().with_variant(sa.Date(), "postgresql")
DOCUMENT = sa.Text().with_variant(JSONB(), "postgresql")
IS_OPEN = sa.text("status = 'accepted'")


def upgrade() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", ID, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("unit_id", ID, nullable=False),
        sa.Column("recommendation_id", ID, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("phase", sa.String(64)),
        sa.Column("goal_id", sa.String(64)),
        sa.Column("strategy_id", sa.String(64)),
        sa.Column("instrument_id", sa.String(64), nullable=False),
        sa.Column("channel_id", sa.String(64)),
        sa.Column("product_id", sa.String(200)),
        sa.Column("snapshot", DOCUMENT, nullable=False),
        sa.Column("reason", sa.String(32)),
        sa.Column("note", sa.Text),
        sa.Column("planned_for", DAY),
        sa.Column("valid_until", DAY),
        sa.Column("assigned_to", sa.String(64)),
        sa.Column("executed_at", INSTANT),
        sa.Column("interaction_id", ID),
        sa.Column("cost_minor", sa.BigInteger),
        sa.Column("cost_currency", sa.String(3)),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
    )
    op.create_index("ix_decisions_decided", "decisions", ["decided_at", "id"])
    op.create_index("ix_decisions_unit", "decisions", ["unit_id", "decided_at"])
    op.create_index(
        "ix_decisions_open", "decisions", ["unit_id", "recommendation_id"], unique=True,
        postgresql_where=IS_OPEN, sqlite_where=IS_OPEN,
    )
    op.create_index(
        "ix_decisions_due", "decisions", ["valid_until"],
        postgresql_where=IS_OPEN, sqlite_where=IS_OPEN,
    )
    op.create_table(
        "decision_steps",
        sa.Column("decision_id", ID, nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("key_name", sa.String(100), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("from_status", sa.String(16)),
        sa.Column("to_status", sa.String(16), nullable=False),
        sa.Column("changed", DOCUMENT, nullable=False),
        sa.Column("cause", sa.String(32)),
        sa.PrimaryKeyConstraint("decision_id", "number", name="pk_decision_steps"),
    )
    op.create_table(
        "decision_writes",
        sa.Column("id", ID, nullable=False),
        sa.Column("wanted", sa.String(8), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("is_sent", sa.Boolean, nullable=False),
        sa.Column("body", DOCUMENT, nullable=False),
        sa.Column("change", DOCUMENT, nullable=False),
        sa.Column("interaction_id", ID),
        sa.Column("problem", sa.String(64)),
        sa.Column("attempt_count", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", INSTANT),
        sa.Column("lease_holder", sa.String(36)),
        sa.Column("lease_until", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_decision_writes"),
    )
    op.create_index("ix_decision_writes_next", "decision_writes", ["next_attempt_at", "id"])


def downgrade() -> None:
    for name in ("decision_writes", "decision_steps", "decisions"):
        op.drop_table(name)
