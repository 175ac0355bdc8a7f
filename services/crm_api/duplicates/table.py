"""The blocking keys of contacts; triggers keep them beside `contacts.match_keys`."""

from sqlalchemy import Column, ForeignKey, Index, String, Table

from services.crm_api.resources import metadata
from services.foundation.columns import Identifier

contact_match_keys = Table(
    "contact_match_keys",
    metadata,
    Column("key", String(100), primary_key=True),
    Column("contact_id", Identifier, ForeignKey("contacts.id"), primary_key=True),
    Index("ix_contact_match_keys_contact_id", "contact_id"),
)
