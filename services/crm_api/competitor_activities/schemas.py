"""The shapes of competitor activities on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.satellites import shapes_of
from services.crm_api.schemas import CompetitorId, ListQuery, ProductId, Texts
from shared.values import Instant, Shape, text, whole

Kind = Literal[
    "price_change", "product_launch", "campaign", "opening", "closure", "hiring", "other"
]


class CompetitorActivityFields(Shape):
    """The fields that people enter."""

    competitor_id: CompetitorId = Field(description="The competitor, by key.")
    kind: Kind = Field(description="What kind of step it was.")
    occurred_at: Instant = Field(description="When; not more than five minutes in the future.")
    description: text(2000, shortest=1, lines=True, example="Tables are 10% cheaper.") = Field(
        description="What was seen."
    )
    product_id: ProductId | None = Field(default=None, description="Our product it meets, by key.")
    source: text(500, example="Their catalogue") | None = Field(
        default=None, description="Where it is from."
    )
    impact: whole(1, 5, example=3) | None = Field(
        default=None, description="How much it matters to us: 1 hardly, 5 very much."
    )


SHAPES = shapes_of(
    "CompetitorActivity", CompetitorActivityFields, about="Something that a competitor did."
)


class ListCompetitorActivities(ListQuery):
    """Filters and order of the list of competitor activities."""

    competitor_id: Texts = Field(default=[], description="Of this competitor.")
    kind: Annotated[list[Kind], Field(max_length=7)] = Field(
        default=[], description="Of this kind."
    )
    product_id: Texts = Field(default=[], description="Meeting this product.")
    occurred_at_gte: Instant | None = Field(default=None, description="At or after.")
    occurred_at_lt: Instant | None = Field(default=None, description="Before.")
    sort: Literal[
        "occurred_at", "-occurred_at", "created_at", "-created_at", "updated_at", "-updated_at"
    ] = Field(default="-occurred_at", description="Order; a minus means descending.")


EXAMPLE = {
    "competitor_id": "nordwind",
    "kind": "price_change",
    "occurred_at": "2026-03-01T00:00:00Z",
    "description": "Tables are 10% cheaper.",
    "impact": 3,
    "external_refs": [{"source": "market", "id": "A-1"}],
}
EXAMPLE_PATCH = {"impact": 4}
