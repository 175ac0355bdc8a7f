"""The tables of analytics: refreshes, published versions, and the customers of each version."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

from services.foundation.columns import Day, Document, Identifier, Instant, Whole
from services.foundation.tables import CONSTRAINT_NAMES

metadata = MetaData(naming_convention=CONSTRAINT_NAMES)

refreshes = Table(
    "refreshes",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("status", String(16), nullable=False),
    Column("stage", String(32), nullable=False),
    Column("progress", Float(53), nullable=False),
    Column("as_of", Day),
    Column("is_full", Boolean, nullable=False),
    Column("version", Whole),
    Column("failure", Text),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Index("ix_refreshes_created", "created_at", "id"),
    Index("ix_refreshes_status", "status"),
)

versions = Table(
    "versions",
    metadata,
    Column(
        "number", Whole().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    ),
    Column("as_of", Day, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("published_at", Instant, nullable=False),
    Column("crm_read_at", Instant, nullable=False),
    Column("mirror_cursor", String(200), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("customer_count", Whole, nullable=False),
    Column("model", Document, nullable=False),
    Column("data_gaps", Document, nullable=False),
    Column("summary", Document, nullable=False),
    Column("model_card", Document),
    Column("standing", Document),
)

# One place says which columns of the report are kept; NaN is stored as null.
TEXT_COLUMNS = (
    "state",
    "phase",
    "lead_stage",
    "confidence",
    "goal_id",
    "strategy_id",
    "instrument_id",
    "recommendation_basis",
    "open_condition_ids",
    "recommendation_gap_ids",
    "alternative_strategy_id",
    "alternative_instrument_id",
    "alternative_basis",
    "alternative_condition_id",
)
COUNT_COLUMNS = (
    "phase_rule",
    "purchase_count",
    "repeat_count",
    "recency_days",
    "age_days",
    "first_purchase_day",
    "last_purchase_day",
    "gap_days",
    "valued_purchase_count",
    "deals_without_fx_rate_count",
)
NUMBER_COLUMNS = (
    "interpurchase_days",
    "median_gap_days",
    "gap_rank",
    "alive_probability",
    "vitality",
    "churn_horizon_days",
    "baseline_churn_probability",
    "reference_churn_probability",
    "churn_probability",
    "contribution",
    "contribution_730",
    "service_cost",
    "historic_value",
    "margin_per_purchase",
    "expected_purchases_365",
    "clv_alive_365",
    "clv_365",
    "clv_alive_1095",
    "clv_1095",
    "expected_new_value",
    "value_at_risk",
    "recommendation_value",
    "recommendation_stake",
    "recommendation_effect_probability",
    "recommendation_contact_cost",
    "recommendation_incentive_cost",
    "recommendation_risk_cost",
    "alternative_value",
)
EVIDENCE_COLUMNS = ("first_deal_id", "last_deal_id")
# What lists are ordered by; a customer without that score comes last in descending order.
ORDERS = {
    "value": "clv_365",
    "churn": "churn_probability",
    "value_at_risk": "value_at_risk",
}
UNKNOWN_ORDER = -1e18

customers = Table(
    "customers",
    metadata,
    Column(
        "version",
        Whole().with_variant(Integer, "sqlite"),
        ForeignKey("versions.number", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("unit_id", Identifier, primary_key=True),
    Column("kind", String(16), nullable=False),
    *(Column(name, String(300 if name.endswith("_ids") else 64)) for name in TEXT_COLUMNS),
    *(Column(name, Whole) for name in COUNT_COLUMNS),
    *(Column(name, Float(53)) for name in NUMBER_COLUMNS),
    *(Column(name, Identifier) for name in EVIDENCE_COLUMNS),
    Column("is_cost_estimated", Boolean, nullable=False),
    Column("has_active_contract", Boolean, nullable=False),
    Column("has_profiling_objection", Boolean, nullable=False),
    Column("has_open_complaint", Boolean, nullable=False),
    *(Column(f"{name}_order", Float(53), nullable=False) for name in ORDERS),
    *(Index(f"ix_customers_{name}", "version", f"{name}_order", "unit_id") for name in ORDERS),
    Index("ix_customers_phase_value", "version", "phase", "value_order", "unit_id"),
    Index("ix_customers_phase_risk", "version", "phase", "value_at_risk_order", "unit_id"),
)
