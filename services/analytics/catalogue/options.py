"""Turns the catalogue into the options that recommendations are chosen from."""

from __future__ import annotations

from collections.abc import Iterator

from services.analytics.calculations.candidates import (
    NEEDED_SIGNALS,
    OPEN_CONDITIONS,
    SITUATIONS,
    Candidate,
    Check,
    Obligation,
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
_WITHOUT_CONTACT_CAP = frozenset({"obligation", "service"})
_GUARDED = {
    "price": ("deal_hunter", "open_complaint"),
    "barrier": ("dissatisfied", "open_complaint"),
}
"""What forbids an instrument of a type whatever its entry says, so that own ones keep to it, too."""


def strategy_options(catalogue: Catalogue) -> StrategyOptions:
    """Collect candidates, obligations and what they need; groups and mass instruments give none."""
    candidates = sorted(
        _candidates(catalogue),
        key=lambda option: (option.contact_cost, option.strategy_id, option.instrument_id),
    )
    return StrategyOptions(
        candidates=tuple(candidates),
        obligations=tuple(_obligation(catalogue, phase) for phase in catalogue.phases),
        situations=SITUATIONS,
        needed_signals=NEEDED_SIGNALS,
        unknown_conditions=tuple((item.id, item.unknown) for item in catalogue.conditions),
        lead_goals=tuple((stage.id, stage.next_goal) for stage in catalogue.lead_stages),
        affinities=tuple(
            (motive.id, strategy_id, factor)
            for motive in catalogue.purchase_motives
            for strategy_id, factor in motive.affinity.items()
        ),
    )


def combination_parameters(catalogue: Catalogue) -> CombinationParameters:
    """Take over what each churn signal weighs, and which of them are one voice."""
    signals = catalogue.churn_signals
    return CombinationParameters(
        weights={each.id: each.beta for each in signals if each.beta is not None},
        voice=tuple(each.id for each in signals if each.group == _VOICE),
    )


def _candidates(catalogue: Catalogue) -> Iterator[Candidate]:
    instruments = {instrument.id: instrument for instrument in catalogue.instruments}
    for strategy in catalogue.strategies:
        if not strategy.is_suggested:
            continue
        for instrument in (instruments[name] for name in strategy.instruments):
            if (
                instrument.is_suggested
                and instrument.type != "obligation"
                and any(channel.id in instrument.channels for channel in _in_use(catalogue))
            ):
                for phase in catalogue.phases:
                    if phase.id in strategy.phases and phase.id in instrument.phases:
                        yield _candidate(catalogue, phase, strategy, instrument)


def _candidate(
    catalogue: Catalogue, phase: Phase, strategy: Strategy, instrument: Instrument
) -> Candidate:
    if instrument.uplift is None or instrument.unit_cost is None:
        raise ValueError(f"instruments.{instrument.id}: uplift and unit_cost are needed")
    required = [*strategy.prerequisites, *instrument.prerequisites]
    forbidden = [
        *(*strategy.contraindications, *instrument.contraindications, "asked_no_contact"),
        *_GUARDED.get(instrument.type, ()),
    ]
    still_open = ["addressable"]
    if instrument.type not in _WITHOUT_CONTACT_CAP:
        still_open.append("pressure_ok")
        forbidden.append("minor")
    still_open += [name for name in required if name in OPEN_CONDITIONS]
    return Candidate(
        phase=phase.id,
        strategy_id=strategy.id,
        instrument_id=instrument.id,
        goal_id=_goal_of(catalogue, strategy, phase),
        instrument_type=instrument.type,
        effect_probability=instrument.uplift[0],
        contact_cost=instrument.unit_cost + _cheapest_channel(catalogue, instrument),
        incentive_share=instrument.incentive_pct / 100,
        incentive_amount=instrument.incentive_abs,
        risk_rate=strategy.risk_rate,
        answers=tuple(dict.fromkeys((*strategy.answers, *instrument.answers))),
        checks=(
            *(
                Check(name, must_hold=True)
                for name in dict.fromkeys(required)
                if name not in OPEN_CONDITIONS
            ),
            *(Check(name, must_hold=False) for name in dict.fromkeys(forbidden)),
        ),
        open_conditions=tuple(dict.fromkeys(still_open)),
    )


def _obligation(catalogue: Catalogue, phase: Phase) -> Obligation:
    """Find the strategy of a phase that answers complaints, rather one that names the measure."""
    measure = next(item for item in catalogue.instruments if item.type == "obligation")
    answering = [
        strategy
        for strategy in catalogue.strategies
        if strategy.enabled
        and _COMPLAINT_SIGNAL in strategy.answers
        and phase.id in strategy.phases
    ]
    answering.sort(key=lambda strategy: measure.id not in strategy.instruments)
    if not answering:
        return Obligation(phase.id, measure.id, strategy_id=None, goal_id=None)
    strategy = answering[0]
    return Obligation(phase.id, measure.id, strategy.id, _goal_of(catalogue, strategy, phase))


def _goal_of(catalogue: Catalogue, strategy: Strategy, phase: Phase) -> str:
    """Return the first goal of a strategy that belongs to the phase, else its first."""
    goals: dict[str, Goal] = {goal.id: goal for goal in catalogue.goals}
    fitting = (name for name in strategy.goals if phase.id in goals[name].phases)
    return next(fitting, strategy.goals[0])


def _cheapest_channel(catalogue: Catalogue, instrument: Instrument) -> float:
    """Return the cost of the cheapest channel that can address a person, else of any."""
    channels = [item for item in _in_use(catalogue) if item.id in instrument.channels]
    costs = [item.unit_cost for item in channels if item.addressable]
    return min(costs or [item.unit_cost for item in channels])


def _in_use(catalogue: Catalogue) -> list[Channel]:
    return [channel for channel in catalogue.channels if channel.enabled]
