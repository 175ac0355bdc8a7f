"""What a card shows of the CRM: less than the CRM's own card has."""

from typing import Annotated, Literal

from pydantic import Field

from services.analytics.schemas import Shown
from shared.values import Count, Instant, Language, Money, RecordId, text, whole, word

MOST = 20
Subject = text(500, example="Delivery date of the table")
Name = text(410, example="Anna Weber")


class CardPerson(Shown):
    """A contact as it is talked to."""

    id: RecordId = Field(description="The contact in the CRM.")
    kind: Literal["person", "organisation"] = Field(description="What it is.")
    display_name: Name | None = Field(description="What to show.")
    name: text(200, example="Weber Möbel GmbH") | None = Field(description="Its whole name.")
    given_name: text(200, example="Anna") | None = Field(description="First name.")
    family_name: text(200, example="Weber") | None = Field(description="Last name.")
    job_title: text(200, example="Head of purchasing") | None = Field(
        description="What the person does."
    )
    language: Language | None = Field(description="Of texts to it; null: not known.")
    communication_style: Literal["brief", "normal", "extensive"] | None = Field(
        description="How much it likes to hear; null: not known."
    )
    preferred_channel: word(example="email") | None = Field(description="As it told.")
    next_contact_at: Instant | None = Field(description="When to get in touch next, as planned.")


class CardInteraction(Shown):
    """Something that happened with the customer, or is promised to it."""

    id: RecordId = Field(description="The interaction in the CRM.")
    contact_id: RecordId = Field(description="With whom.")
    kind: word(example="call") = Field(description="Of what kind.")
    channel: word(example="phone") | None = Field(description="Over which channel.")
    direction: Literal["inbound", "outbound", "internal"] | None = Field(
        description="Who turned to whom; null: not known."
    )
    occurred_at: Instant = Field(description="When.")
    subject: Subject | None = Field(description="What it was about.")
    user_id: text(64, example="anna") | None = Field(description="Who of us took part.")
    due_at: Instant | None = Field(description="Of a promise: until when.")
    status: word(example="open") | None = Field(description="Of a complaint: where it stands.")
    severity: whole(1, 3, example=2) | None = Field(description="Of a complaint: 3 is worst.")
    product_id: text(64, example="SKU-100") | None = Field(description="The product, by its key.")
    price: Money | None = Field(description="Of an offer: the price offered.")
    valid_until: Instant | None = Field(description="Of an offer: until when it holds.")


class CardDeal(Shown):
    """A deal that is open or not paid."""

    id: RecordId = Field(description="The deal in the CRM.")
    title: text(500, example="Conference tables") | None = Field(description="What it is about.")
    amount: Money | None = Field(description="Net amount.")
    stage: text(64, example="proposal") = Field(description="Where it stands.")
    payment_status: word(example="issued") = Field(description="What its payment dates say.")
    due_at: Instant | None = Field(description="When payment is due.")


class CardProduct(Shown):
    """A product that the customer bought."""

    product_id: text(64, example="SKU-100") | None = Field(description="The product's key.")
    name: text(200, example="Oak table") | None = Field(description="What was sold.")
    purchase_count: Count = Field(description="In how many deals.")
    last_bought_at: Instant = Field(description="When last.")


Interactions = Annotated[list[CardInteraction], Field(max_length=MOST)]
Deals = Annotated[list[CardDeal], Field(max_length=MOST)]


class CrmCard(Shown):
    """What the CRM knows at this moment."""

    contact: CardPerson = Field(description="The customer.")
    person: CardPerson | None = Field(
        description="Who is addressed: the person itself, of an organisation the one under `contact` of "
        "`GET /v1/customers/{unit_id}`; null where that is the organisation."
    )
    last_interactions: Annotated[list[CardInteraction], Field(max_length=3)] = Field(
        description="The last three that happened, newest first."
    )
    open_complaints: Interactions = Field(description="Not settled, oldest first.")
    offers: Interactions = Field(description="Live ones, newest first.")
    promises: Interactions = Field(description="Planned and not done, the most urgent first.")
    open_deals: Deals = Field(description="Open ones, newest first.")
    unpaid_deals: Deals = Field(description="Issued or disputed, the longest due first.")
    owned_products: Annotated[list[CardProduct], Field(max_length=MOST)] = Field(
        description="What it bought, the latest first."
    )
