"""What is in force for an import: what was given, laid over what was detected."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from dataclasses import field as dataclass_field
from typing import Any, NamedTuple

from services.crm_api.imports.detection.findings import Detection, Hints, Question
from services.crm_api.imports.detection.mapping import profile_mapping, suggest_mapping
from services.crm_api.imports.detection.notices import notice
from services.crm_api.imports.detection.profiles import PROFILES, VCARD_PROFILE, recognized
from services.crm_api.imports.detection.synonyms import header_key
from services.crm_api.imports.reading.json_lines import json_object
from services.crm_api.imports.reading.records import Dialect, Unreadable
from services.crm_api.imports.schemas import IGNORE, ImportSettings
from services.crm_api.imports.values import dates, numbers
from services.crm_api.imports.values.fields import CUSTOM, RESOURCES, custom_targets

Document = dict[str, Any]
STRUCTURE = ("format", "encoding", "delimiter", "quote", "has_header", "sheet", "header_row")
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
    read_as: str = ""
    labels: Mapping[str, str] = dataclass_field(default_factory=dict)
    date_format: tuple[str, str] | None = None
    decimal_mark: tuple[str, str] | None = None

    @property
    def how(self) -> str:
        """How its cells are read, without the vocabulary of a closed list."""
        return self.read_as.partition(":")[0]


class NestedColumn(NamedTuple):
    """A member of the objects in a cell; its dates and numbers are written as JSON does."""

    name: str
    at: int
    path: tuple[str, ...]
    samples: tuple[str, ...]


class Known(NamedTuple):
    """What the team has set up that columns may be: custom fields, and stages by pipeline."""

    custom: dict[str, Document]
    pipelines: dict[str, list[Document]]


def known_of(detected: Document | None) -> Known:
    """Return what was known when the file was looked at last."""
    return Known(**(detected or {}).get("known", {"custom": {}, "pipelines": {}}))


def targets(resource: str, known: Known) -> dict[str, str]:
    """Return the fields that a column may be, and how its cells are read."""
    return {**RESOURCES[resource], **custom_targets(known.custom)}


def stages(detected: Document) -> dict[str, dict[str, str]] | None:
    """Return the kinds of the stages of every pipeline; None if the file was looked at before any."""
    pipelines = known_of(detected).pipelines
    kinds = {key: {each["key"]: each["kind"] for each in told} for key, told in pipelines.items()}
    return kinds or None


def _labels(field: str, known: Known) -> dict[str, str]:
    """Return what the team calls the words of a field."""
    if field == "stage":
        told = [stage for pipeline in known.pipelines.values() for stage in pipeline]
        return {stage[name]: stage["key"] for name in ("name", "key") for stage in told}
    if not field.startswith(CUSTOM):
        return {}
    options = known.custom[field.removeprefix(CUSTOM)]["options"] or []
    names = ("label_en", "label_de", "key")
    return {option[name]: option["key"] for name in names for option in options}


def base(field: str) -> str:
    """Return the field of the wire that a target fills: `amount_minor` fills `amount`."""
    return field.removesuffix("_minor")


def id_column(columns: Sequence[PlannedColumn]) -> PlannedColumn | None:
    """Return the column that tells the rows apart; None if their content does."""
    by_field = {column.field: column for column in columns}
    return by_field.get("external_id") or by_field.get("id")


def hints(settings: ImportSettings) -> Hints:
    """Return what a detection has to take as given."""
    delimiter = settings.delimiter
    return Hints(
        format=settings.format,
        encoding=settings.encoding,
        delimiter=NAMED_DELIMITERS.get(delimiter, delimiter) if delimiter else None,
        quote=settings.quote,
        has_header=settings.has_header,
        sheet=settings.sheet,
        header_row=settings.header_row,
        time_zone=settings.time_zone,
    )


def describe(
    detection: Detection, resource: str, nested: Iterable[NestedColumn], known: Known
) -> Document:
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
    names = [each["name"] for each in found]
    profile = VCARD_PROFILE if detection.dialect.format == "vcard" else recognized(resource, names)
    notices = list(detection.notices)
    notices += [
        notice("days_without_year", column.name, count=column.yearless_count)
        for column in detection.columns
        if column.yearless_count
    ]
    if profile is not None and profile.resource != resource:
        told = {"profile": profile.name, "field": profile.resource}
        notices.append(notice("profile_of_other_resource", **told))
        profile = None
    own_stages = _labels("stage", known)
    if profile is None:
        suggested = suggest_mapping(resource, names, samples, own_stages)
    else:
        suggested, doubtful = profile_mapping(profile, names, samples, own_stages)
        notices += doubtful
    suggested.fields.update(_custom_fields(names, suggested.fields, known))
    for column in found:
        column["suggested_field"] = suggested.fields.get(column["name"])
        column["doubt"] = suggested.doubts.get(column["name"])
    return {
        **{name: list(asdict(getattr(detection, name)).values()) for name in STRUCTURE},
        "dialect": asdict(detection.dialect),
        "columns": found,
        "row_count": detection.row_count,
        "unreadable_count": detection.rejected_count,
        "profile": profile and profile.name,
        "known": known._asdict(),
        "notices": [asdict(each) for each in notices],
        "questions": [_kept_question(each) for each in detection.questions],
    }


def _custom_fields(
    names: Iterable[str], suggested: Mapping[str, str], known: Known
) -> dict[str, str]:
    """Suggest the custom fields that columns are called like."""
    keys = {header_key(key): key for key in known.custom}
    keys |= {header_key(each[name]): key for key, each in known.custom.items()
             for name in ("label_en", "label_de") if each.get(name)}  # fmt: skip
    found: dict[str, str] = {}
    for name in names:
        key = keys.get(header_key(name.removeprefix(CUSTOM)))
        if key and name not in suggested and f"{CUSTOM}{key}" not in found.values():
            found[name] = f"{CUSTOM}{key}"
    return found


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


def with_profile(
    settings: ImportSettings, detected: Document, *, is_source_given: bool
) -> ImportSettings:
    """Lay what the program is known for under what was given: the source of its ids, its kind."""
    profile = next((each for each in PROFILES if each.name == detected["profile"]), None)
    if profile is None:
        return settings
    changed: Document = {"defaults": {**profile.defaults, **settings.defaults}}
    mapped = {base(each) for each in settings.mapping.values()}
    changed["defaults"] = {
        field: value for field, value in changed["defaults"].items() if field not in mapped
    }
    if profile.source and not is_source_given:
        changed["source"] = profile.source
        changed["contact_source"] = settings.contact_source or profile.contact_source
    return settings.model_copy(update=changed)


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
    known = targets(resource, known_of(detected))
    for column in detected["columns"]:
        name = column["name"]
        field = settings.mapping.get(name)
        if (
            field is None
            and column["suggested_field"]
            and base(column["suggested_field"]) not in taken
        ):
            field = column["suggested_field"]
        field = None if field == IGNORE or field not in known else field
        read_as = known.get(field or "", "")
        how = read_as.partition(":")[0]
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
                read_as=read_as,
                labels=_labels(field or "", known_of(detected)),
                date_format=_date_format(column, settings) if how in DATED else None,
                decimal_mark=_decimal_mark(column, settings) if how in NUMERIC else None,
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
    if column["samples"] and all(map(dates.is_epoch, column["samples"])):
        return dates.EPOCH, "detected"
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
