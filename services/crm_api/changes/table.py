"""The change records, written in the transaction of the write they tell of."""

from sqlalchemy import Column, Index, Integer, String, Table, text

from services.crm_api.resources import metadata
from services.foundation.columns import Document, Identifier, Instant, TransactionId, Whole

# PostgreSQL hands out `seq` before a transaction commits, so `seq` alone has gaps that fill later.
# Ordered by (transaction_id, seq) and read below the oldest running transaction, it has none.
changes = Table(
    "changes",
    metadata,
    Column("seq", Whole().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("transaction_id", TransactionId, nullable=False, server_default=text("0")),
    Column("resource", String(32), nullable=False),
    Column("record_id", Identifier, nullable=False),
    Column("action", String(16), nullable=False),
    Column("version", Whole, nullable=False),
    Column("changed", Document, nullable=False),
    Column("key_id", String(8), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("occurred_at", Instant, nullable=False),
    # The values of the changed columns before the write, for undoing it; forgotten after a time.
    Column("before", Document),
    Index("ix_changes_order", "transaction_id", "seq"),
    Index("ix_changes_record", "record_id"),
    Index("ix_changes_request", "request_id", "seq"),
    Index("ix_changes_occurred", "occurred_at", "seq"),
    sqlite_autoincrement=True,
)
