"""The shape of the RFM segments."""

from typing import Annotated, Literal

from pydantic import Field

from services.analytics.schemas import Cell, Description, Label, Published
from shared.values import Probability, Total, whole

RfmSegmentId = Literal["champions", "cannot_lose", "recent", "loyal", "hibernating", "average"]
Score = whole(1, 5, example=4)


class BuyerSums(Cell):
    """Counts and sums over a group of customers who have bought."""

    contribution_730: Total | None = Field(
        description="Sum of the contributions of the last 730 days."
    )
    clv_365: Total | None = Field(description="Sum of clv_365.")
    mean_churn_probability: Probability | None = Field(
        description="Mean churn probability of those that have one."
    )


class RfmSegment(BuyerSums):
    """A segment of customers who buy alike."""

    segment: RfmSegmentId = Field(description="The segment.")
    label: Label = Field(description="Its name in the language asked for.")
    description: Description = Field(description="What they have in common.")


class ScorePair(Cell):
    """The customers with one score of recency and one of frequency."""

    recency: Score = Field(description="5: the fifth that bought last.")
    frequency: Score = Field(description="5: the fifth that bought most often within 730 days.")


class RfmSegments(Published):
    """All customers who have bought, by how recently, how often and for how much."""

    total: BuyerSums
    segments: Annotated[list[RfmSegment], Field(max_length=6)] = Field(
        description="In the order in which their rules are tried."
    )
    matrix: Annotated[list[ScorePair], Field(max_length=25)] = Field(
        description="Every pair of scores, from 1 and 1 to 5 and 5."
    )
