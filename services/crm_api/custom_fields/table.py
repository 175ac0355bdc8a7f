"""The definitions of custom fields."""

from sqlalchemy import Column, Index, String, Table, text

from services.crm_api.resources import Resource, identifier, metadata, record_columns
from services.foundation.columns import Document

custom_fields = Table(
    "custom_fields",
    metadata,
    identifier(),
    Column("applies_to", String(32), nullable=False),
    Column("key", String(64), nullable=False),
    Column("type", String(16), nullable=False),
    Column("label_en", String(100), nullable=False),
    Column("label_de", String(100), nullable=False),
    Column("description", String(1000)),
    Column("options", Document, nullable=False),
    *record_columns(),
    Index(
        "uq_custom_fields_key",
        "applies_to",
        "key",
        unique=True,
        postgresql_where=text("deleted_at IS NULL"),
        sqlite_where=text("deleted_at IS NULL"),
    ),
    Index("ix_custom_fields_created", "created_at", "id"),
    Index("ix_custom_fields_updated", "updated_at", "id"),
)

CUSTOM_FIELD = Resource(
    name="custom_field", plural="custom-fields", table=custom_fields, scope="settings"
)
