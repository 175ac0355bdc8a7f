"""The first schema: keys, idempotency, refreshes, versions, customers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_23_first"
down_revision = None
branch_labels = None
depends_on = None


identifier = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
instant = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
day = sa.Text().with_variant(sa.Date(), "postgresql")
document = sa.Text().with_variant(postgresql.JSONB(), "postgresql")
whole = sa.BigInteger()
sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "idempotency_records",
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("method", sa.String(8), nullable=False),
        sa.Column("path", sa.String(600), nullable=False),
        sa.Column("idempotency_key", sa.String(255), nullable=False),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("headers", document, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("key_id", "method", "path", "idempotency_key", name="pk_idempotency_records"),
    )
    op.create_index("ix_idempotency_records_created_at", "idempotency_records", ["created_at"])
    op.create_table(
        "keys",
        sa.Column("id", sa.String(8), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("scopes", document, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("expires_at", instant),
        sa.Column("revoked_at", instant),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
    )
    op.create_table(
        "refreshes",
        sa.Column("id", identifier, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("progress", sa.Float(53), nullable=False),
        sa.Column("as_of", day),
        sa.Column("is_full", sa.Boolean(), nullable=False),
        sa.Column("version", whole),
        sa.Column("failure", sa.Text()),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("started_at", instant),
        sa.Column("finished_at", instant),
        sa.PrimaryKeyConstraint("id", name="pk_refreshes"),
    )
    op.create_index("ix_refreshes_created", "refreshes", ["created_at", "id"])
    op.create_index("ix_refreshes_status", "refreshes", ["status"])
    op.create_table(
        "versions",
        sa.Column("number", sequence, autoincrement=False, nullable=False),
        sa.Column("as_of", day, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("published_at", instant, nullable=False),
        sa.Column("crm_read_at", instant, nullable=False),
        sa.Column("mirror_cursor", sa.String(200), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("customer_count", whole, nullable=False),
        sa.Column("model", document, nullable=False),
        sa.Column("data_gaps", document, nullable=False),
        sa.Column("summary", document, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_versions"),
    )
    op.create_table(
        "customers",
        sa.Column("version", sequence, sa.ForeignKey("versions.number", name="fk_customers_version", ondelete="CASCADE"), autoincrement=False, nullable=False),
        sa.Column("unit_id", identifier, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(64)),
        sa.Column("phase", sa.String(64)),
        sa.Column("lead_stage", sa.String(64)),
        sa.Column("confidence", sa.String(64)),
        sa.Column("goal_id", sa.String(64)),
        sa.Column("strategy_id", sa.String(64)),
        sa.Column("instrument_id", sa.String(64)),
        sa.Column("recommendation_basis", sa.String(64)),
        sa.Column("open_condition_ids", sa.String(300)),
        sa.Column("recommendation_gap_ids", sa.String(300)),
        sa.Column("alternative_strategy_id", sa.String(64)),
        sa.Column("alternative_instrument_id", sa.String(64)),
        sa.Column("alternative_basis", sa.String(64)),
        sa.Column("alternative_condition_id", sa.String(64)),
        sa.Column("phase_rule", whole),
        sa.Column("purchase_count", whole),
        sa.Column("repeat_count", whole),
        sa.Column("recency_days", whole),
        sa.Column("age_days", whole),
        sa.Column("first_purchase_day", whole),
        sa.Column("last_purchase_day", whole),
        sa.Column("gap_days", whole),
        sa.Column("interpurchase_days", sa.Float(53)),
        sa.Column("median_gap_days", sa.Float(53)),
        sa.Column("gap_rank", sa.Float(53)),
        sa.Column("alive_probability", sa.Float(53)),
        sa.Column("vitality", sa.Float(53)),
        sa.Column("churn_horizon_days", sa.Float(53)),
        sa.Column("baseline_churn_probability", sa.Float(53)),
        sa.Column("reference_churn_probability", sa.Float(53)),
        sa.Column("churn_probability", sa.Float(53)),
        sa.Column("contribution", sa.Float(53)),
        sa.Column("contribution_730", sa.Float(53)),
        sa.Column("service_cost", sa.Float(53)),
        sa.Column("historic_value", sa.Float(53)),
        sa.Column("margin_per_purchase", sa.Float(53)),
        sa.Column("expected_purchases_365", sa.Float(53)),
        sa.Column("clv_alive_365", sa.Float(53)),
        sa.Column("clv_365", sa.Float(53)),
        sa.Column("clv_alive_1095", sa.Float(53)),
        sa.Column("clv_1095", sa.Float(53)),
        sa.Column("expected_new_value", sa.Float(53)),
        sa.Column("value_at_risk", sa.Float(53)),
        sa.Column("recommendation_value", sa.Float(53)),
        sa.Column("recommendation_stake", sa.Float(53)),
        sa.Column("recommendation_effect_probability", sa.Float(53)),
        sa.Column("recommendation_contact_cost", sa.Float(53)),
        sa.Column("recommendation_incentive_cost", sa.Float(53)),
        sa.Column("recommendation_risk_cost", sa.Float(53)),
        sa.Column("alternative_value", sa.Float(53)),
        sa.Column("first_deal_id", identifier),
        sa.Column("last_deal_id", identifier),
        sa.Column("is_cost_estimated", sa.Boolean(), nullable=False),
        sa.Column("has_active_contract", sa.Boolean(), nullable=False),
        sa.Column("has_profiling_objection", sa.Boolean(), nullable=False),
        sa.Column("has_open_complaint", sa.Boolean(), nullable=False),
        sa.Column("value_order", sa.Float(53), nullable=False),
        sa.Column("churn_order", sa.Float(53), nullable=False),
        sa.Column("value_at_risk_order", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("version", "unit_id", name="pk_customers"),
    )
    op.create_index("ix_customers_churn", "customers", ["version", "churn_order", "unit_id"])
    op.create_index("ix_customers_phase_risk", "customers", ["version", "phase", "value_at_risk_order", "unit_id"])
    op.create_index("ix_customers_phase_value", "customers", ["version", "phase", "value_order", "unit_id"])
    op.create_index("ix_customers_value", "customers", ["version", "value_order", "unit_id"])
    op.create_index("ix_customers_value_at_risk", "customers", ["version", "value_at_risk_order", "unit_id"])


def downgrade() -> None:
    for name in (
        "customers",
        "versions",
        "refreshes",
        "keys",
        "idempotency_records",
    ):
        op.drop_table(name)
