"""The shapes of webhooks and of the log of their deliveries."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.changes.schemas import EventSubject
from services.crm_api.schemas import ListPage, Partial, absent
from services.crm_api.segments.schemas import FilterName, FilterValues, ShownFilter
from services.foundation.queries import Page
from shared.values import Count, Flag, Instant, RecordId, Shape, Version, text, whole, word

RESOURCES = (
    *("campaign", "campaign_member", "competitor", "competitor_activity", "contact"),
    *("custom_field", "deal", "interaction", "pipeline", "product", "segment", "swot_item"),
)
"""What there are events of; a test compares it with the resources that there are."""
LONGEST_GRACE_SECONDS = 7 * 24 * 3600
MOST_REDELIVERED = 10_000

_ANY = "|".join(RESOURCES)
EventType = Annotated[
    str,
    Field(
        max_length=64,
        pattern=rf"^crm\.(({_ANY})\.(\*|(created|updated|deleted|restored)\.v1)"
        r"|contact\.(merged|unmerged|erased)\.v1)$",
        examples=["crm.contact.created.v1"],
    ),
]
ToldType = text(64, example="crm.contact.created.v1")
EventTypes = Annotated[
    list[EventType],
    Field(
        min_length=1, max_length=100, examples=[["crm.contact.created.v1", "crm.deal.updated.v1"]]
    ),
]
_URL_CHARACTERS = r"([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*"
Target = Annotated[
    str,
    Field(
        max_length=2000,
        # RFC 3986; users and fragments are refused later, with a reason.
        pattern=rf"^https?://([A-Za-z0-9._~:-]*@)?(\[[0-9A-Fa-f:.]{{2,45}}\]|[A-Za-z0-9._-]{{1,253}})"
        rf"(:[0-9]{{1,5}})?(/{_URL_CHARACTERS})?(\?{_URL_CHARACTERS})?(#{_URL_CHARACTERS})?$",
        examples=["https://hooks.example.org/phasewise"],
        json_schema_extra={"format": "uri"},
    ),
]
Purpose = text(1000, lines=True, example="Tells the shop of new customers.")
FieldsOfInterest = Annotated[
    list[word(example="stage")],  # type: ignore[misc]
    Field(max_length=50, examples=[["stage", "amount"]]),
]
KeyId = Annotated[str, Field(max_length=8, pattern=r"^[A-Za-z0-9~_-]{1,8}$", examples=["q7Rk2mZx"])]
SkippedKeys = Annotated[list[KeyId], Field(max_length=20, examples=[["q7Rk2mZx"]])]
Saved = Annotated[
    dict[FilterName, FilterValues], Field(max_length=50, examples=[{"stage_kind": ["won"]}])
]
PauseReason = Literal["requested", "failing", "gone", "filter_invalid", "key_revoked"]
DeliveryStatus = Literal["pending", "delivered", "failed"]
DeliveryError = Literal[
    "name_not_resolved",
    "address_not_allowed",
    "connection_failed",
    "tls_failed",
    "timed_out",
    "answer_broken",
    "redirected",
    "error_status",
]


class RecordFilters(Shape):
    """For each kind of record, parameters of its list with their values; several values mean any of them."""

    contacts: Saved = Field(default={}, description="Parameters of `GET /v1/contacts`.")
    interactions: Saved = Field(default={}, description="Parameters of `GET /v1/interactions`.")
    deals: Saved = Field(default={}, description="Parameters of `GET /v1/deals`.")


class WebhookFields(Shape):
    """What people choose."""

    url: Target = Field(
        description="Where events are sent by POST: https, port 443 or 8443, a public address, no "
        "user or password in it. It is checked now and again at every attempt."
    )
    description: Purpose | None = Field(default=None, description="What it is for.")
    event_types: EventTypes = Field(
        description="Which events, by the types of `GET /v1/changes`; `crm.contact.*` means all of "
        "contacts. Your key needs the read scope of each."
    )
    changed: FieldsOfInterest = Field(
        default=[],
        description="Of updates, only those that change one of these fields, by the names that the "
        "records of the events have; empty: all. Other events do not look at it.",
    )
    filters: RecordFilters = Field(
        default=RecordFilters(),
        description="Only events of records that fit. The record is looked at as it is when the event "
        "is taken from the feed, about a second after the write; erasures always fit.",
    )
    skip_own: Flag = Field(
        default=False,
        description="Leave out what was written with the key that made this webhook: no echo.",
    )
    skip_keys: SkippedKeys = Field(
        default=[], description="Leave out what was written with one of these keys."
    )
    is_active: Flag = Field(
        default=True,
        description="False pauses: nothing is sent, and nothing is lost. True again sends what waits, "
        "as far as it is younger than 30 days.",
    )


class NewWebhook(WebhookFields):
    """A webhook to be made."""


class WebhookPatch(Partial, WebhookFields):
    """What is to be different of a webhook (JSON merge patch); `filters` is replaced whole."""

    url: Target = absent(WebhookFields.model_fields["url"])  # type: ignore[assignment]
    event_types: EventTypes = absent(WebhookFields.model_fields["event_types"])  # type: ignore[assignment]


class ShownFilters(Shape):
    """For each kind of record, parameters of its list with their values."""

    contacts: ShownFilter = Field(description="Parameters of `GET /v1/contacts`.")
    interactions: ShownFilter = Field(description="Parameters of `GET /v1/interactions`.")
    deals: ShownFilter = Field(description="Parameters of `GET /v1/deals`.")


class Webhook(WebhookFields):
    """A webhook without its secret."""

    filters: ShownFilters = Field(  # type: ignore[assignment]
        description="Only events of records that fit. Without the pii scope of the records, parameters "
        "of personal fields have no values."
    )

    id: RecordId = Field(description="Made by this service.")
    paused_at: Instant | None = Field(description="Since when nothing is sent; null while active.")
    pause_reason: PauseReason | None = Field(
        description="`requested`: by somebody; `failing`: for 72 hours no attempt succeeded; `gone`: the "
        "target answered 410; `filter_invalid`: a filter names what is not there any more, what the key "
        "in `granted_by` may not see, or somebody who was erased; `key_revoked`: that key was revoked, has "
        "expired, or may not read these events any more. Whoever may read them resumes it with `is_active` "
        "true."
    )
    failing_since: Instant | None = Field(
        description="The first failure since the last success; null while all is well."
    )
    previous_secret_until: Instant | None = Field(
        description="Until when the secret from before a rotation signs as well; null if none does."
    )
    key_id: KeyId = Field(description="The key that made it; the one that `skip_own` means.")
    granted_by: KeyId = Field(
        description="The key that made it or last changed it: it tells and looks at only what that key "
        "may read at the moment, and is paused when that key is revoked."
    )
    version: Version = Field(description="Grows by one with every change; the ETag holds it.")
    created_at: Instant = Field(description="When it was made.")
    updated_at: Instant = Field(description="When it was last changed.")


class MadeWebhook(Webhook):
    """A webhook with its secret, shown this once."""

    secret: (
        Annotated[
            str,
            Field(
                max_length=100,
                pattern=r"^whsec_[A-Za-z0-9+/]{43}=$",
                examples=["whsec_" + "A" * 43 + "="],
            ),
        ]
        | None
    ) = Field(
        description="What signatures are checked with. Shown this once; null if the request came again "
        "with the same Idempotency-Key: then rotate the secret."
    )


class WebhookPage(ListPage):
    """A page of webhooks, the newest first."""

    items: Annotated[list[Webhook], Field(max_length=200)] = Field(
        description="What is on this page."
    )


class ListWebhooks(Page):
    """How the list of webhooks is paged."""


class SecretRotation(Shape):
    """How a webhook gets a new secret."""

    grace_seconds: whole(0, LONGEST_GRACE_SECONDS, example=86400) = Field(
        description="For so long the secret from before signs as well; 0 ends it at once."
    )


class Attempt(Shape):
    """One attempt to deliver; nothing of the answer's body is kept."""

    at: Instant = Field(description="When it began.")
    status_code: whole(100, 999, example=204) | None = Field(
        description="What the target answered; null if nothing came."
    )
    duration_ms: whole(0, 2**31 - 1, example=84) = Field(
        description="How long it took, in milliseconds."
    )
    error: DeliveryError | None = Field(description="Why it failed; null if it did not.")


