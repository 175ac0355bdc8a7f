"""The dictionary of the columns of every frame, and the check that a frame keeps to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations.signals.columns import SIGNALS as SIGNAL_IDS


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a frame: its name, its dtype as pandas spells it, its unit, what it says."""

    name: str
    dtype: str
    unit: str
    meaning: str


def columns(*rows: tuple[str, str, str, str]) -> tuple[Column, ...]:
    """Put columns together from name, dtype, unit and meaning."""
    return tuple(Column(*row) for row in rows)


DAY = "days since 1970-01-01 in the business time zone"
BASE = "base currency"
UNITS = columns(
    ("unit_id", "str", "id", "contact that is the customer unit"),
    ("kind", "str", "word", "person or organisation"),
    ("status", "str", "word", "active, blocked or terminated as of the day"),
    ("is_excluded", "bool", "", "erased or merged; such contacts are not in the mirror at all"),
    ("has_profiling_objection", "bool", "", "objects to profiling, whenever that was said"),
    ("acquisition_cost", "float64", BASE, "of all contacts of the unit; NaN unknown"),
    ("service_cost", "float64", BASE, "interactions, but those about our own faults"),
    ("service_cost_730", "float64", BASE, "the same within 730 days, the day itself included"),
    ("source_campaign_id", "str", "id", "campaign that brought the unit; missing unknown"),
    ("is_reached", "bool", "", "a touch was delivered or there was any contact"),
    ("has_responded", "bool", "", "clicked, replied, accepted or turned to us"),
    ("has_open_qualified_deal", "bool", "", "or asked for a quote in the lead window"),
    ("is_active_in_window", "bool", "", "anything happened in the lead window, or entered in it"),
    ("has_active_contract", "bool", "", "a won contract that runs and is not cancelled"),
    ("contract_end_day", "float64", DAY, "last end of the active contracts; NaN without one"),
    ("is_cancellation_effective", "bool", "", "cancelled, in force, and nothing bought since"),
    ("leave_intent", "float64", "share", "strength of the signal; NaN unknown"),
    ("competitor_loss", "float64", "share", "strength of the signal; NaN unknown"),
    ("has_open_complaint", "bool", "", "a complaint not settled by the day"),
    ("has_pending_request", "bool", "", "a data subject's request not settled by the day"),
    ("purchase_motive", "str", "word", "declared motive; missing unknown"),
    ("owner_id", "str", "id", "who looks after it; missing unknown"),
    ("termination_case", "str", "word", "step of an open case; missing without one"),
    ("remedy_failed_day", "float64", DAY, "of an open case; NaN before"),
    ("hearing_closed_day", "float64", DAY, "of an open case; NaN before"),
    ("deals_without_fx_rate_count", "int64", "count", "won deals whose currency has no rate"),
    ("no_conflicting_offer", "boolean", "", "no undecided offer, nothing quoted; missing unknown"),
    ("positive_history", "boolean", "", "a clearly positive moment; missing unknown"),
    ("leave_reason_known", "boolean", "", "a record names the problem"),
    ("recent_survey", "boolean", "", "invited to a survey within 90 days"),
    ("minor", "boolean", "", "under age, or has such a contact; missing unknown"),
    ("is_referred", "bool", "", "somebody referred a contact of the unit"),
    ("has_previous_supplier", "bool", "", "bought elsewhere before, as recorded"),
    ("is_innovation_partner", "bool", "", "named a partner by a person"),
    ("protection_ids", "str", "words", "what forbids adverse measures; missing if nothing"),
)
DEALS = columns(
    ("unit", "int64", "", "surrogate of the customer unit"),
    ("day", "int32", DAY, "when it was won"),
    ("amount", "float64", BASE, "net after discounts; NaN unknown, also without a rate"),
    ("list_amount", "float64", BASE, "net amount before discounts; NaN unknown"),
    ("discount_pct", "float64", "percent", "discount; NaN unknown"),
    ("cost", "float64", BASE, "of delivering it; NaN unknown"),
    ("refund", "float64", BASE, "paid back by the day; NaN unknown or none"),
    ("cost_recovered", "float64", BASE, "brought back by a return; NaN unknown or none"),
    ("written_off", "float64", BASE, "never to be paid; NaN unknown or none"),
    ("deal_id", "str", "id", "the deal, for evidence only"),
)
EVIDENCE = columns(
    ("first_deal_id", "str", "id", "first won deal of the unit; missing without one"),
    ("last_deal_id", "str", "id", "last won deal of the unit; missing without one"),
)
UNCONVERTED = columns(
    ("unit", "int64", "", "surrogate of the customer unit"),
    ("currency", "str", "ISO 4217", "of a won deal that has no rate to base currency"),
    ("amount_minor", "float64", "minor units of that currency", "net amount; NaN unknown"),
)
_UNIT = ("unit", "int64", "", "surrogate of the customer unit")
_DEAL = ("deal_id", "str", "id", "the deal, for evidence only")
_MENTION = ("interaction_id", "str", "id", "the interaction, for evidence only")
INTERACTIONS = columns(
    _UNIT,
    ("day", "int32", DAY, "when it took place"),
    ("kind", "category", "word", "kind of interaction"),
    _MENTION,
    ("is_inbound", "bool", "", "the customer turned to us"),
    ("is_public", "bool", "", "others could read it"),
    ("sentiment", "float64", "-1 to 1", "mood; NaN unknown"),
    ("severity", "float64", "1 to 3", "of a complaint; NaN unknown"),
    ("settled_day", "float64", DAY, "of complaints and requests; NaN if open on the day"),
    ("resolution", "category", "word", "how it was settled; missing while open"),
    ("is_justified", "boolean", "", "of a complaint; missing undecided"),
    ("outcome", "category", "word", "of touches, offers and invitations; missing unknown"),
    ("channel", "category", "word", "over which channel; missing unknown"),
    ("nps", "float64", "0 to 10", "would recommend us; NaN not asked"),
    ("has_leave_intent", "bool", "", "tagged with the intent to leave"),
    ("effective_day", "float64", DAY, "when a cancellation takes effect; NaN for other kinds"),
    ("names_competitor", "bool", "", "a competitor was chosen instead"),
    ("event_type", "category", "word", "of a life event; missing for other kinds"),
)
RATINGS = columns(
    _UNIT,
    ("day", "int32", DAY, "when the survey was answered"),
    ("dimension", "category", "word", "dimension of satisfaction"),
    ("perception", "float64", "0 to 10", "how it was found"),
    ("expectation", "float64", "0 to 10", "how it was expected; NaN unknown"),
    _MENTION,
)
INVOICES = columns(
    _UNIT,
    ("day", "int32", DAY, "when it was issued; without a date, when the deal was won"),
    ("due_day", "int32", DAY, "when it is due"),
    ("paid_day", "float64", DAY, "when it was paid; NaN unpaid on the day"),
    ("amount", "float64", BASE, "net amount; NaN unknown"),
    ("is_disputed", "bool", "", "the customer disputed it by the day"),
    ("is_complained_of", "bool", "", "a complaint about the deal is open or was justified"),
    _DEAL,
)
LOST_DEALS = columns(
    _UNIT,
    ("day", "int32", DAY, "when it was lost"),
    ("lost_reason", "category", "word", "why; missing unknown"),
    ("names_competitor", "bool", "", "a competitor was in it"),
    _DEAL,
)
OPEN_DEALS = columns(
    _UNIT,
    ("day", "int32", DAY, "when it began"),
    ("stage", "category", "word", "where it stands; missing unknown"),
    _DEAL,
)
CONTRACTS = columns(
    _UNIT,
    ("start_day", "int32", DAY, "when the deal was won"),
    ("end_day", "int32", DAY, "when it ends or ended"),
    ("cancelled_day", "float64", DAY, "when it was cancelled; NaN not by the day"),
    ("amount", "float64", BASE, "net amount; NaN unknown"),
    _DEAL,
)
CONTRACT_PRODUCTS = columns(
    _UNIT,
    ("start_day", "int32", DAY, "when the deal was won"),
    ("end_day", "int32", DAY, "when its contract ends or ended"),
    ("cancelled_day", "float64", DAY, "when that was cancelled; NaN not by the day"),
    ("product", "category", "key", "of a line of the deal"),
    ("category", "category", "word", "of that product; missing unknown"),
)
PURCHASED_CATEGORIES = columns(
    _UNIT,
    ("day", "int32", DAY, "when it was bought"),
    ("category", "category", "word", "of the product of a line"),
)
BOUGHT_PRODUCTS = columns(
    _UNIT,
    ("day", "int32", DAY, "when it was bought"),
    ("product", "int32", "place", "of the product of a line in the list of products"),
)
DECLINED_PRODUCTS = columns(
    _UNIT,
    ("day", "int32", DAY, "when the offer was made"),
    ("product", "int32", "place", "of the product declined in the list; -1 where none is named"),
)
LIVE_TERMS = columns(
    _UNIT,
    ("day", "int32", DAY, "when the offer was made or the deal began"),
    ("product", "int32", "place", "of the product offered in the list; -1 where none is named"),
    ("is_quote", "bool", "", "in an open deal; else an offer that nobody has decided on"),
)
COMPETITOR_MOVES = columns(
    _UNIT,
    ("day", "int32", DAY, "when a competitor did something about a product that the unit buys"),
    ("activity_id", "str", "id", "of the activity in the CRM"),
)
OPENED_PRODUCTS = columns(
    _UNIT,
    ("day", "int32", DAY, "when it was bought"),
    _DEAL,
    ("product", "int32", "", "place among the products"),
    ("successor", "int32", "", "place of what replaces it; -1 without one"),
    ("replacement_days", "float64", "days", "its usual life; NaN unknown"),
    ("service_interval_days", "float64", "days", "between services; NaN without"),
)
INTEREST = columns(
    _UNIT,
    ("day", "int32", DAY, "when it was shown"),
    ("category", "category", "word", "of products"),
    ("kind", "category", "word", "open_deal, offer or need"),
)
WON_REASONS = columns(
    _UNIT,
    ("day", "int32", DAY, "when the deal was won"),
    ("won_reason", "category", "word", "why it was won"),
)
REFERRALS = columns(
    _UNIT,
    ("referred_unit", "int64", "", "surrogate of the unit that it brought"),
    ("day", "int32", DAY, "when the referred unit was first known"),
)
CHARGEBACKS = columns(
    _UNIT,
    ("day", "int32", DAY, "when the bank took the payment back"),
    ("is_lost", "bool", "", "money was lost by it"),
    _DEAL,
)
FRAUDS = columns(
    _UNIT,
    ("day", "int32", DAY, "when fraud was confirmed"),
    ("is_confirmed_by_person", "bool", "", "a suspicion is nothing"),
    _DEAL,
)
EVENT_FRAMES: Mapping[str, tuple[Column, ...]] = {
    "interactions": INTERACTIONS,
    "ratings": RATINGS,
    "invoices": INVOICES,
    "lost_deals": LOST_DEALS,
    "open_deals": OPEN_DEALS,
    "contracts": CONTRACTS,
    "contract_products": CONTRACT_PRODUCTS,
    "purchased_categories": PURCHASED_CATEGORIES,
    "bought_products": BOUGHT_PRODUCTS,
    "declined_products": DECLINED_PRODUCTS,
    "live_terms": LIVE_TERMS,
    "competitor_moves": COMPETITOR_MOVES,
    "opened_products": OPENED_PRODUCTS,
    "interest": INTEREST,
    "won_reasons": WON_REASONS,
    "referrals": REFERRALS,
    "chargebacks": CHARGEBACKS,
    "frauds": FRAUDS,
}
"""The frames of events; every row is one event."""
_STRENGTH = "strength; NaN with too little data"
SIGNALS = columns(
    *((f"signal_{name}", "float64", "share", _STRENGTH) for name in SIGNAL_IDS),
    ("sentiment_level", "float64", "-1 to 1", "mood of late; NaN unknown"),
    ("satisfaction_difference", "float64", "points of 10", "perception less expectation"),
    ("nps", "float64", "0 to 10", "latest within 365 days; NaN not asked"),
    ("is_expectation_assumed", "bool", "", "an expectation in the difference was not told"),
    ("gap_dimension", "float64", "place", "dimension farthest below expectation; NaN if none"),
    ("signal_evidence", "str", "JSON", "signal id -> at most three records; missing without"),
)
CHURN_PARTS = columns(
    *(
        (f"churn_part_{name}", "float64", "probability", "what it adds to the churn probability")
        for name in (*SIGNAL_IDS, "history", "money")
    )
)
_RHYTHM = columns(
    ("state", "category", "word", "lifecycle state"),
    ("phase", "category", "word", "phase of the relationship; missing for excluded units"),
    ("phase_rule", "int8", "number", "rule of specification 2.3 that decided"),
    ("lead_stage", "category", "word", "stage of a lead; missing for others"),
    ("purchase_count", "int64", "count", "days with a purchase"),
    ("repeat_count", "int64", "count", "x: days with a purchase after the first"),
    ("recency_days", "float64", "days", "t_x: from first to last purchase"),
    ("age_days", "float64", "days", "T: from first purchase to the day looked from"),
    ("first_purchase_day", "float64", DAY, "first purchase"),
    ("last_purchase_day", "float64", DAY, "last purchase"),
    ("interpurchase_days", "float64", "days", "expected time between purchases"),
    ("median_gap_days", "float64", "days", "median of the own gaps"),
    ("gap_days", "float64", "days", "since the last purchase"),
    ("gap_rank", "float64", "probability", "share of own gaps shorter than the present one"),
    ("alive_probability", "float64", "probability", "still a customer"),
    ("vitality", "float64", "share", "alive now against right after the last purchase"),
    (
        "purchase_vitality",
        "float64",
        "share",
        "the same of the chance to buy; decides on the state",
    ),
    ("churn_horizon_days", "float64", "days", "within which no purchase counts as churn"),
    ("baseline_churn_probability", "float64", "probability", "p0: from the rhythm alone"),
    ("reference_churn_probability", "float64", "probability", "p_ref: right after a purchase"),
    ("churn_probability", "float64", "probability", "no purchase within the churn horizon"),
)
_CHURN_BASIS = columns(
    ("churn_basis", "category", "word", "rhythm, signals, stacked or contract; missing for leads"),
)
_VALUES = columns(
    ("contribution", "float64", BASE, "margins less service cost, all time"),
    ("contribution_730", "float64", BASE, "the same within 730 days"),
    ("service_cost", "float64", BASE, "interactions, but those about our own faults"),
    ("historic_value", "float64", BASE, "contribution less acquisition cost"),
    ("valued_purchase_count", "int64", "count", "purchases of known amount"),
    ("margin_per_purchase", "float64", BASE, "credible contribution per purchase"),
    ("order_value", "float64", BASE, "credible amount of a purchase"),
    ("expected_purchases_365", "float64", "count", "purchases expected in 365 days"),
    ("clv_alive_365", "float64", BASE, "lifetime value of 365 days if the customer stays"),
    ("clv_365", "float64", BASE, "lifetime value of 365 days"),
    ("clv_alive_1095", "float64", BASE, "lifetime value of 1,095 days if the customer stays"),
    ("clv_1095", "float64", BASE, "lifetime value of 1,095 days"),
    ("clv_365_low", "float64", BASE, "low end of its 90 % interval"),
    ("clv_365_high", "float64", BASE, "high end of its 90 % interval"),
    ("clv_365_standard_error", "float64", BASE, "its standard error"),
    ("clv_1095_low", "float64", BASE, "low end of the 90 % interval of clv_1095"),
    ("clv_1095_high", "float64", BASE, "high end of the 90 % interval of clv_1095"),
    ("clv_optimistic_365", "float64", BASE, "if certain to stay, with its margin at its best"),
    ("rhythm_clv_365", "float64", BASE, "clv_365 by the rhythm alone, without what was learned"),
    ("expected_new_value", "float64", BASE, "of a lead: first year after a first purchase"),
    ("value_at_risk", "float64", BASE, "churn_probability * clv_alive_365"),
    ("confidence", "category", "word", "high, medium or low; low without any known amount"),
    ("is_cost_estimated", "bool", "", "a deal's cost was unknown and estimated"),
)
_STANDING = columns(
    ("purchase_count_730", "float64", "count", "purchases within 730 days"),
    ("ladder_rung", "category", "word", "rung of the loyalty ladder"),
    ("ambassador_score", "float64", "share", "what the customer does for us beyond buying"),
    ("newness_ids", "category", "ids", "kinds of newness with a space between; missing if none"),
    ("motive", "category", "word", "why the customer buys"),
    ("motive_basis", "category", "word", "declared, inferred or unknown"),
    ("termination_step", "category", "word", "what due process permits"),
    ("termination_signal_ids", "category", "ids", "with a space between; missing if none"),
    ("termination_block_ids", "category", "ids", "with a space between; missing if none"),
    ("termination_evidence", "str", "JSON", "signal id -> grounds and counter_evidence"),
)
_CONTRACTS = columns(
    ("contract_end_probability", "float64", "probability", "of no renewal within the horizon"),
    ("contract_horizon_days", "float64", "days", "until the end of the term, within limits"),
    ("contract_tenure_months", "float64", "months", "under contract without a break"),
    ("contract_term_months", "float64", "months", "length of the running term"),
    ("contract_left_days", "float64", "days", "until the end of the term"),
    ("contract_monthly_amount", "float64", BASE, "of the running term a month"),
    *(
        (f"contract_part_{name}", "float64", "probability", "what it adds to the chance to end")
        for name in ("tenure", "term", "ending", "amount", "products")
    ),
    ("contract_product", "category", "word", "product or category of most effect"),
    ("contract_basis", "category", "word", "default, share or survival"),
)
NEXT_PRODUCTS = columns(
    *(
        (f"product{rank}{part}", "float64", unit, meaning)
        for rank in range(1, 4)
        for part, unit, meaning in (
            ("", "place", "next product, in the list of products; NaN none"),
            ("_affinity", "share", "of those like the unit that buy it"),
            ("_probability", "probability", "bought within the churn horizon"),
            ("_margin", BASE, "list price less unit cost; NaN unknown"),
            ("_price", BASE, "list price; NaN unknown"),
            ("_owned", "place", "owned product that speaks for it most; NaN none"),
            ("_flags", "bits", "1 obvious, 2 upgrade, 4 bought before"),
        )
    )
)
"""Beside `CUSTOMERS` where the base has products."""
CUSTOMERS = (*_RHYTHM, *CHURN_PARTS, *_CHURN_BASIS, *SIGNALS, *_VALUES, *_CONTRACTS, *_STANDING)
FRAMES: Mapping[str, tuple[Column, ...]] = {
    "units": UNITS,
    "deals": DEALS,
    "evidence": EVIDENCE,
    "unconverted": UNCONVERTED,
    "customers": CUSTOMERS,
    "next_products": NEXT_PRODUCTS,
    "signals": SIGNALS,
    **EVENT_FRAMES,
}
"""The dictionary; units, evidence, customers and signals are indexed by `unit`, 0 to n - 1."""


class FrameInvalid(ValueError):
    """A frame is not what the dictionary of columns promises."""


def check_frame(frame: pd.DataFrame, columns: Iterable[Column], *, index: str | None) -> None:
    """Check that `frame` is what the dictionary says: columns, dtypes, index, no infinite number.

    Raises
    ------
    FrameInvalid
        It is not.
    """
    expected = {column.name: column.dtype for column in columns}
    found = {str(name): str(dtype) for name, dtype in frame.dtypes.items()}
    if found != expected or list(found) != list(expected):
        wrong = sorted(set(found.items()) ^ set(expected.items()))
        raise FrameInvalid(f"columns or dtypes differ: {wrong[:5]}")
    if frame.index.name != index or not frame.index.is_unique:
        raise FrameInvalid(f"the index is not a unique {index}")
    for name, dtype in expected.items():
        if dtype == "float64" and np.isinf(frame[name].to_numpy()).any():
            raise FrameInvalid(f"{name} is infinite")
