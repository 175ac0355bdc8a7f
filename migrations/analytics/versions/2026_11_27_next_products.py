"""Customers name their next products by place in a list that is kept with the published version."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_27_next_products"
down_revision = "2026_11_27_reach"
branch_labels = None
depends_on = None

IDENTIFIER = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def upgrade() -> None:
    op.add_column("versions", sa.Column("product_list", sa.String(64)))
    op.create_table(
        "product_names",
        sa.Column(
            "place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("id", IDENTIFIER, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_product_names")),
    )


def downgrade() -> None:
    op.drop_table("product_names")
    op.drop_column("versions", "product_list")
