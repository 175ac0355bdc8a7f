"""Customers show which record the event of their first step follows from.

Nothing of it is known until the next refresh publishes a version.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_27_events"
down_revision = "2026_11_27_next_products"
branch_labels = None
depends_on = None

identifier = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def upgrade() -> None:
    for name in ("customers_a", "customers_b"):
        op.add_column(name, sa.Column("event_record_id", identifier))


def downgrade() -> None:
    for name in ("customers_a", "customers_b"):
        op.drop_column(name, "event_record_id")
