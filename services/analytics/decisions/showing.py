"""Says in words what is stored of a decision, as the wire shows it; no SQL is here."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.wire import money, on_top
from services.foundation.statements import Record
from shared.values import Total, wire_instant

_AMOUNTS = ("expected_value", "stake", "contact_cost", "incentive_cost", "risk_cost")
_PLAIN = ("rank", "base_probability", "effect_probability", "model_version", "as_of")
_SECTIONS = {
    "phase": "phases",
    "goal_id": "goals",
    "strategy_id": "strategies",
    "instrument_id": "instruments",
    "channel_id": "channels",
}
_OF_PROFILE = ("phase", "goal_id", "strategy_id")
_SAME = ("id", "version", "unit_id", "recommendation_id", "status", "note", "assigned_to")


def show(row: Record, *, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    """Return a decision as lists show it."""

    def choice(section: str, entry: str | None) -> dict[str, str] | None:
        """Name an entry; one that the catalogue has no more is called by its id."""
        if entry is None:
            return None
        known = catalogue.sections[section].get(entry)
        return {"id": entry, "label": known.name(language) if known else entry}

    snapshot: Mapping[str, Any] = row["snapshot"]
    # What is owed was recommended by its place in a phase, before the person objected to profiling.
    known = {**row, **dict.fromkeys(_OF_PROFILE)} if row.get("is_objecting") else row
    decided_on = {
        **{name: snapshot[name] for name in _PLAIN},
        **{name: money(snapshot[name], snapshot["currency"]) for name in _AMOUNTS},
        **{
            name.removesuffix("_id"): choice(section, known[name])
            for name, section in _SECTIONS.items()
        },
        "event": choice("marketing_events", snapshot.get("event_id")),
        **{name: snapshot.get(name) for name in ("person_id", "event_record_id", "due_on")},
        **on_top(
            snapshot.get("incentive_share"),
            snapshot.get("incentive_amount"),
            snapshot["currency"],
        ),
        "product_id": row["product_id"],
    }
    return {
        **{name: row[name] for name in _SAME},
        "reason": choice("rejection_reasons", row["reason"]),
        "planned_for": _day(row["planned_for"]),
        "valid_until": _day(row["valid_until"]),
        "executed_at": _instant(row["executed_at"]),
        "interaction_id": row["interaction_id"],
        "cost": _cost(row),
        "decided_on": decided_on,
        "crm": _crm(row),
        "decided_at": _instant(row["decided_at"]),
        "updated_at": _instant(row["updated_at"]),
    }


def show_steps(rows: Iterable[Record]) -> list[dict[str, Any]]:
    """Return the history of a decision."""
    names = ("key_id", "key_name", "request_id", "from_status", "to_status", "changed", "cause")
    return [{"at": wire_instant(row["at"]), **{name: row[name] for name in names}} for row in rows]


def _crm(row: Record) -> dict[str, Any] | None:
    if row["crm_state"] is None:
        return None
    return {
        "state": row["crm_state"],
        "interaction_id": row["crm_interaction_id"],
        "problem": row["crm_problem"],
        "next_attempt_at": _instant(row["crm_next_attempt_at"]),
    }


def _cost(row: Record) -> dict[str, Any] | None:
    if row["cost_minor"] is None:
        return None
    return Total.of_minor(row["cost_minor"], row["cost_currency"]).model_dump()


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _instant(at: datetime | None) -> str | None:
    return None if at is None else wire_instant(at)
