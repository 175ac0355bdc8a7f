"""Plans under a budget are kept with who was chosen, and with every list that was taken of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_27_plans"
down_revision = "2026_11_27_experiments"
branch_labels = None
depends_on = None

identifier = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
instant = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
day = sa.Text().with_variant(sa.Date(), "postgresql")
document = sa.Text().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "plans",
        sa.Column("id", identifier, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("budget_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("period_from", day, nullable=False),
        sa.Column("period_until", day, nullable=False),
        sa.Column("limits", document, nullable=False),
        sa.Column("filters", document, nullable=False),
        sa.Column("figures", document, nullable=False),
        sa.Column("model_version", sa.BigInteger(), nullable=False),
        sa.Column("as_of", day, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("created_by_key_id", sa.String(8), nullable=False),
        sa.Column("created_by_name", sa.String(100), nullable=False),
        sa.Column("created_request_id", sa.String(64), nullable=False),
        sa.Column("canceled_at", instant),
        sa.Column("canceled_by_key_id", sa.String(8)),
        sa.Column("canceled_by_name", sa.String(100)),
        sa.Column("canceled_request_id", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
    )
    op.create_index("ix_plans_created", "plans", ["created_at", "id"])
    op.create_table(
        "plan_choices",
        sa.Column("plan_id", identifier, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("unit_id", identifier, nullable=False),
        sa.Column("phase", sa.String(64)),
        sa.Column("tier", sa.String(64)),
        sa.Column("strategy_id", sa.String(64), nullable=False),
        sa.Column("instrument_id", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(64)),
        sa.Column("product_id", sa.String(64)),
        sa.Column("cost", sa.Float(53), nullable=False),
        sa.Column("value", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "number", name="pk_plan_choices"),
    )
    op.create_index("ix_plan_choices_unit", "plan_choices", ["unit_id"])
    op.create_table(
        "plan_exports",
        sa.Column("id", identifier, nullable=False),
        sa.Column("plan_id", identifier, nullable=False),
        sa.Column("exported_at", instant, nullable=False),
        sa.Column("format", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("listed_count", sa.BigInteger(), nullable=False),
        sa.Column("dropped", document, nullable=False),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("key_name", sa.String(100), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plan_exports"),
    )
    op.create_index("ix_plan_exports_plan", "plan_exports", ["plan_id", "exported_at"])


def downgrade() -> None:
    op.drop_table("plan_exports")
    op.drop_table("plan_choices")
    op.drop_table("plans")
