"""Two tables of customers, one shown and one for the next version; what customers were before.

What was computed is thrown away: the next refresh computes it anew.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_26_slots"
down_revision = "2026_11_24_keys"
branch_labels = None
depends_on = None


identifier = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
instant = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
day = sa.Text().with_variant(sa.Date(), "postgresql")
document = sa.Text().with_variant(postgresql.JSONB(), "postgresql")
whole = sa.BigInteger()
sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

TEXTS = (
    "state", "phase", "lead_stage", "confidence", "churn_basis", "tier", "historic_tier",
    "quadrant", "rfm_segment", "ladder_rung", "newness_ids", "motive", "motive_basis",
    "termination_step", "termination_signal_ids", "termination_block_ids", "goal_id",
    "strategy_id", "instrument_id", "recommendation_basis", "open_condition_ids",
    "recommendation_gap_ids", "alternative_strategy_id", "alternative_instrument_id",
    "alternative_basis", "alternative_condition_id",
    "contract_basis",
)
ORDERS = (
    "value", "value_1095", "churn", "value_at_risk", "historic_value", "contribution",
    "alive_probability", "vitality", "expected_purchases", "purchase_count", "last_purchase_date",
    "expected_new_value", "referral_value", "ambassador_score", "satisfaction_difference",
    "sentiment", "recommendation_value",
)


def upgrade() -> None:
    op.drop_table("customers")
    op.drop_table("versions")
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
        sa.Column("slot", sa.String(1), nullable=False),
        sa.Column("number_columns", document, nullable=False),
        sa.Column("is_month_end", sa.Boolean(), nullable=False),
        sa.Column("model", document, nullable=False),
        sa.Column("data_gaps", document, nullable=False),
        sa.Column("summary", document, nullable=False),
        sa.Column("standing", document),
        sa.Column("model_card", document),
        sa.PrimaryKeyConstraint("number", name="pk_versions"),
    )
    for name in ("customers_a", "customers_b"):
        op.create_table(
            name,
            sa.Column("number", sequence, autoincrement=False, nullable=False),
            sa.Column("unit_id", identifier, nullable=False),
            sa.Column("kind", sa.String(16), nullable=False),
            *(sa.Column(text, sa.String(300 if text.endswith("_ids") else 64)) for text in TEXTS),
            sa.Column("contract_product", sa.String(200)),
            sa.Column("signal_evidence", sa.Text()),
            sa.Column("termination_evidence", sa.Text()),
            sa.Column("rfm_recency", whole),
            sa.Column("rfm_frequency", whole),
            sa.Column("rfm_monetary", whole),
            sa.Column("first_deal_id", identifier),
            sa.Column("last_deal_id", identifier),
            sa.Column("is_cost_estimated", sa.Boolean(), nullable=False),
            sa.Column("has_active_contract", sa.Boolean(), nullable=False),
            sa.Column("has_profiling_objection", sa.Boolean(), nullable=False),
            sa.Column("has_open_complaint", sa.Boolean(), nullable=False),
            sa.Column("raised_signals", whole, nullable=False),
            *(sa.Column(f"{order}_order", sa.Float(53), nullable=False) for order in ORDERS),
            sa.Column("numbers", sa.LargeBinary(), nullable=False),
            sa.PrimaryKeyConstraint("number", name=f"pk_{name}"),
        )
        op.create_index(f"ix_{name}_unit_id", name, ["unit_id"], unique=True)
        for order in ("value", "churn", "value_at_risk"):
            op.create_index(f"ix_{name}_{order}", name, [f"{order}_order", "number"])
        for short, order in (("value", "value_order"), ("risk", "value_at_risk_order")):
            op.create_index(f"ix_{name}_phase_{short}", name, ["phase", order, "number"])
    op.create_table(
        "score_history",
        sa.Column("version", sequence, autoincrement=False, nullable=False),
        sa.Column("unit_id", identifier, nullable=False),
        sa.Column("state", sa.String(64), nullable=False),
        sa.Column("phase", sa.String(64)),
        sa.Column("tier", sa.String(64)),
        sa.Column("confidence", sa.String(64)),
        sa.Column("churn_probability", sa.Float(53)),
        sa.Column("clv_365", sa.Float(53)),
        sa.Column("value_at_risk", sa.Float(53)),
        sa.Column("purchase_count", sa.Float(53)),
        sa.PrimaryKeyConstraint("version", "unit_id", name="pk_score_history"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for name in ("score_history", "customers_b", "customers_a", "versions"):
        op.drop_table(name)
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
        sa.Column("valued_purchase_count", whole),
        sa.Column("deals_without_fx_rate_count", whole),
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
