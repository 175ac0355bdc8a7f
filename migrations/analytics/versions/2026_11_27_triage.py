"""Customers show to whom an answer is owed, how urgent a complaint is, and what always to avoid.

Nothing of it is known until the next refresh publishes a version.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

revision = "2026_11_27_triage"
down_revision = "2026_11_27_started_day"
branch_labels = None
depends_on = None

identifier = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
COLUMNS: dict[str, TypeEngine[Any]] = {
    "must_answer_language": sa.String(64),
    "complaint_language": sa.String(64),
    "avoid_ids": sa.String(300),
    "must_answer_person": identifier,
    "complaint_interaction": identifier,
    "complaint_person": identifier,
    "complaint_priority": sa.Float(53),
}


def upgrade() -> None:
    for name in ("customers_a", "customers_b"):
        for column, kind in COLUMNS.items():
            op.add_column(name, sa.Column(column, kind))


def downgrade() -> None:
    for name in ("customers_a", "customers_b"):
        for column in COLUMNS:
            op.drop_column(name, column)
