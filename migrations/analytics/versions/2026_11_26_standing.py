"""Versions say where all customers stand; unknown in older versions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_26_standing"
down_revision = "2026_11_24_keys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    document = sa.Text().with_variant(postgresql.JSONB(), "postgresql")
    op.add_column("versions", sa.Column("standing", document))


def downgrade() -> None:
    op.drop_column("versions", "standing")
