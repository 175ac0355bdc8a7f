"""What may be sent of a decision: fields that go with its status, days and reasons."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, get_args

from services.analytics.calculations.recommendations.candidates import OBLIGATIONS
from services.analytics.decisions.plans import Planning
from services.analytics.decisions.schemas import Reason
from services.foundation.problems import FieldError, Invalid, invalid
from shared.values import Money

_FURTHEST_DAYS = 366
_TOLERANCE = timedelta(minutes=5)
_NEEDS_REASON = ("rejected", "expired")
_GOES_WITH = {
    "reason": _NEEDS_REASON,
    "planned_for": ("accepted",),
    "assigned_to": ("accepted",),
    "write_to_crm": ("accepted",),
    "executed_at": ("executed",),
    "interaction_id": ("executed",),
    "cost": ("executed",),
}


class ReasonMissing(Invalid):
    code, title = "reason_missing", "A rejection, or an end before its time, needs its reason."


class Owed(Invalid):
    code, title = "owed", "What is owed cannot be rejected."


class FieldOutOfPlace(Invalid):
    code, title = "field_out_of_place", "A field does not go with this decision."


def check_fields(sent: set[str], status: str, reason: str | None) -> None:
    """Refuse fields that mean nothing in this status, and one that needs its reason without it."""
    faults = [
        FieldError(
            f"/body/{name}",
            FieldOutOfPlace.code,
            f"{name} goes with {' or '.join(goes_with)} only.",
        )
        for name, goes_with in _GOES_WITH.items()
        if name in sent and status not in goes_with
    ]
    if faults:
        raise FieldOutOfPlace(faults[0].message, errors=faults)
    if status in _NEEDS_REASON and reason is None:
        message = f"Send reason, one of: {', '.join(get_args(Reason))}."
        raise ReasonMissing(message, errors=[FieldError("/body/reason", "missing", message)])


def check_owed(instrument_id: str, status: str, *, field: str) -> None:
    """Refuse to reject an obligation: it is owed as long as its record in the CRM is open."""
    if status == "rejected" and instrument_id in OBLIGATIONS:
        message = (
            "Settle its case or answer its message in the CRM; an accepted decision is ended with "
            "status=expired."
        )
        raise Owed(message, errors=[FieldError(f"/body/{field}", Owed.code, message)])


def check_plan(day: date | None, *, today: date) -> None:
    if day is not None and not today <= day <= today + timedelta(days=_FURTHEST_DAYS):
        raise invalid("/body/planned_for", "out_of_range", "A day from today to a year ahead.")


def check_due(day: date | None, on: Mapping[str, Any], *, today: date) -> None:
    """Refuse a day after the last one to settle what is owed, unless that has passed already."""
    due_on = None if on.get("due_on") is None else date.fromisoformat(on["due_on"])
    if day is not None and due_on is not None and today <= due_on < day:
        raise invalid("/body/planned_for", "out_of_range", f"It is owed until {due_on}.")


def check_cost(given: Mapping[str, Any], *, currency: str) -> Money:
    """Return a cost of nothing or more in base currency: no other is counted, as its day has no rate."""
    cost = Money.model_validate(given)
    if cost.minor() < 0:
        raise invalid("/body/cost/amount", "out_of_range", "A cost is not negative.")
    if cost.currency != currency:
        message = f"Costs are counted in {currency}."
        raise invalid("/body/cost/currency", "other_currency", message)
    return cost


def check_execution(
    at: datetime | None, *, decided_at: datetime, planning: Planning, now: datetime
) -> None:
    """Refuse what was done in the future, or before the day on which it was decided."""
    if at is None:
        return
    if at > now + _TOLERANCE:
        message = "What was done lies not in the future."
        raise invalid("/body/executed_at", "out_of_range", message)
    day = planning.today(decided_at)
    if planning.today(at) < day:
        message = f"It was decided on {day}; what was done lies not before that day."
        raise invalid("/body/executed_at", "out_of_range", message)
