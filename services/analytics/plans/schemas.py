"""The shapes of plans."""

from typing import Annotated, Any, Literal

from pydantic import Field

from services.analytics.customers.filters import Tier
from services.analytics.plans.dropping import DropReason
from services.analytics.schemas import Label, Phase, Shown, next_page
from services.foundation.queries import Page, Query
from shared.values import (
    Count,
    Currency,
    Day,
    Flag,
    Instant,
    Money,
    Probability,
    RecordId,
    Shape,
    Total,
    Version,
    number,
    text,
    whole,
    word,
)

LimitKind = Literal[
    "campaign", "strategy", "instrument", "channel", "phase", "tier", "segment", "quadrant"
]
Status = Literal["active", "canceled"]
Format = Literal["csv", "excel_csv", "ndjson"]
MOST_LIMITS = 20
MOST_DAYS = 366
Ratio = number(0, 1e15, example=4.94)
StrategyId = word(example="attachment")
InstrumentId = word(example="personal_attention")
ChannelId = word(example="phone")
Reason = text(500, shortest=3, example="Spring campaign, approved by the head of sales.")
Next = next_page("/v1/plans?cursor=WyI5")


class Period(Shape):
    """The days that a plan is for, both included, 366 at most. Steps whose occasion ends before the first
    day are not planned; nothing else depends on it."""

    from_: Day = Field(alias="from", description="Its first day.")
    until: Day = Field(
        description="Its last day; not before the first, nor before the day that the numbers are of."
    )


class Coverage(Shape):
    """What belongs to a campaign: all that is given must hold."""

    phase: Phase | None = Field(default=None, description="For customers in this phase.")
    strategy: StrategyId | None = Field(default=None, description="Steps of this strategy.")
    instrument: InstrumentId | None = Field(default=None, description="Steps of this instrument.")
    channel: ChannelId | None = Field(default=None, description="Steps over this channel.")


class PlanLimit(Shape):
    """What a part of the plan may cost, or how many customers may be in it; one of both at least. A step
    that several limits cover counts in each of them."""

    kind: LimitKind = Field(
        description="What is limited: `campaign` the steps that `covers` says, any other kind all steps of "
        "one strategy, instrument or channel, or for the customers of one phase, tier, segment or quadrant."
    )
    id: text(64, shortest=1, example="phone") = Field(
        description="Which: an id of the catalogue, `A`, `B` or `C` of a tier; of a segment an RFM segment, "
        "of a quadrant one of value and risk, such as `value_at_stake`; of a campaign a name of your own, "
        "which is told again with the plan. It is not looked up in the CRM, as a budget is often planned "
        "before the campaign is entered there: best take the key that it has or will have."
    )
    covers: Coverage | None = Field(
        default=None,
        description="Of a campaign, and needed there: the steps that belong to it. Phase, strategy, "
        "instrument, channel and budget of the campaign in the CRM are not taken over.",
    )
    budget: Money | None = Field(
        default=None, description="What these steps may cost together; the currency of the budget."
    )
    most_customers: whole(0, 2**31 - 1, example=500) | None = Field(
        default=None, description="For how many customers they may be at most."
    )


class PlanFilters(Shape):
    """Whom and what to look at; an empty list is no filter."""

    phase: Annotated[list[Phase], Field(max_length=5)] = Field(
        default=[], description="Customers in any of these phases."
    )
    tier: Annotated[list[Tier], Field(max_length=3)] = Field(
        default=[], description="Customers of any of these tiers by future value."
    )
    strategy: Annotated[list[StrategyId], Field(max_length=50)] = Field(
        default=[], description="Steps of any of these strategies."
    )
    instrument: Annotated[list[InstrumentId], Field(max_length=50)] = Field(
        default=[], description="Steps of any of these instruments."
    )
    owner: Annotated[list[text(64, shortest=1, example="anna.schmidt")], Field(max_length=50)] = (
        Field(default=[], description="Customers of any of these owners in the CRM.")
    )


class NewPlan(Shape):
    """A plan to compute."""

    name: text(200, shortest=1, example="Spring 2026") = Field(description="What it is called.")
    budget: Money = Field(
        description="What contacts and incentives may cost together; in base currency."
    )
    period: Period = Field(description="When the budget is for.")
    limits: Annotated[list[PlanLimit], Field(max_length=MOST_LIMITS)] = Field(
        default=[],
        description="What parts of the plan may cost, or how many customers may be in them.",
    )
    filters: PlanFilters = Field(
        default=PlanFilters(), description="Whom and what to look at; absent: everything."
    )
    save: Flag = Field(
        default=True,
        description="False: compute only; nothing is kept, and 200 is answered instead of 201.",
    )


