"""Experiments remember the day on which they were started, and what reaching each customer would cost.

Of those that run already neither is known; they go on as they did.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_27_started_day"
down_revision = "2026_11_27_events"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("experiments", sa.Column("started_day", sa.BigInteger()))
    op.add_column("experiment_assignments", sa.Column("contact_cost", sa.Float(53)))


def downgrade() -> None:
    op.drop_column("experiment_assignments", "contact_cost")
    op.drop_column("experiments", "started_day")
