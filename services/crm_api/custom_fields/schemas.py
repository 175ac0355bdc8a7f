"""The shapes of custom fields on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.satellites import shapes_of
from services.crm_api.schemas import ListQuery, Texts, word
from shared.values import Shape, text

AppliesTo = Literal["contacts", "interactions", "deals"]
Type = Literal["text", "integer", "number", "boolean", "date", "instant", "choice", "choices"]


class Option(Shape):
    """One value of a choice."""

    key: word(example="solid_oak") = Field(description="What is stored.")
    label_en: text(100, shortest=1, example="Solid oak") = Field(description="In English.")
    label_de: text(100, shortest=1, example="Eiche massiv") = Field(description="In German.")


class CustomFieldFields(Shape):
    """The fields that people enter."""

    applies_to: AppliesTo = Field(description="Records of which kind have it; it never changes.")
    key: word(example="wood") = Field(
        description="Its name in `custom` and in filters (`custom.<key>`); it never changes. It does not "
        "end in `_gte`, `_lt` or `_known`, as names of filters do."
    )
    type: Type = Field(description="What its values are; it never changes.")
    label_en: text(100, shortest=1, example="Wood") = Field(description="Shown in English.")
    label_de: text(100, shortest=1, example="Holz") = Field(description="Shown in German.")
    description: text(1000, lines=True, example="What the table is made of.") | None = Field(
        default=None, description="What to enter."
    )
    options: Annotated[list[Option], Field(max_length=200)] = Field(
        default=[],
        description="The values to choose from; only for choice and choices. One that records have "
        "cannot be left out.",
    )


FIXED = ("applies_to", "key", "type")
SHAPES = shapes_of(
    "CustomField", CustomFieldFields, about="A field that the team added.", fixed=FIXED
)


class ListCustomFields(ListQuery):
    """Filters and order of the list of custom fields."""

    applies_to: Annotated[list[AppliesTo], Field(max_length=3)] = Field(
        default=[], description="Of records of this kind."
    )
    key: Texts = Field(default=[], description="With this key.")
    sort: Literal["created_at", "-created_at", "updated_at", "-updated_at"] = Field(
        default="created_at", description="Order; a minus means descending."
    )


EXAMPLE = {
    "applies_to": "deals",
    "key": "wood",
    "type": "choice",
    "label_en": "Wood",
    "label_de": "Holz",
    "options": [
        {"key": "oak", "label_en": "Oak", "label_de": "Eiche"},
        {"key": "beech", "label_en": "Beech", "label_de": "Buche"},
    ],
    "external_refs": [{"source": "shop", "id": "F-1"}],
}
EXAMPLE_PATCH = {"description": "What the table is made of."}
