"""The shapes of next products on the wire."""

from typing import Literal

from pydantic import Field

from services.analytics.customers.explained import Reason
from services.analytics.schemas import Shown
from shared.values import Flag, Probability, RecordId, Total
from shared.values import text as bounded_text

Amount = Total | None


class NamedProduct(Shown):
    """A product of the CRM."""

    id: RecordId = Field(description="Its id in the CRM.")
    key: bounded_text(64, example="SKU-200") = Field(
        description="The number that people use, and that deals name it by."
    )
    name: bounded_text(200, example="Oak bench") = Field(description="What it is called.")


class NextProduct(Shown):
    """A product that may be offered next."""

    product: NamedProduct
    kind: Literal["new", "repeat", "popular"] = Field(
        description="`new`: goes with what the customer owns; `repeat`: bought before, and usually "
        "again; `popular`: what most buy, as nothing is known of what the customer owns."
    )
    is_obvious: Flag | None = Field(
        description="True: it completes an owned product, or was bought before. False: fewer than one "
        "in ten of such customers buy it; to be offered with advice and an explanation only. Null: "
        "neither."
    )
    is_upgrade: Flag = Field(
        description="It replaces an owned product that is due, or whose kind a need was voiced for."
    )
    affinity: Probability = Field(
        description="Share of those who own `owned` that buy it; of a repeated product, its share in "
        "the later purchases of the customer, few of which count less; of a popular one, its share of all."
    )
    purchase_probability: Probability | None = Field(
        description="Chance that the customer buys it within the churn horizon without being asked: "
        "affinity, corrected by how often such products came, times the chance of any purchase."
    )
    price: Amount = Field(description="Net list price; null: not known in base currency.")
    margin: Amount = Field(description="What a sale leaves after the cost of one.")
    owned: NamedProduct | None = Field(
        description="The owned product that speaks for it most; null: none does."
    )
    reason: Reason
