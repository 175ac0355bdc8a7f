"""The imports, the rows that they refused, and the records that a revert leaves alone."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, String, Table, Text, text

from services.crm_api.resources import identifier, metadata
from services.foundation.columns import Document, Identifier, Instant, Whole

imports = Table(
    "imports",
    metadata,
    identifier(),
    Column("resource", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("file_name", String(200)),
    Column("size_bytes", Whole, nullable=False),
    Column("settings", Document, nullable=False),
    Column("detected", Document, nullable=False),
    Column("is_dry_run", Boolean, nullable=False),
    Column("processed_count", Whole, nullable=False),
    Column("created_count", Whole, nullable=False),
    Column("updated_count", Whole, nullable=False),
    Column("unchanged_count", Whole, nullable=False),
    Column("rejected_count", Whole, nullable=False),
    Column("created_contact_count", Whole, nullable=False),
    Column("checkpoint", Document, nullable=False),
    Column("failure", Text),
    Column("key_id", String(8), nullable=False),
    Column("request_id", String(64), nullable=False),
    # The requests whose changes are this import's: those of its runs since it was last reverted.
    Column("run_requests", Document, nullable=False, server_default=text("'[]'")),
    Column("revert", Document),
    Column("version", Whole, nullable=False),
    Column("lease_holder", String(36)),
    Column("lease_until", Instant),
    Column("created_at", Instant, nullable=False),
    Column("queued_at", Instant),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    # When its file and its rejected rows were removed, because they were kept for long enough.
    Column("emptied_at", Instant),
    Index("ix_imports_created", "created_at", "id"),
    Index("ix_imports_status", "status"),
)

rejected_rows = Table(
    "import_rejected_rows",
    metadata,
    Column("import_id", Identifier, ForeignKey("imports.id"), primary_key=True),
    Column("record_number", Whole, primary_key=True, autoincrement=False),
    Column("row_number", Whole, nullable=False),
    Column("column_name", String(200)),
    Column("code", String(64), nullable=False),
    Column("message_en", String(2000), nullable=False),
    Column("message_de", String(2000), nullable=False),
    Column("cells", Document, nullable=False),
)

kept_records = Table(
    "import_kept_records",
    metadata,
    Column("import_id", Identifier, ForeignKey("imports.id"), primary_key=True),
    Column("record_id", Identifier, primary_key=True),
    Column("resource", String(32), nullable=False),
    Column("code", String(64), nullable=False),
    Column("version", Whole),
    Column("request_id", String(64)),
    Column("kept_at", Instant, nullable=False),
)
