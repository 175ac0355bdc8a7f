"""The shapes of interactions on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.contacts.schemas import Contact
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
    ProductId,
    RecordIds,
    Tags,
    Texts,
    UserId,
    listed,
    word,
)
from services.crm_api.words import Channel, Dimension, LostReason, Touchpoint
from services.foundation.queries import QueryFlag
from shared.values import (
    ExternalRef,
    Flag,
    Instant,
    Money,
    Percentage,
    RecordId,
    Shape,
    number,
    text,
    whole,
)

Kind = Literal[
    "call",
    "email",
    "message",
    "chat",
    "meeting",
    "visit",
    "social",
    "note",
    "complaint",
    "service_request",
    "survey_invitation",
    "survey_response",
    "campaign_touch",
    "offer",
    "quote_request",
    "idea",
    "referral",
    "cancellation",
    "payment_reminder",
    "life_event",
]
Direction = Literal["inbound", "outbound", "internal"]
CaseStatus = Literal["open", "acknowledged", "resolved", "rejected", "reopened"]
Outcome = Literal[
    "sent", "delivered", "clicked", "replied", "accepted", "declined", "unsubscribed", "bounced"
]
Resolution = Literal["fixed", "compensated", "explained", "rejected", "withdrawn"]
Score = number(0, 10, example=8)


class Rating(Shape):
    """One dimension of a survey: what was perceived and what had been expected."""

    dimension: Dimension = Field(description="An id of the catalogue's satisfaction_dimensions.")
    perception: Score = Field(description="0 is worst, 10 is best.")
    expectation: Score | None = Field(default=None, description="Null if it was not asked.")


class CaseEntry(Shape):
    """When a complaint or a service request came into a state."""

    status: CaseStatus = Field(description="The state.")
    at: Instant = Field(description="When.")


class InteractionFields(Shape):
    """The fields that people enter."""

    deal_id: RecordId | None = Field(default=None, description="The deal it was about.")
    parent_id: RecordId | None = Field(default=None, description="The interaction it answers.")
    channel: Channel | None = Field(default=None, description="Over which channel.")
    touchpoint: Touchpoint | None = Field(
        default=None, description="Where the customer met us: front office or back office."
    )
    direction: Direction | None = Field(default=None, description="Who turned to whom.")
    user_id: UserId | None = Field(default=None, description="Who of us took part.")
    campaign_id: CampaignId | None = Field(
        default=None,
        description="The campaign it belongs to, by its key; campaign members name it by its id.",
    )
    subject: text(500, example="Delivery date of the table") | None = Field(
        default=None, description="What it was about."
    )
    body: text(20000, lines=True, example="Asked for delivery before Christmas.") | None = Field(
        default=None, description="What was said."
    )
    sentiment: number(-1, 1, example=0.4) | None = Field(
        default=None,
        description="Of a talk, a note or a complaint: mood from -1 (very bad) to 1 (very good).",
    )
    sentiment_source: Literal["agent", "customer", "model"] | None = Field(
        default=None, description="Who judged the mood."
    )
    product_id: ProductId | None = Field(
        default=None,
        description="The product it was about, by key; the id of a known one becomes its key.",
    )
    treatment_id: text(64, shortest=1, example="t-7") | None = Field(
        default=None, description="The recommendation that led to it."
    )
    recording_ref: text(500, shortest=1, example="rec:4711") | None = Field(
        default=None,
        description="Where its recording is; only if the contact consents to recordings over this "
        "channel (purpose `recording` of its consents).",
    )
    due_at: Instant | None = Field(
        default=None,
        description="When it is to be done: it is planned until `done_at` says it was done. Only what we "
        "do ourselves can be planned: a talk, a note, a survey invitation, a campaign touch, an offer or "
        "a payment reminder.",
    )
    done_at: Instant | None = Field(
        default=None,
        description="Of a planned one: when it was done; not more than five minutes in the future. "
        "`occurred_at` follows from it, and is left out or the same.",
    )
    status: CaseStatus | None = Field(
        default=None,
        description="Of a complaint or a service request; absent: open, or resolved if it has "
        "`resolved_at`. open, acknowledged and reopened may become acknowledged, resolved or "
        "rejected; resolved and rejected may become reopened.",
    )
    severity: whole(1, 3, example=2) | None = Field(
        default=None, description="Of a complaint: 1 small, 3 grave."
    )
    resolved_at: Instant | None = Field(
        default=None,
        description="When a complaint or service request was resolved or rejected; not before "
        "`occurred_at`.",
    )
    resolution: Resolution | None = Field(
        default=None,
        description="How a complaint or a service request was settled; `rejected` goes with the "
        "status of that name.",
    )
    justified: Flag | None = Field(default=None, description="Whether a complaint was justified.")
    ratings: Annotated[list[Rating], Field(max_length=20)] = Field(
        default=[], description="Answers of a survey."
    )
    nps: whole(0, 10, example=9) | None = Field(
        default=None, description="Would recommend us: 0 never, 10 certainly."
    )
    reason: text(2000, lines=True, example="Fast delivery.") | None = Field(
        default=None, description="Of a survey answer: why, in the customer's words."
    )
    outcome: Outcome | None = Field(
        default=None,
        description="Of a campaign touch, an offer or a survey invitation. Opening an e-mail is none: "
        "mail programs open by themselves.",
    )
    discount_pct: Percentage | None = Field(
        default=None, description="Of an offer: discount in percent."
    )
    price: Money | None = Field(default=None, description="Of an offer: the price offered.")
    valid_until: Instant | None = Field(
        default=None,
        description="Of an offer: until when; absent: until it is answered. To withdraw an offer, "
        "set it to now.",
    )
    despite_open_complaint: Flag = Field(
        default=False,
        description="Of a payment reminder: confirms that it goes out although the customer has an "
        "open complaint; without it such a reminder is refused with 409.",
    )
    decline_reason: LostReason | None = Field(
        default=None,
        description="Of a campaign touch or an offer with the outcome declined: why; the reasons of "
        "lost deals.",
    )
    competitor_id: CompetitorId | None = Field(
        default=None,
        description="Of a campaign touch, an offer or a cancellation: the competitor that was chosen "
        "instead, by key.",
    )
    effective_at: Instant | None = Field(
        default=None, description="Of a cancellation: when it takes effect (may lie ahead)."
    )
    event_type: word(example="move") | None = Field(
        default=None,
        description="Of a life event: which, only as the customer told us, for instance birth, move, "
        "household_growth, retirement or site_opening.",
    )
    cost: Money | None = Field(default=None, description="What it cost us; null means the default.")
    is_public: Flag = Field(default=False, description="Whether others could read it.")
    custom: Custom = Field(
        default={}, description="Values of custom fields, by key; in a change null takes one away."
    )
    tags: Tags = Field(
        default=[],
        description="Free words; five have meaning for analytics: `need:` with a word for what is needed, "
        "`leave_intent`; `marketing` and `survey` on a talk or message of ours that advertises or asks for "
        "an opinion; and `privacy_request` on a service request by which a person asks for access, "
        "correction, erasure or transfer of its data.",
    )
    external_refs: ExternalRefs = Field(
        default=[], description="How other systems name this record."
    )


class _Placed(Shape):
    contact_id: RecordId | None = Field(default=None, description="The contact it was with.")
    contact_ref: ExternalRef | None = Field(
        default=None, description="Instead of contact_id: the contact by its external reference."
    )


class NewInteraction(InteractionFields, _Placed):
    """An interaction to create; it names its contact by `contact_id` or by `contact_ref`."""

    kind: Kind = Field(description="What it was; it never changes.")
    occurred_at: Instant | None = Field(
        default=None,
        description="When it happened; not more than five minutes in the future. A planned one "
        "(`due_at`) has none.",
    )


class InteractionPatch(Partial, InteractionFields):
    """The fields to change (merge patch): null clears a field, an absent one stays, lists are replaced."""

    occurred_at: Instant = Field(default=None, description="When it happened.")  # type: ignore[assignment]


class UpsertInteraction(Partial, InteractionFields, _Placed):
    """An interaction to create or change: fields that are sent are set, absent ones keep their value."""

    kind: Kind = Field(default="note", description="It never changes.")
    occurred_at: Instant | None = Field(
        default=None,
        description="When it happened; not more than five minutes in the future. A planned one "
        "(`due_at`) has none.",
    )


class Interaction(KeptOfPeople, InteractionFields):
    """Something that happened between a customer and us."""

    id: RecordId = Field(description="Made by this service.")
    contact_id: RecordId = Field(description="The contact it was with.")
    kind: Kind = Field(description="What it was.")
    occurred_at: Instant = Field(description="When it happened; of a planned one: when it is due.")
    is_planned: bool = Field(description="Whether it is still to be done: a task.")
    status_history: Annotated[list[CaseEntry], Field(max_length=200)] = Field(
        description="When a complaint or service request came into which state, in order."
    )


ListedInteraction = listed(
    Interaction, contact=(Contact, "The contact it was with; only with `embed=contact`.")
)


class InteractionPage(ListPage):
    """A page of interactions."""

    items: Annotated[list[ListedInteraction], Field(max_length=200)] = Field(
        description="What is on this page."
    )


class InteractionFilters(Filters):
    """Filters of interactions; custom fields are filtered by `custom.<key>`."""

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

    contact_id: RecordIds = Field(default=[], description="With this contact.")
    deal_id: RecordIds = Field(default=[], description="About this deal.")
    kind: Annotated[list[Kind], Field(max_length=20)] = Field(
        default=[], description="Of this kind."
    )
    channel: Annotated[list[Channel], Field(max_length=17)] = Field(
        default=[], description="Over this channel."
    )
    touchpoint: Annotated[list[Touchpoint], Field(max_length=12)] = Field(
        default=[], description="At this touchpoint."
    )
    parent_id: RecordIds = Field(default=[], description="Answering this interaction.")
    competitor_id: Texts = Field(default=[], description="Naming this competitor.")
    decline_reason: Annotated[list[LostReason], Field(max_length=8)] = Field(
        default=[], description="Declined for this reason."
    )
    resolution: Annotated[list[Resolution], Field(max_length=5)] = Field(
        default=[], description="Cases that were settled like this."
    )
    justified: QueryFlag | None = Field(
        default=None, description="Complaints that were found to be justified, or not to be."
    )
    justified_known: QueryFlag | None = Field(
        default=None, description="Complaints that are decided, or are not."
    )
    event_type: Texts = Field(default=[], description="Life events of this type.")
    is_public: QueryFlag | None = Field(default=None, description="Read by others, or not.")
    resolved_at_gte: Instant | None = Field(default=None, description="Settled at or after.")
    resolved_at_lt: Instant | None = Field(default=None, description="Settled before.")
    valid_until_gte: Instant | None = Field(
        default=None, description="Offers that end at or after."
    )
    valid_until_lt: Instant | None = Field(default=None, description="Offers that end before.")
    campaign_id: Texts = Field(default=[], description="Of this campaign, by key.")
    user_id: Texts = Field(default=[], description="In which this user took part.")
    product_id: Texts = Field(default=[], description="About this product.")
    direction: Annotated[list[Direction], Field(max_length=3)] = Field(
        default=[], description="In this direction."
    )
    status: Annotated[list[CaseStatus], Field(max_length=5)] = Field(
        default=[], description="Complaints and service requests in this state."
    )
    severity: Annotated[list[Literal["1", "2", "3"]], Field(max_length=3)] = Field(
        default=[], description="Complaints of this severity."
    )
    outcome: Annotated[list[Outcome], Field(max_length=8)] = Field(
        default=[], description="With this outcome."
    )
    is_planned: QueryFlag | None = Field(
        default=None, description="Only tasks still to be done, or only what happened."
    )
    due_at_gte: Instant | None = Field(default=None, description="Due at or after.")
    due_at_lt: Instant | None = Field(default=None, description="Due before.")
    tag: Texts = Field(default=[], description="Carrying this tag.")
    occurred_at_gte: Instant | None = Field(default=None, description="At or after.")
    occurred_at_lt: Instant | None = Field(default=None, description="Before.")


class ListInteractions(InteractionFilters, ListQuery):
    """Filters and order of the list of interactions; custom fields are filtered by `custom.<key>`."""

    embed: Annotated[list[Literal["contact"]], Field(max_length=1)] = Field(
        default=[], description="Put the contact of each interaction into the item, as `contact`."
    )
    sort: Literal[
        "occurred_at",
        "-occurred_at",
        "due_at",
        "-due_at",
        "valid_until",
        "-valid_until",
        "created_at",
        "-created_at",
        "updated_at",
        "-updated_at",
    ] = Field(default="-occurred_at", description="Order; a minus means descending.")


class AggregateInteractions(InteractionFilters, AggregateQuery):
    """Filters and groups of interactions."""


EXAMPLE = {
    "contact_ref": {"source": "shop", "id": "C-1001"},
    "kind": "complaint",
    "channel": "phone",
    "direction": "inbound",
    "occurred_at": "2026-03-02T09:30:00Z",
    "subject": "Delivery date of the table",
    "sentiment": -0.4,
    "severity": 2,
    "external_refs": [{"source": "helpdesk", "id": "T-5001"}],
}
EXAMPLE_PATCH = {"resolved_at": "2026-03-03T15:00:00Z", "resolution": "fixed"}
