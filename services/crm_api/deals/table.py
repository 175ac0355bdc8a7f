"""The deals; all amounts of a deal are in its one currency."""

from sqlalchemy import Column, ForeignKey, Index, String, Table, text

from services.crm_api.resources import (
    Resource,
    identifier,
    known_index,
    metadata,
    record_columns,
)
from services.foundation.columns import Day, Document, Identifier, Instant, Whole
from services.foundation.constructs import without_member

AMOUNTS = (
    "amount",
    "list_amount",
    "cost",
    "refund",
    "cost_recovered",
    "written_off",
    "chargeback_lost",
)

deals = Table(
    "deals",
    metadata,
    identifier(),
    Column("contact_id", Identifier, ForeignKey("contacts.id"), nullable=False),
    Column("title", String(500)),
    Column("pipeline_id", String(64), nullable=False),
    Column("stage", String(32), nullable=False),
    Column("stage_kind", String(8), nullable=False),
    Column("stage_history", Document, nullable=False),
    Column("currency", String(3)),
    *(Column(f"{name}_minor", Whole) for name in AMOUNTS),
    # Exact decimals travel as text: SQLite has no decimal type, and nothing filters by them.
    Column("discount_pct", String(8)),
    Column("fx_rate", String(24)),
    # Whoever writes what was sold by hand may write for whom; what is of the catalogue has an id.
    Column(
        "lines",
        Document,
        nullable=False,
        info={"masked": lambda column: without_member(column, "name")},
    ),
    Column("opened_at", Instant, nullable=False),
    Column("expected_close_date", Day),
    Column("closed_at", Instant),
    Column("won_reason", String(32)),
    Column("lost_reason", String(32)),
    Column("lost_note", String(1000)),
    Column("competitor_id", String(64)),
    Column("campaign_id", String(64)),
    Column("promo_code", String(64)),
    Column("owner_id", String(64)),
    Column("treatment_id", String(64)),
    Column("document_refs", Document, nullable=False),
    Column("custom", Document, nullable=False, info={"empty": "{}"}),
    Column("payment_status", String(16), nullable=False),
    Column("invoiced_at", Instant),
    Column("disputed_at", Instant),
    Column("written_off_at", Instant),
    Column("fraud_confirmed_at", Instant),
    Column("fraud_confirmed_by", String(64)),
    Column("due_at", Instant),
    Column("paid_at", Instant),
    Column("refunded_at", Instant),
    Column("chargeback_at", Instant),
    Column("contract_end_at", Instant),
    Column("contract_cancelled_at", Instant),
    *record_columns(),
    Index("ix_deals_contact", "contact_id", "opened_at", "id"),
    Index("ix_deals_stage", "stage", "opened_at", "id"),
    # Holds all that the figures of a board are made of; the currency first, so that no list takes it.
    Index("ix_deals_sums", "pipeline_id", "currency", "stage", "amount_minor", "deleted_at"),
    Index("ix_deals_board", "pipeline_id", "stage", "opened_at", "id"),
    Index("ix_deals_payment_status", "payment_status", "opened_at", "id"),
    *(
        known_index("deals", name, "opened_at")
        for name in ("campaign_id", "competitor_id", "promo_code", "lost_reason")
    ),
    *(known_index("deals", name) for name in ("due_at", "contract_end_at")),
    Index("ix_deals_closed_at", "closed_at", "id"),
    Index("ix_deals_expected_close_date", "expected_close_date", "id"),
    Index("ix_deals_owner", "owner_id", "opened_at", "id"),
    Index("ix_deals_due", "due_at", "id"),
    Index("ix_deals_contract_end", "contract_end_at", "id"),
    Index("ix_deals_opened", "opened_at", "id"),
    Index("ix_deals_created", "created_at", "id"),
    Index(
        "ix_deals_trash",
        "deleted_at",
        "id",
        postgresql_where=text("deleted_at IS NOT NULL"),
        sqlite_where=text("deleted_at IS NOT NULL"),
    ),
    Index("ix_deals_updated", "updated_at", "id"),
)

DEAL = Resource(
    name="deal",
    plural="deals",
    table=deals,
    money={name: (f"{name}_minor", "currency") for name in AMOUNTS},
    personal=frozenset({"title", "lines", "lost_note", "document_refs", "custom"}),
)
