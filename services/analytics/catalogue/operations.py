"""Shows the catalogue in a language, with what the overlay file changed of it."""

from collections.abc import Callable, Mapping
from typing import Any

from services.analytics.catalogue.catalogue import Catalogue, Entry, Instrument, Language
from services.analytics.catalogue.entries import (
    DataGap,
    Draft,
    PlainEntry,
    Strategy,
    Switchable,
    TerminateProfile,
)
from services.analytics.catalogue.overlay_fields import SOURCE
from services.foundation.problems import Problem

_HIDDEN = frozenset({"en", "de", "desc_en", "desc_de", "source", "enabled"})
"""Shown by other names, or of no use beyond the file."""
_UNSHOWN = frozenset({"order", "note", "metric", "feature", "default_choice"})
"""Notes to those who read the file."""


class NoSuchSection(Problem):
    code, status = "section_missing", 404
    title = "The catalogue has no such section."


def list_sections(catalogue: Catalogue, *, language: Language) -> dict[str, Any]:
    """Return the sections with what they hold."""
    fields = catalogue.adjustments.fields
    return {
        "is_adjusted": bool(fields),
        "items": [
            {
                "section": section,
                **_head(catalogue, section, language),
                "entry_count": len(entries),
                "adjusted_count": len(entries.keys() & fields.get(section, {}).keys()),
                "disabled_count": sum(not _is_enabled(entry) for entry in entries.values()),
            }
            for section, entries in catalogue.shown_sections.items()
        ],
    }


def show_section(catalogue: Catalogue, section: str, *, language: Language) -> dict[str, Any]:
    """Return a section with its entries.

    Raises
    ------
    NoSuchSection
        There is none of this name; the text names all.
    """
    entries = catalogue.shown_sections.get(section)
    if entries is None:
        names = ", ".join(catalogue.sections)
        raise NoSuchSection(f"The catalogue has these sections: {names}.")
    return {
        "section": section,
        **_head(catalogue, section, language),
        "items": [_shown(catalogue, section, entry, language) for entry in entries.values()],
    }


def _head(catalogue: Catalogue, section: str, language: Language) -> dict[str, str]:
    texts = catalogue.section_texts[section]
    return {"label": texts.name(language), "description": texts.description(language)}


def _shown(catalogue: Catalogue, section: str, entry: Entry, language: Language) -> dict[str, Any]:
    adjusted = catalogue.adjustments.of(section, entry.id)
    return {
        "id": entry.id,
        "label": entry.name(language),
        "description": entry.description(language),
        **_fields(entry),
        **{name: text(entry, language) for name, text in _texts_of(entry).items()},
        "is_enabled": _is_enabled(entry),
        "is_adjusted": bool(adjusted),
        "adjusted_fields": adjusted,
        "is_own": entry.source == (SOURCE,),
    }


def _fields(entry: Entry) -> dict[str, Any]:
    """Return what is computed with, which of an entry that only has texts are its conditions."""
    if isinstance(entry, PlainEntry):
        return entry.model_dump(include={"prerequisites", "contraindications"})
    fields = {
        name: value
        for name, value in entry.model_dump(exclude=set(_HIDDEN | _UNSHOWN)).items()
        if not name.endswith(("_en", "_de"))
    }
    if isinstance(entry, Instrument):
        fields["uplift"] = entry.uplift and {
            "mean": entry.uplift[0],
            "standard_deviation": entry.uplift[1],
        }
    return fields


def _texts_of(entry: Entry) -> Mapping[str, Callable[[Any, Language], str | None]]:
    """Return the further texts of an entry, by the name without the language."""
    names: Mapping[type[Entry], tuple[str, ...]] = {
        Strategy: ("risk",),
        TerminateProfile: ("remedy",),
        DataGap: ("effect",),
        Draft: ("subject", "text"),
    }

    def written(name: str) -> Callable[[Any, Language], str | None]:
        return lambda each, language: getattr(each, f"{name}_{language}")

    return {name: written(name) for name in names.get(type(entry), ())}


def _is_enabled(entry: Entry) -> bool:
    return not isinstance(entry, Switchable) or entry.enabled
