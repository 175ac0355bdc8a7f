"""The products."""

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text

from services.crm_api.resources import Resource, identifier, key_index, metadata, record_columns
from services.foundation.columns import Document, Whole

products = Table(
    "products",
    metadata,
    identifier(),
    Column("key", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("description", Text),
    Column("category", String(100)),
    Column("list_price_minor", Whole),
    Column("list_price_currency", String(3)),
    Column("unit_cost_minor", Whole),
    Column("unit_cost_currency", String(3)),
    Column("complements", Document, nullable=False),
    Column("successor_id", String(64)),
    Column("is_repeatable", Boolean, nullable=False),
    Column("replacement_days", Integer),
    Column("service_interval_days", Integer),
    Column("is_sample", Boolean, nullable=False),
    Column("is_for_sale", Boolean, nullable=False),
    Column("owner_id", String(64)),
    *record_columns(),
    key_index("products"),
    Index("ix_products_created", "created_at", "id"),
    Index("ix_products_updated", "updated_at", "id"),
    Index("ix_products_name", "name", "id"),
)

PRODUCT = Resource(
    name="product",
    plural="products",
    table=products,
    money={
        "list_price": ("list_price_minor", "list_price_currency"),
        "unit_cost": ("unit_cost_minor", "unit_cost_currency"),
    },
)
