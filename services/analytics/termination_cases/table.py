"""The cases, the log of who read or changed what of them, and the count of those that were erased."""

from sqlalchemy import Column, Index, String, Table

from services.analytics.tables import metadata
from services.foundation.columns import Day, Document, Identifier, Instant, Whole

termination_cases = Table(
    "termination_cases",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("unit_id", Identifier, nullable=False),
    # The unit while the case is open, so that an index allows one open case of each.
    Column("open_unit_id", Identifier),
    Column("version", Whole, nullable=False),
    Column("step", String(16), nullable=False),
    Column("step_day", Day, nullable=False),
    Column("outcome", String(32)),
    Column("language", String(2)),
    Column("opened_at", Instant, nullable=False),
    Column("opened_day", Day, nullable=False),
    Column("remedy_failed_day", Day),
    Column("hearing_closed_day", Day),
    Column("closed_day", Day),
    Column("updated_at", Instant, nullable=False),
    Column("content", Document, nullable=False),
    Index("uq_termination_cases_open_unit_id", "open_unit_id", unique=True),
    Index("ix_termination_cases_unit_id", "unit_id", "id"),
)

# Only added to; when a person is erased, what names the person is taken out of its rows.
termination_log = Table(
    "termination_log",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("unit_id", Identifier),
    Column("case_id", Identifier),
    Column("action", String(32), nullable=False),
    Column("at", Instant, nullable=False),
    Column("key_id", String(8)),
    Column("key_name", String(100), nullable=False),
    Column("request_id", String(64)),
    Column("details", Document),
    Index("ix_termination_log_unit_id", "unit_id", "id"),
)

termination_forgotten = Table(
    "termination_forgotten",
    metadata,
    Column("outcome", String(32), primary_key=True),
    Column("case_count", Whole, nullable=False),
)