class Person(Shown):
    """Whose key did something."""

    key_id: text(8, example="a1b2c3d4") = Field(description="The key.")
    name: text(100, example="anna") = Field(description="Its name.")
    request_id: text(64, example="019abf10-7a5c-7000-8000-000000000000") = Field(
        description="The request in which it did."
    )


class PlannedLimit(Shown):
    """A limit, what was planned within it, and what more of it would bring."""

    kind: LimitKind = Field(description="What is limited.")
    id: text(64, example="phone") = Field(description="Which.")
    label: Label = Field(description="Its name in the language asked for; of a campaign its key.")
    covers: Coverage | None = Field(description="Of a campaign: the steps that belong to it.")
    budget: Money | None = Field(description="What these steps may cost together.")
    most_customers: Count | None = Field(description="For how many customers they may be.")
    chosen_count: Count = Field(description="For how many they were chosen.")
    spent: Total = Field(description="What they cost together.")
    shadow_price: Ratio = Field(
        description="What one more unit of currency of its budget would bring about, where customers can "
        "be divided; 0 if it is no obstacle."
    )
    value_of_one_more_customer: Total = Field(
        description="What one more customer would bring about, where customers can be divided; 0 if "
        "their number is no obstacle."
    )


class PlannedPart(Shown):
    """What was planned of one phase, tier, strategy, instrument or channel."""

    id: text(64, example="attachment") | None = Field(
        description="Which; null: those without, such as a step without a channel."
    )
    label: Label | None = Field(description="Its name in the language asked for.")
    chosen_count: Count = Field(description="For how many customers.")
    spent: Total = Field(description="What it costs.")
    expected_value: Total = Field(description="What it is expected to bring beyond its cost.")


class Breakdown(Shown):
    """The plan by parts; each list adds up to the whole."""

    strategy: Annotated[list[PlannedPart], Field(max_length=200)] = Field(
        description="By strategy, in the order of ids."
    )
    instrument: Annotated[list[PlannedPart], Field(max_length=300)] = Field(
        description="By instrument."
    )
    channel: Annotated[list[PlannedPart], Field(max_length=50)] = Field(description="By channel.")
    phase: Annotated[list[PlannedPart], Field(max_length=6)] = Field(description="By phase.")
    tier: Annotated[list[PlannedPart], Field(max_length=4)] = Field(description="By tier.")


class PlanHead(Shown):
    """A plan and its figures."""

    id: RecordId | None = Field(description="Made by this service; null if it was not saved.")
    version: Version | None = Field(description="For If-Match; null if it was not saved.")
    name: text(200, example="Spring 2026") = Field(description="What it is called.")
    status: Status | None = Field(description="`active` or `canceled`; null if it was not saved.")
    model_version: Version = Field(description="The version that it was computed from.")
    as_of: Day = Field(description="The day that the numbers of that version are of.")
    currency: Currency = Field(description="Base currency of all amounts.")
    budget: Money = Field(description="What it may cost.")
    period: Period = Field(description="When the budget is for.")
    candidate_count: Count = Field(
        description="How many customers have a step within the filters that is worth doing."
    )
    chosen_count: Count = Field(description="For how many one was chosen.")
    spent: Total = Field(description="What the chosen steps cost: contacts and incentives.")
    expected_value: Total = Field(
        description="What they are expected to bring together, beyond their cost."
    )
    upper_bound: Total = Field(
        description="What no plan within the budget and limits can exceed: the expected value itself "
        "where the plan is proven to be the best, else the optimum in which customers can be divided, or a "
        "bound by the prices of the limits."
    )
    gap: Probability = Field(
        description="What the plan lacks to the upper bound at most, as a share of it."
    )
    is_optimal: Flag = Field(
        description="True if it is proven that no plan brings more; the gap is 0 then. Up to 6,000 options "
        "the best plan is looked for by exact search, of more where few are still open; a search that "
        "takes longer than 10 seconds ends unproven, with the best plan that it found."
    )
    shadow_price: Ratio = Field(
        description="What one more unit of currency of the budget would bring. Up to 6,000 options that "
        "is computed by planning once more with it, so 0 if nothing better fits into one unit more; of "
        "more options it is the price of the budget where customers can be divided."
    )
    created_at: Instant | None = Field(description="When it was saved; null if it was not.")
    created_by: Person | None = Field(description="Who saved it; null if it was not saved.")
    canceled_at: Instant | None = Field(description="When it was canceled; null if it was not.")
    canceled_by: Person | None = Field(description="Who canceled it.")