class Delivery(Shape):
    """An event on its way to a webhook."""

    id: RecordId = Field(description="The `webhook-id` of every attempt.")
    webhook_id: RecordId = Field(description="Where to.")
    event_id: text(64, example="812.4711") = Field(description="The event's id in the feed.")
    event_type: ToldType = Field(description="What happened.")
    subject: EventSubject = Field(description="The record: its path under /v1.")
    status: DeliveryStatus = Field(
        description="`pending` until an attempt succeeds; `failed` after the tenth failed."
    )
    attempt_count: Count = Field(description="Attempts so far, or since it was redelivered.")
    attempts: Annotated[list[Attempt], Field(max_length=20)] = Field(
        description="The last attempts, the newest last."
    )
    next_attempt_at: Instant | None = Field(
        description="When the next attempt is due; null if none is."
    )
    created_at: Instant = Field(description="When the event was taken from the feed.")
    finished_at: Instant | None = Field(description="When it was delivered or given up.")


class DeliveryPage(ListPage):
    """A page of deliveries, the newest first."""

    items: Annotated[list[Delivery], Field(max_length=200)] = Field(
        description="What is on this page."
    )


class ListDeliveries(Page):
    """Which deliveries; they are kept for 30 days."""

    status: Annotated[list[DeliveryStatus], Field(max_length=3)] = Field(
        default=[], description="In this status."
    )
    event_type: Annotated[list[ToldType], Field(max_length=50)] = Field(
        default=[], description="Of this type."
    )
    created_at_gte: Instant | None = Field(default=None, description="Taken up at or after.")
    created_at_lt: Instant | None = Field(default=None, description="Taken up before.")


class Redelivery(Shape):
    """Which deliveries are to be sent again."""

    since: Instant = Field(description="Those of events that were taken up at or after this.")


class Redelivered(Shape):
    """What a redelivery set going."""

    redelivered_count: whole(0, MOST_REDELIVERED, example=12) = Field(
        description="How many are sent again."
    )
    has_more: Flag = Field(description="Whether there are more: then ask again.")


class TestResult(Shape):
    """How the test event fared."""

    is_delivered: Flag = Field(description="Whether the target took it.")
    attempt: Attempt = Field(description="The one attempt.")


EXAMPLE = {
    "url": "https://hooks.example.org/phasewise",
    "description": "Tells the shop of new customers and of deals that are won.",
    "event_types": ["crm.contact.created.v1", "crm.deal.updated.v1"],
    "changed": ["stage"],
    "filters": {"deals": {"stage_kind": ["won"]}},
    "skip_own": True,
}
EXAMPLE_PATCH = {"event_types": ["crm.contact.*", "crm.deal.*"], "changed": []}
