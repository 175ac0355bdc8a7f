"""Parts of the shapes that contacts, interactions and deals have in common."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from services.foundation.queries import Page
from shared.values import (
    LARGEST_INTEGER,
    ExternalRef,
    Flag,
    Instant,
    Money,
    RecordId,
    Shape,
    Version,
    text,
    word,
)

ExternalRefs = Annotated[list[ExternalRef], Field(max_length=20)]
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
StageKind = Literal["open", "won", "lost"]
StageKey = Annotated[
    str, Field(max_length=32, pattern=r"^[a-z][a-z0-9_]{0,31}$", examples=["proposal"])
]
Channel = Annotated[
    str, Field(max_length=32, pattern=r"^[a-z][a-z0-9_]{0,31}$", examples=["phone"])
]
MAXIMUM_IDS = 200
RecordIds = Annotated[list[RecordId], Field(max_length=MAXIMUM_IDS)]
Texts = Annotated[list[text(200, shortest=1, example="acme")], Field(max_length=50)]  # type: ignore[misc]


CustomValue = (
    Flag
    | Annotated[int, Field(strict=True, ge=-LARGEST_INTEGER, le=LARGEST_INTEGER)]
    | Annotated[float, Field(strict=True, ge=-1e15, le=1e15, allow_inf_nan=False)]
    | text(2000, lines=True, example="oak")
    | Annotated[list[word(example="oak")], Field(max_length=200)]
    | None
)
Custom = Annotated[
    dict[word(example="wood"), CustomValue], Field(max_length=100, examples=[{"wood": "oak"}])
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
    is_redacted: bool = Field(
        description="True if this key lacks the pii scope: personal fields are then null."
    )


class ListPage(Shape):
    """A page of a list; subclasses name the items."""

    next: (
        Annotated[
            str,
            Field(max_length=20000, pattern=r"^/v1/[!-~]*$", examples=["/v1/contacts?cursor=WyI5"]),
        ]
        | None
    ) = Field(default=None, description="Path of the next page; absent on the last one.")


class ListQuery(Page):
    """Filters that every list has; a filter that is given several times means any of the values."""

    id: RecordIds = Field(default=[], description="Only these records.")
    created_at_gte: Instant | None = Field(default=None, description="Entered at or after.")
    created_at_lt: Instant | None = Field(default=None, description="Entered before.")
    updated_at_gte: Instant | None = Field(default=None, description="Changed at or after.")
    updated_at_lt: Instant | None = Field(default=None, description="Changed before.")


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
    "Channel",
    "CompetitorId",
    "Custom",
    "ExternalRefs",
    "Kept",
    "Key",
    "ListPage",
    "ListQuery",
    "Mode",
    "Partial",
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
