"""The shapes of the timeline."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.consents.schemas import ConsentEvent
from services.crm_api.interactions.schemas import Interaction
from services.crm_api.schemas import ListPage, StageKey, StageKind
from services.foundation.queries import Page
from shared.values import Instant, RecordId, Shape, Version, text

Type = Literal["interaction", "deal_move", "consent", "change"]


class DealMove(Shape):
    """A deal came into a stage."""

    deal_id: RecordId = Field(description="The deal.")
    title: text(500, example="Dining room") | None = Field(description="What it is about.")
    stage: StageKey = Field(description="The stage.")
    kind: StageKind = Field(description="Whether the deal was open, won or lost then.")


class ContactChange(Shape):
    """The contact's own record was written."""

    action: text(16, example="updated") = Field(description="What was done.")
    version: Version = Field(description="The version after it.")
    changed: Annotated[list[text(64, example="email")], Field(max_length=100)] = Field(
        description="Names of the fields that changed."
    )
    request_id: text(64, example="019abf10-7a5c-7000-8000-000000000000") = Field(
        description="The request that did it."
    )
    key_id: text(8, example="q7Rk2mZx") = Field(
        description="Who did it: a key, or with `~` the user of a token."
    )


class TimelineItem(Shape):
    """One thing that happened; exactly one of the four parts is filled, the one that `type` names."""

    type: Type = Field(description="Which part is filled.")
    id: text(100, example="01977b3a-5c00-7000-8000-000000000001") = Field(
        description="Unique in the stream."
    )
    at: Instant = Field(description="When it happened.")
    contact_id: RecordId = Field(description="With whom: the contact, or a person of it.")
    interaction: Interaction | None = Field(default=None, description="An interaction.")
    deal_move: DealMove | None = Field(default=None, description="A move of a deal.")
    consent: ConsentEvent | None = Field(default=None, description="An event of a consent.")
    change: ContactChange | None = Field(default=None, description="A change of the contact.")


class TimelinePage(ListPage):
    """A page of the timeline, newest first."""

    items: Annotated[list[TimelineItem], Field(max_length=200)] = Field(
        description="What is on this page."
    )


class ReadTimeline(Page):
    """Which part of the timeline."""

    type: Annotated[list[Type], Field(max_length=4)] = Field(
        default=[], description="Only items of this type; absent: all."
    )
