"""Which fields an overlay file may set, and how each is written."""

from __future__ import annotations

from collections.abc import Mapping

from services.analytics.catalogue.entries import Entry

SOURCE = "own"
TERMINATION = "termination"
OWN_SECTIONS = ("strategies", "instruments")
"""Sections to which an operator may add entries; nothing in the code knows their ids."""

OWN_ID = r"[a-z][a-z0-9_]{0,63}"
OWN_TYPES = (
    *("price", "product", "trial", "service", "information", "dialogue", "event", "gesture"),
    *("reward", "engagement", "survey", "barrier"),
)
"""Types of own instruments: no obligations, nothing for the masses, nothing that ends a relationship."""

_NAMES = ("en", "de", "desc_en", "desc_de")
_CONDITIONS = ("prerequisites", "contraindications")
_SWITCHES = ("enabled", "auto_recommend")
OWN_FIELDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "instruments": (
        (*_NAMES, *_CONDITIONS, "phases", "type", "channels", "unit_cost", "uplift"),
        ("incentive_pct", "incentive_abs", "answers", *_SWITCHES),
    ),
    "strategies": (
        (*_NAMES, *_CONDITIONS, "phases", "goals", "instruments"),
        ("tone", "answers", "risk_rate", "risk_en", "risk_de", *_SWITCHES),
    ),
}
"""By section: what an own entry needs, and what it may have."""

CHANGEABLE: Mapping[str, tuple[str, ...]] = {
    "strategies": (*_SWITCHES, "instruments", "risk_rate"),
    "instruments": (*_SWITCHES, "unit_cost", "incentive_pct", "incentive_abs", "uplift"),
    "channels": ("enabled", "unit_cost", "base_response"),
    "marketing_events": ("enabled", "action", "wait_days", "valid_days"),
    "communication_styles": ("cap_30d",),
    "conditions": ("holds",),
}
"""What may be changed of the entries of the package, beside their texts. Which conditions an entry has may
not: they are what the guard rails stand on. Whether one holds may be declared where no record says it."""

_FORMS: Mapping[str, tuple[str, str]] = {
    "en": ("a text of one line with at most 200 characters", "Newsletter"),
    "de": ("a text of one line with at most 200 characters", "Rundbrief"),
    "prerequisites": ("a list of ids of conditions that must hold", "[satisfied]"),
    "contraindications": ("a list of ids of conditions that must not hold", "[open_complaint]"),
    "phases": ("a list of ids of phases", "[development, retention]"),
    "goals": ("a list of ids of goals", "[satisfaction]"),
    "instruments": ("a list of ids of instruments", "[newsletter, gift]"),
    "channels": ("a list of ids of channels", "[email, phone]"),
    "answers": ("a list of ids of churn signals", "[inactivity]"),
    "type": (f"one of {', '.join(OWN_TYPES)}", "dialogue"),
    "tone": ("one of factual, emotional, symbolic", "emotional"),
    "action": ("the id of an instrument", "newsletter"),
    "unit_cost": ("an amount of base currency per contact, 0 or more", "0.5"),
    "incentive_abs": ("an amount of base currency paid on success, 0 or more", "10"),
    "incentive_pct": ("a percentage of the order value from 0 to 100", "5"),
    "uplift": (
        "a list of two shares from 0 to 1, the mean effect and its standard deviation",
        "[0.03, 0.02]",
    ),
    "risk_rate": ("a share of the value from 0 to 1", "0.01"),
    "base_response": ("a share above 0, from 0.000001 to 1", "0.05"),
    "wait_days": ("a whole number of days from 0 to 3650", "7"),
    "valid_days": ("a whole number of days from 1 to 3650", "30"),
    "cap_30d": ("a whole number of contacts from 1 to 30", "3"),
    "enabled": ("true or false", "false"),
    "holds": ("true or false", "true"),
    "auto_recommend": ("true or false", "false"),
}
_TEXT = ("a text of one line with at most 1000 characters", "What it is for.")


def is_text(name: str) -> bool:
    """Tell whether a field is shown to people and never computed with."""
    return name in ("en", "de") or name.endswith(("_en", "_de"))


def changeable(section: str, kind: type[Entry]) -> tuple[str, ...]:
    """Return what a file may change of an entry of the package: its texts, and what its section allows."""
    texts = tuple(name for name in kind.model_fields if is_text(name))
    return (*CHANGEABLE.get(section, ()), *texts)


def expectation(name: str) -> str:
    """Say how a field is written, with an example to copy."""
    form, example = _FORMS.get(name, _TEXT)
    return f"{form} is expected, such as `{name}: {example}`"
