"""The tables of plans: what was asked for, who was chosen, and who took the list."""

from sqlalchemy import Column, Float, Index, Integer, String, Table

from services.analytics.tables import metadata
from services.foundation.columns import Day, Document, Identifier, Instant, Whole

plans = Table(
    "plans",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("version", Whole, nullable=False),
    Column("name", String(200), nullable=False),
    Column("status", String(16), nullable=False),
    Column("budget_minor", Whole, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("period_from", Day, nullable=False),
    Column("period_until", Day, nullable=False),
    Column("limits", Document, nullable=False),
    Column("filters", Document, nullable=False),
    Column("figures", Document, nullable=False),
    Column("model_version", Whole, nullable=False),
    Column("as_of", Day, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by_key_id", String(8), nullable=False),
    Column("created_by_name", String(100), nullable=False),
    Column("created_request_id", String(64), nullable=False),
    Column("canceled_at", Instant),
    Column("canceled_by_key_id", String(8)),
    Column("canceled_by_name", String(100)),
    Column("canceled_request_id", String(64)),
    Index("ix_plans_created", "created_at", "id"),
)

plan_choices = Table(
    "plan_choices",
    metadata,
    Column("plan_id", Identifier, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("unit_id", Identifier, nullable=False),
    Column("phase", String(64)),
    Column("tier", String(64)),
    Column("strategy_id", String(64), nullable=False),
    Column("instrument_id", String(64), nullable=False),
    Column("channel", String(64)),
    Column("product_id", String(64)),
    Column("cost", Float(53), nullable=False),
    Column("value", Float(53), nullable=False),
    # By customer, so that whoever is erased leaves the plans.
    Index("ix_plan_choices_unit", "unit_id"),
)

plan_exports = Table(
    "plan_exports",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("plan_id", Identifier, nullable=False),
    Column("exported_at", Instant, nullable=False),
    Column("format", String(16), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("listed_count", Whole, nullable=False),
    Column("dropped", Document, nullable=False),
    Column("key_id", String(8), nullable=False),
    Column("key_name", String(100), nullable=False),
    Column("request_id", String(64), nullable=False),
    Index("ix_plan_exports_plan", "plan_id", "exported_at"),
)
