"""Versions keep their model card; null in older versions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_26_model_card"
down_revision = "2026_11_24_keys"
branch_labels = None
depends_on = None

document = sa.Text().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("versions", sa.Column("model_card", document))


def downgrade() -> None:
    op.drop_column("versions", "model_card")
