"""The shapes of the change feed: CloudEvents 1.0 without personal data."""

from typing import Annotated, Literal

from pydantic import Field

from services.foundation.queries import CursorText, Query, query_integer
from shared.values import Flag, Instant, Shape, Version, text

LONGEST = 1000
EventSubject = Annotated[
    str,
    Field(
        max_length=64,
        pattern=r"^[a-z-]{1,32}/[0-9a-f-]{36}$",
        examples=["contacts/01977b3a-5c00-7000-8000-000000000001"],
    ),
]


class ChangeData(Shape):
    """What is told of a change: no values, only which fields."""

    version: Version = Field(
        description="The record's version after the change. Between records the order is that of "
        "transactions; of one record the higher version is the later."
    )
    changed: Annotated[list[text(64, example="email")], Field(max_length=100)] = Field(
        description="Names of the fields that changed."
    )
    request_id: text(64, example="019abf10-7a5c-7000-8000-000000000000") = Field(
        description="The request that did it."
    )


class Change(Shape):
    """One change (CloudEvents 1.0)."""

    specversion: Literal["1.0"] = Field(description="Of CloudEvents.")
    id: text(64, example="812.4711") = Field(description="Unique and stable.")
    source: Literal["/crm"] = Field(description="This service.")
    type: Annotated[
        str,
        Field(
            max_length=64,
            pattern=r"^crm\.[a-z_]{1,32}\.(created|updated|deleted|restored|merged|unmerged|erased|purged)\.v1$",
            examples=["crm.contact.updated.v1"],
        ),
    ] = Field(description="What happened to what.")
    subject: EventSubject = Field(description="The record: its path under /v1.")
    time: Instant = Field(description="When.")
    data: ChangeData = Field(description="More about it.")


class ChangePage(Shape):
    """A stretch of the feed."""

    items: Annotated[list[Change], Field(max_length=LONGEST)] = Field(
        description="What is on this page."
    )
    cursor: CursorText = Field(description="Where to go on; keep it, it stays good.")
    has_more: Flag = Field(description="Whether more is there already.")


class FollowChanges(Query):
    """Where to start and how much to take."""

    after: CursorText | None = Field(
        default=None, description="The `cursor` of the last answer; absent: from the beginning."
    )
    limit: query_integer(1, LONGEST, example=200) = Field(
        default=200, description="How many changes at most."
    )
    wait_seconds: query_integer(0, 25, example=0) = Field(
        default=0, description="If nothing is new, wait for so long before answering."
    )
