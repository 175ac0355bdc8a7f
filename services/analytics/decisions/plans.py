"""The interaction that is planned in the CRM for an accepted recommendation; nothing is sent here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.analytics.calculations.recommendations.candidates import OBLIGATIONS
from services.analytics.calculations.recommendations.steps import Step
from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.catalogue.options import WITHOUT_CONTACT_CAP
from services.analytics.frames.touches import MARKETING, SURVEY
from services.foundation.statements import Record
from shared.values import Total, wire_instant

_KINDS: Final[Mapping[str, str]] = {
    "email": "email",
    "phone": "call",
    "call_centre": "call",
    "visit": "visit",
    "store": "meeting",
    "event": "meeting",
    "video": "meeting",
    "chat": "chat",
    "social": "social",
    "sms": "message",
    "app": "message",
    "post": "message",
}
"""Kinds of interactions by channel; any other channel reaches nobody in person, and leaves a note."""
_TALKS: Final = frozenset({"dialogue", "obligation"})
_IN_WRITING: Final = "privacy_request"
"""Answered in writing, by whatever way. Source: GDPR, article 12(1)."""
_DUE = time(17)
_TAG = "phasewise"


@dataclass(frozen=True)
class Planning:
    """What plans are written with: the catalogue, a language, and the calendar of the business."""

    catalogue: Catalogue
    language: Language
    time_zone: ZoneInfo

    def today(self, now: datetime) -> date:
        return now.astimezone(self.time_zone).date()

    def day_of_owed(self, step: Step, *, now: datetime) -> date:
        """Return the day on which what is owed is to be done: the last one, or today if that is late.

        A message waits too long already, and a grave complaint is taken up at once.
        """
        today = self.today(now)
        if step.due_on is None or (step.triage is not None and step.triage.is_at_once):
            return today
        return max(today, step.due_on)

    def body(self, decision: Mapping[str, Any]) -> Record:
        """Return the interaction to create, as the CRM takes it."""
        instrument = self.catalogue.entry("instruments", decision["instrument_id"])
        kind = self._kind(decision)
        on = decision["snapshot"]
        is_owed = decision["instrument_id"] in OBLIGATIONS
        body = {
            "contact_id": on.get("person_id") or decision["unit_id"],
            "parent_id": on.get("event_record_id") if is_owed else None,
            "kind": kind,
            "channel": decision["channel_id"],
            "direction": "internal" if kind == "note" else "outbound",
            "subject": instrument.name(self.language),
            "body": decision["note"],
            "product_id": decision["product_id"],
            "treatment_id": decision["recommendation_id"],
            "tags": [_TAG, *self._tags(decision, kind)],
            **self.change(decision),
        }
        return {name: value for name, value in body.items() if value is not None}

    def change(self, decision: Mapping[str, Any]) -> Record:
        """Return what of the interaction follows another plan: when it is due, and who does it."""
        day = decision["planned_for"] or decision["valid_until"]
        due_at = datetime.combine(day, _DUE, self.time_zone).astimezone(UTC)
        return {"due_at": wire_instant(due_at), "user_id": decision["assigned_to"]}

    def done(self, decision: Mapping[str, Any]) -> Record:
        """Return what of the interaction says that it was done, and what that cost if it is known."""
        done = {"done_at": wire_instant(decision["executed_at"])}
        if decision["cost_minor"] is None:
            return done
        cost = Total.of_minor(decision["cost_minor"], decision["cost_currency"])
        return {**done, "cost": cost.model_dump()}

    def _tags(self, decision: Mapping[str, Any], kind: str) -> list[str]:
        """Say what the contact is: advertising presses and costs, a service or what is owed does not."""
        kinds = {each.id: each.type for each in self.catalogue.instruments}
        instrument_type = kinds[decision["instrument_id"]]
        if kind == "note" or instrument_type in WITHOUT_CONTACT_CAP:
            return []
        return [MARKETING, SURVEY] if instrument_type == "survey" else [MARKETING]

    def _kind(self, decision: Mapping[str, Any]) -> str:
        """Choose by the channel; where none is named, a talk is a call and all else is a note."""
        if decision["channel_id"] is not None:
            return _KINDS.get(decision["channel_id"], "note")
        if decision["instrument_id"] == _IN_WRITING:
            return "message"
        instruments = {each.id: each for each in self.catalogue.instruments}
        return "call" if instruments[decision["instrument_id"]].type in _TALKS else "note"
