"""The shapes of products on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.satellites import shapes_of
from services.crm_api.schemas import Key, ListQuery, ProductId, Texts, UserId
from services.foundation.queries import QueryFlag
from shared.values import Flag, Money, Shape, text, whole

Days = whole(1, 36500, example=365)


class ProductFields(Shape):
    """The fields that people enter."""

    key: Key | None = Field(
        default=None,
        description="The number that people use, and that deals name it by; absent: the id. It never "
        "changes.",
    )
    name: text(200, shortest=1, example="Oak table") = Field(description="What it is called.")
    description: text(5000, lines=True, example="Solid oak, 2.20 m.") | None = Field(
        default=None, description="What it is."
    )
    category: text(100, shortest=1, example="tables") | None = Field(
        default=None, description="The group it belongs to."
    )
    list_price: Money | None = Field(default=None, description="Net price before discounts.")
    unit_cost: Money | None = Field(default=None, description="What one costs us.")
    complements: Annotated[list[ProductId], Field(max_length=50)] = Field(
        default=[], description="Products that go with it, by key."
    )
    successor_id: ProductId | None = Field(
        default=None, description="The product that replaces it, by key."
    )
    is_repeatable: Flag = Field(default=True, description="Whether one buys it again.")
    replacement_days: Days | None = Field(
        default=None, description="After how many days it is usually replaced."
    )
    service_interval_days: Days | None = Field(
        default=None, description="After how many days it wants service."
    )
    is_sample: Flag = Field(default=False, description="Whether it is a sample, given to be tried.")
    is_for_sale: Flag = Field(default=True, description="Whether it can be bought at present.")
    owner_id: UserId | None = Field(default=None, description="Who looks after the product.")


FIXED = ("key",)
SHAPES = shapes_of("Product", ProductFields, fixed=FIXED, about="Something that is sold.")


class ListProducts(ListQuery):
    """Filters and order of the list of products."""

    key: Texts = Field(default=[], description="With this key.")
    category: Texts = Field(default=[], description="Of this category.")
    owner_id: Texts = Field(default=[], description="Looked after by this user.")
    successor_id: Texts = Field(default=[], description="Replaced by this product.")
    complement: Texts = Field(default=[], description="Which this product goes with.")
    is_for_sale: QueryFlag | None = Field(default=None, description="Which can be bought, or not.")
    is_sample: QueryFlag | None = Field(default=None, description="Samples, or none.")
    sort: Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"] = (
        Field(default="-created_at", description="Order; a minus means descending.")
    )


EXAMPLE = {
    "key": "SKU-100",
    "name": "Oak table",
    "category": "tables",
    "list_price": {"amount": "1200.00", "currency": "EUR"},
    "unit_cost": {"amount": "640.00", "currency": "EUR"},
    "complements": ["SKU-200"],
    "replacement_days": 3650,
    "external_refs": [{"source": "shop", "id": "P-100"}],
}
EXAMPLE_PATCH = {"successor_id": "SKU-101", "is_for_sale": False}
