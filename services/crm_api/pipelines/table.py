"""The pipelines; the first, `default`, comes with the schema."""

from sqlalchemy import Column, Index, String, Table

from services.crm_api.resources import Resource, identifier, key_index, metadata, record_columns
from services.foundation.columns import Document

DEFAULT = "default"

pipelines = Table(
    "pipelines",
    metadata,
    identifier(),
    Column("key", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("stages", Document, nullable=False),
    *record_columns(),
    key_index("pipelines"),
    Index("ix_pipelines_created", "created_at", "id"),
    Index("ix_pipelines_updated", "updated_at", "id"),
    Index("ix_pipelines_name", "name", "id"),
)

PIPELINE = Resource(name="pipeline", plural="pipelines", table=pipelines, scope="settings")
