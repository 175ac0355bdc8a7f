"""The shapes of competitors on the wire."""

from typing import Literal

from pydantic import Field

from services.crm_api.satellites import shapes_of
from services.crm_api.schemas import Key, ListQuery, Texts
from shared.values import Shape, text


class CompetitorFields(Shape):
    """The fields that people enter."""

    key: Key | None = Field(
        default=None,
        description="The name that records use for it; absent: the id. It never changes.",
    )
    name: text(200, shortest=1, example="Nordwind AG") = Field(description="What it is called.")
    website: text(500, example="https://nordwind.example.org") | None = Field(
        default=None, description="Its website."
    )
    note: text(5000, lines=True, example="Strong in the north.") | None = Field(
        default=None, description="What is worth knowing."
    )


FIXED = ("key",)
SHAPES = shapes_of(
    "Competitor", CompetitorFields, fixed=FIXED, about="Who else our customers could buy from."
)


class ListCompetitors(ListQuery):
    """Filters and order of the list of competitors."""

    key: Texts = Field(default=[], description="With this key.")
    sort: Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"] = (
        Field(default="-created_at", description="Order; a minus means descending.")
    )


EXAMPLE = {
    "key": "nordwind",
    "name": "Nordwind AG",
    "website": "https://nordwind.example.org",
    "external_refs": [{"source": "market", "id": "N-1"}],
}
EXAMPLE_PATCH = {"note": "Strong in the north."}
