"""The tables of analytics: refreshes, versions, the customers of two versions, and past scores."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from services.analytics.calculations.next_products.scoring import PRODUCT_COLUMNS
from services.analytics.calculations.recommendations.recommending import (
    RULED_OUT_COLUMNS,
    STEP_COLUMNS,
)
from services.foundation.columns import Day, Document, Identifier, Instant, Whole
from services.foundation.tables import CONSTRAINT_NAMES

metadata = MetaData(naming_convention=CONSTRAINT_NAMES)
_NUMBER = Whole().with_variant(Integer, "sqlite")
"""A whole number that SQLite takes for the place of the row itself where it is the primary key."""

refreshes = Table(
    "refreshes",
    metadata,
    Column("id", Identifier, primary_key=True),
    Column("status", String(16), nullable=False),
    Column("stage", String(32), nullable=False),
    Column("progress", Float(53), nullable=False),
    Column("as_of", Day),
    Column("is_full", Boolean, nullable=False),
    Column("version", Whole),
    Column("failure", Text),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Index("ix_refreshes_created", "created_at", "id"),
    Index("ix_refreshes_status", "status"),
)

versions = Table(
    "versions",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=False),
    Column("as_of", Day, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("published_at", Instant, nullable=False),
    Column("crm_read_at", Instant, nullable=False),
    Column("mirror_cursor", String(200), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("customer_count", Whole, nullable=False),
    # In which of the two tables its customers stand, and what their packed numbers are.
    Column("slot", String(1), nullable=False),
    Column("number_columns", Document, nullable=False),
    Column("is_month_end", Boolean, nullable=False),
    Column("model", Document, nullable=False),
    Column("data_gaps", Document, nullable=False),
    Column("summary", Document, nullable=False),
    Column("standing", Document),
    Column("model_card", Document),
    # What the numbers of options, channels, events and barriers in packed numbers stand for.
    Column("options", Document),
    Column("termination_fairness", Document),
    # Which list its customers name products from, by its content; null: they name none.
    Column("product_list", String(64)),
)

# What the products are called that the customers of the published version name by their place.
product_names = Table(
    "product_names",
    metadata,
    Column("place", _NUMBER, primary_key=True, autoincrement=False),
    Column("id", Identifier, nullable=False),
    Column("key", String(64), nullable=False),
    Column("name", String(200), nullable=False),
)

# What is stored of a scored unit, each column in one of these groups; what is unknown is null.
SIGNALS = (
    "inactivity",
    "frequency_drop",
    "monetary_drop",
    "negative_sentiment",
    "unresolved_complaint",
    "satisfaction_gap",
    "support_burst",
    "engagement_drop",
    "competitor_loss",
    "payment_delay",
    "leave_intent",
)
CHANNELS = (
    "email",
    "post",
    "sms",
    "phone",
    "call_centre",
    "chat",
    "app",
    "social",
    "video",
    "visit",
)
"""The channels that can address a person."""
_REACH_COUNTS = (
    *("touches_30", "cap_30", "wait_days", "channel_barriers", "asked_no_contact"),
    *(f"{kind}_count_{channel}" for channel in CHANNELS for kind in ("touch", "response")),
)
_REACH_TEXTS = (
    *("language", "style", "preferred_channel"),
    *("must_answer_language", "complaint_language", "privacy_language"),
)
_REACH_RECORDS = (
    *("person", "must_answer_interaction", "must_answer_person"),
    *("complaint_interaction", "complaint_person"),
    *("privacy_interaction", "privacy_person"),
)
_REACH_NUMBERS = (
    *("spent_365", "complaint_severity", "complaint_due_day", "complaint_count"),
    "privacy_due_day",
)
REACH_COLUMNS = (*_REACH_COUNTS, *_REACH_NUMBERS, *_REACH_TEXTS, *_REACH_RECORDS)
"""What is stored of who may be reached, how and how often."""
CONTRACT_PARTS = ("tenure", "term", "ending", "amount", "products")
TEXT_COLUMNS = (
    "state",
    "phase",
    "lead_stage",
    "confidence",
    "churn_basis",
    "tier",
    "historic_tier",
    "quadrant",
    "rfm_segment",
    "ladder_rung",
    "newness_ids",
    "motive",
    "motive_basis",
    "termination_step",
    "termination_signal_ids",
    "termination_block_ids",
    "goal_id",
    "strategy_id",
    "instrument_id",
    "channel_id",
    "event_id",
    "recommendation_basis",
    "obligation_ids",
    "recommendation_gap_ids",
    "avoid_ids",
    "owner_id",
    "contract_product",
    "contract_basis",
    "signal_evidence",
    "termination_evidence",
    *_REACH_TEXTS,
)
RFM_COLUMNS = ("rfm_recency", "rfm_frequency", "rfm_monetary")
COUNT_COLUMNS = (
    "phase_rule",
    "purchase_count",
    "repeat_count",
    "recency_days",
    "age_days",
    "first_purchase_day",
    "last_purchase_day",
    "gap_days",
    "valued_purchase_count",
    "deals_without_fx_rate_count",
    "is_expectation_assumed",
    *_REACH_COUNTS,
)
FLOAT_COLUMNS = (
    "interpurchase_days",
    "median_gap_days",
    "gap_rank",
    "alive_probability",
    "vitality",
    "purchase_vitality",
    "churn_horizon_days",
    "baseline_churn_probability",
    "reference_churn_probability",
    "churn_probability",
    "contribution",
    "contribution_730",
    "service_cost",
    "historic_value",
    "margin_per_purchase",
    "order_value",
    "expected_purchases_365",
    "rhythm_clv_365",
    "clv_alive_365",
    "clv_365",
    "clv_365_low",
    "clv_365_high",
    "clv_365_standard_error",
    "clv_alive_1095",
    "clv_1095",
    "clv_1095_low",
    "clv_1095_high",
    "expected_new_value",
    "value_at_risk",
    "ambassador_score",
    "referral_value",
    "sentiment_level",
    "satisfaction_difference",
    "nps",
    "gap_dimension",
    "recommendation_value",
    *STEP_COLUMNS,
    *RULED_OUT_COLUMNS,
    *(f"signal_{signal}" for signal in SIGNALS),
    *(f"churn_part_{signal}" for signal in SIGNALS),
    "churn_part_history",
    "churn_part_money",
    "contract_end_probability",
    "contract_horizon_days",
    "contract_tenure_months",
    "contract_term_months",
    "contract_left_days",
    "contract_monthly_amount",
    *(f"contract_part_{group}" for group in CONTRACT_PARTS),
    *_REACH_NUMBERS,
    *PRODUCT_COLUMNS,
)
EVIDENCE_COLUMNS = ("first_deal_id", "last_deal_id", *_REACH_RECORDS, "event_record_id")
FLAG_COLUMNS = (
    "is_cost_estimated",
    "has_active_contract",
    "has_profiling_objection",
    "has_open_complaint",
)
NUMBER_COLUMNS = (*COUNT_COLUMNS, *FLOAT_COLUMNS)
"""Kept in one packed value (`packing`): a column each would cost more than all else of publishing."""

PRIORITY_COLUMN = "complaint_priority"
RANK_COLUMNS = (
    *("tier", "historic_tier", "quadrant", "rfm_segment"),
    *(*RFM_COLUMNS, PRIORITY_COLUMN),
)
"""What can change because of others."""

ORDERS = {
    "value": "clv_365",
    "value_1095": "clv_1095",
    "churn": "churn_probability",
    "value_at_risk": "value_at_risk",
    "historic_value": "historic_value",
    "contribution": "contribution",
    "alive_probability": "alive_probability",
    "vitality": "vitality",
    "expected_purchases": "expected_purchases_365",
    "purchase_count": "purchase_count",
    "last_purchase_date": "last_purchase_day",
    "expected_new_value": "expected_new_value",
    "referral_value": "referral_value",
    "ambassador_score": "ambassador_score",
    "satisfaction_difference": "satisfaction_difference",
    "sentiment": "sentiment_level",
    "recommendation_value": "recommendation_value",
    **{f"signal_{signal}": f"signal_{signal}" for signal in SIGNALS},
}
"""What lists are ordered and bounded by; these numbers stand beside the packed ones as well."""

QUICK_ORDERS = ("value", "churn", "value_at_risk", "recommendation_value")
"""Those with an index; another order looks at every customer."""

UNKNOWN_ORDER = -1e18
"""A customer without that score comes last in descending order."""


def _slot(letter: str) -> Table:
    """Declare one of the two tables: one is shown, the other is filled for the next version.

    Rows have short numbers of their own because an index of ids is wide: by id when a table is
    filled, later ones after all others.
    """
    name = f"customers_{letter}"
    return Table(
        name,
        metadata,
        Column("number", _NUMBER, primary_key=True, autoincrement=False),
        Column("unit_id", Identifier, nullable=False),
        Column("kind", String(16), nullable=False),
        *(Column(text, _text_type(text)) for text in TEXT_COLUMNS),
        *(Column(count, Whole) for count in RFM_COLUMNS),
        Column(PRIORITY_COLUMN, Float(53)),
        *(Column(evidence, Identifier) for evidence in EVIDENCE_COLUMNS),
        *(Column(flag, Boolean, nullable=False) for flag in FLAG_COLUMNS),
        # Bit i is set while the strength of signal i is above zero.
        Column("raised_signals", Whole, nullable=False),
        *(Column(f"{order}_order", Float(53), nullable=False) for order in ORDERS),
        Column("numbers", LargeBinary, nullable=False),
        Index(f"ix_{name}_unit_id", "unit_id", unique=True),
        *(Index(f"ix_{name}_{order}", f"{order}_order", "number") for order in QUICK_ORDERS),
        Index(f"ix_{name}_phase_value", "phase", "value_order", "number"),
        Index(f"ix_{name}_phase_risk", "phase", "value_at_risk_order", "number"),
    )


def _text_type(name: str) -> Text | String:
    if name.endswith("_evidence"):
        return Text()
    if name == "contract_product":
        return String(200)
    return String(300 if name.endswith("_ids") else 64)


SLOTS = {letter: _slot(letter) for letter in "ab"}

# What a customer was before it changed: see `history`. By version first, so that new rows go to the
# end and a version is deleted in one place; a customer is looked up in each of the few versions.
score_history = Table(
    "score_history",
    metadata,
    Column("version", _NUMBER, primary_key=True, autoincrement=False),
    Column("unit_id", Identifier, primary_key=True),
    Column("state", String(64), nullable=False),
    Column("phase", String(64)),
    Column("tier", String(64)),
    Column("confidence", String(64)),
    Column("churn_probability", Float(53)),
    Column("clv_365", Float(53)),
    Column("value_at_risk", Float(53)),
    Column("purchase_count", Float(53)),
    sqlite_with_rowid=False,
)
