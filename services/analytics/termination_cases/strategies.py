"""Which ways to end a relationship a reviewer may choose, and what each of them needs."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from services.analytics.catalogue.catalogue import Catalogue, Instrument, Strategy
from services.analytics.termination_cases.process import Case, Standing, open_conditions
from services.foundation.problems import Invalid, Problem, invalid

CONFIRMED_BY_PEOPLE: Final = ("individual_price_exists", "lawful_terms", "offer_has_components")
"""Conditions that no record answers: a reviewer confirms them and names the proof."""
_OF_TERMINATE: Final = ("strategy_id", "instrument_id", "planned_end_on", "whole_offer")
_REACHING_THE_CUSTOMER: Final = ("contact_person", "way_to_contest")


class PrerequisiteUnmet(Problem):
    code, status, title = "prerequisite_unmet", 409, "A condition of the strategy does not hold."


def offered_strategies(case: Case, catalogue: Catalogue) -> list[Strategy]:
    """Return what may be chosen, the default first; covert ones only after a written justification."""
    shown = {"open"} if case["content"]["justification"] is None else {"open", "covert"}
    found = [
        strategy
        for strategy in catalogue.strategies
        if "termination" in strategy.phases and strategy.openness in shown and not strategy.children
    ]
    return sorted(found, key=lambda strategy: not strategy.default_choice)


def checked_decision(
    decision: Mapping[str, Any],
    *,
    case: Case,
    standing: Standing | None,
    today: date,
    catalogue: Catalogue,
) -> dict[str, Any]:
    """Return a decision as it is stored, its strategy chosen and checked.

    Raises
    ------
    Invalid
        A field is missing, or does not belong to the choice.
    PrerequisiteUnmet
        A prerequisite of strategy or instrument does not hold, or something stands against it.
    """
    choice = decision["choice"]
    needed: tuple[str, ...] = () if choice == "continue" else _REACHING_THE_CUSTOMER
    needed += {"modify": ("modification",), "terminate": ("planned_end_on",)}.get(choice, ())
    for name in needed:
        if decision[name] is None:
            raise invalid(f"/body/{name}", "missing", "This decision needs this field.")
    allowed = {*needed, *(_OF_TERMINATE if choice == "terminate" else ())}
    for name in (*_REACHING_THE_CUSTOMER, "modification", *_OF_TERMINATE):
        if name not in allowed and decision[name] is not None:
            raise invalid(f"/body/{name}", "not_of_this", "This decision does not take this field.")
    stored = dict(decision)
    if choice == "terminate" and standing is not None:
        strategy, instrument = _chosen(decision, case, catalogue)
        _check_conditions(strategy, instrument, decision, case, standing, today)
        stored |= {"strategy_id": strategy.id, "instrument_id": instrument.id}
        stored["planned_end_on"] = decision["planned_end_on"].isoformat()
    return stored


def _chosen(
    decision: Mapping[str, Any], case: Case, catalogue: Catalogue
) -> tuple[Strategy, Instrument]:
    offered = offered_strategies(case, catalogue)
    wanted = decision["strategy_id"]
    found = [offered[0]] if wanted is None else [each for each in offered if each.id == wanted]
    if not found:
        # The same answer for one that is hidden: it is not even told that it is there.
        raise invalid("/body/strategy_id", "unknown_strategy", "There is no such strategy.")
    (strategy,) = found
    instruments = {each.id: each for each in catalogue.instruments}
    instrument_id = decision["instrument_id"] or strategy.instruments[0]
    if instrument_id not in strategy.instruments:
        names = ", ".join(strategy.instruments)
        raise invalid("/body/instrument_id", "not_of_this", f"The strategy takes: {names}.")
    return strategy, instruments[instrument_id]


def _check_conditions(
    strategy: Strategy,
    instrument: Instrument,
    decision: Mapping[str, Any],
    case: Case,
    standing: Standing,
    today: date,
) -> None:
    is_whole = strategy.scope == "segment"
    if is_whole != (decision["whole_offer"] is not None):
        raise _of_whole_offers(is_whole)
    for place, each in enumerate(decision["confirmations"]):
        if each["condition"] not in CONFIRMED_BY_PEOPLE:
            names = ", ".join(CONFIRMED_BY_PEOPLE)
            message = f"What can be confirmed: {names}."
            raise invalid(f"/body/confirmations/{place}/condition", "not_to_confirm", message)
    # Whoever changes an offer for everybody does it in due process with this customer as well.
    required = {
        *strategy.prerequisites,
        *instrument.prerequisites,
        "two_signals",
        "due_process_done",
    }
    unmet, against = open_conditions(
        required,
        {*strategy.contraindications, *instrument.contraindications},
        case=case,
        standing=standing,
        decision=decision,
        today=today,
    )
    if unmet:
        raise PrerequisiteUnmet(f"What does not hold yet: {', '.join(unmet)}.")
    if against:
        raise PrerequisiteUnmet(f"What stands against it: {', '.join(against)}.")


def _of_whole_offers(is_whole: bool) -> Invalid:
    if is_whole:
        message = "This changes a whole offer for everybody: name its product of the CRM."
        return invalid("/body/whole_offer", "missing", message)
    message = "This strategy concerns one customer, not a whole offer."
    return invalid("/body/whole_offer", "not_of_this", message)
