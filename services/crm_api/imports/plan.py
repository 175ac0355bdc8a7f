"""What is in force for an import: what was given, laid over what was detected."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from services.crm_api.imports.detection.findings import Detection, Hints, Question
from services.crm_api.imports.detection.mapping import suggest_mapping
from services.crm_api.imports.reading.json_lines import json_object
from services.crm_api.imports.reading.records import Dialect, Unreadable
from services.crm_api.imports.schemas import IGNORE, ImportSettings
from services.crm_api.imports.values import numbers
from services.crm_api.imports.values.fields import RESOURCES

Document = dict[str, Any]
STRUCTURE = ("format", "encoding", "delimiter", "quote", "has_header")
"""The settings that decide how the file falls into cells; a change of one needs a new detection."""
DATED = frozenset({"day", "instant"})
NUMERIC = frozenset({"integer", "decimal", "percentage", "number", "money"})
NAMED_DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """A column with its place in the row, its field and the form of its cells."""

    at: int
    path: tuple[str, ...]
    name: str
    kind: str
    samples: tuple[str, ...]
    suggested_field: str | None
    doubt: tuple[str, str] | None
    field: str | None
    date_format: tuple[str, str] | None = None
    decimal_mark: tuple[str, str] | None = None


class NestedColumn(NamedTuple):
    """A member of the objects in a cell; its dates and numbers are written as JSON does."""

    name: str
    at: int
    path: tuple[str, ...]
    samples: tuple[str, ...]


def how(resource: str, field: str) -> str:
    """Return how the cells of a field are read, without the vocabulary of a closed list."""
    return RESOURCES[resource][field].partition(":")[0]


def base(field: str) -> str:
    """Return the field of the wire that a target fills: `amount_minor` fills `amount`."""
    return field.removesuffix("_minor")


def hints(settings: ImportSettings) -> Hints:
    """Return what a detection has to take as given."""
    delimiter = settings.delimiter
    return Hints(
        format=settings.format,
        encoding=settings.encoding,
        delimiter=NAMED_DELIMITERS.get(delimiter, delimiter) if delimiter else None,
        quote=settings.quote,
        has_header=settings.has_header,
        time_zone=settings.time_zone,
    )


def describe(detection: Detection, resource: str, nested: Iterable[NestedColumn]) -> Document:
    """Turn a detection into the document that is kept."""
    found: list[Document] = [
        {
            "name": column.name,
            "at": at,
            "path": [],
            "kind": column.kind,
            "samples": list(column.samples),
            "date_format": column.date_format and list(asdict(column.date_format).values()),
            "decimal_mark": column.decimal_mark and list(asdict(column.decimal_mark).values()),
        }
        for at, column in enumerate(detection.columns)
    ]
    found += [
        {
            "name": each.name,
            "at": each.at,
            "path": list(each.path),
            "kind": "text",
            "samples": [_storable(sample) for sample in each.samples],
            "date_format": ["YYYY-MM-DD", "default"],
            "decimal_mark": [".", "default"],
        }
        for each in nested
    ]
    samples = {each["name"]: [_amount(sample) for sample in each["samples"]] for each in found}
    suggested = suggest_mapping(resource, [each["name"] for each in found], samples)
    for column in found:
        column["suggested_field"] = suggested.fields.get(column["name"])
        column["doubt"] = suggested.doubts.get(column["name"])
    return {
        **{name: list(asdict(getattr(detection, name)).values()) for name in STRUCTURE},
        "dialect": asdict(detection.dialect),
        "columns": found,
        "row_count": detection.row_count,
        "unreadable_count": detection.rejected_count,
        "questions": [_kept_question(each) for each in detection.questions],
    }


def _amount(sample: str) -> str:
    """Return the number of a money object, by which a column of them is known as one of amounts."""
    try:
        found = json_object(sample) if sample.startswith("{") else {}
    except Unreadable:
        return sample
    return found["amount"] if found.keys() == {"amount", "currency"} else sample


def _storable(text: str) -> str:
    """Return the text without NUL, which the JSON of PostgreSQL cannot hold."""
    return text.replace("\0", "\ufffd")


def _kept_question(asked: Question) -> Document:
    return {
        "code": asked.code,
        "column": asked.column,
        "message_en": asked.message_en,
        "message_de": asked.message_de,
        "options": [
            {
                "value": option.value,
                "readings": [[_storable(text) for text in pair] for pair in option.readings],
            }
            for option in asked.options
        ],
    }


def dialect(detected: Document) -> Dialect:
    """Return how the file is to be read."""
    kept = Dialect(**detected["dialect"])
    return replace(kept, columns=tuple(kept.columns))


def columns_in_force(
    resource: str, settings: ImportSettings, detected: Document
) -> list[PlannedColumn]:
    """Lay what was given over what was detected; a suggestion gives way to a given mapping."""
    taken = {base(field) for field in (*settings.mapping.values(), *settings.defaults)}
    if taken & {"contact_id", "contact_external_id"}:
        taken |= {"contact_id", "contact_external_id"}
    suggested = {column["suggested_field"] for column in detected["columns"]}
    if "contact_external_id" in suggested:
        taken.add("contact_id")
    planned = []
    for column in detected["columns"]:
        name = column["name"]
        field = settings.mapping.get(name)
        if (
            field is None
            and column["suggested_field"]
            and base(column["suggested_field"]) not in taken
        ):
            field = column["suggested_field"]
        field = None if field == IGNORE else field
        read_as = how(resource, field) if field else ""
        planned.append(
            PlannedColumn(
                at=column["at"],
                path=tuple(column["path"]),
                name=name,
                kind=column["kind"],
                samples=tuple(column["samples"]),
                suggested_field=column["suggested_field"],
                doubt=column["doubt"] if name not in settings.mapping else None,
                field=field,
                date_format=_date_format(column, settings) if read_as in DATED else None,
                decimal_mark=_decimal_mark(column, settings) if read_as in NUMERIC else None,
            )
        )
    return planned


def _date_format(column: Document, settings: ImportSettings) -> tuple[str, str] | None:
    given = settings.date_formats.get(column["name"]) or settings.date_format
    if given:
        return given, "given"
    if column["date_format"]:
        value, origin = column["date_format"]
        return value, origin
    return ("YYYY-MM-DD", "default") if column["kind"] == "empty" else None


def _decimal_mark(column: Document, settings: ImportSettings) -> tuple[str, str] | None:
    given = settings.decimal_marks.get(column["name"]) or settings.decimal_mark
    if given:
        return given, "given"
    if column["decimal_mark"]:
        value, origin = column["decimal_mark"]
        return value, origin
    parts = [numbers.number_parts(sample) for sample in column["samples"]]
    shown = {numbers.decimal_mark_shown(part.body) for part in parts if part}
    if not shown & {",", "either", "neither"}:
        return ".", "default"
    return None
