"""Experiments: what is tried, who is in which arm, what was done about them, what was learned."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_27_experiments"
down_revision = "2026_11_27_termination_cases"
branch_labels = None
depends_on = None

identifier = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
instant = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
document = sa.Text().with_variant(postgresql.JSONB(), "postgresql")
whole = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "experiments",
        sa.Column("id", identifier, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("phase", sa.String(64), nullable=False),
        sa.Column("strategy_id", sa.String(64), nullable=False),
        sa.Column("instrument_id", sa.String(64), nullable=False),
        sa.Column("channel_id", sa.String(64)),
        sa.Column("holdout_share", sa.Float(53), nullable=False),
        sa.Column("tiers", document, nullable=False),
        sa.Column("starts_at", instant),
        sa.Column("ends_at", instant),
        sa.Column("hypothesis", sa.Text(), nullable=False),
        sa.Column("minimum_effect", sa.Float(53)),
        sa.Column("prior_mean", sa.Float(53), nullable=False),
        sa.Column("prior_sd", sa.Float(53), nullable=False),
        sa.Column("contact_cost", sa.Float(53), nullable=False),
        sa.Column("incentive_cost", sa.Float(53), nullable=False),
        sa.Column("started_at", instant),
        sa.Column("stopped_at", instant),
        sa.Column("closed_at", instant),
        sa.Column("looked_at_version", whole),
        sa.Column("looked_at_day", whole),
        sa.Column("windows_close_day", whole),
        sa.Column("currency", sa.String(3)),
        sa.Column("treated_count", whole, nullable=False),
        sa.Column("control_count", whole, nullable=False),
        sa.Column("result", document),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("reviewed_at", instant),
        sa.Column("review_note", sa.Text()),
        sa.Column("version", whole, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_experiments"),
    )
    op.create_index("ix_experiments_key", "experiments", ["key"], unique=True)
    op.create_index("ix_experiments_created", "experiments", ["created_at", "id"])
    op.create_index("ix_experiments_status", "experiments", ["status"])
    op.create_table(
        "experiment_assignments",
        sa.Column("experiment_id", identifier, nullable=False),
        sa.Column("unit_id", identifier, nullable=False),
        sa.Column("u", sa.Float(53), nullable=False),
        sa.Column("is_treated", sa.Boolean(), nullable=False),
        sa.Column("assigned_at", instant, nullable=False),
        sa.Column("assigned_day", whole, nullable=False),
        sa.Column("window_days", whole, nullable=False),
        sa.Column("tier", sa.String(64)),
        sa.Column("is_under_contract", sa.Boolean(), nullable=False),
        sa.Column("expected_effect", sa.Float(53)),
        sa.Column("expected_contribution", sa.Float(53)),
        sa.Column("churn_probability", sa.Float(53)),
        sa.Column("clv_365", sa.Float(53)),
        sa.Column("purchase_count", sa.Float(53)),
        sa.Column("gap_days", sa.Float(53)),
        sa.Column("has_succeeded", sa.Boolean()),
        sa.Column("contribution", sa.Float(53)),
        sa.PrimaryKeyConstraint("experiment_id", "unit_id", name="pk_experiment_assignments"),
    )
    op.create_index("ix_experiment_assignments_unit", "experiment_assignments", ["unit_id"])
    op.create_table(
        "experiment_steps",
        sa.Column("id", identifier, nullable=False),
        sa.Column("experiment_id", identifier, nullable=False),
        sa.Column("at", instant, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("key_id", sa.String(255)),
        sa.Column("key_name", sa.String(200)),
        sa.Column("request_id", sa.String(255)),
        sa.Column("changes", document, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_experiment_steps"),
    )
    op.create_index(
        "ix_experiment_steps_experiment", "experiment_steps", ["experiment_id", "id"]
    )
    op.create_table(
        "learned_effects",
        sa.Column("instrument_id", sa.String(64), nullable=False),
        sa.Column("phase", sa.String(64), nullable=False),
        sa.Column("mean", sa.Float(53), nullable=False),
        sa.Column("sd", sa.Float(53), nullable=False),
        sa.Column("data_weight", sa.Float(53), nullable=False),
        sa.Column("learned_day", whole, nullable=False),
        sa.Column("learned_at", instant, nullable=False),
        sa.Column("experiment_ids", document, nullable=False),
        sa.Column("response_model", document),
        sa.PrimaryKeyConstraint("instrument_id", "phase", name="pk_learned_effects"),
    )


def downgrade() -> None:
    for name in ("learned_effects", "experiment_steps", "experiment_assignments", "experiments"):
        op.drop_table(name)
