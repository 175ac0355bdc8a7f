"""The shapes of customers on the wire."""

from typing import Annotated, Any, Literal

from pydantic import Field

from services.analytics.schemas import (
    Basis,
    Confidence,
    Days,
    Label,
    Phase,
    Published,
    Shown,
    State,
)
from services.analytics.summary.schemas import ModelSummary
from services.foundation.queries import Page
from shared.values import Count, Day, Probability, RecordId, Total, number, word
from shared.values import text as bounded_text

LeadStage = Literal["unaware", "aware", "interested", "intent", "dormant"]
Amount = Total | None


class Value(Shown):
    """What the customer is worth; amounts are contributions, not revenue."""

    historic_value: Amount = Field(description="Contribution so far less the cost of acquisition.")
    contribution: Amount = Field(description="Margins less service cost, all time.")
    contribution_730: Amount = Field(description="The same of the last 730 days.")
    margin_per_purchase: Amount = Field(description="Expected contribution of one purchase.")
    expected_purchases_365: number(0, 1e6, example=2.6) | None = Field(
        description="Purchases expected in the next 365 days."
    )
    clv_365: Amount = Field(description="Expected discounted contribution of the next 365 days.")
    clv_1095: Amount = Field(description="The same of the next 1,095 days.")
    clv_alive_365: Amount = Field(description="clv_365 if the customer is certainly still one.")
    clv_alive_1095: Amount = Field(description="clv_1095 if the customer is certainly still one.")
    expected_new_value: Amount = Field(description="Of a lead: what a first year would bring.")


class Churn(Shown):
    """How likely the customer is lost."""

    probability: Probability | None = Field(description="Chance of no purchase within the horizon.")
    horizon_days: Days | None = Field(description="The customer's own horizon.")
    reference_probability: Probability | None = Field(
        description="The same chance right after the last purchase."
    )
    alive_probability: Probability | None = Field(
        description="Chance that the customer is still one."
    )
    vitality: Probability | None = Field(
        description="alive_probability now against right after the last purchase."
    )
    value_at_risk: Amount = Field(description="probability times clv_alive_365.")


class Rhythm(Shown):
    """How the customer buys."""

    purchase_count: Count | None = Field(description="Days with a purchase.")
    first_purchase_date: Day | None = Field(description="The first of them.")
    last_purchase_date: Day | None = Field(description="The last of them.")
    interpurchase_days: Days | None = Field(description="Expected days between two purchases.")
    median_gap_days: Days | None = Field(description="Half of the gaps are shorter.")
    gap_days: Days | None = Field(description="Days since the last purchase.")
    gap_rank: Probability | None = Field(description="Share of own gaps shorter than this one.")


class Choice(Shown):
    """An entry of the catalogue."""

    id: word(example="attachment") = Field(description="Stable id.")
    label: Label = Field(description="Its name in the language asked for.")


class Recommendation(Shown):
    """What to do next."""

    basis: word(example="expected_value") = Field(
        description="Why it is what it is: expected_value, obligation, do_nothing, or why there is none."
    )
    goal: Choice | None = Field(description="What it is meant to reach.")
    strategy: Choice | None = Field(description="How.")
    instrument: Choice | None = Field(description="With what; null means: do nothing now.")
    expected_value: Amount = Field(description="What it is expected to bring beyond its cost.")
    effect_probability: number(-1, 1, example=0.05) | None = Field(
        description="By how much it raises the chance of success."
    )
    channel: word(example="email") | None = Field(
        description="Null: consent is not recorded yet, so no channel is promised."
    )
    open_conditions: Annotated[list[Choice], Field(max_length=50)] = Field(
        description="What a person has to check before acting."
    )


class Reason(Shown):
    """One reason, for programs and for people."""

    code: bounded_text(64, example="R_OVERDUE") = Field(
        description="An id of the catalogue's reason_codes."
    )
    params: dict[str, Any] = Field(description="The numbers and ids in the text.")
    contribution: number(-1e15, 1e15, example=0.18) | None = Field(
        description="What it adds to the explained score, in that score's unit."
    )
    text: bounded_text(2000, example="Last purchase 116 days ago.") = Field(
        description="In the language asked for."
    )


