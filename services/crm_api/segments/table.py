"""The segments, and the members of the static ones."""

from sqlalchemy import Column, ForeignKey, Index, String, Table

from services.crm_api.contacts.table import CONTACT
from services.crm_api.resources import Resource, identifier, key_index, metadata, record_columns
from services.foundation.columns import Document, Identifier, Instant
from services.foundation.constructs import without_values

segments = Table(
    "segments",
    metadata,
    identifier(),
    Column("key", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("description", String(1000)),
    Column("kind", String(16), nullable=False),
    Column(
        "filter",
        Document,
        nullable=False,
        info={"masked": lambda column: without_values(column, CONTACT.personal)},
    ),
    Column("owner_id", String(64)),
    *record_columns(),
    key_index("segments"),
    Index("ix_segments_created", "created_at", "id"),
    Index("ix_segments_updated", "updated_at", "id"),
    Index("ix_segments_name", "name", "id"),
)
segment_members = Table(
    "segment_members",
    metadata,
    Column("segment_id", Identifier, ForeignKey("segments.id"), primary_key=True),
    Column("contact_id", Identifier, ForeignKey("contacts.id"), primary_key=True),
    Column("added_at", Instant, nullable=False),
    Index("ix_segment_members_contact", "contact_id"),
)

SEGMENT = Resource(
    name="segment",
    plural="segments",
    table=segments,
    # It may ask for somebody by his address.
    personal=frozenset({"filter"}),
    pii="contacts",
)
