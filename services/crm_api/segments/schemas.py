"""The shapes of segments on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.satellites import shapes_of
from services.crm_api.schemas import KeptOfPeople, Key, ListQuery, RecordIds, Texts, UserId
from shared.values import Count, Shape, text

Kind = Literal["filter", "static"]
MOST_MEMBERS = 1000
FilterName = Annotated[
    str, Field(max_length=100, pattern=r"^[a-z][a-z0-9_.]{0,99}$", examples=["deals.stage_kind"])
]
FilterValues = Annotated[
    list[text(200, shortest=1, example="won")],  # type: ignore[misc]
    Field(min_length=1, max_length=200),
]
ShownValues = Annotated[
    list[text(200, shortest=1, example="won")],  # type: ignore[misc]
    Field(max_length=200),
]
ShownFilter = Annotated[
    dict[FilterName, ShownValues],
    Field(max_length=50, examples=[{"language": ["de"], "deals.stage_kind": ["won"]}]),
]


class SegmentFields(Shape):
    """The fields that people enter."""

    key: Key | None = Field(
        default=None, description="The name that people use for it; absent: the id."
    )
    name: text(200, shortest=1, example="Buyers in German") = Field(
        description="What it is called."
    )
    description: text(1000, lines=True, example="For the spring letter.") | None = Field(
        default=None, description="What it is for."
    )
    kind: Kind = Field(
        default="filter",
        description="`filter`: whoever fits at the moment; `static`: whoever was put in. Never changes.",
    )
    filter: Annotated[
        dict[FilterName, FilterValues],
        Field(max_length=50, examples=[{"language": ["de"], "deals.stage_kind": ["won"]}]),
    ] = Field(
        default={},
        description="Parameters of `GET /v1/contacts` with their values; several values mean any of "
        "them. Only for the kind filter. Those that look at personal fields need `contacts:pii`.",
    )
    owner_id: UserId | None = Field(default=None, description="Who looks after it.")


class KeptSegment(KeptOfPeople, SegmentFields):
    """What is shown of a segment; what a filter asks of personal fields is personal as well."""

    filter: ShownFilter = Field(
        description="Parameters of `GET /v1/contacts` with their values. Without the scope "
        "`contacts:pii`, parameters of personal fields have no values. Whoever is erased is taken out of it; "
        "where nothing else was asked for, an `id` of zeros stands instead, which is nobody's."
    )


FIXED = ("kind",)
SHAPES = shapes_of(
    "Segment",
    SegmentFields,
    about="A saved filter, or a list, of contacts.",
    fixed=FIXED,
    filled=("key",),
    kept=KeptSegment,
)


class ListSegments(ListQuery):
    """Filters and order of the list of segments."""

    key: Texts = Field(default=[], description="With this key.")
    kind: Annotated[list[Kind], Field(max_length=2)] = Field(
        default=[], description="Of this kind."
    )
    owner_id: Texts = Field(default=[], description="Looked after by this user.")
    sort: Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"] = (
        Field(default="-created_at", description="Order; a minus means descending.")
    )


class ChangeMembers(Shape):
    """Contacts to put into a static segment, and to take out of it."""

    add: Annotated[RecordIds, Field(max_length=MOST_MEMBERS)] = Field(
        default=[], description="Contacts to put in; those that are in stay."
    )
    remove: Annotated[RecordIds, Field(max_length=MOST_MEMBERS)] = Field(
        default=[], description="Contacts to take out; those that are not in are no error."
    )


class ChangedMembers(Shape):
    """What the change did."""

    added_count: Count = Field(description="How many were put in.")
    removed_count: Count = Field(description="How many were taken out.")


EXAMPLE = {
    "key": "german-buyers",
    "name": "Buyers in German",
    "filter": {"language": ["de"], "deals.stage_kind": ["won"]},
    "external_refs": [{"source": "mailer", "id": "L-7"}],
}
EXAMPLE_STATIC = {"key": "spring-letter", "name": "For the spring letter", "kind": "static"}
EXAMPLE_PATCH = {"filter": {"language": ["de"], "country_code": ["AT", "CH"]}}
