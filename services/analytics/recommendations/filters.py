"""What the list of recommendations can be asked for."""

from typing import Literal

from pydantic import Field

from services.analytics.customers.filters import (
    Amount,
    ChannelId,
    EventId,
    GoalId,
    InstrumentId,
    LeadStage,
    OwnerId,
    Quadrant,
    StrategyId,
    Tier,
)
from services.analytics.schemas import Phase, State
from services.foundation.queries import Page

RecommendedBasis = Literal["expected_value", "obligation", "excluded", "profiling_objection"]
"""Those of customers with something to do."""
Obligation = Literal["privacy_request", "complaint_handling", "answer_message"]


class ListRecommendations(Page):
    """Filters and order of the list of recommendations; those of the best step count."""

    phase: list[Phase] = Field(
        default=[], max_length=5, description="In this phase; given several times: any of them."
    )
    state: list[State] = Field(
        default=[], max_length=9, description="In this state; given several times: any of them."
    )
    lead_stage: list[LeadStage] = Field(
        default=[], max_length=5, description="A lead at this stage; several times: any of them."
    )
    tier: list[Tier] = Field(
        default=[], max_length=3, description="Of this tier by future value; several times: any."
    )
    quadrant: list[Quadrant] = Field(
        default=[], max_length=4, description="In this part of the portfolio; several times: any."
    )
    goal: list[GoalId] = Field(
        default=[], max_length=20, description="With this goal; several times: any of them."
    )
    strategy: list[StrategyId] = Field(
        default=[], max_length=20, description="Of this strategy; several times: any of them."
    )
    instrument: list[InstrumentId] = Field(
        default=[], max_length=20, description="With this instrument; several times: any of them."
    )
    channel: list[ChannelId] = Field(
        default=[], max_length=20, description="Over this channel; several times: any of them."
    )
    event: list[EventId] = Field(
        default=[], max_length=20, description="With this occasion; several times: any of them."
    )
    obligation: list[Obligation] = Field(
        default=[], max_length=3, description="Who is owed this; several times: any of them."
    )
    owner: list[OwnerId] = Field(
        default=[],
        max_length=20,
        description="Looked after by this user of the CRM; several times: any of them.",
    )
    recommendation_basis: list[RecommendedBasis] = Field(
        default=[],
        max_length=4,
        description="With this `basis`; given several times: any of them. Who is owed something has the basis "
        "`obligation`, also with steps that pay behind it, but for those that object to profiling or are "
        "excluded: `obligation` finds them all.",
    )
    recommendation_value_gte: Amount | None = Field(
        default=None, description="Expected value of the best step: at least so much."
    )
    recommendation_value_lt: Amount | None = Field(
        default=None, description="Expected value of the best step: below this."
    )
    sort: Literal[
        "recommendation_value",
        "-recommendation_value",
        "value",
        "-value",
        "churn",
        "-churn",
        "value_at_risk",
        "-value_at_risk",
        "priority",
        "-priority",
    ] = Field(
        default="-recommendation_value",
        description="A minus means descending. Whoever is owed something and has no step that pays comes "
        "last by expected value. `priority` is that of the gravest open complaint.",
    )
