"""The competitors."""

from sqlalchemy import Column, Index, String, Table, Text

from services.crm_api.resources import Resource, identifier, key_index, metadata, record_columns

competitors = Table(
    "competitors",
    metadata,
    identifier(),
    Column("key", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("website", String(500)),
    Column("note", Text),
    *record_columns(),
    key_index("competitors"),
    Index("ix_competitors_created", "created_at", "id"),
    Index("ix_competitors_updated", "updated_at", "id"),
    Index("ix_competitors_name", "name", "id"),
)

COMPETITOR = Resource(name="competitor", plural="competitors", table=competitors)
