"""What is in force for an import: what was given over what was detected, and what is still open."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NamedTuple, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from services.crm_api.deals.operations import CLOSED
from services.crm_api.imports.detection.findings import Detection, Hints, Question
from services.crm_api.imports.detection.mapping import suggest_mapping
from services.crm_api.imports.detection.synonyms import COMPANY_HEADERS, header_key
from services.crm_api.imports.questions import DOUBTS, question
from services.crm_api.imports.reading.json_lines import json_object
from services.crm_api.imports.reading.records import Dialect, Unreadable
from services.crm_api.imports.schemas import IGNORE, ImportSettings
from services.crm_api.imports.values import dates, fields, numbers, texts
from services.crm_api.imports.values.fields import RESOURCES, CellReading
from services.crm_api.imports.values.labels import CHOICES
from services.crm_api.imports.values.rejection import ValueRejected
from services.foundation.problems import FieldError, Invalid
from services.foundation.routing import field_errors

Document = dict[str, Any]
STRUCTURE = ("format", "encoding", "delimiter", "quote", "has_header")
"""The settings that decide how the file falls into cells; a change of one needs a new detection."""
_DATED = frozenset({"day", "instant"})
_NUMERIC = frozenset({"integer", "decimal", "percentage", "number", "money"})
_REQUIRED = {
    "contacts": (),
    "deals": (("contact_external_id", "contact_id"),),
    "interactions": (("contact_external_id", "contact_id"), ("occurred_at",)),
}
_NAMED_DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_USUAL_CURRENCIES = ("EUR", "USD", "CHF", "GBP")
_USUAL_FORMATS = ("YYYY-MM-DD", "D.M.YYYY", "D/M/YYYY", "M/D/YYYY", "YYYYMMDD")


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
        delimiter=_NAMED_DELIMITERS.get(delimiter, delimiter) if delimiter else None,
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
            "samples": list(each.samples),
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


def _kept_question(asked: Question) -> Document:
    return {
        "code": asked.code,
        "column": asked.column,
        "message_en": asked.message_en,
        "message_de": asked.message_de,
        "options": [
            {"value": option.value, "readings": [list(pair) for pair in option.readings]}
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
                date_format=_date_format(column, settings) if read_as in _DATED else None,
                decimal_mark=_decimal_mark(column, settings) if read_as in _NUMERIC else None,
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
        found += _about_column(resource, column, asked_about.get(column.name, []))
    fields = {column.field for column in columns} | set(settings.defaults)
    filled = {base(field) for field in fields if field}
    for column in columns:
        if column.doubt and base(column.doubt[1]) not in filled:
            code, field = column.doubt
            answers = [(field, column.samples), (IGNORE, ())]
            found.append(question(code, column.name, answers))
    ignored = [column for column in columns if column.field is None]
    if resource == "deals" and "closed_at" not in fields and _holds_closed_deals(settings, columns):
        dated = [(column.name, column.samples) for column in ignored if column.kind == "date"]
        found.append(question("closed_at_unmapped", None, dated))
    if resource == "contacts" and "kind" not in fields and _names_organisations(columns):
        kinds = [(kind, ()) for kind in ("organisation", "person")]
        found.append(question("kind_unclear", None, kinds))
    for wanted in _REQUIRED[resource]:
        if not fields & set(wanted):
            options = [(column.name, column.samples) for column in ignored]
            found.append(question(f"{wanted[0]}_unmapped", None, options))
    if not any(column.field for column in columns):
        found.append(question("nothing_mapped", None, []))
    if _lacks_currency(resource, settings, columns):
        found.append(question("currency_missing", None, [(code, ()) for code in _USUAL_CURRENCIES]))
    return found


def _holds_closed_deals(settings: ImportSettings, columns: list[PlannedColumn]) -> bool:
    """Whether every row is a closed deal, or a sample of the stage is one."""
    told = [settings.defaults.get("stage", "")]
    told += [each for column in columns if column.field == "stage" for each in column.samples]
    words = {**CHOICES["stage"], **settings.words.get("stage", {})}
    return any(words.get(each, words.get(texts.folded(each))) in CLOSED for each in told)


def _names_organisations(columns: list[PlannedColumn]) -> bool:
    return any(
        column.field == "name" and header_key(column.name) in COMPANY_HEADERS for column in columns
    )


def _about_column(
    resource: str, column: PlannedColumn, asked: list[Document]
) -> Iterator[Document]:
    if column.field is None:
        return
    read_as = how(resource, column.field)
    for kinds, value, code, usual, word in (
        (_DATED, column.date_format, "date_format_unclear", _USUAL_FORMATS, ("date", "year")),
        (_NUMERIC, column.decimal_mark, "decimal_mark_unclear", (",", "."), ("decimal",)),
    ):
        if read_as not in kinds or value is not None:
            continue
        fitting = [each for each in asked if any(part in each["code"] for part in word)]
        yield from fitting or [question(code, column.name, [(each, ()) for each in usual])]


def _lacks_currency(resource: str, settings: ImportSettings, columns: list[PlannedColumn]) -> bool:
    if settings.currency or "currency" in settings.defaults:
        return False
    if any(column.field == "currency" for column in columns):
        return False
    for column in columns:
        if column.field is None or how(resource, column.field) not in ("money", "minor"):
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
    elif code in ("ambiguous_encoding", "ambiguous_delimiter"):
        settings[code.removeprefix("ambiguous_")] = value
    elif column is not None and ("date" in code or "year" in code):
        settings["date_formats"][column] = value
    elif column is not None and "decimal_mark" in code:
        settings["decimal_marks"][column] = value
    else:
        raise KeyError(code)


def merged(settings: Document, patch: Document) -> Document:
    """Merge a patch into settings as RFC 7396 does; null takes an entry out of a map."""
    result = dict(settings)
    for name, value in patch.items():
        if isinstance(value, dict) and isinstance(settings.get(name), dict):
            inner = {**settings[name], **value}
            result[name] = {key: each for key, each in inner.items() if each is not None}
        else:
            result[name] = value
    return result


def parsed_settings(given: Document) -> ImportSettings:
    """Read settings.

    Raises
    ------
    Invalid
        One of them is not of its form.
    """
    try:
        return ImportSettings.model_validate(given)
    except ValidationError as error:
        errors = field_errors("body/settings", error)
        raise Invalid(f"{errors[0].pointer}: {errors[0].message}", errors=errors) from None


def without_lost_columns(settings: ImportSettings, detected: Document) -> ImportSettings:
    """Drop what was said about columns that a file read in another way does not have."""
    known = {column["name"] for column in detected["columns"]}
    kept = settings.model_dump()
    for setting in ("mapping", "date_formats", "decimal_marks"):
        kept[setting] = {name: each for name, each in kept[setting].items() if name in known}
    return parsed_settings(kept)


def check_settings(resource: str, settings: ImportSettings, detected: Document | None) -> None:
    """Refuse settings that fit neither the file nor the resource.

    Raises
    ------
    Invalid
        A column or a field is unknown, a field is filled twice, or a form is none.
    """
    faults = list(_faults(resource, settings))
    if detected is not None:
        known = {column["name"] for column in detected["columns"]}
        faults += [
            (f"{setting}/{column}", "unknown_column", "There is no such column.")
            for setting in ("mapping", "date_formats", "decimal_marks")
            for column in getattr(settings, setting)
            if column not in known
        ]
    if faults:
        errors = [FieldError(f"/body/settings/{at}", code, text) for at, code, text in faults]
        raise Invalid(f"{errors[0].pointer}: {errors[0].message}", errors=errors)


def _faults(resource: str, settings: ImportSettings) -> Iterator[tuple[str, str, str]]:
    fields = RESOURCES[resource]
    filled: dict[str, str] = {}
    for column, field in settings.mapping.items():
        if field == IGNORE:
            continue
        if field not in fields:
            yield f"mapping/{column}", "unknown_field", f"{resource} have no field {field}."
        elif filled.setdefault(base(field), column) != column:
            yield f"mapping/{column}", "field_filled_twice", f"Another column is {base(field)} too."
    if {"contact_id", "contact_external_id"} <= filled.keys():
        column = filled["contact_id"]
        yield f"mapping/{column}", "field_filled_twice", "Name the contact by one column."
    form_faults = list(_form_faults(settings))
    yield from form_faults
    if any(at in filled for at in map(base, settings.defaults)):
        yield "defaults", "field_filled_twice", "A column is mapped to a field that has a default."
    for field, value in settings.defaults.items():
        if field not in fields or field == "external_id":
            yield f"defaults/{field}", "unknown_field", f"{resource} have no field {field}."
            continue
        try:
            if not form_faults:
                fixed_value(resource, field, value, settings, settings.currency)
        except ValueRejected as fault:
            if fault.code not in ("unknown_currency", "ambiguous_currency"):
                yield f"defaults/{field}", fault.code, fault.message_en
    for field in settings.words:
        if field not in fields:
            yield f"words/{field}", "unknown_field", f"{resource} have no field {field}."


def _form_faults(settings: ImportSettings) -> Iterator[tuple[str, str, str]]:
    formats = {f"date_formats/{column}": each for column, each in settings.date_formats.items()}
    if settings.date_format:
        formats["date_format"] = settings.date_format
    for at, spelling in formats.items():
        try:
            dates.parsed_format(spelling)
        except ValueError:
            yield at, "unknown_date_format", "A format such as D.M.YYYY or YYYY-MM-DD is expected."
    try:
        ZoneInfo(settings.time_zone)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        yield "time_zone", "unknown_time_zone", "A name such as Europe/Berlin is expected."
    delimiter = settings.delimiter
    if (
        delimiter
        and len(_NAMED_DELIMITERS.get(delimiter, delimiter)) != 1
        and delimiter != "whitespace"
    ):
        yield "delimiter", "unknown_delimiter", "One character is expected."


def fixed_value(
    resource: str, field: str, value: str, settings: ImportSettings, currency: str | None
) -> Any:
    """Return the wire value of a default, which is written as the wire writes it.

    Raises
    ------
    ValueRejected
        It is none of this field.
    """
    by = CellReading(
        zone=ZoneInfo(settings.time_zone),
        currency=currency,
        words=settings.words.get(field, {}),
    )
    return fields.convert(resource, field, value, by=by)


def cell_reading(
    column: PlannedColumn, settings: ImportSettings, zone: ZoneInfo, currency: str | None
) -> CellReading:
    """Return how the cells of a mapped column are read in a row of this currency."""
    mark = column.decimal_mark[0] if column.decimal_mark else "."
    return CellReading(
        zone=zone,
        decimal_mark=cast(Literal[".", ","], mark),
        date_format=column.date_format[0] if column.date_format else "YYYY-MM-DD",
        currency=currency,
        words=settings.words.get(column.field or "", {}),
    )
