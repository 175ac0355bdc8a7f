"""The runs of retention and what each removed."""

from sqlalchemy import Boolean, Column, Index, String, Table

from services.crm_api.resources import identifier, metadata
from services.foundation.columns import Document, Instant

retention_runs = Table(
    "retention_runs",
    metadata,
    identifier(),
    Column("is_dry_run", Boolean, nullable=False),
    Column("status", String(16), nullable=False),
    # Of the run that a day has by itself: whoever adds its row is the one to run it.
    Column("day", String(10), unique=True),
    Column("results", Document, nullable=False),
    Column("key_id", String(8)),
    Column("request_id", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("lease_until", Instant),
    Index("ix_retention_runs_created", "created_at", "id"),
)
