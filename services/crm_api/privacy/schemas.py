"""The shapes of privacy on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.schemas import ListPage, RecordIds
from services.foundation.queries import Page
from shared.values import Count, Instant, RecordId, Shape, text

Reason = Literal["requested", "consent_withdrawn", "purpose_ended", "unlawful", "other"]


class ErasureRequest(Shape):
    """Why a person is erased (Art. 17 GDPR); it must not name the person."""

    reason: Reason = Field(default="requested", description="Why.")
    request_ref: text(200, shortest=1, example="dsr-2026-17") | None = Field(
        default=None, description="Where the request is filed; no name, no address."
    )


class ErasedCounts(Shape):
    """How many records were emptied."""

    contacts: Count = Field(description="The contact and those merged into it.")
    interactions: Count = Field(description="Texts, recordings and tags of interactions.")
    deals: Count = Field(description="Titles, notes and documents of deals; amounts and days stay.")
    consent_events: Count = Field(
        description="Sources and evidence; the bare events stay as proof."
    )
    imports: Count = Field(description="Files and rejected rows of imports that wrote the contact.")


class Erasure(Shape):
    """What is kept of an erasure: that it happened."""

    id: RecordId = Field(description="Made by this service.")
    contact_id: RecordId = Field(description="The id that the contact had.")
    reason: Reason = Field(description="Why.")
    request_ref: text(200, example="dsr-2026-17") | None = Field(
        description="Where the request is filed."
    )
    counts: ErasedCounts = Field(description="What was emptied.")
    request_id: text(64, example="019abf10-7a5c-7000-8000-000000000000") = Field(
        description="The request that did it."
    )
    erased_at: Instant = Field(description="When.")


class ErasurePage(ListPage):
    """A page of erasures, newest first."""

    items: Annotated[list[Erasure], Field(max_length=200)] = Field(
        description="What is on this page."
    )


class ListErasures(Page):
    """Which erasures."""

    contact_id: RecordIds = Field(default=[], description="Of this contact.")


EXAMPLE = {"reason": "requested", "request_ref": "dsr-2026-17"}
