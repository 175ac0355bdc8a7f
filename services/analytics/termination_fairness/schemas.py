"""The shapes of the fairness report."""

from typing import Annotated, Literal

from pydantic import Field

from services.analytics.schemas import Description, Published, Shown
from services.foundation.queries import Query as QueryModel
from shared.values import Count, Flag, Probability, text

Quarter = Annotated[str, Field(max_length=7, pattern=r"^[0-9]{4}-Q[1-4]$", examples=["2026-Q4"])]


class FairnessQuery(QueryModel):
    """Which quarter."""

    quarter: Quarter | None = Field(default=None, description="Absent: that of the newest version.")


class ReviewedGroup(Shown):
    """Customers of one group, and how many of them were under review."""

    group: text(16, example="de") = Field(
        description="A language, a country (ISO 3166-1), a kind of contact, or `unknown`."
    )
    unit_count: Count | None = Field(description="How many customers; null if hidden.")
    under_review_count: Count | None = Field(
        description="How many had an open case in the quarter; null if hidden."
    )
    share: Probability | None = Field(description="Their share; null if hidden.")
    is_hidden: Flag = Field(
        description="True if a figure is left out: for fewer than five people, or because such a figure "
        "could be told from this one and the total."
    )


class Dimension(Shown):
    """Shares under review side by side."""

    dimension: Literal["language", "country", "kind"] = Field(description="By what.")
    unit_count: Count | None = Field(description="All customers; null if hidden.")
    under_review_count: Count | None = Field(description="Under review; null if hidden.")
    ratio: Probability | None = Field(
        description="Lowest share against the highest one, of groups of 30 customers or more; null if "
        "there are no two such groups, nobody was under review, or it would tell a hidden figure."
    )
    has_warning: Flag = Field(description="True if the ratio is below 0.8.")
    groups: Annotated[list[ReviewedGroup], Field(max_length=300)] = Field(
        description="The groups, the largest first."
    )


class FairnessReport(Published):
    """Who comes under review, quarter by quarter."""

    quarter: Quarter = Field(description="Which quarter, up to `as_of`.")
    has_warning: Flag = Field(description="True if any dimension has one.")
    dimensions: Annotated[list[Dimension], Field(max_length=3)] = Field(
        description="Language, country and kind; empty if the version was published before they were "
        "counted."
    )
    forgotten_case_count: Count = Field(
        description="Cases of persons who were erased since: their number is all that is kept."
    )
    note: Description = Field(description="What the figures mean, and what to do about a warning.")
