"""A relationship ends only by due process: cases, the log of who read or changed them, the fairness report."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_27_termination_cases"
down_revision = "2026_11_27_decisions"
branch_labels = None
depends_on = None

identifier = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
instant = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
day = sa.Text().with_variant(sa.Date(), "postgresql")
document = sa.Text().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "termination_cases",
        sa.Column("id", identifier, nullable=False),
        sa.Column("unit_id", identifier, nullable=False),
        sa.Column("open_unit_id", identifier),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("step_day", day, nullable=False),
        sa.Column("outcome", sa.String(32)),
        sa.Column("language", sa.String(2)),
        sa.Column("opened_at", instant, nullable=False),
        sa.Column("opened_day", day, nullable=False),
        sa.Column("remedy_failed_day", day),
        sa.Column("hearing_closed_day", day),
        sa.Column("closed_day", day),
        sa.Column("updated_at", instant, nullable=False),
        sa.Column("content", document, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_termination_cases"),
    )
    op.create_index("uq_termination_cases_open_unit_id", "termination_cases", ["open_unit_id"], unique=True)
    op.create_index("ix_termination_cases_unit_id", "termination_cases", ["unit_id", "id"])
    op.create_table(
        "termination_log",
        sa.Column("id", identifier, nullable=False),
        sa.Column("unit_id", identifier),
        sa.Column("case_id", identifier),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("at", instant, nullable=False),
        sa.Column("key_id", sa.String(8)),
        sa.Column("key_name", sa.String(100), nullable=False),
        sa.Column("request_id", sa.String(64)),
        sa.Column("details", document),
        sa.PrimaryKeyConstraint("id", name="pk_termination_log"),
    )
    op.create_index("ix_termination_log_unit_id", "termination_log", ["unit_id", "id"])
    op.create_table(
        "termination_forgotten",
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("case_count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("outcome", name="pk_termination_forgotten"),
    )
    op.add_column("versions", sa.Column("termination_fairness", document))


def downgrade() -> None:
    op.drop_column("versions", "termination_fairness")
    op.drop_table("termination_forgotten")
    op.drop_table("termination_log")
    op.drop_table("termination_cases")
