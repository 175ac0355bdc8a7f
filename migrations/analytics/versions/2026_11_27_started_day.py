"""Experiments remember the business day on which they were started; nobody is assigned before it.

Of those that run already it is not known; they go on as they did.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_27_started_day"
down_revision = "2026_11_27_events"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("experiments", sa.Column("started_day", sa.BigInteger()))


def downgrade() -> None:
    op.drop_column("experiments", "started_day")
