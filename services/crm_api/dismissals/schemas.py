"""The shapes of dismissals on the wire."""

from typing import Annotated

from pydantic import Field

from services.crm_api.schemas import ListPage
from services.foundation.queries import Page
from shared.values import Instant, RecordId, Shape, text

EXAMPLE = {
    "first_id": "01977b3a-5c00-7000-8000-000000000001",
    "second_id": "01977b3a-5c00-7000-8000-000000000002",
}


class NewDismissal(Shape):
    """Two contacts that look like one, and are two."""

    first_id: RecordId = Field(
        description="One of them, by its `id`: `GET /v1/duplicates` tells those of likely pairs."
    )
    second_id: RecordId = Field(description="The other one; which is which does not matter.")


class Dismissal(Shape):
    """A pair that is not proposed any more."""

    id: RecordId = Field(description="Made by this service.")
    first_id: RecordId = Field(description="The contact with the smaller id.")
    second_id: RecordId = Field(description="The other one.")
    key_id: text(8, example="q7Rk2mZx") = Field(
        description="Who dismissed it: a key, or with `~` the user of a token."
    )
    dismissed_at: Instant = Field(description="When.")


class DismissalPage(ListPage):
    """A page of dismissals, newest first."""

    items: Annotated[list[Dismissal], Field(max_length=200)] = Field(
        description="What is on this page."
    )


class ListDismissals(Page):
    """Which dismissals."""
