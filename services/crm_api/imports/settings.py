"""The settings of an import: read, merged, and refused where they fit neither file nor resource."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from services.crm_api.imports.plan import (
    NAMED_DELIMITERS,
    Document,
    Known,
    PlannedColumn,
    base,
    targets,
)
from services.crm_api.imports.schemas import IGNORE, ImportSettings
from services.crm_api.imports.values import dates, fields, texts
from services.crm_api.imports.values.fields import RESOURCES, CellReading
from services.crm_api.imports.values.readings import day_readings, reads_some
from services.crm_api.imports.values.rejection import ValueRejected
from services.foundation.problems import FieldError, Invalid, field_errors


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
        errors = field_errors("body/settings", error, model=ImportSettings)
        raise Invalid(f"{errors[0].pointer}: {errors[0].message}", errors=errors) from None


def without_lost_columns(settings: ImportSettings, detected: Document) -> ImportSettings:
    """Drop what was said about columns that a file read in another way does not have."""
    known = {column["name"] for column in detected["columns"]}
    kept = settings.model_dump()
    for setting in ("mapping", "date_formats", "decimal_marks"):
        kept[setting] = {name: each for name, each in kept[setting].items() if name in known}
    return parsed_settings(kept)


def check_settings(
    resource: str, settings: ImportSettings, detected: Document | None, known: Known
) -> None:
    """Refuse settings that fit neither the file nor the resource.

    Raises
    ------
    Invalid
        A column or a field is unknown, a field is filled twice, a form is none or reads no sample.
    """
    faults = list(_faults(resource, settings, targets(resource, known)))
    if detected is not None:
        names = {column["name"] for column in detected["columns"]}
        faults += [
            (f"{setting}/{column}", "unknown_column", "There is no such column.")
            for setting in ("mapping", "date_formats", "decimal_marks")
            for column in getattr(settings, setting)
            if column not in names
        ]
        faults += _unreading_formats(settings, detected)
    if faults:
        errors = [FieldError(f"/body/settings/{at}", code, text) for at, code, text in faults]
        raise Invalid(f"{errors[0].pointer}: {errors[0].message}", errors=errors)


def _unreading_formats(
    settings: ImportSettings, detected: Document
) -> Iterator[tuple[str, str, str]]:
    """Yield the formats under which no sample of their column is a date: no row could be read."""
    for column in detected["columns"]:
        name = column["name"]
        spelling = settings.date_formats.get(name)
        samples = [each for each in column["samples"] if not texts.is_absent(each)]
        for asked in detected["questions"]:
            if asked["column"] == name:
                samples += [pair[0] for each in asked["options"] for pair in each["readings"]]
        if spelling and samples and not _reads(samples, spelling):
            message = f"No sample of this column is a date of the form {spelling}."
            yield f"date_formats/{name}", "format_reads_nothing", message


def _reads(samples: list[str], spelling: str) -> bool:
    try:
        return reads_some(day_readings(samples, spelling))
    except ValueError:  # no format at all, which is told elsewhere
        return True


def _faults(
    resource: str, settings: ImportSettings, known: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    fields = RESOURCES[resource]
    filled: dict[str, str] = {}
    for column, field in settings.mapping.items():
        if field == IGNORE:
            continue
        if field not in known:
            yield f"mapping/{column}", "unknown_field", f"{resource} have no field {field}."
        elif filled.setdefault(base(field), column) != column:
            yield f"mapping/{column}", "field_filled_twice", f"Another column is {base(field)} too."
    told = filled.keys() | settings.defaults.keys()
    for own, other, what in (
        ("contact_id", "contact_external_id", "contact"),
        ("parent_id", "parent_external_id", "organisation"),
    ):
        if {own, other} <= told:
            at = f"mapping/{filled[own]}" if own in filled else f"defaults/{own}"
            yield at, "field_filled_twice", f"Name the {what} by one column."
    form_faults = list(_form_faults(settings))
    yield from form_faults
    if any(at in filled for at in map(base, settings.defaults)):
        yield "defaults", "field_filled_twice", "A column is mapped to a field that has a default."
    for field, value in settings.defaults.items():
        if field not in fields or field in ("id", "external_id", "is_deleted"):
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
        and len(NAMED_DELIMITERS.get(delimiter, delimiter)) != 1
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
        words={**column.labels, **settings.words.get(column.field or "", {})},
    )
