"""The shapes of recommendations."""

from typing import Annotated, Literal

from pydantic import Field

from services.analytics.customers.explained import Evidence, Gap, Reason
from services.analytics.customers.filters import RecommendationBasis
from services.analytics.customers.schemas import Amount, Choice, NamedProduct
from services.analytics.schemas import Published, Shown, State, next_page
from shared.values import Day, Flag, Money, Probability, RecordId, number, whole
from shared.values import text as bounded_text


class StepParts(Shown):
    """What the expected value of a step is made of:
    effect_probability x stake - contact_cost - incentive_cost - risk_cost."""

    stake: Amount = Field(description="What success is worth.")
    base_probability: Probability | None = Field(description="Chance of success without the step.")
    effect_probability: number(-1, 1, example=0.08) | None = Field(
        description="By how much the step raises that chance: the mean effect of the instrument times fit."
    )
    fit: number(0, 10, example=1.37) | None = Field(
        description="Factor of the effect: answered signal, occasion, buying motive, channel; 0.25 to 2."
    )
    channel_quality: number(0, 10, example=1.1) | None = Field(
        description="The part of the channel in it: how this customer answers over it; 0.5 to 1.5."
    )
    contact_cost: Amount = Field(description="Of instrument and channel.")
    incentive_cost: Amount = Field(
        description="Expected; it also goes to those who would have bought anyway."
    )
    risk_cost: Amount = Field(description="Of bad word of mouth.")


class WordingDraft(Shown):
    """What to write or say; a person reads, completes and sends it."""

    hint: bounded_text(1000, example="Thank first, ask one open question, sell nothing today.") = (
        Field(description="For who acts, in the language asked for.")
    )
    language: Literal["en", "de"] = Field(description="Of subject and text: the contact's.")
    subject: bounded_text(200, example="Thank you for your order") | None = Field(
        description="Of a letter or e-mail; null where it is spoken."
    )
    text: bounded_text(3000, lines=True, example="Dear [name], thank you for your order.") = Field(
        description="What stands in square brackets only a person can know."
    )
    needs_approval: Flag = Field(
        description="True for win-back: a second person reads it before it is sent."
    )


class ComplaintTriage(Shown):
    """How urgent an open complaint is: the gravest, of equally grave ones the oldest."""

    severity: whole(1, 3, example=2) = Field(
        description="3 is worst; one that nobody has judged yet counts as 1."
    )
    priority: number(0, 1, example=0.64) | None = Field(
        description="Orders the queue: 0.5 x weight of the severity (0.4, 0.7, 1) + 0.3 x churn "
        "probability + 0.2 x share of customers of lower value; of who objects to profiling the first "
        "part alone; null in a trial, where nobody is placed."
    )
    open_count: whole(1, 1_000_000, example=1) = Field(
        description="How many complaints of the customer are open; the next one is owed once this is settled."
    )
    at_once: Flag = Field(description="True for severity 3: a person takes care of it at once.")


class StepTerms(Shown):
    """What a step gives on top, beside what it sells; paid on success."""

    discount_pct: number(0, 100, example=10) | None = Field(
        description="Off the order that follows; percent; null: none."
    )
    incentive: Amount = Field(description="A fixed amount or its worth; null: none.")
    product_id: RecordId | None = Field(
        description="The product that the terms are for; null: for whatever is bought."
    )


