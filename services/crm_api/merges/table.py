"""The merges: what each took from where, so that it can be taken back."""

from sqlalchemy import Column, ForeignKey, Index, String, Table

from services.crm_api.resources import identifier, metadata
from services.foundation.columns import Document, Identifier, Instant

merges = Table(
    "merges",
    metadata,
    identifier(),
    Column("survivor_id", Identifier, ForeignKey("contacts.id"), nullable=False),
    Column("duplicate_id", Identifier, ForeignKey("contacts.id"), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("key_id", String(8), nullable=False),
    # Of each column of the survivor that the merge set: {"before": …, "after": …}.
    Column("set_columns", Document, nullable=False),
    # What moved without a change record of its own: ids by table.
    Column("moved", Document, nullable=False),
    Column("merged_at", Instant, nullable=False),
    Column("unmerged_at", Instant),
    Index("ix_merges_duplicate", "duplicate_id"),
    Index("ix_merges_survivor", "survivor_id", "merged_at", "id"),
)
