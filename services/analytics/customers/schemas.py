"""The shapes of customers on the wire."""

from typing import Annotated

from pydantic import Field

from services.analytics.customers.explained import Evidence, Explanations
from services.analytics.customers.filters import (
    ChurnBasis,
    Kind,
    LeadStage,
    MotiveBasis,
    TerminationStep,
    Tier,
)
from services.analytics.customers.offered import NextProduct
from services.analytics.customers.reach_schemas import Contact
from services.analytics.schemas import (
    Basis,
    Confidence,
    Days,
    Label,
    Phase,
    Published,
    Shown,
    Signal,
    State,
    next_page,
)
from shared.values import (
    Count,
    Day,
    Instant,
    Probability,
    RecordId,
    Total,
    Version,
    number,
    whole,
    word,
)
from shared.values import text as bounded_text

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
    rhythm_clv_365: Amount = Field(
        description="What clv_365 would be by the rhythm alone. It differs where customers of this base "
        "with such a past did other than their rhythm suggests."
    )
    clv_365_low: Amount = Field(description="Lower end of the 90% interval.")
    clv_365_high: Amount = Field(
        description="Upper end of the 90% interval, never below clv_365: where anything at all is less "
        "likely than 5%, both ends and most of what comes are nothing, and the rare rest makes the mean."
    )
    clv_365_standard_error: Amount = Field(
        description="Standard error of clv_365: how far the estimate itself can be off."
    )
    clv_1095: Amount = Field(description="The same of the next 1,095 days.")
    clv_1095_low: Amount = Field(description="Lower end of the 90% interval.")
    clv_1095_high: Amount = Field(description="Upper end of the 90% interval.")
    clv_alive_365: Amount = Field(description="clv_365 if the customer is certainly still one.")
    clv_alive_1095: Amount = Field(description="clv_1095 if the customer is certainly still one.")
    expected_new_value: Amount = Field(description="Of a lead: what a first year would bring.")


