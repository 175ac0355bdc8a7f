"""What can be wrong between the entries of a catalogue: doubled ids, a missing language, ids of nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.analytics.catalogue.entries import VALUE_KINDS, Entry
from services.foundation.settings import Unusable

if TYPE_CHECKING:
    from services.analytics.catalogue.catalogue import Catalogue

_REFERENCES: Mapping[tuple[str, str], str] = {
    ("phases", "states"): "lifecycle_states",
    ("lifecycle_states", "phase"): "phases",
    ("lead_stages", "next_goal"): "goals",
    ("goals", "phases"): "phases",
    ("strategies", "phases"): "phases",
    ("strategies", "goals"): "goals",
    ("strategies", "instruments"): "instruments",
    ("strategies", "children"): "strategies",
    ("strategies", "parent"): "strategies",
    ("strategies", "answers"): "churn_signals",
    ("instruments", "phases"): "phases",
    ("instruments", "channels"): "channels",
    ("instruments", "answers"): "churn_signals",
    ("satisfaction_dimensions", "responds_with"): "instruments",
    ("purchase_motives", "affinity"): "strategies",
    ("terminate_profiles", "signal"): "termination_signals",
    ("marketing_events", "action"): "instruments",
    ("communication_styles", "avoid"): "instruments",
    ("value_quadrants", "default_strategies"): "strategies",
    ("reason_codes", "signal"): "churn_signals",
}
_REFERENCES_EVERYWHERE: Mapping[str, str] = {
    "source": "sources",
    "prerequisites": "conditions",
    "contraindications": "conditions",
}


class CatalogueError(Unusable):
    """The catalogue contradicts itself; the message has one line per fault: section, id, field."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a field of an entry."""

    section: str
    entry_id: str
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.section}.{self.entry_id}.{self.field}: {self.message}"


def faults_of_ids(catalogue: Catalogue) -> Iterator[Fault]:
    for section, entries in _entries(catalogue):
        seen: set[str] = set()
        for entry in entries:
            if entry.id in seen:
                yield Fault(section, entry.id, "id", "is there twice")
            seen.add(entry.id)


def faults_of_languages(catalogue: Catalogue) -> Iterator[Fault]:
    for section in sorted(set(catalogue.sections) ^ set(catalogue.section_texts)):
        yield Fault("section_texts", section, "id", "is in one of the two only")
    for section, entries in _entries(catalogue):
        for entry in entries:
            fields = entry.model_dump()
            for name in sorted(name[:-3] for name in fields if name.endswith(("_en", "_de"))):
                texts = {language: fields.get(f"{name}_{language}") for language in ("en", "de")}
                if any(texts.values()) and not all(texts.values()):
                    missing = next(language for language, text in texts.items() if not text)
                    yield Fault(section, entry.id, f"{name}_{missing}", "is missing")


def faults_of_references(catalogue: Catalogue) -> Iterator[Fault]:
    known = known_ids(catalogue)
    for section, entries in _entries(catalogue):
        for entry in entries:
            yield from unknown_ids(section, entry.id, entry.model_dump(exclude_none=True), known)
    for section in ("reason_codes", "verdicts"):
        for reason in getattr(catalogue, section):
            for name, kind in reason.params.items():
                if kind not in VALUE_KINDS and kind not in catalogue.sections:
                    message = f"{name} is of the unknown kind {kind}"
                    yield Fault(section, reason.id, "params", message)


def known_ids(catalogue: Catalogue) -> dict[str, set[str]]:
    """Return all that can be referred to, by section; the sources are one, too."""
    return {name: set(items) for name, items in catalogue.sections.items()} | {
        "sources": set(catalogue.sources)
    }


def unknown_ids(
    section: str, entry_id: str, fields: Mapping[str, Any], known: Mapping[str, set[str]]
) -> Iterator[Fault]:
    """Find the fields of an entry that name what is not there."""
    for field, value in fields.items():
        target = _REFERENCES_EVERYWHERE.get(field) or _REFERENCES.get((section, field))
        if target is None:
            continue
        names = (value,) if isinstance(value, str) else tuple(value)
        for name in sorted(set(names) - known[target]):
            yield Fault(section, entry_id, field, f"there is no {name} in {target}")


def _entries(catalogue: Catalogue) -> Iterator[tuple[str, tuple[Entry, ...]]]:
    for section in catalogue.sections:
        yield section, getattr(catalogue, section)
