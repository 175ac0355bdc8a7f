"""The shapes of facts that are changed on trial, and of what would differ."""

from typing import Annotated, Any, Literal

from pydantic import Field

from services.analytics.customers.explained import Reason
from services.analytics.customers.filters import RecommendationBasis
from services.analytics.customers.schemas import Amount, Choice
from services.analytics.recommendations.schemas import RecommendedStep, RuledOutStep
from services.analytics.schemas import Published, Shown, State
from shared.values import Flag, Probability, RecordId, Shape, decimal, number, whole

MOST_CHANGES = 20
Channel = Literal[
    "email", "post", "sms", "phone", "call_centre", "chat", "app", "social", "video", "visit"
]
Motive = Literal[
    "monopoly",
    "advantage_price",
    "advantage_offer",
    "advantage_service",
    "advantage_proximity",
    "advantage_assortment",
    "brand_image",
    "habit",
    "familiarity",
    "unknown",
]


class ComplaintResolved(Shape):
    """Every open complaint is settled today, to the customer's content."""

    fact: Literal["complaint_resolved"] = Field(description="Which fact.")


class MessageAnswered(Shape):
    """The message that waits for an answer gets it."""

    fact: Literal["answered"] = Field(description="Which fact.")


class ConsentChanged(Shape):
    """The person that is addressed grants or withdraws a consent.

    For an organisation it stays the person that is addressed now, whoever else may be reached then.
    """

    fact: Literal["consent"] = Field(description="Which fact.")
    channel: Channel = Field(description="Over which channel, an id of the catalogue's channels.")
    purpose: Literal["marketing", "survey"] = Field(default="marketing", description="What for.")
    granted: Flag = Field(description="True: given (by e-mail, confirmed); false: withdrawn.")


class NoContactAsked(Shape):
    """The person asks for no advertising over any channel; service stays possible."""

    fact: Literal["no_contact_asked"] = Field(description="Which fact.")


class StyleChanged(Shape):
    """The person likes to be talked to in another way; how often follows from it."""

    fact: Literal["communication_style"] = Field(description="Which fact.")
    style: Literal["brief", "normal", "extensive"] = Field(
        description="How, an id of the catalogue's communication_styles."
    )


class PriceChanged(Shape):
    """What this customer pays changes, as if it had always been so, while costs stay.

    That changes what a purchase earns, and what a running contract bills. Whether the customer would buy
    less or more at that price is not guessed.
    """

    fact: Literal["price_changed"] = Field(description="Which fact.")
    percent: number(-90, 900, example=-10) = Field(description="By how many percent.")


class Purchased(Shape):
    """The customer buys today."""

    fact: Literal["purchase"] = Field(description="Which fact.")
    amount: decimal(
        r"^[0-9]{1,12}(\.[0-9]{1,4})?$",
        example="120.00",
        what="an amount with at most 12 digits and 4 decimals",
    ) = Field(description="For how much, net, in the base currency of the answer.")


class ContractCancelled(Shape):
    """The customer cancels every running contract today."""

    fact: Literal["contract_cancelled"] = Field(description="Which fact.")


class MotiveDeclared(Shape):
    """The customer tells why it buys."""

    fact: Literal["motive"] = Field(description="Which fact.")
    motive: Motive = Field(description="Why, an id of the catalogue's purchase_motives.")


Change = Annotated[
    ComplaintResolved
    | MessageAnswered
    | ConsentChanged
    | NoContactAsked
    | StyleChanged
    | PriceChanged
    | Purchased
    | ContractCancelled
    | MotiveDeclared,
    Field(discriminator="fact"),
]


class WhatIf(Shape):
    """The facts that are changed on trial, together and in this order."""

    changes: Annotated[list[Change], Field(min_length=1, max_length=MOST_CHANGES)] = Field(
        description="The facts."
    )


class Situation(Shown):
    """What a customer is and what is recommended, with the facts as they are or as they would be."""

    state: State | None = Field(description="Lifecycle state.")
    phase: Choice | None = Field(description="Phase of the relationship.")
    churn_probability: Probability | None = Field(description="Of no purchase within the horizon.")
    value: Amount = Field(description="Lifetime value of 365 days; null: unknown.")
    value_at_risk: Amount = Field(
        description="`churn_probability` times the value of 365 days if the customer is one still: of one who "
        "most likely has left already it is more than `value`, which weighs that in."
    )
    basis: RecommendationBasis | None = Field(
        description="Why the recommendation is what it is, or why there is none; with state and phase null "
        "while a termination case is open and the key lacks the scope `termination:read`."
    )
    obligations: Annotated[list[RecommendedStep], Field(max_length=3)] = Field(
        description="What is owed."
    )
    steps: Annotated[list[RecommendedStep], Field(max_length=3)] = Field(
        description="What pays, the best first; ids are those of recommendations."
    )
    ruled_out: Annotated[list[RuledOutStep], Field(max_length=5)] = Field(
        description="What would bring something and is not allowed."
    )


class WhatIfAnswer(Published):
    """What would differ if these facts were so."""

    unit_id: RecordId = Field(description="The contact in the CRM.")
    is_published: Flag = Field(
        description="True if `before` is what the published version shows; false if records, decisions "
        "or experiments have changed since: the next refresh publishes that."
    )
    before: Situation = Field(description="With the facts as they are.")
    after: Situation = Field(description="With the changed facts.")
    differences: Annotated[list[Reason], Field(max_length=100)] = Field(
        description="What differs, in words of the language asked for; `R_IF_NOTHING` if nothing does."
    )
    without_effect: Annotated[
        list[whole(0, MOST_CHANGES - 1, example=1)], Field(max_length=MOST_CHANGES)
    ] = Field(description="Places, from 0 on, of the changes that told nothing new: they are so.")


EXAMPLE: dict[str, Any] = {
    "changes": [
        {"fact": "complaint_resolved"},
        {"fact": "consent", "channel": "email", "purpose": "marketing", "granted": True},
    ]
}
EXAMPLES: dict[str, Any] = {
    "price": {"changes": [{"fact": "price_changed", "percent": -10}]},
    "purchase": {"changes": [{"fact": "purchase", "amount": "120.00"}]},
    "contract": {"changes": [{"fact": "contract_cancelled"}]},
    "person": {
        "changes": [
            {"fact": "motive", "motive": "advantage_price"},
            {"fact": "communication_style", "style": "brief"},
        ]
    },
    "silence": {"changes": [{"fact": "answered"}, {"fact": "no_contact_asked"}]},
}
