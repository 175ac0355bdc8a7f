"""Parts of the shapes that contacts, interactions and deals have in common."""

from collections.abc import Mapping
from copy import copy
from types import NoneType
from typing import Annotated, Any, Literal, get_args
from zoneinfo import available_timezones

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, WrapValidator, create_model
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from services.foundation.queries import Page, Query, QueryFlag
from shared.values import (
    LARGEST_INTEGER,
    Count,
    ExternalRef,
    Flag,
    Instant,
    Money,
    RecordId,
    Shape,
    Version,
    number,
    text,
    word,
)

MOST_EXTERNAL_REFS = 20
ExternalRefs = Annotated[list[ExternalRef], Field(max_length=MOST_EXTERNAL_REFS)]
Tags = Annotated[list[text(64, shortest=1, example="vip")], Field(max_length=50)]  # type: ignore[misc]
UserId = text(64, shortest=1, example="anna.weber")
Key = Annotated[
    str,
    Field(
        max_length=64,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$",
        examples=["spring-2026"],
    ),
]
CampaignId = text(64, shortest=1, example="spring-2026")
ProductId = text(64, shortest=1, example="SKU-100")
CompetitorId = text(64, shortest=1, example="nordwind")
PipelineKey = Annotated[
    str,
    Field(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$", examples=["default"]),
]
StageKind = Literal["open", "won", "lost"]
StageKey = Annotated[
    str, Field(max_length=32, pattern=r"^[a-z][a-z0-9_]{0,31}$", examples=["proposal"])
]
MAXIMUM_IDS = 200
RecordIds = Annotated[list[RecordId], Field(max_length=MAXIMUM_IDS)]
Texts = Annotated[list[text(200, shortest=1, example="acme")], Field(max_length=50)]  # type: ignore[misc]


_Number = number(-LARGEST_INTEGER, LARGEST_INTEGER, example=5)
_Text = text(2000, lines=True, example="oak")
_Words: Any = Annotated[list[word(example="oak")], Field(max_length=200)]  # type: ignore[misc]
_CUSTOM_VALUES: Mapping[type, TypeAdapter[Any]] = {
    bool: TypeAdapter(Flag),
    **dict.fromkeys((int, float), TypeAdapter(_Number)),
    str: TypeAdapter(_Text),
    list: TypeAdapter(_Words),
}


def _read_custom_value(value: Any, _: Any) -> Any:
    """Read a value by the one type it can be of, so that its faults are told once and in its place."""
    if value is None:
        return None
    kind = _CUSTOM_VALUES.get(type(value))
    if kind is None:
        raise ValueError("a text, a number, true, false, null or a list of words is expected")
    return kind.validate_python(value)


CustomValue = Annotated[Flag | _Number | _Text | _Words | None, WrapValidator(_read_custom_value)]
Custom = Annotated[
    dict[word(example="wood"), CustomValue],  # type: ignore[misc]
    Field(max_length=100, examples=[{"wood": "oak"}]),
]


def _without_defaults(schema: dict[str, Any]) -> None:
    for part in schema.get("properties", {}).values():
        part.pop("default", None)


class Partial(Shape):
    """The base of bodies whose absent fields stay as they are: a default would say otherwise."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)


class Kept(Shape):
    """What the service itself keeps about every record."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    external_refs: ExternalRefs = Field(description="How other systems name this record.")
    version: Version = Field(description="Grows by one with every change; the ETag holds it.")
    created_at: Instant = Field(description="When the record was entered here.")
    updated_at: Instant = Field(description="When the record was last changed here.")
    deleted_at: Instant | None = Field(
        description="When it went to the trash; null while it is live."
    )


class KeptOfPeople(Kept):
    """What the service keeps about records that hold personal data."""

    is_redacted: bool = Field(
        description="True if this key lacks the pii scope: personal fields are then null or empty."
    )


def _nothing() -> None:
    """Stand for a field that is absent, which no schema shows as a default."""


def absent(info: FieldInfo) -> FieldInfo:
    """Return the field as one that may be absent, with no default that a schema would show."""
    optional = copy(info)
    optional.default_factory, optional.default = _nothing, PydanticUndefined
    return optional


def never_null(annotation: Any) -> Any:
    """Return the type of a field without null."""
    (kind,) = (part for part in get_args(annotation) if part is not NoneType)
    return kind


ALWAYS_SHOWN = frozenset({"id", "version"})
"""What an item of a list always has: enough to name it and to change it."""


def listed(shown: type[Shape], **embedded: tuple[Any, str]) -> Any:
    """Build the shape of a list's items: `fields` chooses some of them, `embed` adds others.

    One shape for all, not one of two: typed clients would have to tell them apart.
    """
    fields: dict[str, Any] = {}
    for name, info in shown.model_fields.items():
        fields[name] = (info.annotation, info if name in ALWAYS_SHOWN else absent(info))
    for name, (shape, description) in embedded.items():
        fields[name] = (shape | None, Field(default=None, description=description))
    item: Any = create_model(
        f"Listed{shown.__name__}",
        __base__=Partial,
        __doc__=f"{shown.__doc__} All fields are there unless `fields` chose some.",
        **fields,
    )
    return item


class ListPage(Shape):
    """A page of a list; subclasses name the items."""

    total: Count | None = Field(
        default=None, description="How many there are on all pages; only with `count=true`."
    )
    next: (
        Annotated[
            str,
            Field(max_length=20000, pattern=r"^/v1/[!-~]*$", examples=["/v1/contacts?cursor=WyI5"]),
        ]
        | None
    ) = Field(default=None, description="Path of the next page; absent on the last one.")


FieldNames = Annotated[
    str,
    Field(
        max_length=2000, pattern=r"^[a-z][a-z0-9_]*(,[a-z][a-z0-9_]*)*$", examples=["id,version"]
    ),
]


BOUNDS = ("_gte", "_lt")
SUFFIXES = (*BOUNDS, "_known")
"""How the names of filters end that are not just the name of a field."""


CUSTOM_FILTERS = (
    "Custom fields are filtered by `custom.<key>`, for instance `custom.wood=oak`; whole numbers, numbers, "
    "dates and instants also by a bound, `custom.<key>_gte` (at least) and `custom.<key>_lt` (below), for "
    "instance `custom.volume_gte=8`. That needs `{pii}`; `GET /v1/custom-fields` lists the keys."
)


class Filters(Query):
    """Filters that every list has; one that is given several times means any of the values."""

    id: RecordIds = Field(default=[], description="Only these records.")
    created_at_gte: Instant | None = Field(default=None, description="Entered at or after.")
    created_at_lt: Instant | None = Field(default=None, description="Entered before.")
    updated_at_gte: Instant | None = Field(default=None, description="Changed at or after.")
    updated_at_lt: Instant | None = Field(default=None, description="Changed before.")


class ListQuery(Filters, Page):
    """What a list takes beside its filters."""

    fields: FieldNames | None = Field(
        default=None,
        description="Only these fields of each item, separated by commas; `id` and `version` always "
        "come with them.",
    )
    count: QueryFlag = Field(
        default=False, description="Also tell in `total` how many there are on all pages."
    )
    in_trash: QueryFlag = Field(
        default=False,
        description="Only what lies in the trash and can be restored, instead of what is live; without "
        "`sort` the last that was thrown away comes first. The other filters hold as well.",
    )


def _time_zone(value: str) -> str:
    if value not in available_timezones() or not (value == "UTC" or "/" in value):
        raise ValueError("the name of a time zone is expected, for instance Europe/Berlin")
    return value


TimeZone = Annotated[
    str,
    Field(max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$", examples=["Europe/Berlin"]),
    AfterValidator(_time_zone),
]


class AggregateQuery(Query):
    """How a list is grouped; `group_by` is added for each resource, with what it can be grouped by."""

    time_zone: TimeZone | None = Field(
        default=None,
        description="The time zone that days, weeks and months are those of; absent, the one of the "
        "business, as in exports and imports. What is outside the years 0001 to 9999 there counts to the "
        "first or the last day.",
    )


Mode = Literal["create", "update", "both"]


def sent_fields(body: Shape) -> dict[str, Any]:
    """Return the fields that a body names; what is nested in them is whole, defaults included."""
    return {
        name: value for name, value in body.model_dump().items() if name in body.model_fields_set
    }


def row_values(given: dict[str, Any], money: dict[str, tuple[str, str]] | Any) -> dict[str, Any]:
    """Turn the given fields of a validated body into columns: money becomes minor units."""
    row: dict[str, Any] = {}
    for name, value in given.items():
        if name in money:
            minor, currency = money[name]
            amount = value if value is None or isinstance(value, Money) else Money(**value)
            row[minor] = None if amount is None else amount.minor()
            if currency != "currency":
                row[currency] = None if amount is None else amount.currency
        else:
            row[name] = value
    return row


__all__ = [
    "CampaignId",
    "CompetitorId",
    "Custom",
    "ExternalRefs",
    "Kept",
    "KeptOfPeople",
    "Key",
    "ListPage",
    "ListQuery",
    "Mode",
    "Partial",
    "PipelineKey",
    "ProductId",
    "RecordIds",
    "StageKey",
    "StageKind",
    "Tags",
    "Texts",
    "UserId",
    "row_values",
    "sent_fields",
    "word",
]
