"""The shapes of deals on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.contacts.schemas import Contact
from services.crm_api.pipelines.table import DEFAULT
from services.crm_api.schemas import (
    AggregateQuery,
    CampaignId,
    CompetitorId,
    Custom,
    ExternalRefs,
    Filters,
    KeptOfPeople,
    ListPage,
    ListQuery,
    Partial,
    PipelineKey,
    RecordIds,
    StageKey,
    StageKind,
    Texts,
    UserId,
    listed,
)
from services.crm_api.words import LostReason
from services.foundation.queries import QueryFlag
from shared.values import (
    Currency,
    Day,
    ExternalRef,
    Instant,
    Money,
    Percentage,
    Rate,
    RecordId,
    Shape,
    decimal,
    text,
)

PaymentStatus = Literal[
    "none", "issued", "disputed", "paid", "written_off", "refunded", "charged_back"
]
WonReason = Literal[
    "price", "product", "service", "proximity", "assortment", "brand", "timing", "trust", "other"
]
Quantity = decimal(
    r"^-?[0-9]{1,10}(\.[0-9]{1,4})?$", example="2", what="a number with at most 4 decimals"
)


class StageEntry(Shape):
    """When a deal came into a stage."""

    stage: StageKey = Field(description="The stage, by key.")
    kind: StageKind | None = Field(
        default=None, description="Its kind when the deal entered it; filled in by this service."
    )
    entered_at: Instant = Field(description="When the deal entered it.")


class Line(Shape):
    """One line of a deal; amounts are in the deal's currency."""

    product_id: text(64, shortest=1, example="SKU-100") | None = Field(
        default=None, description="The product, by key; the id of a known one becomes its key."
    )
    name: text(200, example="Oak table") | None = Field(
        default=None, description="What was sold; null without the scope `deals:pii`."
    )
    quantity: Quantity = Field(default="1", description="How many.")
    unit_price: Money | None = Field(default=None, description="Net price of one.")
    discount_pct: Percentage | None = Field(default=None, description="Discount in percent.")
    unit_cost: Money | None = Field(default=None, description="What one costs us.")
    bundle_id: text(64, shortest=1, example="dining-set") | None = Field(
        default=None, description="The bundle that it was sold in."
    )


class DealFields(Shape):
    """The fields that people enter; all amounts of a deal have one currency."""

    title: text(500, example="Dining room, Weber family") | None = Field(
        default=None, description="What it is about."
    )
    pipeline_id: PipelineKey = Field(
        default=DEFAULT, description="The pipeline it goes through, by key."
    )
    stage: StageKey | None = Field(
        default=None,
        description="Where it stands, a stage of its pipeline; absent: the first. A move is written "
        "into the history; an impossible one is refused with the possible ones.",
    )
    amount: Money | None = Field(default=None, description="Net amount after discounts.")
    list_amount: Money | None = Field(default=None, description="Net amount before discounts.")
    cost: Money | None = Field(default=None, description="What delivering it costs us.")
    refund: Money | None = Field(default=None, description="What was paid back.")
    cost_recovered: Money | None = Field(
        default=None, description="Cost that a return brought back to us."
    )
    written_off: Money | None = Field(default=None, description="What will never be paid.")
    chargeback_lost: Money | None = Field(default=None, description="Lost in chargebacks.")
    discount_pct: Percentage | None = Field(default=None, description="Discount in percent.")
    fx_rate: Rate | None = Field(
        default=None,
        description="Base currency units for one unit of the deal's currency, at closing.",
    )
    lines: Annotated[list[Line], Field(max_length=200)] = Field(
        default=[], description="What was sold."
    )
    expected_close_date: Day | None = Field(
        default=None, description="When a decision is expected."
    )
    closed_at: Instant | None = Field(
        default=None,
        description="When it was won or lost; not more than five minutes in the future.",
    )
    won_reason: WonReason | None = Field(default=None, description="Why it was won.")
    lost_reason: LostReason | None = Field(
        default=None, description="Why it was lost; a lost deal needs it."
    )
    lost_note: text(1000, lines=True, example="Moved abroad.") | None = Field(
        default=None, description="More about it; needed if the reason is other."
    )
    competitor_id: CompetitorId | None = Field(
        default=None, description="The competitor in it, by key."
    )
    campaign_id: CampaignId | None = Field(
        default=None,
        description="The campaign behind it, by its key; campaign members name it by its id.",
    )
    promo_code: text(64, shortest=1, example="SPRING10") | None = Field(
        default=None, description="The promotion code that was used."
    )
    owner_id: UserId | None = Field(default=None, description="Who looks after the deal.")
    treatment_id: text(64, shortest=1, example="t-7") | None = Field(
        default=None, description="The recommendation that led to it."
    )
    document_refs: Annotated[
        list[text(500, shortest=1, example="dms:4711")], Field(max_length=50)
    ] = Field(default=[], description="Where its documents are.")
    custom: Custom = Field(
        default={}, description="Values of custom fields, by key; in a change null takes one away."
    )
    invoiced_at: Instant | None = Field(
        default=None, description="When the payment was issued (invoiced)."
    )
    disputed_at: Instant | None = Field(
        default=None, description="Since when the customer disputes the payment; null: not."
    )
    written_off_at: Instant | None = Field(
        default=None, description="When what is not paid was given up."
    )
    fraud_confirmed_at: Instant | None = Field(
        default=None,
        description="When fraud was confirmed by a person; absent: when `fraud_confirmed_by` was told.",
    )
    fraud_confirmed_by: UserId | None = Field(
        default=None,
        description="Who confirmed it; without that it is a suspicion, and not recorded.",
    )
    due_at: Instant | None = Field(default=None, description="When payment is due.")
    paid_at: Instant | None = Field(default=None, description="When it was paid.")
    refunded_at: Instant | None = Field(default=None, description="When it was paid back.")
    chargeback_at: Instant | None = Field(default=None, description="When the bank took it back.")
    contract_end_at: Instant | None = Field(default=None, description="When the contract ends.")
    contract_cancelled_at: Instant | None = Field(
        default=None, description="When the contract was cancelled."
    )
    external_refs: ExternalRefs = Field(
        default=[], description="How other systems name this record."
    )


