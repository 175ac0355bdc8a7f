"""The shapes of campaigns on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.satellites import shapes_of
from services.crm_api.schemas import Key, ListQuery, ProductId, Texts, UserId, word
from services.crm_api.words import Channel, Phase
from shared.values import Instant, Money, Shape, text


class CampaignFields(Shape):
    """The fields that people enter."""

    key: Key | None = Field(
        default=None,
        description="The name that records use for it; absent: the id. It never changes.",
    )
    name: text(200, shortest=1, example="Spring 2026") = Field(description="What it is called.")
    phase: Phase | None = Field(default=None, description="The phase of the customers it is for.")
    strategy_id: word(example="winback_factual") | None = Field(
        default=None, description="An id of the catalogue's strategies."
    )
    instrument_id: word(example="promotion_discount") | None = Field(
        default=None, description="An id of the catalogue's instruments."
    )
    product_id: ProductId | None = Field(default=None, description="The product, by key.")
    channel: Channel | None = Field(default=None, description="Over which channel.")
    reason: text(2000, lines=True, example="Many have not bought since autumn.") | None = Field(
        default=None, description="Why it is done: what those who are written to may be told."
    )
    budget: Money | None = Field(default=None, description="What it may cost.")
    fixed_cost: Money | None = Field(default=None, description="What it costs however many join.")
    unit_cost: Money | None = Field(default=None, description="What one member costs.")
    starts_at: Instant | None = Field(default=None, description="From when.")
    ends_at: Instant | None = Field(default=None, description="Until when; later than the start.")
    experiment_id: text(64, shortest=1, example="exp-7") | None = Field(
        default=None, description="The experiment that measures it."
    )
    flags: Annotated[list[word(example="test")], Field(max_length=20)] = Field(
        default=[], description="Known traits."
    )
    owner_id: UserId | None = Field(default=None, description="Who runs it.")


FIXED = ("key",)
SHAPES = shapes_of(
    "Campaign", CampaignFields, fixed=FIXED, about="Something done for many customers at once."
)


class ListCampaigns(ListQuery):
    """Filters and order of the list of campaigns."""

    key: Texts = Field(default=[], description="With this key.")
    phase: Annotated[list[Phase], Field(max_length=5)] = Field(
        default=[], description="For customers in this phase."
    )
    strategy_id: Texts = Field(default=[], description="Of this strategy.")
    channel: Annotated[list[Channel], Field(max_length=17)] = Field(
        default=[], description="Over this channel."
    )
    instrument_id: Texts = Field(default=[], description="Of this instrument.")
    experiment_id: Texts = Field(default=[], description="Measured by this experiment.")
    product_id: Texts = Field(default=[], description="For this product.")
    owner_id: Texts = Field(default=[], description="Run by this user.")
    running_at: Instant | None = Field(
        default=None, description="Running at this instant; without start or end it is open there."
    )
    flag: Texts = Field(default=[], description="Carrying this flag.")
    sort: Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"] = (
        Field(default="-created_at", description="Order; a minus means descending.")
    )


EXAMPLE = {
    "key": "spring-2026",
    "name": "Spring 2026",
    "phase": "winback",
    "channel": "email",
    "reason": "Many have not bought since autumn.",
    "budget": {"amount": "5000.00", "currency": "EUR"},
    "unit_cost": {"amount": "0.80", "currency": "EUR"},
    "starts_at": "2026-03-01T00:00:00Z",
    "ends_at": "2026-04-01T00:00:00Z",
    "external_refs": [{"source": "mailer", "id": "M-31"}],
}
EXAMPLE_PATCH = {"ends_at": "2026-04-15T00:00:00Z"}
