"""The shape of the portfolio."""

from typing import Annotated, Literal

from pydantic import Field

from services.analytics.schemas import Cell, Description, Label, Published
from shared.values import Probability, Shape, Total

Tier = Literal["A", "B", "C"]
Quadrant = Literal["partners", "value_at_stake", "steady_small", "occasional"]
PortfolioBasis = Literal["clv", "historic"]


class ReadPortfolio(Shape):
    """What the portfolio is to be seen by."""

    basis: PortfolioBasis = Field(
        default="clv",
        description="What tiers go by: `clv` (clv_alive_1095, free of risk) or `historic` "
        "(historic_value).",
    )


class PortfolioSums(Cell):
    """Counts and sums over a group of customers whose value is known."""

    value_share: Probability | None = Field(
        description="Share of the value that tiers go by; values of 0 or less are no part of it."
    )
    clv_alive_1095: Total | None = Field(description="Sum of clv_alive_1095.")
    clv_1095: Total | None = Field(description="Sum of clv_1095.")
    value_at_risk: Total | None = Field(description="Sum of the values at risk.")
    historic_value: Total | None = Field(description="Sum of the historic values.")


class TierSums(PortfolioSums):
    """The customers of one tier within a quadrant."""

    tier: Tier = Field(
        description="A: the most valuable that make up 80% of all value; B: up to 95%; C: the rest."
    )


class QuadrantSums(PortfolioSums):
    """The customers of one quadrant of value and risk."""

    quadrant: Quadrant = Field(description="The quadrant.")
    label: Label = Field(description="Its name in the language asked for.")
    description: Description = Field(description="Who they are and what suits them.")
    tiers: Annotated[list[TierSums], Field(max_length=3)] = Field(
        description="Its tiers: A and B where the value is high, else C."
    )


class Portfolio(Published):
    """All customers by value and risk."""

    basis: PortfolioBasis = Field(description="What tiers go by here.")
    total: PortfolioSums
    quadrants: Annotated[list[QuadrantSums], Field(max_length=4)] = Field(
        description="High value first, and low risk first."
    )
