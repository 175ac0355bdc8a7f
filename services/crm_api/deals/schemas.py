"""The shapes of deals on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.schemas import (
    CampaignId,
    ExternalRefs,
    Kept,
    ListPage,
    ListQuery,
    Partial,
    RecordIds,
    Texts,
)
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

Stage = Literal["new", "qualified", "proposal", "negotiation", "won", "lost"]
WonReason = Literal["price", "product", "service", "timing", "trust", "assortment", "other"]
LostReason = Literal[
    "price", "product", "service", "timing", "no_need", "competitor", "trust", "other"
]
Quantity = decimal(r"^-?[0-9]{1,10}(\.[0-9]{1,4})?$", example="2")


class StageEntry(Shape):
    """When a deal came into a stage."""

    stage: Stage = Field(description="The stage.")
    entered_at: Instant = Field(description="When the deal entered it.")


class Line(Shape):
    """One line of a deal; amounts are in the deal's currency."""

    product_id: text(64, shortest=1, example="SKU-100") | None = Field(
        default=None, description="The product's id or number."
    )
    name: text(200, example="Oak table") | None = Field(default=None, description="What was sold.")
    quantity: Quantity = Field(default="1", description="How many.")
    unit_price: Money | None = Field(default=None, description="Net price of one.")
    discount_pct: Percentage | None = Field(default=None, description="Discount in percent.")
    unit_cost: Money | None = Field(default=None, description="What one costs us.")


class DealFields(Shape):
    """The fields that people enter; all amounts of a deal have one currency."""

    title: text(500, example="Dining room, Weber family") | None = Field(
        default=None, description="What it is about."
    )
    stage: Stage = Field(default="new", description="Where the deal stands.")
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
        default=None, description="When it was won or lost; not in the future."
    )
    won_reason: WonReason | None = Field(default=None, description="Why it was won.")
    lost_reason: LostReason | None = Field(default=None, description="Why it was lost.")
    competitor_id: text(64, shortest=1, example="nordwind") | None = Field(
        default=None, description="The competitor in it."
    )
    campaign_id: CampaignId | None = Field(default=None, description="The campaign behind it.")
    promo_code: text(64, shortest=1, example="SPRING10") | None = Field(
        default=None, description="The promotion code that was used."
    )
    invoiced_at: Instant | None = Field(default=None, description="When it was invoiced.")
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
        default=None, description="When it began; absent: closed_at, else now. Not in the future."
    )
    stage_history: History | None = Field(
        default=None, description="Only for deals that come with a past; absent: the present stage."
    )


class NewDeal(DealFields, _Placed):
    """A deal to create; it names its contact by `contact_id` or by `contact_ref`."""


class DealPatch(Partial, DealFields):
    """The fields to change (merge patch). A new stage is added to the history; closing dates itself."""


class UpsertDeal(Partial, DealFields, _Placed):
    """A deal to create or change: fields that are sent are set, absent ones keep their value."""


class Deal(Kept, DealFields):
    """Something sold, or about to be."""

    id: RecordId = Field(description="Made by this service.")
    contact_id: RecordId = Field(description="The contact that buys.")
    currency: Currency | None = Field(description="Of all amounts; null while there is no amount.")
    stage_history: History = Field(description="When the deal entered which stage, in order.")
    opened_at: Instant = Field(description="When it began.")


class DealPage(ListPage):
    """A page of deals."""

    items: Annotated[list[Deal], Field(max_length=200)]


class ListDeals(ListQuery):
    """Filters and order of the list of deals."""

    contact_id: RecordIds = Field(default=[], description="Of this contact.")
    stage: Annotated[list[Stage], Field(max_length=6)] = Field(
        default=[], description="In this stage."
    )
    currency: Annotated[list[Currency], Field(max_length=20)] = Field(
        default=[], description="In this currency."
    )
    campaign_id: Texts = Field(default=[], description="Of this campaign.")
    opened_at_gte: Instant | None = Field(default=None, description="Begun at or after.")
    opened_at_lt: Instant | None = Field(default=None, description="Begun before.")
    closed_at_gte: Instant | None = Field(default=None, description="Closed at or after.")
    closed_at_lt: Instant | None = Field(default=None, description="Closed before.")
    sort: Literal[
        "opened_at", "-opened_at", "created_at", "-created_at", "updated_at", "-updated_at"
    ] = Field(default="-opened_at", description="Order; a minus means descending.")


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
