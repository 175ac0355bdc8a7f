"""The shapes of undoing."""

from typing import Annotated

from pydantic import Field

from shared.values import RecordId, Shape, Version, text

MOST_CHANGES = 2000


class UndoRequest(Shape):
    """Which request to undo."""

    request_id: text(64, shortest=1, example="019abf10-7a5c-7000-8000-000000000000") = Field(
        description="The `X-Request-Id` of the answer to the request, also in the change feed."
    )


class Undone(Shape):
    """One record that is as it was."""

    resource: text(32, example="contacts") = Field(description="The kind of the record.")
    id: RecordId = Field(description="The record.")
    action: text(16, example="updated") = Field(description="What was done to it now.")
    version: Version = Field(description="Its version now.")


class UndoAnswer(Shape):
    """What was taken back."""

    items: Annotated[list[Undone], Field(max_length=MOST_CHANGES)] = Field(
        description="The records, in the order in which they were taken back."
    )


EXAMPLE = {"request_id": "019abf10-7a5c-7000-8000-000000000000"}
