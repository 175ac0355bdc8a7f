"""The life of a complaint or a service request: its states, and how one follows another."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.foundation.problems import FieldError, Invalid
from services.foundation.statements import Record
from shared.values import wire_instant

OPEN_STATUSES = ("open", "acknowledged", "reopened")
_NEXT_STATUSES = {
    **dict.fromkeys(OPEN_STATUSES, ("acknowledged", "resolved", "rejected")),
    **dict.fromkeys(("resolved", "rejected"), ("reopened",)),
}


class StatusImpossible(Invalid):
    code, title = "status_impossible", "The case cannot come into this state."


def open_case(row: Record, *, now: datetime) -> None:
    """Give a new case its state and its history.

    Raises
    ------
    StatusImpossible
        It cannot begin in the state that is sent.
    """
    row["status_history"] = []
    settled = "rejected" if row["resolution"] == "rejected" else "resolved"
    wanted = row["status"] or (settled if row["resolved_at"] or row["resolution"] else "open")
    row["status_history"] = [{"status": "open", "at": wire_instant(row["occurred_at"])}]
    row["status"] = "open"
    if wanted == "reopened":
        raise _impossible(
            "A case that is new was not settled before", ("open", *_NEXT_STATUSES["open"])
        )
    if wanted != "open":
        _enter(row, row, wanted, now=now)
    _check_resolution(row)


def change_case(current: Record, values: Record, *, now: datetime) -> None:
    """Complete a change of a case: its state follows from what is sent, or the other way round.

    Raises
    ------
    StatusImpossible
        The case cannot come into that state from its present one.
    """
    wanted = values.pop("status", None)
    is_open = current["status"] in OPEN_STATUSES
    if wanted == current["status"]:
        wanted = None
    elif wanted is None:
        if is_open and (values.get("resolved_at") or values.get("resolution")):
            wanted = "rejected" if values.get("resolution") == "rejected" else "resolved"
        elif not is_open and "resolved_at" in values and values["resolved_at"] is None:
            wanted = "reopened"
    if wanted is not None:
        _enter(current, values, wanted, now=now)
    _check_resolution({**current, **values})


def _enter(current: Mapping[str, Any], values: Record, wanted: str, *, now: datetime) -> None:
    """Bring a case into a state, with the instant and the resolution that belong to it."""
    present = current["status"]
    if wanted not in _NEXT_STATUSES[present]:
        raise _impossible(
            f"A case that is {present} does not become {wanted}", _NEXT_STATUSES[present]
        )
    values["status"] = wanted
    at = now
    if wanted in ("resolved", "rejected"):
        began = values.get("occurred_at") or current["occurred_at"]
        at = values["resolved_at"] = values.get("resolved_at") or max(now, began)
        if wanted == "rejected" and values.get("resolution") is None:
            values["resolution"] = "rejected"
    elif wanted == "reopened":
        for name in ("resolved_at", "resolution"):
            values.setdefault(name, None)
    history = values.get("status_history") or current["status_history"]
    values["status_history"] = [*history, {"status": wanted, "at": wire_instant(at)}]


def _check_resolution(row: Mapping[str, Any]) -> None:
    status, resolution = row["status"], row["resolution"]
    if status in OPEN_STATUSES and (resolution is not None or row["resolved_at"] is not None):
        name = "resolved_at" if resolution is None else "resolution"
        raise _refused(name, f"A case that is {status} is not settled; leave {name} out.")
    if status not in OPEN_STATUSES and row["resolved_at"] is None:
        message = (
            f"A case that is {status} keeps its resolved_at; to reopen it, set status reopened."
        )
        raise _refused("resolved_at", message)
    if (status == "rejected") != (resolution == "rejected"):
        message = "The status rejected and the resolution rejected go together."
        raise _refused("resolution", message)


def _impossible(why: str, possible: Sequence[str]) -> StatusImpossible:
    return _refused("status", f"{why}; possible: {', '.join(possible)}.")


def _refused(field: str, message: str) -> StatusImpossible:
    fault = FieldError(f"/body/{field}", "status_impossible", message)
    return StatusImpossible(message, errors=[fault])
