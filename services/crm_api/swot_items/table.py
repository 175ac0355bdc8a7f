"""The SWOT items."""

from sqlalchemy import Column, Index, SmallInteger, String, Table

from services.crm_api.resources import Resource, identifier, metadata, record_columns
from services.foundation.columns import Day

swot_items = Table(
    "swot_items",
    metadata,
    identifier(),
    Column("subject", String(64), nullable=False),
    Column("quadrant", String(16), nullable=False),
    Column("statement", String(2000), nullable=False),
    Column("weight", SmallInteger, nullable=False),
    Column("product_id", String(64)),
    Column("evidence", String(2000)),
    Column("source", String(500)),
    Column("valid_from", Day),
    Column("valid_to", Day),
    Column("confirmed_by", String(64)),
    *record_columns(),
    Index("ix_swot_items_subject", "subject", "created_at", "id"),
    Index("ix_swot_items_created", "created_at", "id"),
    Index("ix_swot_items_updated", "updated_at", "id"),
)

SWOT_ITEM = Resource(
    name="swot_item",
    plural="swot-items",
    table=swot_items,
    scope="competitors",
    spans={"valid_on": ("valid_from", "valid_to")},
)
