"""Keys say who made them and when they were last used, have a quota of their own, and can be rotated."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_24_keys"
down_revision = "2026_11_24_known_amounts"
branch_labels = None
depends_on = None

instant = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
document = sa.Text().with_variant(postgresql.JSONB(), "postgresql")

NAMES = ("previous_secrets", "requests_per_minute", "last_used_at", "created_by", "version")


def upgrade() -> None:
    # The defaults are for the release before, which writes keys without these columns.
    op.add_column(
        "keys",
        sa.Column("previous_secrets", document, nullable=False, server_default=sa.text("'[]'")),
    )
    op.add_column("keys", sa.Column("requests_per_minute", sa.Integer()))
    op.add_column("keys", sa.Column("last_used_at", instant))
    op.add_column("keys", sa.Column("created_by", sa.String(8)))
    op.add_column(
        "keys", sa.Column("version", sa.BigInteger(), nullable=False, server_default=sa.text("1"))
    )


def downgrade() -> None:
    for name in reversed(NAMES):
        op.drop_column("keys", name)
