"""Experiments tell whom they are about and to how many of these the step is open."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_27_intake"
down_revision = "2026_11_27_privacy"
branch_labels = None
depends_on = None

COLUMNS = ("concerned_count", "open_count")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("experiments", sa.Column(name, sa.BigInteger()))


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("experiments", name)
