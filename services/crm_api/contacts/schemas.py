"""The shapes of contacts on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.contacts.further import (
    Email,
    OtherAddress,
    OtherEmail,
    OtherPhone,
    StoredEmail,
)
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
    RecordIds,
    StageKey,
    StageKind,
    Tags,
    Texts,
    UserId,
    listed,
    word,
)
from services.crm_api.words import Channel, CommunicationStyle, ConsentChannel, PurchaseMotive
from services.foundation.queries import QueryFlag
from shared.values import (
    CountryCode,
    Day,
    ExternalRef,
    Flag,
    Instant,
    Language,
    Money,
    RecordId,
    Shape,
    text,
)

Kind = Literal["person", "organisation"]
Status = Literal["active", "blocked", "terminated"]
Terminator = Literal["company", "customer", "mutual"]
ContactFlag = Literal["innovation_partner", "reference_customer", "minor"]
Role = Literal["initiator", "decision_maker", "influencer", "buyer", "user", "gatekeeper"]
Protection = Literal["open_dispute", "legal_hold", "hardship", "statutory_supply"]
SupplierLoyalty = Literal["low", "high"]
ConsentPurpose = Literal["marketing", "survey", "profiling", "recording"]
ConsentState = Literal["granted", "pending", "withdrawn", "objected"]


SearchText = text(200, shortest=2, example="Mueller")


class CurrentConsent(Shape):
    """What a contact allows at present; derived from the events of its consents."""

    channel: ConsentChannel = Field(description="Over which channel.")
    purpose: ConsentPurpose = Field(description="What for.")
    state: ConsentState = Field(
        description="Only `granted` allows. `pending`: an e-mail consent that waits for its "
        "confirmation (double opt-in). Of purpose `profiling` any other than `granted`, over any "
        "channel, has no scores made."
    )
    since: Instant = Field(description="Since when.")


class ContactFields(Shape):
    """The fields that people enter."""

    parent_id: RecordId | None = Field(
        default=None, description="The organisation that this person belongs to."
    )
    name: text(200, example="Weber Möbel GmbH") | None = Field(
        default=None, description="Name of the organisation, or full name of the person."
    )
    given_name: text(200, example="Anna") | None = Field(default=None, description="First name.")
    family_name: text(200, example="Weber") | None = Field(default=None, description="Last name.")
    email: Email | None = Field(default=None, description="E-mail address.")
    phone: text(64, example="030 901820") | None = Field(
        default=None, description="Telephone number as it was told."
    )
    job_title: text(200, example="Head of purchasing") | None = Field(
        default=None, description="What the person does there."
    )
    birth_date: Day | None = Field(
        default=None,
        description="Only if the person told it; no score uses it. Not in the future, a day ahead of "
        "UTC allowed.",
    )
    street: text(200, example="Lindenstraße 7") | None = Field(
        default=None, description="Street and number."
    )
    additional: text(200, example="Hinterhaus") | None = Field(
        default=None, description="What else the address needs."
    )
    zip: text(20, example="10969") | None = Field(default=None, description="Postal code.")
    city: text(200, example="Berlin") | None = Field(default=None, description="Town.")
    country_code: CountryCode | None = Field(default=None, description="ISO 3166-1, two letters.")
    language: Language | None = Field(
        default=None, description="Language for texts to the contact."
    )
    status: Status = Field(default="active", description="Whether business is possible.")
    terminated_at: Instant | None = Field(
        default=None,
        description="When the relationship ended: only with the status terminated; a change to "
        "that status sets it. Not more than five minutes in the future.",
    )
    terminated_by: Terminator | None = Field(
        default=None, description="Who ended it; only with the status terminated."
    )
    owner_id: UserId | None = Field(default=None, description="Who looks after the contact.")
    source_campaign_id: CampaignId | None = Field(
        default=None, description="The campaign that brought the contact, by its key."
    )
    acquisition_cost: Money | None = Field(
        default=None, description="What winning the contact cost."
    )
    referred_by_id: RecordId | None = Field(
        default=None, description="The contact that recommended us."
    )
    purchase_motive: PurchaseMotive | None = Field(
        default=None, description="Why it buys from us, as it told; null: not told."
    )
    communication_style: CommunicationStyle | None = Field(
        default=None, description="How much the contact likes to hear and to read."
    )
    preferred_channel: Channel | None = Field(default=None, description="The channel it prefers.")
    previous_supplier_id: CompetitorId | None = Field(
        default=None, description="The competitor that it bought from before, by key."
    )
    supplier_loyalty: SupplierLoyalty | None = Field(
        default=None, description="How attached it is, or was, to that supplier."
    )
    roles: Annotated[list[Role], Field(max_length=6)] = Field(
        default=[], description="Its part in decisions to buy."
    )
    protections: Annotated[list[Protection], Field(max_length=4)] = Field(
        default=[], description="Why the relationship must not be ended at present."
    )
    credit_hold: Flag = Field(default=False, description="Whether it gets nothing on credit.")
    individual_price: Flag = Field(default=False, description="Whether prices are agreed with it.")
    other_emails: Annotated[list[OtherEmail], Field(max_length=20)] = Field(
        default=[], description="Further e-mail addresses."
    )
    other_phones: Annotated[list[OtherPhone], Field(max_length=20)] = Field(
        default=[], description="Further telephone numbers."
    )
    other_addresses: Annotated[list[OtherAddress], Field(max_length=20)] = Field(
        default=[], description="Further postal addresses."
    )
    custom: Custom = Field(
        default={}, description="Values of custom fields, by key; in a change null takes one away."
    )
    profiling_objection_at: Instant | None = Field(
        default=None,
        description="Since when the contact objects to profiling: no scores are made. Not more than "
        "five minutes in the future. So does who said it as a consent event of purpose `profiling`; "
        "either is enough, and each ends by itself: this one by null.",
    )
    next_contact_at: Instant | None = Field(
        default=None,
        description="When to get in touch next. Customers without one are listed by "
        "`GET /v1/contacts?next_contact_at_known=false&deals.stage_kind=won`.",
    )
    flags: Annotated[list[ContactFlag], Field(max_length=10)] = Field(
        default=[], description="Known traits."
    )
    tags: Tags = Field(default=[], description="Free words.")
    external_refs: ExternalRefs = Field(
        default=[], description="How other systems name this record."
    )


class _Placed(Shape):
    parent_ref: ExternalRef | None = Field(
        default=None,
        description="Instead of parent_id: the organisation by its external reference; null takes it "
        "away.",
    )


class _Admitted(Shape):
    allow_duplicate: Flag = Field(
        default=False,
        description="Create it although another contact is all but surely the same: without it such "
        "a contact is refused with 409 and the candidates, and with `contacts:pii` the reasons.",
    )
    allow_suppressed: Flag = Field(
        default=False,
        description="Create it although a person with this address, number or reference was erased: "
        "only if the person asked for it. It is noted in the audit log, and the person may stay.",
    )


class NewContact(ContactFields, _Placed, _Admitted):
    """A contact to create."""

    kind: Kind = Field(description="Person or organisation; it never changes.")


class ContactPatch(Partial, ContactFields, _Placed):
    """The fields to change (merge patch): null clears a field, an absent one stays, lists are replaced."""

    allow_suppressed: Flag = Field(
        default=False,
        description="Set an address, number or reference although its person was erased: only if the "
        "person asked for it.",
    )


class UpsertContact(Partial, ContactFields, _Placed, _Admitted):
    """A contact to create or change: fields that are sent are set, absent ones keep their value."""

    kind: Kind = Field(default="person", description="It never changes.")


class Contact(KeptOfPeople, ContactFields):
    """A person or an organisation."""

    id: RecordId = Field(description="Made by this service.")
    kind: Kind = Field(description="Person or organisation.")
    display_name: text(410, example="Anna Weber") | None = Field(
        description="What to show: name, else given and family name, else e-mail address, "
        "telephone number or reference."
    )
    phone_e164: text(16, example="+4930901820") | None = Field(
        description="The telephone number in international form, if it could be read; a number "
        "without a country's prefix is one of `country_code`, else of Germany. Words beside it and an "
        "extension are left out."
    )
    email: StoredEmail | None = Field(description="E-mail address.")
    consents: Annotated[list[CurrentConsent], Field(max_length=50)] = Field(
        description="What it allows at present, by channel and purpose."
    )
    merged_into_id: RecordId | None = Field(
        description="The contact that this one was merged into; null for live ones."
    )
    erased_at: Instant | None = Field(description="When its personal data was erased.")


ListedContact = listed(Contact, parent=(Contact, "Its organisation; only with `embed=parent`."))


class ContactPage(ListPage):
    """A page of contacts."""

    items: Annotated[list[ListedContact], Field(max_length=200)] = Field(
        description="What is on this page."
    )


class ContactFilters(Filters):
    """Filters of contacts; custom fields are filtered by `custom.<key>`."""

    more_prefix = "custom."
    segment_id: RecordId | None = Field(
        default=None, description="Only the members of this segment."
    )

    kind: Annotated[list[Kind], Field(max_length=2)] = Field(
        default=[], description="Of this kind."
    )
    status: Annotated[list[Status], Field(max_length=3)] = Field(
        default=[], description="In this status."
    )
    parent_id: RecordIds = Field(default=[], description="Persons of this organisation.")
    owner_id: Texts = Field(default=[], description="Looked after by this user.")
    email: Texts = Field(
        default=[], description="With exactly this e-mail address. Needs `contacts:pii`."
    )
    language: Annotated[list[Language], Field(max_length=2)] = Field(
        default=[], description="With this language."
    )
    country_code: Annotated[list[CountryCode], Field(max_length=50)] = Field(
        default=[], description="In this country."
    )
    referred_by_id: RecordIds = Field(default=[], description="Recommended by this contact.")
    source_campaign_id: Texts = Field(default=[], description="Brought by this campaign.")
    city: Texts = Field(default=[], description="In this town, spelled so. Needs `contacts:pii`.")
    zip: Texts = Field(default=[], description="With this postal code. Needs `contacts:pii`.")
    phone_e164: Texts = Field(
        default=[],
        description="With this telephone number in international form. Needs `contacts:pii`.",
    )
    role: Annotated[list[Role], Field(max_length=6)] = Field(
        default=[], description="With this part in decisions."
    )
    protection: Annotated[list[Protection], Field(max_length=4)] = Field(
        default=[], description="With this protection."
    )
    credit_hold: QueryFlag | None = Field(default=None, description="Gets no credit, or does.")
    next_contact_at_gte: Instant | None = Field(
        default=None, description="To be contacted at or after."
    )
    next_contact_at_lt: Instant | None = Field(default=None, description="To be contacted before.")
    next_contact_at_known: QueryFlag | None = Field(
        default=None, description="With a date to be contacted next, or without."
    )
    owner_id_known: QueryFlag | None = Field(
        default=None, description="With somebody who looks after it, or without."
    )
    individual_price: QueryFlag | None = Field(
        default=None, description="With agreed prices, or without."
    )
    purchase_motive: Annotated[list[PurchaseMotive], Field(max_length=10)] = Field(
        default=[], description="With this declared motive."
    )
    preferred_channel: Annotated[list[Channel], Field(max_length=17)] = Field(
        default=[], description="Preferring this channel."
    )
    communication_style: Annotated[list[CommunicationStyle], Field(max_length=3)] = Field(
        default=[], description="With this style."
    )
    previous_supplier_id: Texts = Field(default=[], description="Won from this competitor.")
    profiling_objection_at_known: QueryFlag | None = Field(
        default=None,
        description="With `profiling_objection_at`, or without. Objections that were recorded as events "
        "of consents stand in `consents`.",
    )
    deals__stage: Annotated[list[StageKey], Field(max_length=50)] = Field(
        default=[], alias="deals.stage", description="With a deal in this stage."
    )
    deals__stage_kind: Annotated[list[StageKind], Field(max_length=3)] = Field(
        default=[], alias="deals.stage_kind", description="With a deal that is open, won or lost."
    )
    deals__pipeline_id: Texts = Field(
        default=[], alias="deals.pipeline_id", description="With a deal in this pipeline."
    )
    deals__owner_id: Texts = Field(
        default=[], alias="deals.owner_id", description="With a deal looked after by this user."
    )
    deals__campaign_id: Texts = Field(
        default=[], alias="deals.campaign_id", description="With a deal of this campaign."
    )
    deals__closed_at_gte: Instant | None = Field(
        default=None, alias="deals.closed_at_gte", description="With a deal closed at or after."
    )
    deals__closed_at_lt: Instant | None = Field(
        default=None,
        alias="deals.closed_at_lt",
        description="With a deal closed before. All conditions on deals are of the same deal.",
    )
    interactions__kind: Annotated[list[word(example="complaint")], Field(max_length=20)] = Field(
        default=[], alias="interactions.kind", description="With an interaction of this kind."
    )
    interactions__status: Annotated[list[word(example="open")], Field(max_length=5)] = Field(
        default=[],
        alias="interactions.status",
        description="With a complaint or service request in this state.",
    )
    interactions__channel: Annotated[list[Channel], Field(max_length=17)] = Field(
        default=[],
        alias="interactions.channel",
        description="With an interaction over this channel.",
    )
    interactions__occurred_at_gte: Instant | None = Field(
        default=None,
        alias="interactions.occurred_at_gte",
        description="With an interaction at or after.",
    )
    interactions__occurred_at_lt: Instant | None = Field(
        default=None,
        alias="interactions.occurred_at_lt",
        description="With an interaction before. All conditions on interactions are of the same one.",
    )
    tag: Texts = Field(default=[], description="Carrying this tag.")
    flag: Annotated[list[ContactFlag], Field(max_length=10)] = Field(
        default=[], description="Carrying this flag."
    )


class ListContacts(ContactFilters, ListQuery):
    """Filters and order of the list of contacts; custom fields are filtered by `custom.<key>`."""

    q: SearchText | None = Field(
        default=None,
        description="Search in names, e-mail addresses, telephone numbers and towns: all words must "
        "be found, umlauts may be written out, small mistakes are forgiven. The best matches come "
        "first, at most one page of them. In an address umlauts are percent-encoded (`M%C3%BCller`); curl "
        "does it with `--get --data-urlencode q=Müller`. Needs `contacts:pii`.",
    )
    embed: Annotated[list[Literal["parent"]], Field(max_length=1)] = Field(
        default=[], description="Put the organisation of each person into the item, as `parent`."
    )
    sort: Literal[
        "created_at",
        "-created_at",
        "updated_at",
        "-updated_at",
        "display_name",
        "-display_name",
        "next_contact_at",
        "-next_contact_at",
    ] = Field(
        default="-created_at",
        description="Order; a minus means descending. By `display_name` it needs `contacts:pii`.",
    )


class AggregateContacts(ContactFilters, AggregateQuery):
    """Filters and groups of contacts."""


EXAMPLE = {
    "kind": "person",
    "given_name": "Anna",
    "family_name": "Weber",
    "email": "anna.weber@example.org",
    "phone": "030 901820",
    "zip": "10969",
    "city": "Berlin",
    "country_code": "DE",
    "language": "de",
    "tags": ["vip"],
    "external_refs": [{"source": "shop", "id": "C-1001"}],
}
EXAMPLE_PATCH = {"city": "Hamburg", "phone": None}