History = Annotated[list[StageEntry], Field(max_length=200)]


class _Placed(Shape):
    contact_id: RecordId | None = Field(default=None, description="The contact that buys.")
    contact_ref: ExternalRef | None = Field(
        default=None, description="Instead of contact_id: the contact by its external reference."
    )
    opened_at: Instant | None = Field(
        default=None,
        description="When it began; absent: closed_at, else now. Not more than five minutes in the "
        "future.",
    )
    stage_history: History | None = Field(
        default=None, description="Only for deals that come with a past; absent: the present stage."
    )


class NewDeal(DealFields, _Placed):
    """A deal to create; it names its contact by `contact_id` or by `contact_ref`."""


class DealPatch(Partial, DealFields):
    """The fields to change (merge patch). A new stage is added to the history; closing dates itself."""

    stage: StageKey = Field(  # type: ignore[assignment]
        default=None,
        description="The stage to move it to, of its pipeline; absent where that changes: the first. A move "
        "is written into the history; an impossible one is refused with the possible ones.",
    )


class UpsertDeal(Partial, DealFields, _Placed):
    """A deal to create or change: fields that are sent are set, absent ones keep their value."""


class Deal(KeptOfPeople, DealFields):
    """Something sold, or about to be."""

    id: RecordId = Field(description="Made by this service.")
    contact_id: RecordId = Field(description="The contact that buys.")
    stage: StageKey = Field(description="Where it stands, a stage of its pipeline.")
    stage_kind: StageKind = Field(description="Whether it is open, won or lost.")
    payment_status: PaymentStatus = Field(
        description="What its payment dates say: written_off, charged_back, refunded, disputed, paid, "
        "issued or none, the first of these that holds. Written off and refunded is a deal of which "
        "nothing is left; with a part of it, it stays issued or paid. A chargeback of which nothing was "
        "lost is over."
    )
    currency: Currency | None = Field(description="Of all amounts; null while there is no amount.")
    stage_history: History = Field(description="When the deal entered which stage, in order.")
    opened_at: Instant = Field(description="When it began.")


ListedDeal = listed(Deal, contact=(Contact, "The contact that buys; only with `embed=contact`."))


class DealPage(ListPage):
    """A page of deals."""

    items: Annotated[list[ListedDeal], Field(max_length=200)] = Field(
        description="What is on this page."
    )


