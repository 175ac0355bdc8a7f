"""What can be recommended at all: candidates, obligations and situations as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from services.analytics.calculations.feedback.known import Feedback, Holdout
from services.analytics.calculations.feedback.responders import ResponseModel

STEPS: Final = 3
"""How many steps are recommended to a customer at most."""
RULED_OUT: Final = 5
"""How many steps that were ruled out are told."""

Purpose: TypeAlias = Literal["marketing", "survey", "request"]
"""What a person is addressed for: each asks for its own consent, only the answer to an own open
request for none."""

OBLIGATIONS: Final = ("privacy_request", "complaint_handling", "answer_message")
"""Instruments that are owed and need no expected value, the most urgent first."""


@dataclass(frozen=True, slots=True)
class Check:
    """A condition and whether it must hold (a prerequisite) or must not (a contraindication)."""

    condition_id: str
    must_hold: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """One instrument of one strategy in one phase, with all that its expected value needs.

    Attributes
    ----------
    phase, strategy_id, instrument_id, goal_id
        Ids of the catalogue.
    instrument_type
        Type of the instrument; ``product`` is valued by the product that it offers.
    effect_probability
        Mean rise of the chance of success; probability.
    unit_cost
        Of the instrument without its channel; base currency per contact.
    channels
        Places of its addressable channels among those of the options.
    purpose
        What a person is addressed for, which decides on the consent that it takes.
    incentive_share, incentive_amount
        Paid on success: share of the expected order value, and base currency.
    risk_rate
        Share of the value put at risk by bad word of mouth.
    answers
        Churn signals this candidate answers.
    dimensions
        Dimensions of satisfaction whose gap it answers.
    checks
        Conditions to be evaluated, in the order they are named in an explanation.
    """

    phase: str
    strategy_id: str
    instrument_id: str
    goal_id: str
    instrument_type: str
    effect_probability: float
    unit_cost: float
    channels: tuple[int, ...]
    purpose: Purpose
    incentive_share: float
    incentive_amount: float
    risk_rate: float
    answers: tuple[str, ...]
    dimensions: tuple[str, ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class ChannelOption:
    """A way to reach a person, and what a contact over it costs; base currency."""

    channel_id: str
    unit_cost: float


@dataclass(frozen=True, slots=True)
class EventOption:
    """A marketing event, the instrument that it calls for, how long after it and for how many days."""

    event_id: str
    instrument_id: str
    wait_days: int
    valid_days: int


@dataclass(frozen=True, slots=True)
class Duty:
    """What an obligation is part of in one phase; no strategy where none answers it."""

    phase: str
    instrument_id: str
    strategy_id: str | None
    goal_id: str | None


@dataclass(frozen=True, slots=True)
class Situation:
    """A row of the situation table that restricts the candidates to what it names.

    Attributes
    ----------
    state
        Lifecycle state.
    strategy_id
        The strategy it names.
    instrument_ids
        The instruments it names; all of the strategy if empty.
    lead_stage
        Stage of a lead; none for other states.
    motive
        Purchase motive it is limited to; none for any.
    """

    state: str
    strategy_id: str
    instrument_ids: tuple[str, ...] = ()
    lead_stage: str | None = None
    motive: str | None = None


SITUATIONS = (
    Situation("lead", "awareness_building", lead_stage="unaware"),
    *(
        Situation(
            "lead",
            "awareness_building",
            ("newsletter", "direct_mail", "marketing_event"),
            lead_stage=stage,
        )
        for stage in ("aware", "dormant")
    ),
    Situation("lead", "persuasion_factual", lead_stage="interested"),
    Situation("lead", "persuasion_symbolic", lead_stage="interested", motive="brand_image"),
    Situation("lead", "persuasion_factual", ("advice", "guarantee"), lead_stage="intent"),
    Situation("lead", "stimulation", lead_stage="intent"),
    Situation("new", "attachment", ("follow_up_contact", "personal_attention")),
    Situation("new", "service_strategy"),
)
"""The restricting rows of domain specification 6.1: those of leads and new customers.

