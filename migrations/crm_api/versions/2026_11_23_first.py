"""The first schema: keys, idempotency, contacts, deals, interactions, changes, imports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import UserDefinedType

revision = "2026_11_23_first"
down_revision = None
branch_labels = None
depends_on = None


class _Xid8(UserDefinedType):
    cache_ok = True

    def get_col_spec(self, **_):
        return "xid8"


identifier = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
instant = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
day = sa.Text().with_variant(sa.Date(), "postgresql")
document = sa.Text().with_variant(postgresql.JSONB(), "postgresql")
whole = sa.BigInteger()
sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _transaction_id() -> list[sa.Column]:
    """PostgreSQL writes the id of the running transaction; SQLite has one writer and needs none."""
    if op.get_bind().dialect.name == "postgresql":
        default = sa.text("pg_current_xact_id()")
        return [sa.Column("transaction_id", _Xid8(), nullable=False, server_default=default)]
    return [sa.Column("transaction_id", whole, nullable=False, server_default=sa.text("0"))]


def upgrade() -> None:
    op.create_table(
        "idempotency_records",
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("method", sa.String(8), nullable=False),
        sa.Column("path", sa.String(600), nullable=False),
        sa.Column("idempotency_key", sa.String(255), nullable=False),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("headers", document, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.PrimaryKeyConstraint(
            "key_id", "method", "path", "idempotency_key", name="pk_idempotency_records"
        ),
    )
    op.create_index("ix_idempotency_records_created_at", "idempotency_records", ["created_at"])
    op.create_table(
        "keys",
        sa.Column("id", sa.String(8), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("scopes", document, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("expires_at", instant),
        sa.Column("revoked_at", instant),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
    )
    op.create_table(
        "changes",
        sa.Column("seq", sequence, nullable=False, autoincrement=True),
        *_transaction_id(),
        sa.Column("resource", sa.String(32), nullable=False),
        sa.Column("record_id", identifier, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("version", whole, nullable=False),
        sa.Column("changed", document, nullable=False),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("occurred_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_changes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_changes_order", "changes", ["transaction_id", "seq"])
    op.create_index("ix_changes_record", "changes", ["record_id"])
    op.create_table(
        "contacts",
        sa.Column("id", identifier, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column(
            "parent_id", identifier, sa.ForeignKey("contacts.id", name="fk_contacts_parent_id")
        ),
        sa.Column("display_name", sa.String(410), nullable=False),
        sa.Column("name", sa.String(200)),
        sa.Column("given_name", sa.String(200)),
        sa.Column("family_name", sa.String(200)),
        sa.Column("email", sa.String(254)),
        sa.Column("phone", sa.String(64)),
        sa.Column("phone_e164", sa.String(16)),
        sa.Column("street", sa.String(200)),
        sa.Column("zip", sa.String(20)),
        sa.Column("city", sa.String(200)),
        sa.Column("country_code", sa.String(2)),
        sa.Column("language", sa.String(2)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("terminated_at", instant),
        sa.Column("terminated_by", sa.String(16)),
        sa.Column("owner_id", sa.String(64)),
        sa.Column("source_campaign_id", sa.String(64)),
        sa.Column("acquisition_cost_minor", whole),
        sa.Column("acquisition_cost_currency", sa.String(3)),
        sa.Column(
            "referred_by_id",
            identifier,
            sa.ForeignKey("contacts.id", name="fk_contacts_referred_by_id"),
        ),
        sa.Column("purchase_motive", sa.String(64)),
        sa.Column("profiling_objection_at", instant),
        sa.Column("next_contact_at", instant),
        sa.Column("flags", document, nullable=False),
        sa.Column("tags", document, nullable=False),
        sa.Column("external_refs", document, nullable=False),
        sa.Column("version", whole, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.Column("deleted_at", instant),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
    )
    op.create_index("ix_contacts_created", "contacts", ["created_at", "id"])
    op.create_index("ix_contacts_display_name", "contacts", ["display_name", "id"])
    op.create_index("ix_contacts_email", "contacts", ["email"])
    op.create_index("ix_contacts_owner", "contacts", ["owner_id", "id"])
    op.create_index("ix_contacts_parent_id", "contacts", ["parent_id"])
    op.create_index("ix_contacts_updated", "contacts", ["updated_at", "id"])
    op.create_table(
        "external_refs",
        sa.Column("resource", sa.String(32), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("external_id", sa.String(200), nullable=False),
        sa.Column("record_id", identifier, nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_external_refs_record_id", "external_refs", ["record_id"])
    op.create_index(
        "uq_external_refs_live",
        "external_refs",
        ["resource", "source", "external_id"],
        unique=True,
        postgresql_where=sa.text("is_live"),
        sqlite_where=sa.text("is_live"),
    )
    op.create_table(
        "imports",
        sa.Column("id", identifier, nullable=False),
        sa.Column("resource", sa.String(32), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("file_name", sa.String(200)),
        sa.Column("size_bytes", whole, nullable=False),
        sa.Column("settings", document, nullable=False),
        sa.Column("detected", document, nullable=False),
        sa.Column("is_dry_run", sa.Boolean(), nullable=False),
        sa.Column("processed_count", whole, nullable=False),
        sa.Column("created_count", whole, nullable=False),
        sa.Column("updated_count", whole, nullable=False),
        sa.Column("unchanged_count", whole, nullable=False),
        sa.Column("rejected_count", whole, nullable=False),
        sa.Column("created_contact_count", whole, nullable=False),
        sa.Column("checkpoint", document, nullable=False),
        sa.Column("failure", sa.Text()),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("version", whole, nullable=False),
        sa.Column("lease_holder", sa.String(36)),
        sa.Column("lease_until", instant),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("queued_at", instant),
        sa.Column("started_at", instant),
        sa.Column("finished_at", instant),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
    )
    op.create_index("ix_imports_created", "imports", ["created_at", "id"])
    op.create_index("ix_imports_status", "imports", ["status"])
    op.create_table(
        "deals",
        sa.Column("id", identifier, nullable=False),
        sa.Column(
            "contact_id",
            identifier,
            sa.ForeignKey("contacts.id", name="fk_deals_contact_id"),
            nullable=False,
        ),
        sa.Column("title", sa.String(500)),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("stage_history", document, nullable=False),
        sa.Column("currency", sa.String(3)),
        sa.Column("amount_minor", whole),
        sa.Column("list_amount_minor", whole),
        sa.Column("cost_minor", whole),
        sa.Column("refund_minor", whole),
        sa.Column("cost_recovered_minor", whole),
        sa.Column("written_off_minor", whole),
        sa.Column("chargeback_lost_minor", whole),
        sa.Column("discount_pct", sa.String(8)),
        sa.Column("fx_rate", sa.String(24)),
        sa.Column("lines", document, nullable=False),
        sa.Column("opened_at", instant, nullable=False),
        sa.Column("expected_close_date", day),
        sa.Column("closed_at", instant),
        sa.Column("won_reason", sa.String(32)),
        sa.Column("lost_reason", sa.String(32)),
        sa.Column("competitor_id", sa.String(64)),
        sa.Column("campaign_id", sa.String(64)),
        sa.Column("promo_code", sa.String(64)),
        sa.Column("invoiced_at", instant),
        sa.Column("due_at", instant),
        sa.Column("paid_at", instant),
        sa.Column("refunded_at", instant),
        sa.Column("chargeback_at", instant),
        sa.Column("contract_end_at", instant),
        sa.Column("contract_cancelled_at", instant),
        sa.Column("external_refs", document, nullable=False),
        sa.Column("version", whole, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.Column("deleted_at", instant),
        sa.PrimaryKeyConstraint("id", name="pk_deals"),
    )
    op.create_index("ix_deals_contact", "deals", ["contact_id", "opened_at", "id"])
    op.create_index("ix_deals_created", "deals", ["created_at", "id"])
    op.create_index("ix_deals_opened", "deals", ["opened_at", "id"])
    op.create_index("ix_deals_stage", "deals", ["stage", "opened_at", "id"])
    op.create_index("ix_deals_updated", "deals", ["updated_at", "id"])
    op.create_table(
        "import_rejected_rows",
        sa.Column(
            "import_id",
            identifier,
            sa.ForeignKey("imports.id", name="fk_import_rejected_rows_import_id"),
            nullable=False,
        ),
        sa.Column("record_number", whole, nullable=False),
        sa.Column("row_number", whole, nullable=False),
        sa.Column("column_name", sa.String(200)),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("message_en", sa.String(2000), nullable=False),
        sa.Column("message_de", sa.String(2000), nullable=False),
        sa.Column("cells", document, nullable=False),
        sa.PrimaryKeyConstraint("import_id", "record_number", name="pk_import_rejected_rows"),
    )
    op.create_table(
        "interactions",
        sa.Column("id", identifier, nullable=False),
        sa.Column(
            "contact_id",
            identifier,
            sa.ForeignKey("contacts.id", name="fk_interactions_contact_id"),
            nullable=False,
        ),
        sa.Column("deal_id", identifier, sa.ForeignKey("deals.id", name="fk_interactions_deal_id")),
        sa.Column(
            "parent_id",
            identifier,
            sa.ForeignKey("interactions.id", name="fk_interactions_parent_id"),
        ),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("channel", sa.String(32)),
        sa.Column("touchpoint", sa.String(64)),
        sa.Column("direction", sa.String(16)),
        sa.Column("occurred_at", instant, nullable=False),
        sa.Column("user_id", sa.String(64)),
        sa.Column("campaign_id", sa.String(64)),
        sa.Column("subject", sa.String(500)),
        sa.Column("body", sa.Text()),
        sa.Column("sentiment", sa.Float(53)),
        sa.Column("sentiment_source", sa.String(16)),
        sa.Column("severity", sa.SmallInteger()),
        sa.Column("resolved_at", instant),
        sa.Column("resolution", sa.String(16)),
        sa.Column("justified", sa.Boolean()),
        sa.Column("ratings", document, nullable=False),
        sa.Column("nps", sa.SmallInteger()),
        sa.Column("outcome", sa.String(16)),
        sa.Column("decline_reason", sa.String(32)),
        sa.Column("competitor_id", sa.String(64)),
        sa.Column("effective_at", instant),
        sa.Column("event_type", sa.String(64)),
        sa.Column("cost_minor", whole),
        sa.Column("cost_currency", sa.String(3)),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("tags", document, nullable=False),
        sa.Column("external_refs", document, nullable=False),
        sa.Column("version", whole, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.Column("deleted_at", instant),
        sa.PrimaryKeyConstraint("id", name="pk_interactions"),
    )
    op.create_index("ix_interactions_contact", "interactions", ["contact_id", "occurred_at", "id"])
    op.create_index("ix_interactions_created", "interactions", ["created_at", "id"])
    op.create_index("ix_interactions_deal_id", "interactions", ["deal_id"])
    op.create_index("ix_interactions_occurred", "interactions", ["occurred_at", "id"])
    op.create_index("ix_interactions_updated", "interactions", ["updated_at", "id"])


def downgrade() -> None:
    for name in (
        "interactions",
        "import_rejected_rows",
        "deals",
        "imports",
        "external_refs",
        "contacts",
        "changes",
        "keys",
        "idempotency_records",
    ):
        op.drop_table(name)
