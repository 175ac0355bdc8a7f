"""Which fields each kind of interaction has, and what it cannot do without."""

from collections.abc import Mapping
from typing import Any

from services.foundation.problems import FieldError, Invalid

CASES = ("complaint", "service_request")
_TALKS = ("call", "email", "message", "chat", "meeting", "visit", "social", "note")
_ONLY_FOR = {
    "sentiment": (*_TALKS, "complaint"),
    "sentiment_source": (*_TALKS, "complaint"),
    "status": CASES,
    "resolved_at": CASES,
    "resolution": CASES,
    "severity": ("complaint",),
    "justified": ("complaint",),
    "ratings": ("survey_response",),
    "nps": ("survey_response",),
    "reason": ("survey_response",),
    # An invitation has an outcome, too: unanswered ones halve the contact pressure (E-CAP).
    "outcome": ("campaign_touch", "offer", "survey_invitation"),
    "decline_reason": ("campaign_touch", "offer"),
    # A cancellation that names a competitor tells of a customer who was diverted (A-NEW).
    "competitor_id": ("campaign_touch", "offer", "cancellation"),
    "discount_pct": ("offer",),
    "price_minor": ("offer",),
    "valid_until": ("offer",),
    "effective_at": ("cancellation",),
    "despite_open_complaint": ("payment_reminder",),
    "event_type": ("life_event",),
}
"""The fields that not every kind has, by column."""
_TASKS = (*_TALKS, "survey_invitation", "campaign_touch", "offer", "payment_reminder")
"""What we do ourselves, so that it can be planned; all else is done by the customer."""


class FieldOfOtherKind(Invalid):
    code, title = "field_of_other_kind", "This kind of interaction does not have that field."


HEEDED = {"offer": "offer", "complaint": "payment_reminder", "payment_reminder": "complaint"}
"""By kind, that of the interactions of the same customer that its rules look at, or that look at it."""


class NoTask(Invalid):
    code, title = "no_task", "What the customer does cannot be planned."


class SeverityMissing(Invalid):
    code, title = "severity_missing", "A complaint needs its severity, set by whoever handles it."


class NotDeclined(Invalid):
    code, title = "not_declined", "Only what was declined has a reason why."


class RatedTwice(Invalid):
    code, title = "rated_twice", "A survey rates each dimension once."


def check_fields(values: Mapping[str, Any], kind: str) -> None:
    """Refuse fields that this kind does not have, and a plan for what only happens to us.

    Raises
    ------
    FieldOfOtherKind
        There is one; the problem names the kinds that have it.
    NoTask
        It is to be planned, and is not for us to do.
    """
    if values.get("is_planned") and kind not in _TASKS:
        message = (
            f"{kind} is what the customer does, and no task: tell with occurred_at when it happened, or "
            f"plan one of {', '.join(_TASKS)}."
        )
        name = "due_at" if values.get("due_at") else "done_at"
        raise NoTask(message, errors=[FieldError(f"/body/{name}", "no_task", message)])
    for column, kinds in _ONLY_FOR.items():
        is_sent = values.get(column) not in (None, []) and (
            values[column] is not False or column != "despite_open_complaint"
        )
        if is_sent and kind not in kinds:
            name = column.removesuffix("_minor")
            message = f"{name} belongs to {' or '.join(kinds)}, not to {kind}."
            raise FieldOfOtherKind(
                message, errors=[FieldError(f"/body/{name}", "field_of_other_kind", message)]
            )


def check_sense(row: Mapping[str, Any]) -> None:
    """Refuse an interaction whose fields contradict each other; `row` is as it will be.

    Raises
    ------
    SeverityMissing, NotDeclined, RatedTwice
        A rule is broken.
    """
    if row["kind"] == "complaint" and row["severity"] is None:
        message = "A complaint needs severity: 1 small, 2 considerable, 3 grave."
        raise SeverityMissing(message, errors=[FieldError("/body/severity", "missing", message)])
    if row["decline_reason"] is not None and row["outcome"] != "declined":
        message = "A decline_reason goes with the outcome declined."
        raise NotDeclined(
            message, errors=[FieldError("/body/decline_reason", "not_declined", message)]
        )
    seen: set[str] = set()
    for at, rating in enumerate(row["ratings"]):
        if rating["dimension"] in seen:
            message = f"The dimension {rating['dimension']} is rated twice."
            raise RatedTwice(
                message,
                errors=[FieldError(f"/body/ratings/{at}/dimension", "rated_twice", message)],
            )
        seen.add(rating["dimension"])
