"""The index behind every record's `external_refs`: it finds a record and keeps pairs unique."""

from sqlalchemy import Boolean, Column, Index, String, Table, text

from services.crm_api.resources import metadata
from services.foundation.columns import Identifier

external_refs = Table(
    "external_refs",
    metadata,
    Column("resource", String(32), nullable=False),
    Column("source", String(64), nullable=False),
    Column("external_id", String(200), nullable=False),
    Column("record_id", Identifier, nullable=False, index=True),
    Column("is_live", Boolean, nullable=False),
    Index(
        "uq_external_refs_live",
        "resource",
        "source",
        "external_id",
        unique=True,
        postgresql_where=text("is_live"),
        sqlite_where=text("is_live"),
    ),
)