class RecommendedStep(Shown):
    """A step: what to do, over which channel, why, and what it is worth."""

    rank: whole(0, 3, example=1) = Field(description="1 is the best; 0 is owed, whatever it costs.")
    id: RecordId = Field(description="The same in every version; decisions name it.")
    goal: Choice | None = Field(description="What it is meant to reach.")
    strategy: Choice | None = Field(description="How.")
    instrument: Choice = Field(description="With what.")
    channel: Choice | None = Field(description="Over which channel; null for what is owed.")
    product: NamedProduct | None = Field(description="What to offer, if the step offers a product.")
    event: Choice | None = Field(description="The occasion, if there is one.")
    expected_value: Amount = Field(
        description="What it is expected to bring beyond its cost; null for what is owed."
    )
    parts: StepParts
    terms: StepTerms | None = Field(description="What it gives on top; null: nothing.")
    evidence: Annotated[list[Evidence], Field(max_length=3)] = Field(
        description="The records that show the signal which it answers."
    )
    person_id: RecordId | None = Field(
        description="The contact that it addresses; of what is owed who wrote, complained or asked; "
        "null: not known."
    )
    due_on: Day | None = Field(
        description="The last day to settle what is owed: a complaint within 14, 7 or 2 days by severity, "
        "whoever complains; a request of a data subject within a month of its receipt; null for "
        "everything else."
    )
    triage: ComplaintTriage | None = Field(
        description="Of `complaint_handling`; null for everything else."
    )
    event_record_id: RecordId | None = Field(
        description="The deal, interaction or activity of a competitor in the CRM that the occasion follows "
        "from, of the first step; "
        "of what is owed the message or case."
    )
    valid_until: Day | None = Field(description="Until when the occasion lasts; null without one.")
    reasons: Annotated[list[Reason], Field(max_length=12)] = Field(
        description="Why, the first to be read first; contributions add up to the expected value."
    )
    draft: WordingDraft | None = Field(
        description="What to write or say; null if there is no draft."
    )


class RuledOutStep(Shown):
    """A step that would bring something and is not allowed."""

    strategy: Choice = Field(description="How.")
    instrument: Choice = Field(description="With what.")
    expected_value: Money = Field(description="What it would bring.")
    why: Literal[
        "not_met", "holds", "unknown", "holdout", "decided", "to_be_asked", "spend_cap"
    ] = Field(
        description="`not_met`: a condition; `holds`: one that speaks against it; `unknown`: a condition "
        "of which nothing is known; `holdout`: control group of an experiment; `decided`: accepted or "
        "rejected lately; `to_be_asked`: did harm in an experiment; `spend_cap`: costs too much."
    )
    condition: Choice | None = Field(description="The condition, if it is one.")
    experiment_id: bounded_text(64, example="winback-2025q1") | None = Field(
        description="The experiment, if it is one."
    )
    text: bounded_text(2000, example="A discount is ruled out because a complaint is open.") = (
        Field(description="In the language asked for.")
    )


class DoNothing(Shown):
    """Waiting: what every step is compared with."""

    expected_value: Money = Field(description="Always 0.")


class Recommended(Shown):
    """What to do next for a customer."""

    unit_id: RecordId = Field(description="The contact in the CRM.")
    phase: Choice | None = Field(description="Phase of the relationship.")
    state: State | None = Field(description="Lifecycle state.")
    owner_id: bounded_text(64, example="anna") | None = Field(
        description="Who looks after the customer in the CRM."
    )
    basis: RecommendationBasis | None = Field(
        description="Why the recommendation is what it is, or why there is none; null if only keys "
        "with the scope `termination:read` are told."
    )
    obligations: Annotated[list[RecommendedStep], Field(max_length=3)] = Field(
        description="What is owed, the most urgent first; before every other step."
    )
    steps: Annotated[list[RecommendedStep], Field(max_length=3)] = Field(
        description="What pays, the best first; empty: do nothing."
    )
    do_nothing: DoNothing
    ruled_out: Annotated[list[RuledOutStep], Field(max_length=5)] = Field(
        description="What must not be done though it would bring something, the most tempting first."
    )
    explanation: Annotated[list[Reason], Field(max_length=20)] = Field(
        description="Why this comes first, or why nothing is recommended."
    )
    data_gaps: Annotated[list[Gap], Field(max_length=10)] = Field(
        description="What was not known and would change it."
    )


class CustomerRecommendations(Published, Recommended):
    """What to do next for one customer."""


class RecommendationPage(Published):
    """A page of customers with something to do."""

    items: Annotated[list[Recommended], Field(max_length=200)] = Field(
        description="What is on this page."
    )
    next: next_page("/v1/recommendations?cursor=WyI5") | None = Field(
        description="Path of the next page; null on the last one."
    )
