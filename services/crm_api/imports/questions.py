"""The questions that the mapping leaves open; those about the file's form are in `detection`."""

from collections.abc import Sequence
from typing import Any

_TEXTS = {
    "contact_external_id_unmapped": (
        "which column names the contact?",
        "welche Spalte nennt den Kontakt?",
    ),
    "occurred_at_unmapped": (
        "which column tells when it happened?",
        "welche Spalte sagt, wann es geschah?",
    ),
    "nothing_mapped": (
        "no column is mapped to a field: which columns are which fields?",
        "keine Spalte ist einem Feld zugeordnet: welche Spalten sind welche Felder?",
    ),
    "currency_missing": (
        "in which currency are the amounts?",
        "in welcher Währung sind die Beträge?",
    ),
    "date_format_unclear": (
        "how are the dates of this column written?",
        "wie sind die Datumsangaben dieser Spalte geschrieben?",
    ),
    "decimal_mark_unclear": (
        "is the decimal mark of this column a comma or a point?",
        "ist das Dezimalzeichen dieser Spalte ein Komma oder ein Punkt?",
    ),
}


def question(
    code: str, column: str | None, options: Sequence[tuple[str, Sequence[str]]]
) -> dict[str, Any]:
    """Build a question whose options show the samples they stand for."""
    english, german = _TEXTS[code]
    return {
        "code": code,
        "column": column,
        "message_en": english,
        "message_de": german,
        "options": [
            {"value": value, "readings": [[sample, sample] for sample in samples[:3]]}
            for value, samples in options
        ],
    }
