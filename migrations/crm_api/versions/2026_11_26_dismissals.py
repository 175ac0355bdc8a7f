"""Pairs of contacts that somebody looked at and found to be two."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_26_dismissals"
down_revision = "2026_11_26_webhook_scopes"
branch_labels = None
depends_on = None

identifier = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
instant = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
PAIR = ("first_id", "second_id")


def upgrade() -> None:
    op.create_table(
        "duplicate_dismissals",
        sa.Column("id", identifier, nullable=False),
        *(sa.Column(name, identifier, nullable=False) for name in PAIR),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("dismissed_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_duplicate_dismissals"),
        *(
            sa.ForeignKeyConstraint([name], ["contacts.id"], name=f"fk_duplicate_dismissals_{name}")
            for name in PAIR
        ),
    )
    op.create_index("uq_duplicate_dismissals_pair", "duplicate_dismissals", [*PAIR], unique=True)
    op.create_index("ix_duplicate_dismissals_second_id", "duplicate_dismissals", ["second_id"])
    op.create_index(
        "ix_duplicate_dismissals_dismissed_at", "duplicate_dismissals", ["dismissed_at", "id"]
    )


def downgrade() -> None:
    op.drop_table("duplicate_dismissals")
