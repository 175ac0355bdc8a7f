"""Turns the catalogue into the options that recommendations are chosen from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from services.analytics.calculations.reach.parameters import (
    Address,
    ChannelRule,
    ReachParameters,
)
from services.analytics.calculations.recommendations.candidates import (
    NEEDED_SIGNALS,
    OBLIGATIONS,
    SITUATIONS,
    Candidate,
    ChannelOption,
    Check,
    Duty,
    EventOption,
    Purpose,
    StrategyOptions,
)
from services.analytics.calculations.signals.combination import CombinationParameters
from services.analytics.catalogue.catalogue import (
    Catalogue,
    Channel,
    Goal,
    Instrument,
    Phase,
    Strategy,
)

_VOICE = "voice"
_COMPLAINT_SIGNAL = "unresolved_complaint"
_REQUEST_SIGNALS = frozenset({_COMPLAINT_SIGNAL, "support_burst"})
_ADDRESSES: Mapping[str, Address] = {
    "email": "email",
    "post": "postal",
    "sms": "phone",
    "phone": "phone",
    "call_centre": "phone",
    "visit": "postal",
}
"""What a contact has to have for a channel; of the others the CRM knows no address."""
WITHOUT_CONTACT_CAP = frozenset({"obligation", "service"})
"""Types of instruments that are no advertising; domain specification 6.4."""
_GUARDED = {
    "price": ("deal_hunter", "open_complaint"),
    "product": ("open_complaint",),
    "trial": ("open_complaint",),
    "engagement": ("open_complaint",),
    "barrier": ("dissatisfied", "open_complaint"),
}
"""What forbids an instrument of a type whatever its entry says, so that own ones keep to it, too."""


def strategy_options(catalogue: Catalogue) -> StrategyOptions:
    """Collect candidates, duties and what they need; groups and mass instruments give none."""
    channels = tuple(
        ChannelOption(channel.id, channel.unit_cost) for channel in addressable_channels(catalogue)
    )
    candidates = sorted(
        _candidates(catalogue, [channel.channel_id for channel in channels]),
        key=lambda option: (
            option.unit_cost + min(channels[place].unit_cost for place in option.channels),
            option.strategy_id,
            option.instrument_id,
        ),
    )
    return StrategyOptions(
        candidates=tuple(candidates),
        channels=channels,
        events=tuple(
            EventOption(event.id, event.action, event.wait_days, event.valid_days)
            for event in catalogue.marketing_events
            if event.enabled
        ),
        duties=tuple(_duties(catalogue)),
        situations=SITUATIONS,
        needed_signals=NEEDED_SIGNALS,
        while_unknown=tuple((item.id, item.unknown) for item in catalogue.conditions),
        declared=tuple(
            (item.id, item.holds) for item in catalogue.conditions if item.holds is not None
        ),
        lead_goals=tuple((stage.id, stage.next_goal) for stage in catalogue.lead_stages),
        affinities=tuple(
            (motive.id, strategy_id, factor)
            for motive in catalogue.purchase_motives
            for strategy_id, factor in motive.affinity.items()
        ),
    )


def options_document(options: StrategyOptions) -> dict[str, Any]:
    """Write what the numbers of options, channels, events and experiments stand for, to be stored."""
    return {
        "candidates": [
            {
                "phase": each.phase,
                "goal_id": each.goal_id,
                "strategy_id": each.strategy_id,
                "instrument_id": each.instrument_id,
                "incentive_share": each.incentive_share,
                "incentive_amount": each.incentive_amount,
                "favored_by": [
                    motive
                    for motive, strategy_id, factor in options.affinities
                    if strategy_id == each.strategy_id and factor > 1
                ],
                "checks": [[check.condition_id, check.must_hold] for check in each.checks],
                "holdouts": [
                    holdout.key for holdout in options.holdouts if holdout.tries(each.instrument_id)
                ],
            }
            for each in options.candidates
        ],
        "duties": [asdict(each) for each in options.duties],
        "channels": [each.channel_id for each in options.channels],
        "events": [{"id": each.event_id} for each in options.events],
    }


def combination_parameters(catalogue: Catalogue) -> CombinationParameters:
    """Take over what each churn signal weighs, and which of them are one voice."""
    signals = catalogue.churn_signals
    return CombinationParameters(
        weights={each.id: each.beta for each in signals if each.beta is not None},
        voice=tuple(each.id for each in signals if each.group == _VOICE),
    )


def reach_parameters(catalogue: Catalogue) -> ReachParameters:
    """Take over the channels that can address a person, and how often each style may be."""
    return ReachParameters(
        channels=tuple(
            ChannelRule(item.id, item.consent, item.base_response, _ADDRESSES.get(item.id, "used"))
            for item in addressable_channels(catalogue)
        ),
        style_caps={style.id: style.cap_30d for style in catalogue.communication_styles},
    )


def occasion_window_days(catalogue: Catalogue) -> int:
    """Return for how long after its record an event can be open; days."""
    return max(event.wait_days + event.valid_days for event in catalogue.marketing_events)


def addressable_channels(catalogue: Catalogue) -> tuple[Channel, ...]:
    """Return the channels in use that can address a person, in the order of the catalogue."""
    return tuple(item for item in catalogue.channels if item.addressable and item.enabled)


def _candidates(catalogue: Catalogue, channels: list[str]) -> Iterator[Candidate]:
    instruments = {instrument.id: instrument for instrument in catalogue.instruments}
    for strategy in catalogue.strategies:
        if not strategy.is_suggested:
            continue
        for instrument in (instruments[name] for name in strategy.instruments):
            places = tuple(
                place for place, name in enumerate(channels) if name in instrument.channels
            )
            if instrument.is_suggested and places and instrument.type != "obligation":
                for phase in catalogue.phases:
                    if phase.id in strategy.phases and phase.id in instrument.phases:
                        yield _candidate(catalogue, phase, strategy, instrument, places)


def _candidate(
    catalogue: Catalogue,
    phase: Phase,
    strategy: Strategy,
    instrument: Instrument,
    channels: tuple[int, ...],
) -> Candidate:
    if instrument.uplift is None or instrument.unit_cost is None:
        raise ValueError(f"instruments.{instrument.id}: uplift and unit_cost are needed")
    required = ["addressable", *strategy.prerequisites, *instrument.prerequisites]
    forbidden = [
        *(*strategy.contraindications, *instrument.contraindications, "asked_no_contact"),
        *_GUARDED.get(instrument.type, ()),
    ]
    if instrument.type not in WITHOUT_CONTACT_CAP:
        required.append("pressure_ok")
        forbidden.append("minor")
    brief = next(style for style in catalogue.communication_styles if style.id == "brief")
    if instrument.id in brief.avoid:
        forbidden.append("brief_style")
    return Candidate(
        phase=phase.id,
        strategy_id=strategy.id,
        instrument_id=instrument.id,
        goal_id=_goal_of(catalogue, strategy, phase),
        instrument_type=instrument.type,
        effect_probability=instrument.uplift[0],
        unit_cost=instrument.unit_cost,
        channels=channels,
        purpose=_purpose_of(instrument),
        incentive_share=instrument.incentive_pct / 100,
        incentive_amount=instrument.incentive_abs,
        risk_rate=strategy.risk_rate,
        answers=tuple(dict.fromkeys((*strategy.answers, *instrument.answers))),
        dimensions=tuple(
            dimension.id
            for dimension in catalogue.satisfaction_dimensions
            if instrument.id in dimension.responds_with
        ),
        checks=(
            *(Check(name, must_hold=True) for name in dict.fromkeys(required)),
            *(Check(name, must_hold=False) for name in dict.fromkeys(forbidden)),
        ),
    )


def _purpose_of(instrument: Instrument) -> Purpose:
    """Say what a person is addressed for.

    A service answers a request if it is meant for those who had to turn to us, and gives nothing on
    top: what does is an offer like any other. Source: domain specification 6.3.
    """
    if instrument.type == "survey":
        return "survey"
    gives_more = instrument.incentive_pct or instrument.incentive_abs
    if (
        instrument.type == "service"
        and not gives_more
        and _REQUEST_SIGNALS & set(instrument.answers)
    ):
        return "request"
    return "marketing"


def _duties(catalogue: Catalogue) -> Iterator[Duty]:
    """Say what each obligation is part of: the strategy that names it, else one that answers it."""
    for instrument_id in OBLIGATIONS:
        for phase in catalogue.phases:
            strategies = [
                item for item in catalogue.strategies if item.enabled and phase.id in item.phases
            ]
            naming = [item for item in strategies if instrument_id in item.instruments]
            if not naming and instrument_id == "complaint_handling":
                naming = [item for item in strategies if _COMPLAINT_SIGNAL in item.answers]
            strategy = naming[0] if naming else None
            yield Duty(
                phase.id,
                instrument_id,
                strategy.id if strategy else None,
                _goal_of(catalogue, strategy, phase) if strategy else None,
            )


def _goal_of(catalogue: Catalogue, strategy: Strategy, phase: Phase) -> str:
    """Return the first goal of a strategy that belongs to the phase, else its first."""
    goals: dict[str, Goal] = {goal.id: goal for goal in catalogue.goals}
    fitting = (name for name in strategy.goals if phase.id in goals[name].phases)
    return next(fitting, strategy.goals[0])
