"""Customers say how many of their purchases have a known amount; unknown in older versions."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_24_known_amounts"
down_revision = "2026_11_23_first"
branch_labels = None
depends_on = None

COLUMNS = ("valued_purchase_count", "deals_without_fx_rate_count")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("customers", sa.Column(name, sa.BigInteger()))


def downgrade() -> None:
    for name in reversed(COLUMNS):
        op.drop_column("customers", name)
