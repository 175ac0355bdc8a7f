"""What competitors were seen to do."""

from sqlalchemy import Column, Index, SmallInteger, String, Table

from services.crm_api.resources import Resource, identifier, metadata, record_columns
from services.foundation.columns import Instant

competitor_activities = Table(
    "competitor_activities",
    metadata,
    identifier(),
    Column("competitor_id", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("description", String(2000), nullable=False),
    Column("product_id", String(64)),
    Column("source", String(500)),
    Column("impact", SmallInteger),
    *record_columns(),
    Index("ix_competitor_activities_competitor", "competitor_id", "occurred_at", "id"),
    Index("ix_competitor_activities_occurred", "occurred_at", "id"),
    Index("ix_competitor_activities_created", "created_at", "id"),
    Index("ix_competitor_activities_updated", "updated_at", "id"),
)

COMPETITOR_ACTIVITY = Resource(
    name="competitor_activity",
    plural="competitor-activities",
    table=competitor_activities,
    scope="competitors",
)
