"""The filters and orders of the list of customers."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from services.analytics.catalogue.asked_ids import check_ids
from services.analytics.catalogue.catalogue import Catalogue
from services.analytics.schemas import Confidence, Phase, Signal, State
from services.foundation.queries import Page, query_integer
from shared.values import Day, decimal, text, word

Tier = Literal["A", "B", "C"]
Quadrant = Literal["partners", "value_at_stake", "steady_small", "occasional"]
RfmSegment = Literal["champions", "cannot_lose", "recent", "loyal", "hibernating", "average"]
Rung = Literal["suspect", "prospect", "customer", "client", "supporter", "advocate", "partner"]
ChurnBasis = Literal["rhythm", "signals", "stacked", "contract"]
Motive = Literal[
    "monopoly",
    "advantage_price",
    "advantage_offer",
    "advantage_service",
    "advantage_proximity",
    "advantage_assortment",
    "brand_image",
    "habit",
]
MotiveBasis = Literal["declared", "inferred", "unknown"]
TerminationStep = Literal["none", "observe", "blocked", "offer_remedy", "hearing", "human_review"]
Newness = Literal[
    "new_to_company", "new_to_product", "new_variant_same_category", "first_time_buyer", "diverted"
]
LeadStage = Literal["unaware", "aware", "interested", "intent", "dormant"]
Kind = Literal["person", "organisation"]
RecommendationBasis = Literal[
    "expected_value",
    "do_nothing",
    "obligation",
    "excluded",
    "profiling_objection",
    "terminated",
    "blocked",
    "termination_case",
    "insufficient_data",
]
GoalId = word(example="long_term_attachment")
StrategyId = word(example="attachment")
InstrumentId = word(example="personal_attention")
ChannelId = word(example="email")
EventId = word(example="first_purchase_made")
OwnerId = text(64, shortest=1, example="anna")
Sort = Literal[
    "value", "-value", "value_1095", "-value_1095", "churn", "-churn",
    "value_at_risk", "-value_at_risk", "historic_value", "-historic_value",
    "contribution", "-contribution", "alive_probability", "-alive_probability",
    "vitality", "-vitality", "expected_purchases", "-expected_purchases",
    "purchase_count", "-purchase_count", "last_purchase_date", "-last_purchase_date",
    "expected_new_value", "-expected_new_value", "referral_value", "-referral_value",
    "ambassador_score", "-ambassador_score",
    "satisfaction_difference", "-satisfaction_difference", "sentiment", "-sentiment",
    "recommendation_value", "-recommendation_value",
    "signal_inactivity", "-signal_inactivity", "signal_frequency_drop", "-signal_frequency_drop",
    "signal_monetary_drop", "-signal_monetary_drop",
    "signal_negative_sentiment", "-signal_negative_sentiment",
    "signal_unresolved_complaint", "-signal_unresolved_complaint",
    "signal_satisfaction_gap", "-signal_satisfaction_gap",
    "signal_support_burst", "-signal_support_burst",
    "signal_engagement_drop", "-signal_engagement_drop",
    "signal_competitor_loss", "-signal_competitor_loss",
    "signal_payment_delay", "-signal_payment_delay", "signal_leave_intent", "-signal_leave_intent",
]  # fmt: skip
WORDS = {
    "kind": "kind",
    "state": "state",
    "phase": "phase",
    "lead_stage": "lead_stage",
    "tier": "tier",
    "historic_tier": "historic_tier",
    "quadrant": "quadrant",
    "rfm_segment": "rfm_segment",
    "loyalty_rung": "ladder_rung",
    "churn_basis": "churn_basis",
    "confidence": "confidence",
    "motive": "motive",
    "motive_basis": "motive_basis",
    "termination_step": "termination_step",
    "goal": "goal_id",
    "strategy": "strategy_id",
    "instrument": "instrument_id",
    "channel": "channel_id",
    "event": "event_id",
    "owner": "owner_id",
    "recommendation_basis": "recommendation_basis",
}
"""Filters that name one of few words, and the columns that hold them."""
_ENTRIES = ("goal", "strategy", "instrument", "channel", "event")
"""Filters that name an entry of the catalogue."""


def check_entries(asked: BaseModel, catalogue: Catalogue) -> None:
    """Check that the filters name what there is.

    Raises
    ------
    Invalid
        The catalogue has no such entry.
    """
    check_ids({name: getattr(asked, name) for name in _ENTRIES}, catalogue)


Amount = decimal(
    r"^-?[0-9]{1,14}(\.[0-9]{1,4})?$",
    example="250.00",
    what="an amount with at most 4 decimals",
)
Share = decimal(
    r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$",
    example="0.35",
    what="a number from 0 to 1 with at most 6 decimals",
)
Number = decimal(
    r"^-?[0-9]{1,6}(\.[0-9]{1,6})?$", example="0.5", what="a number with at most 6 decimals"
)
QueryCount = query_integer(0, 2**31 - 1, example=3)


def _any(most: int, what: str) -> Any:
    return Field(
        default=[], max_length=most, description=f"{what}; given several times: any of them."
    )


def _from(what: str) -> Any:
    return Field(default=None, description=f"{what}: at least so much; unknown is not.")


def _below(what: str) -> Any:
    return Field(default=None, description=f"{what}: below this; unknown is not.")


def asks_for_cases(query: BaseModel) -> bool:
    """Tell whether filters ask who has an open termination case, or how far it has come."""
    telling = {
        "termination_step": None,
        "state": "to_terminate",
        "phase": "termination",
        "recommendation_basis": "termination_case",
    }
    asked = {name: getattr(query, name, []) for name in telling}
    return any(
        (word is None and asked[name]) or word in asked[name] for name, word in telling.items()
    )


class ListCustomers(Page):
    """Filters and order of the list of customers. Amounts are decimals in base currency."""

    kind: list[Kind] = _any(2, "What it is in the CRM")
    phase: list[Phase] = _any(5, "In this phase")
    state: list[State] = _any(9, "In this state")
    lead_stage: list[LeadStage] = _any(5, "A lead at this stage")
    tier: list[Tier] = _any(3, "Of this tier by future value")
    historic_tier: list[Tier] = _any(3, "Of this tier by historic value")
    quadrant: list[Quadrant] = _any(4, "In this part of the portfolio")
    rfm_segment: list[RfmSegment] = _any(6, "In this RFM segment")
    loyalty_rung: list[Rung] = _any(7, "On this rung of the loyalty ladder")
    churn_basis: list[ChurnBasis] = _any(4, "With a churn probability on this basis")
    confidence: list[Confidence] = _any(3, "With numbers of this confidence")
    motive: list[Motive] = _any(8, "With this buying motive")
    motive_basis: list[MotiveBasis] = _any(
        3, "Whose motive was told, was inferred, or is not known"
    )
    newness: list[Newness] = _any(5, "New in this way")
    signal: list[Signal] = _any(11, "With this churn signal above zero, or above `signal_gte`")
    signal_gte: Share | None = _from("Strength of a churn signal: any, or those named by `signal`")
    termination_step: list[TerminationStep] = _any(6, "At this step of due process")
    goal: list[GoalId] = _any(20, "Whose best step has this goal, an id of the catalogue")
    strategy: list[StrategyId] = _any(20, "Whose best step is of this strategy")
    instrument: list[InstrumentId] = _any(20, "Whose best step uses this instrument")
    channel: list[ChannelId] = _any(20, "Whose best step goes over this channel")
    event: list[EventId] = _any(20, "Whose best step has this occasion")
    owner: list[OwnerId] = _any(20, "Looked after by this user of the CRM")
    recommendation_basis: list[RecommendationBasis] = _any(
        9, "Whose recommendation is what it is for this reason"
    )
    value_gte: Amount | None = _from("clv_365")
    value_lt: Amount | None = _below("clv_365")
    value_1095_gte: Amount | None = _from("clv_1095")
    value_1095_lt: Amount | None = _below("clv_1095")
    churn_gte: Share | None = _from("Churn probability")
    churn_lt: Share | None = _below("Churn probability")
    value_at_risk_gte: Amount | None = _from("Value at risk")
    value_at_risk_lt: Amount | None = _below("Value at risk")
    historic_value_gte: Amount | None = _from("Historic value")
    historic_value_lt: Amount | None = _below("Historic value")
    contribution_gte: Amount | None = _from("Contribution")
    contribution_lt: Amount | None = _below("Contribution")
    alive_probability_gte: Share | None = _from("Chance of still being a customer")
    alive_probability_lt: Share | None = _below("Chance of still being a customer")
    vitality_gte: Share | None = _from("Vitality")
    vitality_lt: Share | None = _below("Vitality")
    expected_purchases_gte: Number | None = _from("Purchases expected in 365 days")
    expected_purchases_lt: Number | None = _below("Purchases expected in 365 days")
    purchase_count_gte: QueryCount | None = _from("Days with a purchase")
    purchase_count_lt: QueryCount | None = _below("Days with a purchase")
    last_purchase_date_gte: Day | None = _from("Last purchase on or after")
    last_purchase_date_lt: Day | None = _below("Last purchase before")
    expected_new_value_gte: Amount | None = _from("Expected new value of a lead")
    expected_new_value_lt: Amount | None = _below("Expected new value of a lead")
    referral_value_gte: Amount | None = _from("Referral value")
    referral_value_lt: Amount | None = _below("Referral value")
    ambassador_score_gte: Share | None = _from("Ambassador score")
    ambassador_score_lt: Share | None = _below("Ambassador score")
    satisfaction_difference_gte: Number | None = _from("Perception less expectation")
    satisfaction_difference_lt: Number | None = _below("Perception less expectation")
    sentiment_gte: Number | None = _from("Level of sentiment")
    sentiment_lt: Number | None = _below("Level of sentiment")
    recommendation_value_gte: Amount | None = _from("Expected value of the recommendation")
    recommendation_value_lt: Amount | None = _below("Expected value of the recommendation")
    sort: Sort = Field(
        default="-value",
        description="A minus means descending; customers without that score come last then. Quick "
        "however many customers there are: value (clv_365), churn, value_at_risk and "
        "recommendation_value, value and value_at_risk also within one phase; any other order looks at "
        "every customer, about a second for a million.",
    )


class ListHistory(Page):
    """A page of the past of a customer."""

    limit: query_integer(1, 100, example=24) = Field(
        default=50, description="How many items a page holds."
    )