The others only show what signals and values lead to. A dormant lead shares the goal of an aware
one and is treated like it. An event adds what it calls for, selling to a new customer only after a
contact that was positive or neutral.
"""

NEEDED_SIGNALS = (("better_offer", "competitor_loss"),)
"""Strategies only for units with some strength of a signal: a better offer is for the diverted."""


@dataclass(frozen=True, slots=True)
class StrategyOptions:
    """Everything that can be recommended, as the catalogue has it.

    Attributes
    ----------
    candidates
        In the order that decides between equal values: cost, then ids.
    channels
        The addressable channels.
    events
        What triggers a step of its own.
    duties
        What obligations are part of.
    situations
        Rows that restrict the candidates of a state.
    needed_signals
        Strategies only for units with some strength of a signal.
    while_unknown
        What each condition counts as while unknown.
    declared
        Conditions that the company has declared for everybody, and the answer.
    lead_goals
        The next goal of each lead stage.
    affinities
        Purchase motive, strategy and the factor by which the motive favors it.
    holdouts
        Running experiments.
    to_be_asked
        Strategy and instrument that a person has to decide on since they did harm.
    responders
        Instrument and phase where some respond more than others, and how to tell who.
    """

    candidates: tuple[Candidate, ...]
    channels: tuple[ChannelOption, ...]
    events: tuple[EventOption, ...]
    duties: tuple[Duty, ...]
    situations: tuple[Situation, ...]
    needed_signals: tuple[tuple[str, str], ...]
    while_unknown: tuple[tuple[str, bool], ...]
    declared: tuple[tuple[str, bool], ...]
    lead_goals: tuple[tuple[str, str], ...]
    affinities: tuple[tuple[str, str, float], ...]
    holdouts: tuple[Holdout, ...] = ()
    to_be_asked: tuple[tuple[str, str], ...] = ()
    responders: tuple[tuple[tuple[str, str], ResponseModel], ...] = field(
        default=(), compare=False, repr=False
    )

    def informed_by(self, feedback: Feedback) -> StrategyOptions:
        """Take over what experiments have taught, and whom they hold out."""
        candidates = []
        for each in self.candidates:
            learned = feedback.effects.get((each.instrument_id, each.phase))
            mean = each.effect_probability if learned is None else learned[0]
            candidates.append(replace(each, effect_probability=mean))
        return replace(
            self,
            candidates=tuple(candidates),
            holdouts=feedback.holdouts,
            to_be_asked=tuple(sorted(feedback.held_back)),
            responders=tuple(sorted(feedback.responders.items(), key=lambda item: item[0])),
        )


@dataclass(frozen=True, slots=True)
class StrategyParameters:
    """How candidates are valued (domain specification 6.2).

    Attributes
    ----------
    lead_conversion_probability
        Chance that a lead buys within 90 days without us; probability; default 0.05 (6.2).
    winback_value_share
        Share of the lifetime value that counts in win-back; share; default 0.8 (6.2, 11).
    signal_weight
        How much the strongest answered signal adds to the fit; no unit; default 0.5 (6.2).
    fit_min, fit_max
        Limits of the fit; no unit; defaults 0.25 and 2 (6.2).
    spend_share
        Share of the value that a step may cost; share; default 0.20 (6.2, 11).
    least_value
        What a step has to bring, or doing nothing wins: the smallest amount of money there is; base
        currency; default 0.01 (6.2, where doing nothing is worth 0 and amounts are rounded).
    loyalty_factor
        Of the fit where a lead is loyal to another supplier; no unit; default 0.5 (6.2).
    inferred_share
        Share of the effect of a motive that was not told but inferred; share; default 0.5 (2.3).
    base_margin, base_order_value
        Mean contribution and mean amount of a purchase of the base, used for leads; base currency;
        unknown by default (6.2 asks for the credibility mean, which is the base mean for them).
    tier_floor
        Least value of tiers A and B, contribution of three years if alive; base currency; unknown by
        default.
    declined_window_days
        For how long a declined product counts as refused, the day itself included; days; default 180
        (6.6; catalogue, condition ``recently_declined``).
    young_share
        Share of the usual life below which something owned is far from being replaced; default 0.5
        (catalogue, condition ``recent_purchase_same_product``).
    hunting_window_days
        Window in which a deal hunter shows, the day itself included; days; default 730 (catalogue,
        condition ``deal_hunter``).
    hunting_from_purchases
        Purchases in it from which that can be told; count; default 4 (the same).
    hunting_discount_share
        Share of them at a discount; share; default 0.6 (the same).
    hunting_margin_rate
        Margin below which little is left; share of the net revenue; default 0.15 (the same).
    """

    lead_conversion_probability: float = 0.05
    winback_value_share: float = 0.8
    signal_weight: float = 0.5
    fit_min: float = 0.25
    fit_max: float = 2.0
    spend_share: float = 0.20
    least_value: float = 0.01
    loyalty_factor: float = 0.5
    inferred_share: float = 0.5
    base_margin: float = float("nan")
    base_order_value: float = float("nan")
    tier_floor: float = float("nan")
    declined_window_days: int = 180
    young_share: float = 0.5
    hunting_window_days: int = 730
    hunting_from_purchases: int = 4
    hunting_discount_share: float = 0.6
    hunting_margin_rate: float = 0.15
