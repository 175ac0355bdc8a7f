"""Value types of the wire: bounded texts, whole numbers, instants, money; every field uses one of them."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)

from shared.countries import COUNTRIES
from shared.money import CURRENCIES, from_minor, to_minor

_ONE_LINE = r"^[^\x00-\x1f\x7f]*$"
_MANY_LINES = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_RFC_3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
LARGEST_INTEGER = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly (RFC 8259, section 6)."""


def wire_instant(value: datetime) -> str:
    """Spell an aware instant the way the wire does: UTC, six decimals, ``Z``.

    Raises
    ------
    ValueError
        The instant has no time zone.
    """
    if value.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _json_integer(value: Any) -> Any:
    """JSON Schema calls 5.0 an integer and `true` or "7" none: follow it."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("a whole number is expected")
    return value


def _instant(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        if isinstance(value, str) and _RFC_3339.fullmatch(value.replace(" ", "+")):
            raise ValueError(
                "the offset lacks its sign; in an address write %2B for the + before it"
            )
        raise ValueError("an instant with an offset is expected, for instance 2026-11-21T19:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("this instant lies outside the years 0001 to 9999 in UTC") from None


def _day(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _ISO_DATE.fullmatch(value):
        raise ValueError("a date is expected, for instance 2026-11-21")
    return value


def text(longest: int, *, shortest: int = 0, lines: bool = False, example: str = "text") -> Any:
    """Build a bounded text type without control characters.

    Parameters
    ----------
    longest, shortest
        Bounds in Unicode code points.
    lines
        Allow tabulator and line breaks.
    example
        Shown in the OpenAPI document.
    """
    return Annotated[
        str,
        Field(
            min_length=shortest,
            max_length=longest,
            pattern=_MANY_LINES if lines else _ONE_LINE,
            examples=[example],
        ),
    ]


def word(*, example: str) -> Any:
    """Build the type of an identifier in lower_snake_case, at most 64 characters."""
    return Annotated[
        str, Field(max_length=64, pattern=r"^[a-z][a-z0-9_]{0,63}$", examples=[example])
    ]


def whole(low: int, high: int, *, example: int) -> Any:
    """Build the type of a JSON integer between `low` and `high`, both allowed."""
    form = "int32" if high < 2**31 else "int64"
    return Annotated[
        int,
        Field(ge=low, le=high, examples=[example], json_schema_extra={"format": form}),
        BeforeValidator(_json_integer),
    ]


def number(low: float, high: float, *, example: float) -> Any:
    """Build the type of a finite JSON number between `low` and `high`, both allowed."""

    def plain(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("a number is expected")
        return value

    return Annotated[
        float,
        Field(
            ge=low,
            le=high,
            allow_inf_nan=False,
            examples=[example],
            json_schema_extra={"format": "double"},
        ),
        BeforeValidator(plain),
    ]


def decimal(pattern: str, *, example: str, what: str) -> Any:
    """Build the type of an exact decimal that travels as a string; `what` says which are allowed."""

    def matching(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{what} is expected, such as {example}")
        return text

    return Annotated[
        str,
        Field(max_length=24, examples=[example], json_schema_extra={"pattern": pattern}),
        AfterValidator(matching),
    ]


def is_record_id(text: str) -> bool:
    """Tell whether a text has the form of a record's id."""
    return re.fullmatch(_UUID, text) is not None


RecordId = Annotated[
    str,
    Field(
        pattern=_UUID,
        max_length=36,
        examples=["01977b3a-5c00-7000-8000-000000000001"],
        json_schema_extra={"format": "uuid"},
    ),
]
Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_instant, json_schema_input_type=datetime),
    AfterValidator(_in_utc),
    PlainSerializer(wire_instant, return_type=str, when_used="json"),
    Field(examples=["2026-11-21T19:00:00.000000Z"], json_schema_extra={"format": "date-time"}),
]
Day = Annotated[
    date,
    BeforeValidator(_day, json_schema_input_type=date),
    Field(examples=["2026-11-21"], json_schema_extra={"format": "date"}),
]
Flag = Annotated[bool, Field(strict=True)]
Count = whole(0, LARGEST_INTEGER, example=42)
Version = whole(1, LARGEST_INTEGER, example=3)


def _country(value: str) -> str:
    if value not in COUNTRIES:
        raise ValueError("two capital letters of ISO 3166-1 are expected, for instance DE")
    return value


CountryCode = Annotated[
    str,
    Field(
        max_length=2,
        pattern=r"^[A-Z]{2}$",
        json_schema_extra={"format": "iso-3166-alpha-2"},
        examples=["DE"],
    ),
    AfterValidator(_country),
]
Language = Literal["de", "en"]
Currency = Annotated[
    str, Field(max_length=3, json_schema_extra={"enum": sorted(CURRENCIES)}, examples=["EUR"])
]
Percentage = decimal(
    r"^(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)$",
    example="12.5",
    what="a percentage from 0 to 100 with at most 2 decimals",
)


def _above_zero(value: str) -> str:
    if not value.strip("0."):
        raise ValueError("a rate above zero is expected")
    return value


Rate = Annotated[
    decimal(
        r"^[0-9]{1,8}(\.[0-9]{1,10})?$",
        example="1.0842",
        what="a rate with at most 8 digits and 10 decimals",
    ),
    AfterValidator(_above_zero),
    # Not a pattern that looks ahead: pydantic, and so many a client made from the document, knows none.
    Field(json_schema_extra={"not": {"pattern": r"^[0.]+$"}}),
]
Probability = number(0, 1, example=0.35)


class Shape(BaseModel):
    """The base of every shape on the wire: unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Money(Shape):
    """An exact amount of money; sums never mix currencies."""

    amount: Annotated[
        str,
        Field(
            max_length=20,
            pattern=r"^-?[0-9]{1,14}(\.[0-9]{1,4})?$",
            examples=["1234.50"],
            description="Decimal string with at most as many decimals as the currency has.",
        ),
    ]
    currency: Currency = Field(description="ISO 4217 code.")

    @model_validator(mode="after")
    def _is_exact(self) -> Self:
        self.minor()
        return self

    def minor(self) -> int:
        """Return the amount in whole minor units (cents for EUR).

        Raises
        ------
        ValueError
            The amount has more decimals than the currency, or the currency is unknown.
        """
        return to_minor(Decimal(self.amount), self.currency)


class Total(Shape):
    """An amount that was calculated from others, all in one currency: it may have more figures than any
    that is entered."""

    amount: Annotated[
        str,
        Field(
            max_length=34,
            pattern=r"^-?[0-9]{1,28}(\.[0-9]{1,4})?$",
            examples=["1234.50"],
            description="Decimal string with as many decimals as the currency has.",
        ),
    ]
    currency: Currency = Field(description="ISO 4217 code.")

    @classmethod
    def of_minor(cls, minor: int, currency: str) -> Self:
        """Make a total from whole minor units of `currency`."""
        return cls(amount=format(from_minor(minor, currency), "f"), currency=currency)


class ExternalRef(Shape):
    """How another system names the record; a pair of source and id belongs to one live record."""

    source: Annotated[
        str, Field(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", examples=["shop"])
    ] = Field(description="The other system.")
    id: Annotated[
        str,
        Field(
            max_length=200,
            pattern=r"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]{0,199}$",
            examples=["C-1001"],
        ),
    ] = Field(description="The record's id there.")
