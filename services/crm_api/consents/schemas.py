"""The shapes of consents on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.contacts.schemas import ConsentPurpose, CurrentConsent
from services.crm_api.schemas import ListPage
from services.crm_api.words import ConsentChannel
from services.foundation.queries import Page
from shared.values import Instant, RecordId, Shape, text

Action = Literal["granted", "confirmed", "withdrawn", "objected"]
Basis = Literal["consent", "existing_customer", "legitimate_interest", "presumed_b2b"]


class NewConsentEvent(Shape):
    """Something that a contact said about being contacted."""

    channel: ConsentChannel = Field(description="Over which channel.")
    purpose: ConsentPurpose = Field(
        default="marketing",
        description="What for. Who objects to or withdraws `profiling`, over any channel, has no scores made, "
        "as with `profiling_objection_at`; `granted` over the same channel ends that. Who refuses `marketing` "
        "over a channel is not surveyed over it either, unless `survey` is granted after that.",
    )
    action: Action = Field(
        description="What happened. A consent to e-mail counts once it was confirmed (double opt-in)."
    )
    basis: Basis = Field(
        default="consent",
        description="What a permission rests on. For an e-mail of marketing or a survey: `consent`, or "
        "`existing_customer` (§ 7 UWG).",
    )
    occurred_at: Instant | None = Field(
        default=None, description="When; absent: now. Not more than five minutes in the future."
    )
    text_version: text(100, shortest=1, example="newsletter-2026-01") | None = Field(
        default=None, description="Which text the contact agreed to."
    )
    source: text(200, shortest=1, example="checkout form") | None = Field(
        default=None, description="Where it was said."
    )
    evidence_ref: text(500, shortest=1, example="dms:4711") | None = Field(
        default=None, description="Where the proof is kept."
    )


class ConsentEvent(NewConsentEvent):
    """An event of a contact's consents."""

    id: RecordId = Field(description="Made by this service.")
    contact_id: RecordId = Field(description="The contact.")
    occurred_at: Instant = Field(description="When.")
    created_at: Instant = Field(description="When it was entered here.")


class RecordedConsent(Shape):
    """What was recorded, and what the contact allows now."""

    event: ConsentEvent = Field(description="The event.")
    consents: Annotated[list[CurrentConsent], Field(max_length=50)] = Field(
        description="What the contact allows now, by channel and purpose."
    )


class ConsentEventPage(ListPage):
    """A page of consent events, newest first."""

    items: Annotated[list[ConsentEvent], Field(max_length=200)] = Field(
        description="What is on this page."
    )


class ListConsentEvents(Page):
    """Which of the events."""

    channel: Annotated[list[ConsentChannel], Field(max_length=10)] = Field(
        default=[], description="Of this channel."
    )
    purpose: Annotated[list[ConsentPurpose], Field(max_length=4)] = Field(
        default=[], description="For this purpose."
    )


EXAMPLE = {
    "channel": "email",
    "purpose": "marketing",
    "action": "granted",
    "text_version": "newsletter-2026-01",
    "source": "checkout form",
}
