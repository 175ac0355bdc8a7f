"""The shape of the loyalty ladder."""

from typing import Annotated, Literal

from pydantic import Field

from services.analytics.schemas import Cell, Description, Label, Published
from shared.values import Probability

RungId = Literal["suspect", "prospect", "customer", "client", "supporter", "advocate", "partner"]


class RungSums(Cell):
    """Customers and how much they speak for us."""

    mean_ambassador_score: Probability | None = Field(
        description="Mean ambassador score: 0 says nothing, 1 recommends us in word and deed."
    )


class Rung(RungSums):
    """One rung of the ladder."""

    rung: RungId = Field(description="The rung.")
    label: Label = Field(description="Its name in the language asked for.")
    description: Description = Field(description="Who stands on it.")


class LoyaltyLadder(Published):
    """All customers by how far they have come with us."""

    total: RungSums
    rungs: Annotated[list[Rung], Field(max_length=7)] = Field(description="From the lowest up.")