class DealFilters(Filters):
    """Filters of deals; custom fields are filtered by `custom.<key>`."""

    more_prefix = "custom."
    contact__kind: Annotated[list[Literal["person", "organisation"]], Field(max_length=2)] = Field(
        default=[], alias="contact.kind", description="Of contacts of this kind."
    )
    contact__status: Annotated[
        list[Literal["active", "blocked", "terminated"]], Field(max_length=3)
    ] = Field(default=[], alias="contact.status", description="Of contacts in this status.")
    contact__parent_id: RecordIds = Field(
        default=[], alias="contact.parent_id", description="Of persons of this organisation."
    )
    contact__owner_id: Texts = Field(
        default=[], alias="contact.owner_id", description="Of contacts looked after by this user."
    )
    contact__country_code: Texts = Field(
        default=[], alias="contact.country_code", description="Of contacts in this country."
    )
    contact__tag: Texts = Field(
        default=[], alias="contact.tag", description="Of contacts carrying this tag."
    )

    contact_id: RecordIds = Field(default=[], description="Of this contact.")
    stage: Annotated[list[StageKey], Field(max_length=50)] = Field(
        default=[], description="In this stage."
    )
    stage_kind: Annotated[list[StageKind], Field(max_length=3)] = Field(
        default=[], description="Open, won or lost."
    )
    payment_status: Annotated[list[PaymentStatus], Field(max_length=7)] = Field(
        default=[], description="With this state of payment."
    )
    owner_id: Texts = Field(default=[], description="Looked after by this user.")
    competitor_id: Texts = Field(default=[], description="With this competitor.")
    lost_reason: Annotated[list[LostReason], Field(max_length=8)] = Field(
        default=[], description="Lost for this reason."
    )
    won_reason: Annotated[list[WonReason], Field(max_length=9)] = Field(
        default=[], description="Won for this reason."
    )
    promo_code: Texts = Field(default=[], description="With this promotion code.")
    expected_close_date_gte: Day | None = Field(
        default=None, description="A decision is expected on this day or later."
    )
    expected_close_date_lt: Day | None = Field(
        default=None, description="A decision is expected before this day."
    )
    due_at_gte: Instant | None = Field(default=None, description="Payment due at or after.")
    due_at_lt: Instant | None = Field(
        default=None,
        description="Payment due before; with `payment_status=issued`: overdue at this instant.",
    )
    contract_end_at_gte: Instant | None = Field(
        default=None, description="The contract ends at or after."
    )
    contract_end_at_lt: Instant | None = Field(
        default=None, description="The contract ends before."
    )
    contract_cancelled_at_known: QueryFlag | None = Field(
        default=None, description="With a contract that was cancelled, or without."
    )
    paid_at_gte: Instant | None = Field(default=None, description="Paid at or after.")
    paid_at_lt: Instant | None = Field(default=None, description="Paid before.")
    invoiced_at_gte: Instant | None = Field(default=None, description="Invoiced at or after.")
    invoiced_at_lt: Instant | None = Field(default=None, description="Invoiced before.")
    fraud_confirmed_at_known: QueryFlag | None = Field(
        default=None, description="With confirmed fraud, or without."
    )
    expected_close_date_known: QueryFlag | None = Field(
        default=None, description="With a day on which a decision is expected, or without."
    )
    owner_id_known: QueryFlag | None = Field(
        default=None, description="With somebody who looks after it, or without."
    )
    currency: Annotated[list[Currency], Field(max_length=20)] = Field(
        default=[], description="In this currency."
    )
    campaign_id: Texts = Field(default=[], description="Of this campaign, by key.")
    opened_at_gte: Instant | None = Field(default=None, description="Begun at or after.")
    opened_at_lt: Instant | None = Field(default=None, description="Begun before.")
    closed_at_gte: Instant | None = Field(default=None, description="Closed at or after.")
    closed_at_lt: Instant | None = Field(default=None, description="Closed before.")


class _InPipelines(DealFilters):
    pipeline_id: Texts = Field(default=[], description="In this pipeline.")


class ListDeals(_InPipelines, ListQuery):
    """Filters and order of the list of deals; custom fields are filtered by `custom.<key>`."""

    embed: Annotated[list[Literal["contact"]], Field(max_length=1)] = Field(
        default=[], description="Put the contact of each deal into the item, as `contact`."
    )
    sort: Literal[
        "opened_at",
        "-opened_at",
        "closed_at",
        "-closed_at",
        "expected_close_date",
        "-expected_close_date",
        "due_at",
        "-due_at",
        "contract_end_at",
        "-contract_end_at",
        "created_at",
        "-created_at",
        "updated_at",
        "-updated_at",
    ] = Field(default="-opened_at", description="Order; a minus means descending.")


class AggregateDeals(_InPipelines, AggregateQuery):
    """Filters and groups of deals."""


EXAMPLE = {
    "contact_ref": {"source": "shop", "id": "C-1001"},
    "title": "Dining room, Weber family",
    "stage": "won",
    "amount": {"amount": "1140.00", "currency": "EUR"},
    "list_amount": {"amount": "1200.00", "currency": "EUR"},
    "discount_pct": "5",
    "lines": [
        {
            "product_id": "SKU-100",
            "name": "Oak table",
            "quantity": "1",
            "unit_price": {"amount": "1200.00", "currency": "EUR"},
            "discount_pct": "5",
        }
    ],
    "opened_at": "2026-02-01T09:00:00Z",
    "closed_at": "2026-02-14T16:20:00Z",
    "external_refs": [{"source": "shop", "id": "O-7001"}],
}
EXAMPLE_PATCH = {"paid_at": "2026-02-20T08:00:00Z", "refund": None}
