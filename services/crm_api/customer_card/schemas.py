"""The shape of the customer card."""

from typing import Annotated

from pydantic import Field

from services.crm_api.contacts.schemas import Contact
from services.crm_api.deals.schemas import Deal
from services.crm_api.interactions.schemas import Interaction
from shared.values import Count, Instant, Shape, text

MOST = 20


class OwnedProduct(Shape):
    """A product that the customer bought."""

    product_id: text(64, example="SKU-100") | None = Field(description="The product's key.")
    name: text(200, example="Oak table") | None = Field(description="What was sold.")
    purchase_count: Count = Field(description="In how many deals.")
    last_bought_at: Instant = Field(description="When last.")


class CustomerCard(Shape):
    """What is known of a customer, for whoever is about to talk to it."""

    contact: Contact = Field(
        description="The contact: style, preferred channel, consents, next date and the rest."
    )
    organisation: Contact | None = Field(description="The organisation that it belongs to.")
    last_interactions: Annotated[list[Interaction], Field(max_length=3)] = Field(
        description="The last three that happened, newest first; an organisation's are those of all "
        "its persons."
    )
    open_complaints: Annotated[list[Interaction], Field(max_length=MOST)] = Field(
        description="Complaints that are not settled, oldest first."
    )
    offers: Annotated[list[Interaction], Field(max_length=MOST)] = Field(
        description="Offers that are live, newest first."
    )
    promises: Annotated[list[Interaction], Field(max_length=MOST)] = Field(
        description="What is planned and not done, the most urgent first."
    )
    open_deals: Annotated[list[Deal], Field(max_length=MOST)] = Field(
        description="Deals that are open, newest first."
    )
    unpaid_deals: Annotated[list[Deal], Field(max_length=MOST)] = Field(
        description="Deals whose payment was issued or is disputed, the longest due first."
    )
    owned_products: Annotated[list[OwnedProduct], Field(max_length=MOST)] = Field(
        description="What it bought in its last 200 won deals, the latest first."
    )
