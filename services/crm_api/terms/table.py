"""The terms that are live; the primary key lets a unit and a product have one set of them."""

from sqlalchemy import Column, String, Table

from services.crm_api.resources import metadata
from services.foundation.columns import Document, Identifier, Whole

live_terms = Table(
    "live_terms",
    metadata,
    Column("unit_id", Identifier, primary_key=True),
    Column("product_id", String(64), primary_key=True),
    Column("discount_pct", String(8)),
    Column("price_minor", Whole),
    Column("price_currency", String(3)),
    # Who offers them: [{"id": …, "until": instant or null}]; the same terms may be repeated.
    Column("holders", Document, nullable=False),
)
