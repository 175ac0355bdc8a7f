"""Says in words what would differ if facts were other ones; no SQL is here."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from services.analytics.calculations.reasons import Reason, rounded
from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.publication import Publication
from services.analytics.recommendations.showing import show_all, show_reason
from services.analytics.wire import money

Row = Mapping[str, Any]
Shown = Mapping[str, Any]
_OF_STEP = ("obligations", "steps", "ruled_out")
_SHOWN_CHANCE = Decimal("0.001")
"""Chances that differ by less read the same in words."""


def show_situation(
    row: Row,
    publication: Publication,
    *,
    catalogue: Catalogue,
    language: Language,
) -> dict[str, Any]:
    """Return what a stored row says of a customer, as far as a changed fact can matter to it."""
    steps = show_all(row, publication, catalogue=catalogue, language=language)
    return {
        "state": row["state"],
        "phase": steps["phase"],
        "churn_probability": row["churn_probability"],
        "value": money(row["clv_365"], publication.currency),
        "value_at_risk": money(row["value_at_risk"], publication.currency),
        "basis": steps["basis"],
        **{name: steps[name] for name in _OF_STEP},
    }


def show_trial(
    published: Row,
    before: Row,
    after: Row,
    publication: Publication,
    *,
    options: Mapping[str, Any],
    catalogue: Catalogue,
    language: Language,
) -> dict[str, Any]:
    """Return both situations, whether the first is published, and what differs between them."""
    # What the numbers of options stand for: it may have changed since the version was published.
    trying = replace(publication, version={**publication.version, "options": options})
    # A place among all customers is not tried.
    unplaced = {**published, "complaint_priority": None}
    shown = [
        show_situation(row, source, catalogue=catalogue, language=language)
        for row, source in ((unplaced, publication), (before, trying), (after, trying))
    ]
    differences = list(differ(shown[1], shown[2])) or [Reason("R_IF_NOTHING", {})]
    return {
        "unit_id": published["unit_id"],
        "is_published": shown[0] == shown[1],
        "before": shown[1],
        "after": shown[2],
        "differences": [show_reason(each, catalogue, language) for each in differences],
    }


def differ(before: Shown, after: Shown) -> Iterator[Reason]:
    """Yield what differs, the widest first: phase, chance, value, then what is to be done."""
    yield from _words(before, after)
    yield from _numbers(before, after)
    yield from _obligations(before, after)
    yield from _steps(before, after)
    yield from _barriers(before, after)


def _words(before: Shown, after: Shown) -> Iterator[Reason]:
    states = (before["state"], after["state"])
    # Who is excluded is in no section of the catalogue, and no fact here changes that.
    if states[0] != states[1] and None not in states and "excluded" not in states:
        yield Reason("R_IF_STATE", {"before": states[0], "after": states[1]})
    phases = [each["phase"] and each["phase"]["id"] for each in (before, after)]
    if phases[0] != phases[1] and None not in phases:
        yield Reason("R_IF_PHASE", {"before": phases[0], "after": phases[1]})


def _numbers(before: Shown, after: Shown) -> Iterator[Reason]:
    chances = [each["churn_probability"] for each in (before, after)]
    if None not in chances:
        shown = [Decimal(str(rounded(chance))).quantize(_SHOWN_CHANCE) for chance in chances]
        if shown[0] != shown[1]:
            code = "R_IF_CHURN_HIGHER" if shown[1] > shown[0] else "R_IF_CHURN_LOWER"
            yield Reason(code, {"before": rounded(chances[0]), "after": rounded(chances[1])})
    for name, code in (("value", "R_IF_VALUE"), ("value_at_risk", "R_IF_AT_RISK")):
        amounts = [each[name] for each in (before, after)]
        if None not in amounts and amounts[0] != amounts[1]:
            first, then = (float(amount["amount"]) for amount in amounts)
            if name == "value_at_risk" and first <= 0 and then <= 0:
                continue  # A loss that may go is no risk.
            ending = "HIGHER" if then > first else "LOWER"
            yield Reason(f"{code}_{ending}", {"before": amounts[0], "after": amounts[1]})


def _obligations(before: Shown, after: Shown) -> Iterator[Reason]:
    first, then = (_by_instrument(each["obligations"]) for each in (before, after))
    for name in first:
        if name not in then:
            yield Reason("R_IF_OWED_NO_MORE", {"instrument": name})
    for name in then:
        if name not in first:
            yield Reason("R_IF_OWED", {"instrument": name})


def _by_instrument(steps: Any) -> dict[str, Any]:
    """Name steps by what is done: over another channel, or for another goal, it is the same in words."""
    found: dict[str, Any] = {}
    for step in steps:
        found.setdefault(step["instrument"]["id"], step)
    return found


def _steps(before: Shown, after: Shown) -> Iterator[Reason]:
    if before["steps"] and not after["steps"]:
        yield Reason("R_IF_NO_STEP", {})
        return
    first, then = (_by_instrument(each["steps"]) for each in (before, after))
    best = next(iter(then), None)
    if best is not None and best != next(iter(first), None):
        yield Reason("R_IF_BEST", _worth(then[best], "ev"))
    for name, step in then.items():
        if name not in first:
            if name != best:
                yield Reason("R_IF_STEP", _worth(step, "ev"))
        elif step["expected_value"] != first[name]["expected_value"]:
            params = _worth(first[name], "before") | {"after": step["expected_value"]}
            yield Reason("R_IF_STEP_WORTH", params)
    for name in first:
        if name not in then:
            yield Reason("R_IF_STEP_NO_MORE", {"instrument": name})


def _worth(step: Shown, name: str) -> dict[str, Any]:
    return {"instrument": step["instrument"]["id"], name: step["expected_value"]}


def _barriers(before: Shown, after: Shown) -> Iterator[Reason]:
    """Tell what may be done now that was ruled out, and the other way round, as far as it is shown."""
    first, then = ([_pair(step) for step in each["ruled_out"]] for each in (before, after))
    was_done, is_done = ({_pair(step) for step in each["steps"]} for each in (before, after))
    for pair in first:
        if pair in is_done and pair not in then:
            yield Reason("R_IF_ALLOWED", {"instrument": pair[1]})
    for pair in then:
        if pair in was_done and pair not in first:
            yield Reason("R_IF_RULED_OUT", {"instrument": pair[1]})


def _pair(step: Shown) -> tuple[str, str]:
    return step["strategy"]["id"], step["instrument"]["id"]
