"""The shapes of privacy on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.schemas import ListPage, RecordIds
from services.foundation.queries import Page, Query
from shared.values import Count, Instant, RecordId, Shape, text

Reason = Literal["requested", "consent_withdrawn", "purpose_ended", "unlawful", "other"]
KnownReason = Literal[
    "requested", "consent_withdrawn", "purpose_ended", "unlawful", "other", "retention"
]


class ErasureRequest(Shape):
    """Why a person is erased (Art. 17 GDPR); it must not name the person."""

    reason: Reason = Field(default="requested", description="Why.")
    request_ref: text(200, shortest=1, example="dsr-2026-17") | None = Field(
        default=None, description="Where the request is filed; no name, no address."
    )


Hashes = Annotated[
    list[
        Annotated[
            str, Field(max_length=64, pattern=r"^[0-9a-f]{64}$", examples=["0123456789abcdef" * 4])
        ]
    ],
    Field(max_length=1000),
]


class ErasedCounts(Shape):
    """How many records were emptied."""

    contacts: Count = Field(description="The contact and those merged into it.")
    interactions: Count = Field(description="Texts, recordings and tags of interactions.")
    deals: Count = Field(description="Titles, notes and documents of deals; amounts and days stay.")
    consent_events: Count = Field(
        description="Sources and evidence; the bare events stay as proof."
    )
    imports: Count = Field(
        description="Files and rejected rows of imports that wrote the contact, or whose files named it."
    )


class Erasure(Shape):
    """What is kept of an erasure: that it happened."""

    id: RecordId = Field(description="Made by this service.")
    contact_id: RecordId = Field(description="The id that the contact had.")
    reason: KnownReason = Field(
        description="Why; `retention`: it was in the trash for long enough."
    )
    request_ref: text(200, example="dsr-2026-17") | None = Field(
        description="Where the request is filed."
    )
    counts: ErasedCounts = Field(description="What was emptied.")
    request_id: text(64, example="019abf10-7a5c-7000-8000-000000000000") = Field(
        description="The request that did it."
    )
    erased_at: Instant = Field(description="When what tells who it is was emptied.")
    address_hashes: Hashes | None = Field(
        description="Keyed hashes of the addresses, numbers and references that must not come back; "
        "only for `POST /v1/erasures/replay`. Null for erasures of earlier releases."
    )
    finished_at: Instant | None = Field(
        description="When the last interaction and deal was emptied; null while that goes on."
    )
    scrubbed_at: Instant | None = Field(
        description="When what was deleted was also overwritten in the files; null while that goes on."
    )
    same_address_ids: RecordIds | None = Field(
        default=None,
        description="Other contacts with an address or number of the person; only in the answer to "
        "the request that erased it.",
    )


class ErasurePage(ListPage):
    """A page of erasures, newest first."""

    items: Annotated[list[Erasure], Field(max_length=200)] = Field(
        description="What is on this page."
    )


class ListErasures(Page):
    """Which erasures."""

    contact_id: RecordIds = Field(default=[], description="Of this contact.")


class AskGone(Query):
    """Which contacts are asked about."""

    id: RecordIds = Field(min_length=1, description="Of these contacts.")


class GoneContacts(Shape):
    """Contacts that are gone for good."""

    ids: RecordIds = Field(description="Those that were erased, or that are not known at all.")


class ReplayItem(Shape):
    """An erasure from before, as the list of erasures showed it."""

    contact_id: RecordId = Field(description="The id that the contact had.")
    reason: KnownReason = Field(default="requested", description="Why.")
    request_ref: text(200, shortest=1, example="dsr-2026-17") | None = Field(
        default=None, description="Where the request is filed; no name, no address."
    )
    address_hashes: Hashes = Field(default=[], description="As the list showed them.")


class Replay(Shape):
    """Erasures to be done again."""

    items: Annotated[list[ReplayItem], Field(min_length=1, max_length=100)] = Field(
        description="They are done in this order."
    )


class Replayed(Shape):
    """What became of one of them."""

    contact_id: RecordId = Field(description="The contact.")
    result: Literal["erased", "erased_already", "unknown"] = Field(
        description="Whether there was anything to do."
    )


class ReplayAnswer(Shape):
    """What became of all of them."""

    items: Annotated[list[Replayed], Field(max_length=100)] = Field(
        description="In the same order."
    )


EXAMPLE_REPLAY = {
    "items": [{"contact_id": "01977b3a-5c00-7000-8000-000000000001", "reason": "requested"}]
}
EXAMPLE = {"reason": "requested", "request_ref": "dsr-2026-17"}
