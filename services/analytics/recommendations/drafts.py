"""What to write or say: a hint for who acts, and a draft in the language of the contact."""

from collections.abc import Mapping
from typing import Any, get_args

from services.analytics.calculations.recommendations.steps import Step
from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.catalogue.entries import Draft, Entry, Instrument

_PRODUCT, _INCENTIVE = "{product}", "{incentive}"
_UNNAMED: Mapping[Language, str] = {"en": "[product]", "de": "[Produkt]"}


def contact_language(told: str | None, otherwise: Language) -> Language:
    """Return the language of the person that is addressed, another one where it is not known."""
    languages: Mapping[Any, Language] = {each: each for each in get_args(Language)}
    return languages.get(told, otherwise)


def draft_of(
    step: Step, row: Mapping[str, Any], *, catalogue: Catalogue, language: Language
) -> dict[str, Any] | None:
    """Return hint and draft of a step; the hint in the language asked for, the draft in the contact's.

    What only a person can know stands in square brackets. A draft of win-back is always approved by a
    person, and nothing is sent from here. Source: domain specification 6.1, 10.
    """
    draft = catalogue.sections["drafts"].get(step.instrument_id)
    if not isinstance(draft, Draft):
        return None
    contact = contact_language(step.language, language)
    product = step.product_name or _UNNAMED[contact]
    instrument = catalogue.sections["instruments"][draft.id]
    values = {_PRODUCT: product, _INCENTIVE: _incentive(instrument, contact)}
    subject = draft.subject(contact)
    return {
        "hint": draft.description(language),
        "language": contact,
        "subject": subject and _filled(subject, values),
        "text": _filled(draft.text(contact), values),
        "needs_approval": row["phase"] == "winback",
    }


def _incentive(instrument: Entry, language: Language) -> str:
    """Write the percentage that the value of the step was computed with, else leave it to a person."""
    percent = instrument.incentive_pct if isinstance(instrument, Instrument) else 0.0
    if not percent:
        return "…"
    written = f"{percent:g}"
    return written.replace(".", ",") if language == "de" else written


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text
