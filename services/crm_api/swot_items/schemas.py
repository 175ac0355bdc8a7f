"""The shapes of SWOT items on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.satellites import shapes_of
from services.crm_api.schemas import ListQuery, ProductId, Texts, UserId
from services.foundation.queries import QueryFlag
from shared.values import Day, Shape, text, whole

Quadrant = Literal["strength", "weakness", "opportunity", "threat"]


class SwotItemFields(Shape):
    """The fields that people enter."""

    subject: text(64, shortest=1, example="nordwind") = Field(
        description="Whose: `self` for us, or the key of a competitor."
    )
    quadrant: Quadrant = Field(description="What kind of fact it is.")
    statement: text(2000, shortest=1, lines=True, example="Delivers within two days.") = Field(
        description="The fact."
    )
    weight: whole(1, 5, example=3) = Field(default=3, description="1 slight, 5 decisive.")
    product_id: ProductId | None = Field(default=None, description="The product, by key.")
    evidence: text(2000, lines=True, example="Three lost deals name it.") | None = Field(
        default=None, description="What shows it."
    )
    source: text(500, example="Trade fair 2026") | None = Field(
        default=None, description="Where it is from."
    )
    valid_from: Day | None = Field(default=None, description="True since.")
    valid_to: Day | None = Field(default=None, description="True until; not before the start.")
    confirmed_by: UserId | None = Field(default=None, description="Who confirmed it.")


SHAPES = shapes_of("SwotItem", SwotItemFields, about="A strength, weakness, opportunity or threat.")


class ListSwotItems(ListQuery):
    """Filters and order of the list of SWOT items."""

    subject: Texts = Field(default=[], description="Of us (`self`) or of this competitor.")
    quadrant: Annotated[list[Quadrant], Field(max_length=4)] = Field(
        default=[], description="Of this kind."
    )
    product_id: Texts = Field(default=[], description="About this product.")
    valid_on: Day | None = Field(
        default=None, description="True on this day; without start or end it is open there."
    )
    confirmed_by_known: QueryFlag | None = Field(
        default=None, description="Confirmed by a person, or not."
    )
    sort: Literal["created_at", "-created_at", "updated_at", "-updated_at"] = Field(
        default="-created_at", description="Order; a minus means descending."
    )


EXAMPLE = {
    "subject": "nordwind",
    "quadrant": "strength",
    "statement": "Delivers within two days.",
    "weight": 4,
    "evidence": "Three lost deals name it.",
    "external_refs": [{"source": "market", "id": "S-1"}],
}
EXAMPLE_PATCH = {"weight": 5, "confirmed_by": "anna.weber"}