class Churn(Shown):
    """How likely the customer is lost."""

    probability: Probability | None = Field(description="Chance of no purchase within the horizon.")
    basis: ChurnBasis | None = Field(
        description="What it rests on: the rhythm alone, the rhythm with signals, a model learned from "
        "the own history (`stacked`), or a running contract."
    )
    horizon_days: Days | None = Field(description="The customer's own horizon.")
    reference_probability: Probability | None = Field(
        description="By rhythm alone: the chance of no purchase within the horizon, right after the last "
        "purchase. A learned model (`stacked`) has a level of its own, which this says nothing of."
    )
    alive_probability: Probability | None = Field(
        description="Chance that the customer is still one: at least that of buying within the horizon, "
        "and 1 under a running contract."
    )
    vitality: Probability | None = Field(
        description="alive_probability now against right after the last purchase."
    )
    purchase_vitality: Probability | None = Field(
        description="The chance of a purchase within the horizon now against right after the last "
        "purchase, by rhythm alone; the state follows from it."
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


class NamedProduct(Shown):
    """A product."""

    id: RecordId = Field(description="Its id in the CRM.")
    name: bounded_text(200, example="Easel") | None = Field(description="Its name.")


class Recommendation(Shown):
    """What to do next."""

    id: RecordId | None = Field(
        description="What `POST /v1/decisions` names it by: the same step for the same customer has the same "
        "id in every version; null where no step is recommended."
    )
    basis: word(example="expected_value") | None = Field(
        description="Why it is what it is: expected_value, obligation, do_nothing, or why there is none; "
        "null if only keys with the scope `termination:read` are told."
    )
    goal: Choice | None = Field(description="What it is meant to reach.")
    strategy: Choice | None = Field(description="How.")
    instrument: Choice | None = Field(description="With what; null means: do nothing now.")
    channel: Choice | None = Field(description="Over which channel; null for what is owed.")
    product: NamedProduct | None = Field(description="What to offer, if the step offers a product.")
    event: Choice | None = Field(description="The occasion, if there is one.")
    expected_value: Amount = Field(description="What it is expected to bring beyond its cost.")
    effect_probability: number(-1, 1, example=0.05) | None = Field(
        description="By how much it raises the chance of success."
    )


class SignalStrength(Shown):
    """The signal that adds most to the churn probability."""

    id: Signal = Field(description="Which.")
    label: Label = Field(description="Its name in the language asked for.")
    strength: Probability | None = Field(description="How strong it is; null: not known.")


class ChurnSignal(SignalStrength):
    """A signal of churn."""

    contribution: number(-1, 1, example=0.08) | None = Field(
        description="What it adds to the churn probability."
    )
    evidence: Annotated[list[Evidence], Field(max_length=3)] = Field(
        description="Records that show it, the most telling first, at most three."
    )


class Satisfaction(Shown):
    """What is known of how satisfied the customer is."""

    difference: number(-100, 100, example=-0.4) | None = Field(
        description="Perception less expectation, weighted."
    )
    nps: number(0, 10, example=9) | None = Field(
        description="Last answer to recommending, 0 to 10."
    )
    sentiment_level: number(-1, 1, example=0.2) | None = Field(
        description="Mood of the last conversations."
    )


RfmScore = whole(1, 5, example=4)


class Rfm(Shown):
    """Recency, frequency and money against all other customers; 5 is best."""

    recency: RfmScore | None = Field(description="How recently.")
    frequency: RfmScore | None = Field(description="How often.")
    monetary: RfmScore | None = Field(description="How much.")
    segment: Choice | None = Field(description="What the three make of it.")


class Standing(Shown):
    """Where the customer stands among all."""

    tier: Tier | None = Field(description="A, B or C by future value.")
    historic_tier: Tier | None = Field(description="A, B or C by historic value.")
    quadrant: Choice | None = Field(description="Value against risk.")
    rfm: Rfm
    loyalty_rung: Choice | None = Field(description="Rung of the loyalty ladder.")
    ambassador_score: Probability | None = Field(description="How much it recommends, 0 to 1.")
    referral_value: Amount = Field(description="What its referrals are worth.")
    newness: Annotated[list[Choice], Field(max_length=5)] = Field(description="New in which way.")
    motive: Choice | None = Field(description="Why it buys.")
    motive_basis: MotiveBasis | None = Field(description="Whether it said so, or it was inferred.")


class Step(Shown):
    """A step of due process."""

    id: TerminationStep = Field(description="Stable id.")
    label: Label = Field(description="Its name in the language asked for.")


class TerminationSignal(Choice):
    """A signal with the records for it and against it; a score alone is no ground."""

    grounds: Annotated[list[RecordId], Field(max_length=5)] = Field(
        description="Records of the CRM that it rests on, the newest first."
    )
    counter_evidence: Annotated[list[RecordId], Field(max_length=5)] = Field(
        description="Records that speak against it; to be read before anything is decided."
    )


class Termination(Shown):
    """Whether a review of the relationship by people is permissible; ending it is never recommended."""

    step: Step = Field(description="The step that due process allows.")
    signals: Annotated[list[TerminationSignal], Field(max_length=6)] = Field(
        description="What was found."
    )
    blocks: Annotated[list[Choice], Field(max_length=8)] = Field(description="What forbids it.")
    note: bounded_text(500, example="A score is never the only ground.") = Field(
        description="What holds for everybody who reads this."
    )


class CustomerSummary(Shown):
    """A customer as lists show it."""

    unit_id: RecordId = Field(
        description="The contact in the CRM: the organisation, or the person without one."
    )
    kind: Kind = Field(description="What it is in the CRM.")
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
    tier: Tier | None = Field(description="A, B or C by future value.")
    quadrant: Choice | None = Field(description="Value against risk.")
    loyalty_rung: Choice | None = Field(description="Rung of the loyalty ladder.")
    strongest_signal: SignalStrength | None = Field(
        description="The churn signal that weighs most; null if there is none."
    )
    value: Value
    churn: Churn
    rhythm: Rhythm
    recommendation: Recommendation


class Customer(Published, CustomerSummary):
    """A customer with everything that was computed and why."""

    basis: Basis = Field(description="What the purchase model rests on.")
    signals: Annotated[list[ChurnSignal], Field(max_length=11)] = Field(
        description="All churn signals; strength null: not known of this customer."
    )
    satisfaction: Satisfaction
    standing: Standing
    next_products: Annotated[list[NextProduct], Field(max_length=3)] = Field(
        description="What to offer next, by chance times margin: nothing that the customer owns and "
        "does not buy again, has declined within 180 days, or that costs more than three times its "
        "larger orders. Empty where no product is known."
    )
    termination: Termination | None = Field(
        description="Null if it was not computed, or the key lacks the scope `termination:read`."
    )
    contact: Contact | None = Field(
        description="How to reach it. Null if it objects to profiling, or was not computed yet."
    )
    explanations: Explanations = Field(description="Why each score is what it is.")


class PastCustomer(Shown):
    """What a customer was in a version before the published one."""

    as_of: Day = Field(description="The day that the numbers are of.")
    model_version: Version = Field(description="The last version that showed them.")
    published_at: Instant = Field(description="When that version was published.")
    state: State = Field(description="Lifecycle state.")
    state_label: Label = Field(description="Its name in the language asked for.")
    phase: Phase | None = Field(description="Phase of the relationship; null if there was none.")
    phase_label: Label | None = Field(description="Its name in the language asked for.")
    tier: Tier | None = Field(description="A, B or C by future value.")
    confidence: Confidence | None = Field(description="How much the numbers can carry.")
    churn_probability: Probability | None = Field(
        description="Chance of no purchase within the horizon."
    )
    value: Amount = Field(description="clv_365.")
    value_at_risk: Amount = Field(description="churn_probability times clv_alive_365.")
    purchase_count: Count | None = Field(description="Days with a purchase.")


NextPage = next_page("/v1/customers?cursor=WyI5")


class CustomerPage(Published):
    """A page of customers of one version."""

    items: Annotated[list[CustomerSummary], Field(max_length=200)] = Field(
        description="What is on this page."
    )
    next: NextPage | None = Field(description="Path of the next page; null on the last one.")


class CustomerHistory(Published):
    """A page of what a customer was before the published version."""

    unit_id: RecordId = Field(description="The contact in the CRM.")
    items: Annotated[list[PastCustomer], Field(max_length=100)] = Field(
        description="Versions before, the newest first."
    )
    next: NextPage | None = Field(description="Path of the next page; null on the last one.")
