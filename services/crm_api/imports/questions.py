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
    "closed_at_unmapped": (
        "the deals are closed: which column tells the day, or which default of closed_at?",
        "die Abschlüsse sind beendet: welche Spalte nennt den Tag, oder welche Vorgabe für closed_at?",
    ),
    "kind_unclear": (
        "are these contacts organisations or persons?",
        "sind diese Kontakte Organisationen oder Personen?",
    ),
    "unlikely_cells": (
        "this column is called like a field, but its cells do not look like it: map or ignore it?",
        "diese Spalte heißt wie ein Feld, aber ihre Zellen passen nicht: zuordnen oder auslassen?",
    ),
    "organisation_beside_person": (
        (
            "this column names organisations, but the rows are persons, who cannot be linked to them "
            "here: ignore it, or take it as their name?"
        ),
        (
            "diese Spalte nennt Organisationen, die Zeilen sind aber Personen, die hier nicht mit ihnen "
            "verknüpft werden können: auslassen, oder als Namen nehmen?"
        ),
    ),
    "repeated_header": (
        "several columns have this name: is this the one?",
        "mehrere Spalten heißen so: ist es diese?",
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


DOUBTS = ("unlikely_cells", "repeated_header", "organisation_beside_person")
"""Questions about a column that may or may not be the field it is called like."""


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
