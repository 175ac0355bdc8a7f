"""Types of query parameters: text on the wire, so read strictly and by their own spelling."""

import re
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr

_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)


class Query(BaseModel):
    """The base of every set of query parameters: an unknown parameter is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    more_prefix: ClassVar[str] = ""
    """How the names of parameters begin that are not known in advance; empty: there are none."""
    _more: dict[str, list[str]] = PrivateAttr(default_factory=dict)

    @property
    def more_filters(self) -> dict[str, list[str]]:
        """The parameters that begin with `more_prefix`, as they were sent."""
        return self._more

    def with_more(self, more: dict[str, list[str]]) -> Self:
        """Keep such parameters; called once, by whoever reads the query string."""
        self._more = more
        return self


def _integer(value: Any) -> Any:
    if isinstance(value, str):
        if not _INTEGER.fullmatch(value):
            raise ValueError("a whole number is expected")
        return int(value)
    return value


def _flag(value: Any) -> Any:
    if isinstance(value, str):
        if value not in ("true", "false"):
            raise ValueError("true or false is expected")
        return value == "true"
    return value


QueryFlag = Annotated[bool, BeforeValidator(_flag)]


def query_integer(low: int, high: int, *, example: int) -> Any:
    """Build the type of a whole number in a query string, both bounds allowed."""
    return Annotated[
        int,
        Field(ge=low, le=high, examples=[example], json_schema_extra={"format": "int32"}),
        BeforeValidator(_integer),
    ]


CursorText = Annotated[
    str, Field(min_length=1, max_length=4000, pattern=r"^[A-Za-z0-9_-]+$", examples=["WyI5YzI4Il0"])
]


class Page(Query):
    """What every list takes."""

    limit: query_integer(1, 200, example=50) = Field(
        default=50, description="How many items a page holds."
    )
    cursor: CursorText | None = Field(
        default=None, description="Where the page starts: taken from `next` of the page before."
    )