class Reasons(Shown):
    """Why, score by score."""

    state: Annotated[list[Reason], Field(max_length=20)] = Field(description="Of state and phase.")
    churn_probability: Annotated[list[Reason], Field(max_length=20)] = Field(
        description="Of the probability to stay away."
    )
    value: Annotated[list[Reason], Field(max_length=20)] = Field(description="Of the value.")
    recommendation: Annotated[list[Reason], Field(max_length=20)] = Field(
        description="Of the recommendation."
    )


class Evidence(Shown):
    """A record of the CRM that the numbers rest on."""

    type: Literal["deal"] = Field(description="What it is.")
    id: RecordId = Field(description="Its id in the CRM.")
    occurred_at: Day = Field(description="When.")
    role: Literal["first_purchase", "last_purchase"] = Field(description="What it shows.")


class Gap(Shown):
    """Something that was not known."""

    code: word(example="consent_unknown") = Field(description="For programs.")
    text: bounded_text(2000, example="Consent is not recorded.") = Field(description="For people.")


class CustomerSummary(Shown):
    """A customer as lists show it."""

    unit_id: RecordId = Field(
        description="The contact in the CRM: the organisation, or the person without one."
    )
    kind: Literal["person", "organisation"] = Field(description="What it is in the CRM.")
    state: State | None = Field(
        description="Lifecycle state; null, like every number, if the customer objects to profiling."
    )
    state_label: Label | None = Field(description="Its name in the language asked for.")
    phase: Phase | None = Field(description="Phase of the relationship; null if there is none.")
    phase_label: Label | None = Field(description="Its name in the language asked for.")
    lead_stage: LeadStage | None = Field(description="Of a lead: how far it has come.")
    confidence: Confidence | None = Field(
        description="How much the numbers of this customer can carry."
    )
    value: Value
    churn: Churn
    rhythm: Rhythm
    recommendation: Recommendation


class Customer(Published, CustomerSummary):
    """A customer with everything that was computed and why."""

    basis: Basis = Field(description="What the purchase model rests on.")
    reasons: Reasons
    evidence: Annotated[list[Evidence], Field(max_length=20)] = Field(
        description="Records behind the numbers."
    )
    data_gaps: Annotated[list[Gap], Field(max_length=20)] = Field(
        description="What was not known and would change the answer."
    )


class StoredCustomer(Customer):
    """What one version holds about a customer."""

    model: ModelSummary = Field(description="The model that it was computed with.")
    stored: dict[str, Any] = Field(description="Every stored column, as it is.")


class Recipient(Shown):
    """A key that can read it."""

    id: bounded_text(8, example="q7Rk2mZx") = Field(description="The key's id.")
    name: bounded_text(100, example="Frontend") = Field(description="What it was named for.")


class PersonalData(Shown):
    """All that is computed about a customer, and how."""

    unit_id: RecordId = Field(description="The contact in the CRM.")
    logic: bounded_text(5000, example="From the days and amounts of purchases …") = Field(
        description="How the numbers come about, in the language asked for (Art. 15(1)(h) GDPR)."
    )
    recipients: Annotated[list[Recipient], Field(max_length=10_000)] = Field(
        description="Keys that can, or could, read it."
    )
    versions: Annotated[list[StoredCustomer], Field(max_length=100)] = Field(
        description="All versions that are kept, the newest first."
    )


class CustomerPage(Published):
    """A page of customers of one version."""

    items: Annotated[list[CustomerSummary], Field(max_length=200)] = Field(
        description="What is on this page."
    )
    next: (
        Annotated[
            str,
            Field(max_length=4000, pattern=r"^/v1/[!-~]*$", examples=["/v1/customers?cursor=WyI5"]),
        ]
        | None
    ) = Field(description="Path of the next page; null on the last one.")


class ListCustomers(Page):
    """Filters and order of the list of customers."""

    phase: Annotated[list[Phase], Field(max_length=5)] = Field(
        default=[], description="In this phase; given several times: in any of them."
    )
    state: Annotated[list[State], Field(max_length=9)] = Field(
        default=[], description="In this state; given several times: in any of them."
    )
    sort: Literal["value", "-value", "churn", "-churn", "value_at_risk", "-value_at_risk"] = Field(
        default="-value",
        description="By clv_365, churn probability or value at risk; a minus means descending. "
        "Customers without that score come last in descending order.",
    )
