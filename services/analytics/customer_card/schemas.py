"""The shape of a customer card."""

from typing import Annotated, Literal

from pydantic import Field

from services.analytics.customer_card.crm_schemas import CrmCard
from services.analytics.customers.explained import Evidence, Reason
from services.analytics.customers.filters import RecommendationBasis
from services.analytics.customers.schemas import Amount, Choice
from services.analytics.recommendations.schemas import RecommendedStep
from services.analytics.schemas import Label, Published, Shown, State
from shared.values import Flag, Probability, RecordId
from shared.values import text as bounded_text


class CardChurn(Shown):
    """The danger that the customer leaves, and what it rests on."""

    probability: Probability | None = Field(description="Of no purchase within the horizon.")
    value_at_risk: Amount = Field(
        description="`probability` times the value of 365 days if the customer is one still; more than `value` "
        "of one who most likely has left already."
    )
    reasons: Annotated[list[Reason], Field(max_length=5)] = Field(
        description="Why, the first to be read first."
    )
    evidence: Annotated[list[Evidence], Field(max_length=100)] = Field(
        description="Records of the CRM that show it."
    )


class CardStyle(Shown):
    """How the person likes to be talked to."""

    id: Literal["brief", "normal", "extensive"] = Field(description="Stable id.")
    label: Label = Field(description="Its name in the language asked for.")
    hint: bounded_text(500, example="Prefers short, factual contact.") = Field(
        description="What it means for the contact."
    )


class CustomerCard(Published):
    """All that one wants to know before talking to a customer."""

    unit_id: RecordId = Field(description="The contact in the CRM.")
    state: State | None = Field(description="Lifecycle state.")
    state_label: Label | None = Field(description="Its name in the language asked for.")
    phase: Choice | None = Field(description="Phase of the relationship.")
    tier: Literal["A", "B", "C"] | None = Field(description="Value against all others.")
    value: Amount = Field(
        description="Lifetime value of 365 days; of a lead what a first purchase would bring."
    )
    churn: CardChurn
    motive: Choice | None = Field(description="Why the customer buys.")
    style: CardStyle | None = Field(description="How it likes to be talked to; null: not known.")
    owner_id: bounded_text(64, example="anna") | None = Field(description="Who looks after it.")
    salutation: bounded_text(500, example="Dear Anna Weber") = Field(
        description="In the contact's language, as drafts have it; without a name if none is known."
    )
    opening_line: (
        bounded_text(1000, example="Last time, on 5 Jan 2026, we spoke about “Delivery”.") | None
    ) = Field(
        description="To begin with, from the last conversation, in the contact's language, as it is "
        "said or written to the contact; what we noted for ourselves is not quoted. Null if there was none "
        "lately, or the CRM did not answer."
    )
    basis: RecommendationBasis | None = Field(
        description="Why the recommendation is what it is, or why there is none; null if only keys "
        "with the scope `termination:read` are told."
    )
    obligations: Annotated[list[RecommendedStep], Field(max_length=3)] = Field(
        description="What is owed, before everything else."
    )
    next_step: RecommendedStep | None = Field(
        description="What pays most, with a draft that names the person; null: nothing."
    )
    avoid: Annotated[list[Reason], Field(max_length=20)] = Field(description="What not to do.")
    crm: CrmCard | None = Field(
        description="What the CRM knows at this moment; null if it did not answer in time, or has no "
        "such contact any more."
    )
    crm_unavailable: Flag = Field(
        description="True if the CRM did not answer; the rest is of the published version all the same."
    )
