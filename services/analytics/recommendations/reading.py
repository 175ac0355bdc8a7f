"""Reads the recommended steps out of the stored row of a customer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.analytics.publication import Publication
from services.analytics.recommendations.identity import recommendation_id

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One recommended step; amounts are in base currency, None is unknown.

    Attributes
    ----------
    rank
        1 is the best.
    expected_value, stake, contact_cost, incentive_cost, risk_cost
        Base currency; domain specification 6.2.
    base_probability, effect_probability
        The chance of success without it, and by how much it raises that.
    valid_days
        For how long a decision on it holds, in days, if an event says so; None: the usual time.
    """

    rank: int
    recommendation_id: str
    goal_id: str | None
    strategy_id: str | None
    instrument_id: str
    channel_id: str | None
    product_id: str | None
    expected_value: float | None
    stake: float | None
    base_probability: float | None
    effect_probability: float | None
    contact_cost: float | None
    incentive_cost: float | None
    risk_cost: float | None
    valid_days: int | None = None


def steps_of(row: Row, publication: Publication) -> list[Step]:  # noqa: ARG001 - reads lists of it soon
    """Return the steps recommended to a customer, the best first; none where nothing is."""
    if row["instrument_id"] is None:
        return []
    named = (row["strategy_id"], row["instrument_id"])
    return [
        Step(
            rank=1,
            recommendation_id=recommendation_id(row["unit_id"], *named, None, None),
            goal_id=row["goal_id"],
            strategy_id=row["strategy_id"],
            instrument_id=row["instrument_id"],
            channel_id=None,
            product_id=None,
            expected_value=row["recommendation_value"],
            stake=row["recommendation_stake"],
            base_probability=None,
            effect_probability=row["recommendation_effect_probability"],
            contact_cost=row["recommendation_contact_cost"],
            incentive_cost=row["recommendation_incentive_cost"],
            risk_cost=row["recommendation_risk_cost"],
        )
    ]


def find_step(row: Row, publication: Publication, wanted: str) -> Step | None:
    """Return the step with this id, None if it is not recommended any more."""
    steps = steps_of(row, publication)
    return next((step for step in steps if step.recommendation_id == wanted), None)