class Plan(PlanHead):
    """A plan with its parts."""

    limits: Annotated[list[PlannedLimit], Field(max_length=MOST_LIMITS)] = Field(
        description="The limits, in the order in which they were given."
    )
    filters: PlanFilters = Field(description="Whom and what was looked at.")
    breakdown: Breakdown = Field(description="What was planned, by parts.")
    exports: Annotated[list["PlanExport"], Field(max_length=100)] = Field(
        description="The last 100 lists that were taken of it, the newest first."
    )


class DroppedCount(Shown):
    """How many were dropped for a reason."""

    reason: DropReason = Field(
        description="Why; the first that holds. `no_consent`: the channel was refused or not agreed to, "
        "`unreachable`: no address, or business is not possible, `decided`: somebody decided on this step, "
        "`changed_since_refresh`: the contact changed in the CRM, or complained, and nothing was computed "
        "of it yet."
    )
    count: Count = Field(description="How many.")


class PlanExport(Shown):
    """A list that was taken of a plan."""

    exported_at: Instant = Field(description="When.")
    exported_by: Person = Field(description="Who took it.")
    format: Format = Field(description="In which form.")
    reason: Reason = Field(description="What for.")
    listed_count: Count = Field(description="How many customers are on it.")
    dropped: Annotated[list[DroppedCount], Field(max_length=10)] = Field(
        description="How many were dropped, by reason."
    )


class PlanPage(Shown):
    """A page of plans, the newest first."""

    items: Annotated[list[PlanHead], Field(max_length=200)] = Field(
        description="What is on this page."
    )
    next: Next | None = Field(description="Path of the next page; null on the last one.")


class PlanChoice(Shown):
    """What is planned for a customer."""

    unit_id: RecordId = Field(description="The customer: the id of the contact in the CRM.")
    recommendation_id: RecordId = Field(
        description="The same step for the same customer has the same id in every version."
    )
    phase: Phase | None = Field(description="The phase of the customer.")
    tier: Tier | None = Field(description="The tier of the customer by future value.")
    strategy_id: StrategyId = Field(description="The strategy.")
    strategy_label: Label = Field(description="Its name in the language asked for.")
    instrument_id: InstrumentId = Field(description="The instrument.")
    instrument_label: Label = Field(description="Its name.")
    channel: ChannelId | None = Field(description="The channel; null: none is named.")
    channel_label: Label | None = Field(description="Its name.")
    product_id: text(64, example="019abf10-7a5c-7000-8000-000000000100") | None = Field(
        description="The product that is offered, by its id in the CRM; null: none."
    )
    product_key: text(64, example="P-100") | None = Field(
        description="Its key in the CRM; null: none, or it is not offered any more."
    )
    cost: Total = Field(description="What contact and incentive are expected to cost.")
    expected_value: Total = Field(description="What it is expected to bring beyond its cost.")


class PlanChoicePage(Shown):
    """A page of what is planned, the most worth first."""

    items: Annotated[list[PlanChoice], Field(max_length=200)] = Field(
        description="What is on this page."
    )
    next: Next | None = Field(description="Path of the next page; null on the last one.")


class ListPlans(Page):
    """Plans, the newest first."""


class ListPlanChoices(Page):
    """What is planned, the most worth first."""


class ExportPlan(Query):
    """The form of a list, and what it is for."""

    reason: Reason = Field(description="What the list is for; it is kept with who took it.")
    format: Format = Field(
        default="csv",
        description="`csv` for mailing tools, `ndjson` for programs, `excel_csv` for a spreadsheet: with a "
        "byte order mark, in German with semicolons and a decimal comma, as exports of the CRM have it.",
    )


EXAMPLE: dict[str, Any] = {
    "name": "Spring 2026",
    "budget": {"amount": "5000.00", "currency": "EUR"},
    "period": {"from": "2026-03-01", "until": "2026-05-31"},
    "limits": [
        {"kind": "channel", "id": "phone", "most_customers": 200},
        {"kind": "tier", "id": "C", "budget": {"amount": "500.00", "currency": "EUR"}},
        {"kind": "segment", "id": "hibernating", "most_customers": 100},
        {
            "kind": "campaign",
            "id": "spring-2026",
            "covers": {"phase": "winback", "channel": "email"},
            "budget": {"amount": "1000.00", "currency": "EUR"},
        },
    ],
    "filters": {"phase": ["development", "retention", "winback"]},
}
