"""What an experiment may try: a step of the catalogue that can be recommended, and held out of."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from services.analytics.catalogue.catalogue import Catalogue, Instrument, Strategy
from services.foundation.problems import FieldError, Invalid

Fault = tuple[str, str, str]
"""The field, the code and what is wrong."""


def check_step(values: Mapping[str, Any], catalogue: Catalogue, *, at: str | None = None) -> None:
    """Refuse what the catalogue does not know, does not have for the phase or never recommends.

    The faults point to their fields, or to the field `at` where none of them was sent.

    Raises
    ------
    Invalid
        There are some; an end before its start is one, too.
    """
    faults = [
        FieldError(f"/body/{at or name}", code, text)
        for name, code, text in _faults(values, catalogue)
    ]
    if faults:
        raise Invalid(faults[0].message, errors=faults)


def beliefs_of(
    instrument_id: str, channel_id: str | None, catalogue: Catalogue
) -> dict[str, float]:
    """Return what the catalogue says of a step: it is written down before anything is seen.

    A contact costs what instrument and channel do (domain specification 6.2); where any channel will
    do, that of the channel is added for each customer when it is assigned.
    """
    instrument = catalogue.sections["instruments"][instrument_id]
    assert isinstance(instrument, Instrument) and instrument.uplift is not None
    channel_costs = {channel.id: channel.unit_cost for channel in catalogue.channels}
    channel_cost = 0.0 if channel_id is None else channel_costs[channel_id]
    return {
        "prior_mean": instrument.uplift[0],
        "prior_sd": instrument.uplift[1],
        "contact_cost": (instrument.unit_cost or 0.0) + channel_cost,
        "incentive_cost": instrument.incentive_abs,
    }


def _faults(values: Mapping[str, Any], catalogue: Catalogue) -> Iterator[Fault]:
    strategy = catalogue.shown_sections["strategies"].get(values["strategy_id"])
    for fault in (
        _strategy_fault(strategy, values["phase"], catalogue),
        _instrument_fault(strategy, values, catalogue),
    ):
        if fault is not None:
            yield fault
    if values["starts_at"] and values["ends_at"] and values["ends_at"] <= values["starts_at"]:
        yield "ends_at", "ends_before_start", "The end has to be later than the start."


def _strategy_fault(strategy: Any, phase: str, catalogue: Catalogue) -> Fault | None:
    name = "strategy_id"
    known = _listed(
        each.id for each in catalogue.strategies if each.is_suggested and phase in each.phases
    )
    if not isinstance(strategy, Strategy):
        return (
            name,
            "unknown_id",
            f"The catalogue has no such strategy; for that phase it has: {known}.",
        )
    if phase not in strategy.phases:
        return name, "wrong_phase", f"This strategy is not for that phase, which has: {known}."
    if not strategy.is_suggested:
        message = "Nobody would get a step of this strategy, which is never recommended"
        return name, "not_recommended", f"{message}; there are: {known}."
    return None


def _instrument_fault(
    strategy: Any, values: Mapping[str, Any], catalogue: Catalogue
) -> Fault | None:
    """Find what is wrong with instrument or channel; domain specification 6.1, third point."""
    instrument = catalogue.shown_sections["instruments"].get(values["instrument_id"])
    phase, channel = values["phase"], values["channel_id"]
    known = _listed(
        each.id
        for each in catalogue.instruments
        if phase in each.phases
        and _is_tried(each)
        and (not isinstance(strategy, Strategy) or each.id in strategy.instruments)
    )
    name = "instrument_id"
    if not isinstance(instrument, Instrument):
        return name, "unknown_id", f"The catalogue has no such instrument; fitting are: {known}."
    if instrument.type == "obligation":
        message = "It is owed to whoever it concerns, so nobody can be held out of it"
        return name, "obligation", f"{message}; fitting are: {known}."
    if phase not in instrument.phases:
        return name, "wrong_phase", f"This instrument is not for that phase; fitting are: {known}."
    if isinstance(strategy, Strategy) and instrument.id not in strategy.instruments:
        return name, "wrong_strategy", f"That strategy has no such instrument; it has: {known}."
    if not instrument.addressable or instrument.uplift is None:
        message = "Nobody can be held out of this instrument: it addresses no single customer."
        return name, "not_addressable", message
    if not instrument.is_suggested:
        message = "This instrument is never recommended by itself, so nobody would get it"
        return name, "not_recommended", f"{message}; fitting are: {known}."
    if channel is not None and channel not in instrument.channels:
        used = _listed(instrument.channels)
        message = f"That instrument does not use this channel; it uses: {used}."
        return "channel_id", "wrong_channel", message
    return None


def _is_tried(instrument: Instrument) -> bool:
    is_owed = instrument.type == "obligation"
    return instrument.is_suggested and instrument.uplift is not None and not is_owed


def _listed(ids: Iterable[str]) -> str:
    return ", ".join(sorted(ids)) or "-"
