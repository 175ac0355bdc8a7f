"""The shapes of pipelines on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.satellites import shapes_of
from services.crm_api.schemas import Key, ListQuery, StageKey, StageKind, Texts
from shared.values import Probability, Shape, text


class Stage(Shape):
    """One stage, a column of the board."""

    key: StageKey = Field(description="What deals are said to be in.")
    name: text(100, shortest=1, example="Proposal") = Field(description="What people read.")
    kind: StageKind = Field(description="Whether deals in it are open, won or lost.")
    win_probability: Probability | None = Field(
        default=None, description="How likely deals in it are won, as the team sees it."
    )
    next: Annotated[list[StageKey], Field(max_length=50)] = Field(
        default=[], description="The stages that a deal may move to from here; empty: any."
    )


class PipelineFields(Shape):
    """The fields that people enter."""

    key: Key | None = Field(
        default=None,
        description="The name that deals use for it; absent: the id. It never changes.",
    )
    name: text(200, shortest=1, example="Sales") = Field(description="What it is called.")
    stages: Annotated[list[Stage], Field(min_length=1, max_length=50)] = Field(
        description="In order; at least one of each kind. One that holds deals cannot be left out."
    )


FIXED = ("key",)
SHAPES = shapes_of(
    "Pipeline", PipelineFields, about="The stages that deals go through.", fixed=FIXED
)


class ListPipelines(ListQuery):
    """Filters and order of the list of pipelines."""

    key: Texts = Field(default=[], description="With this key.")
    sort: Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"] = (
        Field(default="created_at", description="Order; a minus means descending.")
    )


EXAMPLE = {
    "key": "projects",
    "name": "Projects",
    "stages": [
        {"key": "idea", "name": "Idea", "kind": "open", "win_probability": 0.1},
        {"key": "offer", "name": "Offer", "kind": "open", "next": ["order", "refused"]},
        {"key": "order", "name": "Order", "kind": "won"},
        {"key": "refused", "name": "Refused", "kind": "lost"},
    ],
    "external_refs": [{"source": "erp", "id": "PL-1"}],
}
EXAMPLE_PATCH = {"name": "Projects, north"}
