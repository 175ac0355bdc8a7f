"""Lists are ordered by the strength of a signal; what shows a signal is told with type and day.

Strengths are unknown, and nothing shows a signal, until the next refresh publishes a version.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_27_signal_orders"
down_revision = "2026_11_26_slots"
branch_labels = None
depends_on = None

SIGNALS = (
    "inactivity", "frequency_drop", "monetary_drop", "negative_sentiment", "unresolved_complaint",
    "satisfaction_gap", "support_burst", "engagement_drop", "competitor_loss", "payment_delay",
    "leave_intent",
)
UNKNOWN = "-1e18"


def upgrade() -> None:
    for name in ("customers_a", "customers_b"):
        for signal in SIGNALS:
            column = sa.Column(f"signal_{signal}_order", sa.Float(53), nullable=False, server_default=UNKNOWN)
            op.add_column(name, column)
        op.execute(f"UPDATE {name} SET signal_evidence = NULL")


def downgrade() -> None:
    for name in ("customers_a", "customers_b"):
        for signal in SIGNALS:
            op.drop_column(name, f"signal_{signal}_order")
        op.execute(f"UPDATE {name} SET signal_evidence = NULL")
