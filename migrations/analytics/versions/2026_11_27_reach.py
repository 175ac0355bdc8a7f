"""Customers show who is addressed, in which language and style, and which message waits for an answer.

Nothing of it is known until the next refresh publishes a version.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_27_reach"
down_revision = "2026_11_27_plans"
branch_labels = None
depends_on = None

identifier = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
COLUMNS = {
    "language": sa.String(64),
    "style": sa.String(64),
    "preferred_channel": sa.String(64),
    "person": identifier,
    "must_answer_interaction": identifier,
}


def upgrade() -> None:
    for name in ("customers_a", "customers_b"):
        for column, kind in COLUMNS.items():
            op.add_column(name, sa.Column(column, kind))


def downgrade() -> None:
    for name in ("customers_a", "customers_b"):
        for column in COLUMNS:
            op.drop_column(name, column)
