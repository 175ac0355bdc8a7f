"""Customers show which request of a data subject is open, whose it is, and until when it is answered.

Nothing of it is known until the next refresh publishes a version.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

revision = "2026_11_27_privacy"
down_revision = "2026_11_27_triage"
branch_labels = None
depends_on = None

identifier = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
COLUMNS: dict[str, TypeEngine[Any]] = {
    "privacy_language": sa.String(64),
    "privacy_interaction": identifier,
    "privacy_person": identifier,
}


def upgrade() -> None:
    for name in ("customers_a", "customers_b"):
        for column, kind in COLUMNS.items():
            op.add_column(name, sa.Column(column, kind))


def downgrade() -> None:
    for name in ("customers_a", "customers_b"):
        for column in COLUMNS:
            op.drop_column(name, column)
