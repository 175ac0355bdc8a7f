"""The campaigns."""

from sqlalchemy import Column, Index, String, Table

from services.crm_api.resources import Resource, identifier, key_index, metadata, record_columns
from services.foundation.columns import Document, Instant, Whole

AMOUNTS = ("budget", "fixed_cost", "unit_cost")

campaigns = Table(
    "campaigns",
    metadata,
    identifier(),
    Column("key", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("phase", String(32)),
    Column("strategy_id", String(64)),
    Column("instrument_id", String(64)),
    Column("product_id", String(64)),
    Column("channel", String(32)),
    Column("reason", String(2000)),
    *(
        column
        for name in AMOUNTS
        for column in (Column(f"{name}_minor", Whole), Column(f"{name}_currency", String(3)))
    ),
    Column("starts_at", Instant),
    Column("ends_at", Instant),
    Column("experiment_id", String(64)),
    Column("flags", Document, nullable=False),
    Column("owner_id", String(64)),
    *record_columns(),
    key_index("campaigns"),
    Index("ix_campaigns_created", "created_at", "id"),
    Index("ix_campaigns_updated", "updated_at", "id"),
    Index("ix_campaigns_name", "name", "id"),
)

CAMPAIGN = Resource(
    name="campaign",
    plural="campaigns",
    table=campaigns,
    money={name: (f"{name}_minor", f"{name}_currency") for name in AMOUNTS},
    spans={"running_at": ("starts_at", "ends_at")},
)
