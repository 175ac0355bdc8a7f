"""Several steps are recommended, with channel, product and event; what was ruled out is told.

Nothing is recommended until the next refresh publishes a version.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_27_steps"
down_revision = "2026_11_27_signal_orders"
branch_labels = None
depends_on = None

document = sa.Text().with_variant(postgresql.JSONB(), "postgresql")
SLOTS = ("customers_a", "customers_b")
NEW = (("channel_id", 64), ("event_id", 64), ("obligation_ids", 300), ("owner_id", 64))
OLD = (
    ("open_condition_ids", 300), ("alternative_strategy_id", 64), ("alternative_instrument_id", 64),
    ("alternative_basis", 64), ("alternative_condition_id", 64),
)
EMPTY = "UPDATE {} SET goal_id = NULL, strategy_id = NULL, instrument_id = NULL, recommendation_basis = NULL"


def upgrade() -> None:
    op.add_column("versions", sa.Column("options", document))
    for name in SLOTS:
        for column, length in NEW:
            op.add_column(name, sa.Column(column, sa.String(length)))
        for column, _ in OLD:
            op.drop_column(name, column)
        op.create_index(f"ix_{name}_recommendation_value", name, ["recommendation_value_order", "number"])
        op.execute(EMPTY.format(name))


def downgrade() -> None:
    for name in SLOTS:
        op.drop_index(f"ix_{name}_recommendation_value", table_name=name)
        for column, length in OLD:
            op.add_column(name, sa.Column(column, sa.String(length)))
        for column, _ in NEW:
            op.drop_column(name, column)
        op.execute(EMPTY.format(name))
    op.drop_column("versions", "options")
