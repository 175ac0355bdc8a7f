"""The questions that the mapping leaves open, and their answers; those about the file's form are in
`detection`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from services.crm_api.deals.operations import CLOSED
from services.crm_api.imports.detection.synonyms import COMPANY_HEADERS, header_key
from services.crm_api.imports.plan import DATED, NUMERIC, Document, PlannedColumn, base
from services.crm_api.imports.schemas import IGNORE, ImportSettings
from services.crm_api.imports.values import dates, numbers
from services.crm_api.imports.values.fields import currency_field, stage_shown
from services.crm_api.imports.values.numbers import DecimalMark
from services.crm_api.imports.values.readings import (
    Readings,
    day_readings,
    number_readings,
    reads_some,
)

_REQUIRED = {
    "contacts": (("name", "given_name", "family_name", "email", "phone", "external_id", "id"),),
    "deals": (("contact_external_id", "contact_id"),),
    "interactions": (("contact_external_id", "contact_id"), ("occurred_at", "due_at", "done_at")),
}
_USUAL_CURRENCIES = ("EUR", "USD", "CHF", "GBP")
_DECIMAL_MARKS: tuple[DecimalMark, ...] = (",", ".")
_USUAL_FORMATS = (
    *("YYYY-MM-DD", "D.M.YYYY", "D/M/YYYY", "M/D/YYYY", "D-M-YYYY", "M-D-YYYY", "YYYY/MM/DD"),
    *("D.M.YY@1950", "D.M.YY@2000", "D/M/YY@1950", "D/M/YY@2000", "M/D/YY@1950", "M/D/YY@2000"),
    *("YYYYMMDD", "epoch_ms"),
)
_TEXTS = {
    "contact_external_id_unmapped": (
        "which column names the contact?",
        "welche Spalte nennt den Kontakt?",
    ),
    "name_unmapped": (
        "which column names the contacts?",
        "welche Spalte nennt die Namen der Kontakte?",
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
            "this column names organisations, but the rows are persons, who are linked to them by an id "
            "(parent_external_id), not by a name: ignore it, or take it as their name?"
        ),
        (
            "diese Spalte nennt Organisationen, die Zeilen sind aber Personen, die über eine Kennung "
            "(parent_external_id) mit ihnen verknüpft werden, nicht über einen Namen: auslassen, oder als "
            "Namen nehmen?"
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
    code: str, column: str | None, options: Sequence[tuple[str, Readings]]
) -> dict[str, Any]:
    """Build a question whose options show how samples are read under them."""
    english, german = _TEXTS[code]
    return {
        "code": code,
        "column": column,
        "message_en": english,
        "message_de": german,
        "options": [
            {"value": value, "readings": [list(pair) for pair in readings[:3]]}
            for value, readings in options
        ],
    }


def _as_they_stand(column: PlannedColumn) -> Readings:
    return tuple((sample, sample) for sample in column.samples)


def open_questions(
    resource: str, settings: ImportSettings, detected: Document, columns: list[PlannedColumn]
) -> list[Document]:
    """Return what has to be answered before the start; what concerns no mapped column is moot."""
    found = [asked for asked in detected["questions"] if asked["column"] is None]
    asked_about: dict[str, list[Document]] = {}
    for asked in detected["questions"]:
        if asked["column"] is not None:
            asked_about.setdefault(asked["column"], []).append(asked)
    for column in columns:
        found += _about_column(column, asked_about.get(column.name, []))
    fields = {column.field for column in columns} | set(settings.defaults)
    filled = {base(field) for field in fields if field}
    for column in columns:
        if column.doubt and base(column.doubt[1]) not in filled:
            code, field = column.doubt
            answers: list[tuple[str, Readings]] = [(field, _as_they_stand(column)), (IGNORE, ())]
            found.append(question(code, column.name, answers))
    ignored = [column for column in columns if column.field is None]
    if (
        resource == "deals"
        and not fields & {"closed_at", "closing_date"}
        and _holds_closed_deals(settings, columns)
    ):
        dated = [(each.name, _as_they_stand(each)) for each in ignored if each.kind == "date"]
        found.append(question("closed_at_unmapped", None, dated))
    if resource == "contacts" and "kind" not in fields and _names_organisations(columns):
        kinds = [(kind, ()) for kind in ("organisation", "person")]
        found.append(question("kind_unclear", None, kinds))
    for wanted in _REQUIRED[resource]:
        if not fields & set(wanted):
            options = [(column.name, _as_they_stand(column)) for column in ignored]
            found.append(question(f"{wanted[0]}_unmapped", None, options))
    if not any(column.field for column in columns) and resource != "contacts":
        found.append(question("nothing_mapped", None, []))
    if _lacks_currency(resource, settings, columns):
        found.append(question("currency_missing", None, [(code, ()) for code in _USUAL_CURRENCIES]))
    return found


def _holds_closed_deals(settings: ImportSettings, columns: list[PlannedColumn]) -> bool:
    """Whether every row is a closed deal, or a sample of the stage is one."""
    told = [settings.defaults.get("stage", "")]
    told += [each for column in columns if column.field == "stage" for each in column.samples]
    labels = next((column.labels for column in columns if column.field == "stage"), {})
    words = {**labels, **settings.words.get("stage", {})}
    return any(stage_shown(each, words) in CLOSED for each in told)


def _names_organisations(columns: list[PlannedColumn]) -> bool:
    return any(
        column.field == "name" and header_key(column.name) in COMPANY_HEADERS for column in columns
    )


def _about_column(column: PlannedColumn, asked: list[Document]) -> Iterator[Document]:
    if column.field is None:
        return
    samples = column.samples
    if column.how in DATED and column.date_format is None:
        fitting = [each for each in asked if "date" in each["code"] or "year" in each["code"]]
        formats = [(each, day_readings(samples, each)) for each in _USUAL_FORMATS]
        reading = [option for option in formats if reads_some(option[1])]
        yield from fitting or [question("date_format_unclear", column.name, reading)]
    if column.how in NUMERIC and column.decimal_mark is None:
        fitting = [each for each in asked if "decimal" in each["code"]]
        marks = [(each, number_readings(samples, each)) for each in _DECIMAL_MARKS]
        yield from fitting or [question("decimal_mark_unclear", column.name, marks)]


def _lacks_currency(resource: str, settings: ImportSettings, columns: list[PlannedColumn]) -> bool:
    if settings.currency:
        return False
    told = {column.field for column in columns if column.kind != "empty"} | set(settings.defaults)
    for column in columns:
        if column.field is None or column.how not in ("money", "minor"):
            continue
        if currency_field(resource, base(column.field)) in told:
            continue
        parts = [numbers.number_parts(s) for s in column.samples if not s.startswith("{")]
        if any(part is not None and not part.mark for part in parts):
            return True
    return False


def answered(settings: Document, code: str, column: str | None, value: str) -> None:
    """Put an answer into settings.

    Raises
    ------
    KeyError
        No question has this code, or it is answered by the mapping.
    """
    if code == "closed_at_unmapped" and dates.date_parts(value):
        settings["defaults"]["closed_at"] = value
    elif code == "kind_unclear":
        settings["defaults"]["kind"] = value
    elif column is not None and code in DOUBTS:
        settings["mapping"][column] = value
    elif code.endswith("_unmapped"):
        settings["mapping"][value] = code.removesuffix("_unmapped")
    elif code == "uncertain_header":
        settings["has_header"] = value == "true"
    elif code == "currency_missing":
        settings["currency"] = value
    elif code in ("ambiguous_encoding", "ambiguous_delimiter", "ambiguous_sheet"):
        settings[code.removeprefix("ambiguous_")] = value
    elif column is not None and ("date" in code or "year" in code):
        settings["date_formats"][column] = value
    elif column is not None and "decimal_mark" in code:
        settings["decimal_marks"][column] = value
    else:
        raise KeyError(code)
