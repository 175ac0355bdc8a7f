"""Indexes of what lists are filtered and ordered by, so that no page reads a whole table."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_filters"
down_revision = "2026_11_26_bulk"
branch_labels = None
depends_on = None

INDEXES = (
    *(
        (f"ix_contacts_{name}", "contacts", [name, "created_at", "id"], None)
        for name in ("owner_id", "country_code", "status", "city", "zip")
    ),
    *(
        (f"ix_contacts_{name}", "contacts", [name, "created_at", "id"], f"{name} IS NOT NULL")
        for name in ("source_campaign_id", "preferred_channel", "purchase_motive", "language")
    ),
    ("ix_contacts_credit_hold", "contacts", ["created_at", "id"], "credit_hold"),
    ("ix_contacts_next_contact_at", "contacts", ["next_contact_at", "id"], None),
    *(
        (f"ix_interactions_{name}", "interactions", [name, "occurred_at", "id"], None)
        for name in ("kind", "user_id", "channel")
    ),
    *(
        (f"ix_interactions_{name}", "interactions", [name, "occurred_at", "id"], f"{name} IS NOT NULL")
        for name in ("product_id", "campaign_id", "status", "outcome")
    ),
    *(
        (f"ix_interactions_{kind}s_of_contact", "interactions", ["contact_id", "occurred_at", "id"], f"kind = '{kind}'")
        for kind in ("offer", "complaint")
    ),
    ("ix_interactions_promises_of_contact", "interactions", ["contact_id", "due_at", "id"], "is_planned"),
    ("ix_interactions_due_at", "interactions", ["due_at", "id"], None),
    (
        "ix_deals_sums",
        "deals",
        ["pipeline_id", "currency", "stage", "amount_minor", "deleted_at"],
        None,
    ),
    ("ix_deals_payment_status", "deals", ["payment_status", "opened_at", "id"], None),
    *(
        (f"ix_deals_{name}", "deals", [name, "opened_at", "id"], f"{name} IS NOT NULL")
        for name in ("campaign_id", "competitor_id", "promo_code", "lost_reason")
    ),
    *(
        (f"ix_deals_{name}", "deals", [name, "id"], f"{name} IS NOT NULL")
        for name in ("due_at", "contract_end_at")
    ),
    ("ix_deals_closed_at", "deals", ["closed_at", "id"], None),
    ("ix_deals_expected_close_date", "deals", ["expected_close_date", "id"], None),
)


def upgrade() -> None:
    op.drop_index("ix_contacts_owner", "contacts")
    for index, table, columns, where in INDEXES:
        text = None if where is None else sa.text(where)
        # A boolean is compared with 1 there, and an index serves only what is spelled like it.
        sqlite = sa.text(f"{where} = 1") if where in ("credit_hold", "is_planned") else text
        op.create_index(index, table, columns, postgresql_where=text, sqlite_where=sqlite)


def downgrade() -> None:
    for index, table, _, _ in INDEXES:
        op.drop_index(index, table)
    op.create_index("ix_contacts_owner", "contacts", ["owner_id", "id"])
