"""Whose rights a webhook has."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_26_webhook_scopes"
down_revision = "2026_11_26_filters"
branch_labels = None
depends_on = None

document = sa.Text().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    # Null of those from before: the key that made them, as it is at each event.
    op.add_column("webhooks", sa.Column("granted_by", sa.String(8)))
    op.add_column("webhooks", sa.Column("granted_scopes", document))


def downgrade() -> None:
    op.drop_column("webhooks", "granted_scopes")
    op.drop_column("webhooks", "granted_by")
