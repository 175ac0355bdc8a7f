"""Turns the catalogue into the options that recommendations are chosen from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from services.analytics.calculations.candidates import (
    NEEDED_SIGNALS,
    OPEN_CONDITIONS,
    SITUATIONS,
    Candidate,
    Check,
    Obligation,
    StrategyOptions,
)
from services.analytics.calculations.reach.parameters import (
    Address,
    ChannelRule,
    ReachParameters,
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
_ADDRESSES: Mapping[str, Address] = {
    "email": "email",
    "post": "postal",
    "sms": "phone",
    "phone": "phone",
    "call_centre": "phone",
    "visit": "postal",
}
"""What a contact has to have for a channel; of the others the CRM knows no address."""
_WITHOUT_CONTACT_CAP = frozenset({"obligation", "service"})


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
    signals = [signal.model_dump() for signal in catalogue.churn_signals]
    return CombinationParameters(
        weights={each["id"]: float(each["beta"]) for each in signals if "beta" in each},
        voice=tuple(each["id"] for each in signals if each["group"] == _VOICE),
    )


def reach_parameters(catalogue: Catalogue) -> ReachParameters:
    """Take over the channels that can address a person, and how often each style may be."""
    styles = [style.model_dump() for style in catalogue.communication_styles]
    return ReachParameters(
        channels=tuple(
            ChannelRule(item.id, item.consent, item.base_response, _ADDRESSES.get(item.id, "used"))
            for item in addressable_channels(catalogue)
        ),
        style_caps={style["id"]: int(style["cap_30d"]) for style in styles},
    )


def addressable_channels(catalogue: Catalogue) -> tuple[Channel, ...]:
    """Return the channels that can address a person, in the order of the catalogue."""
    return tuple(item for item in catalogue.channels if item.addressable)


def _candidates(catalogue: Catalogue) -> Iterator[Candidate]:
    instruments = {instrument.id: instrument for instrument in catalogue.instruments}
    for strategy in catalogue.strategies:
        if strategy.children or not strategy.auto_recommend:
            continue
        for instrument in (instruments[name] for name in strategy.instruments):
            if (
                instrument.addressable
                and instrument.auto_recommend
                and instrument.type != "obligation"
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
    forbidden = [*strategy.contraindications, *instrument.contraindications, "asked_no_contact"]
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
        if _COMPLAINT_SIGNAL in strategy.answers and phase.id in strategy.phases
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
    channels = [item for item in catalogue.channels if item.id in instrument.channels]
    costs = [item.unit_cost for item in channels if item.addressable]
    return min(costs or [item.unit_cost for item in channels])
