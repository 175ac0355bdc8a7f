"""The tables of experiments: what is tried, who is in which arm, what was done, what was learned."""

from sqlalchemy import Boolean, Column, Float, Index, String, Table, Text

from services.analytics.calculations.feedback.parameters import FEATURES
from services.analytics.tables import metadata
from services.foundation.columns import Document, Identifier, Instant, Whole

experiments = Table(
    "experiments",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("key", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("status", String(16), nullable=False),
    Column("phase", String(64), nullable=False),
    Column("strategy_id", String(64), nullable=False),
    Column("instrument_id", String(64), nullable=False),
    Column("channel_id", String(64)),
    Column("holdout_share", Float(53), nullable=False),
    Column("tiers", Document, nullable=False),
    Column("starts_at", Instant),
    Column("ends_at", Instant),
    Column("hypothesis", Text, nullable=False),
    Column("minimum_effect", Float(53)),
    # What the catalogue said when it was planned.
    Column("prior_mean", Float(53), nullable=False),
    Column("prior_sd", Float(53), nullable=False),
    Column("contact_cost", Float(53), nullable=False),
    Column("incentive_cost", Float(53), nullable=False),
    Column("started_at", Instant),
    # The last business day that was known of then.
    Column("started_day", Whole),
    Column("stopped_at", Instant),
    Column("closed_at", Instant),
    # The version whose customers were all looked at, and the last day it was done for.
    Column("looked_at_version", Whole),
    Column("looked_at_day", Whole),
    # Of all customers at that look: in the phase and tiers, and those of them to whom the step is open.
    Column("concerned_count", Whole),
    Column("open_count", Whole),
    Column("windows_close_day", Whole),
    # Of the amounts expected of people; known once somebody was assigned.
    Column("currency", String(3)),
    Column("treated_count", Whole, nullable=False),
    Column("control_count", Whole, nullable=False),
    Column("result", Document),
    Column("needs_review", Boolean, nullable=False),
    Column("reviewed_at", Instant),
    Column("review_note", Text),
    Column("version", Whole, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_experiments_key", "key", unique=True),
    Index("ix_experiments_created", "created_at", "id"),
    Index("ix_experiments_status", "status"),
)

experiment_assignments = Table(
    "experiment_assignments",
    metadata,
    Column("experiment_id", Identifier, primary_key=True),
    Column("unit_id", Identifier, primary_key=True),
    Column("u", Float(53), nullable=False),
    Column("is_treated", Boolean, nullable=False),
    Column("assigned_at", Instant, nullable=False),
    # The day that the numbers were of; the window opens on the next one.
    Column("assigned_day", Whole, nullable=False),
    Column("window_days", Whole, nullable=False),
    Column("tier", String(64)),
    Column("is_under_contract", Boolean, nullable=False),
    Column("expected_effect", Float(53)),
    Column("expected_contribution", Float(53)),
    # Of instrument and channel; base currency.
    Column("contact_cost", Float(53)),
    *(Column(name, Float(53)) for name in FEATURES),
    Column("has_succeeded", Boolean),
    Column("contribution", Float(53)),
    Index("ix_experiment_assignments_unit", "unit_id"),
)

experiment_steps = Table(
    "experiment_steps",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("experiment_id", Identifier, nullable=False),
    Column("at", Instant, nullable=False),
    Column("action", String(16), nullable=False),
    Column("key_id", String(255)),
    Column("key_name", String(200)),
    Column("request_id", String(255)),
    Column("changes", Document, nullable=False),
    Index("ix_experiment_steps_experiment", "experiment_id", "id"),
)

learned_effects = Table(
    "learned_effects",
    metadata,
    Column("instrument_id", String(64), primary_key=True),
    Column("phase", String(64), primary_key=True),
    Column("mean", Float(53), nullable=False),
    Column("sd", Float(53), nullable=False),
    Column("data_weight", Float(53), nullable=False),
    # The day of the last result: a belief fades from then on.
    Column("learned_day", Whole, nullable=False),
    Column("learned_at", Instant, nullable=False),
    Column("experiment_ids", Document, nullable=False),
    Column("response_model", Document),
)
