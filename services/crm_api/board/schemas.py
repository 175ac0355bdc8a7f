"""The shapes of the board."""

from typing import Annotated, Literal

from pydantic import Field

from services.crm_api.aggregates import Sum
from services.crm_api.deals.schemas import DealFilters, ListedDeal
from services.crm_api.pipelines.schemas import Stage
from services.crm_api.pipelines.table import DEFAULT
from services.crm_api.schemas import FieldNames, PipelineKey, Texts  # noqa: F401 - mypy reads inherited fields here
from services.foundation.queries import query_integer
from shared.values import Count, Instant, Shape, text

MOST_CARDS = 50


class Column(Stage):
    """A stage with what stands in it."""

    count: Count = Field(description="How many deals are in it.")
    sums: Annotated[list[Sum], Field(max_length=200)] = Field(
        description="Sums of their amounts by currency."
    )
    deals: Annotated[list[ListedDeal], Field(max_length=MOST_CARDS)] = Field(
        description="The newest of them."
    )
    more: (
        Annotated[
            str,
            Field(max_length=20000, pattern=r"^/v1/[!-~]*$", examples=["/v1/deals?stage=new"]),
        ]
        | None
    ) = Field(
        default=None, description="The list of the others, behind these; absent if these are all."
    )


class Board(Shape):
    """A pipeline as a board."""

    pipeline_id: PipelineKey = Field(description="The pipeline, by key.")
    name: text(200, example="Sales") = Field(description="What it is called.")
    columns: Annotated[list[Column], Field(max_length=50)] = Field(
        description="Its stages in order."
    )


class BoardQuery(DealFilters):
    """Which deals the board shows, and how many of each column."""

    pipeline_id: PipelineKey = Field(default=DEFAULT, description="The pipeline, by key.")
    limit: query_integer(0, MOST_CARDS, example=20) = Field(
        default=20, description="How many deals a column shows."
    )
    fields: FieldNames | None = Field(
        default=None, description="Only these fields of each deal, separated by commas."
    )
    embed: Annotated[list[Literal["contact"]], Field(max_length=1)] = Field(
        default=[], description="Put the contact of each deal into the card, as `contact`."
    )
    closed_since: Instant | None = Field(
        default=None, description="Of deals that are closed only those closed at or after."
    )
