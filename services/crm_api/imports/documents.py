"""An import as the wire shows it: its row, in the language and with the samples of the caller."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from services.crm_api.imports import plan
from services.crm_api.imports.detection.notices import notice
from services.crm_api.imports.questions import open_questions
from services.crm_api.imports.schemas import ImportSettings
from services.foundation.statements import Record
from shared.values import wire_instant

_AS_STORED = (
    "id",
    "resource",
    "status",
    "file_name",
    "size_bytes",
    "is_dry_run",
    "processed_count",
    "created_count",
    "updated_count",
    "unchanged_count",
    "rejected_count",
    "created_contact_count",
    "version",
)
_INSTANTS = ("created_at", "queued_at", "started_at", "finished_at")
FAILURES = {
    "internal_error": (
        "Something failed on our side; the log has the reason under the request id.",
        "Auf unserer Seite ist etwas fehlgeschlagen; das Protokoll nennt den Grund.",
    ),
    "upload_missing": (
        "The uploaded file is gone.",
        "Die hochgeladene Datei ist nicht mehr da.",
    ),
}


def document(row: Record, *, language: str, personal: bool) -> dict[str, Any]:
    """Return the JSON of an import; without the pii scope there are no samples of the file."""
    settings = ImportSettings.model_validate(row["settings"])
    detected, resource = row["detected"], row["resource"]
    columns = plan.columns_in_force(resource, settings, detected)
    questions = open_questions(resource, settings, detected, columns)
    ids = plan.id_column(columns)
    shown = {name: row[name] for name in _AS_STORED}
    shown |= {name: row[name] and wire_instant(row[name]) for name in _INSTANTS}
    return shown | {
        "detected": {
            **{name: _told(detected.get(name) or (None, "default")) for name in plan.STRUCTURE},
            "profile": detected.get("profile"),
            "row_count": detected["row_count"],
            "unreadable_count": detected["unreadable_count"],
        },
        "columns": [_column(column, personal=personal) for column in columns],
        "questions": shown_questions(questions, language=language, personal=personal),
        "notices": _notices(detected, columns, language),
        "settings": settings.model_dump() | {"id_column": ids and ids.name},
        "progress": _progress(row),
        "failure": _failure(row["failure"], language),
        "revert": _revert(row["revert"]),
    }


def shown_questions(
    questions: list[dict[str, Any]], *, language: str, personal: bool
) -> list[dict[str, Any]]:
    """Return open questions in the caller's language."""
    return [
        {
            "code": asked["code"],
            "column": asked["column"],
            "message": _sentence(asked[f"message_{language}"]),
            "options": [
                {
                    "value": option["value"],
                    "readings": [
                        {"sample": _printable(sample), "reading": _printable(reading)}
                        for sample, reading in option["readings"]
                    ]
                    if personal
                    else [],
                }
                for option in asked["options"]
            ],
        }
        for asked in questions
    ]


def _column(column: plan.PlannedColumn, *, personal: bool) -> dict[str, Any]:
    return {
        "name": column.name,
        "kind": column.kind,
        "samples": [_printable(each) for each in column.samples[:3]] if personal else None,
        "suggested_field": column.suggested_field,
        "field": column.field,
        "is_ignored": column.field is None,
        "date_format": column.date_format and _told(column.date_format),
        "decimal_mark": column.decimal_mark and _told(column.decimal_mark),
    }


def _notices(
    detected: plan.Document, columns: list[plan.PlannedColumn], language: str
) -> list[dict[str, Any]]:
    """Return what the file tells, and each column with cells that no field takes."""
    used = {column.name for column in columns if column.field is not None}
    days = {column.name for column in columns if column.how == "day"}
    found = [
        each
        for each in detected.get("notices", ())
        if (
            each["column"] in days
            if each["code"] == "days_without_year"
            else each["column"] not in used
        )
    ]
    told = {each["column"] for each in found}
    found += [
        asdict(notice("column_unused", column.name))
        for column in columns
        if column.field is None
        and column.kind != "empty"
        and not column.path
        and column.name not in told
        and column.doubt is None
    ]
    return [
        {
            "code": each["code"],
            "column": each["column"],
            "message": _sentence(_printable(each[f"message_{language}"])),
        }
        for each in found
    ]


_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _printable(sample: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", sample)


def _told(pair: Any) -> dict[str, Any]:
    value, origin = pair
    return {"value": value, "origin": origin}


def _progress(row: Mapping[str, Any]) -> float:
    if row["status"] in ("succeeded", "reverted"):
        return 1.0
    done: float = row["processed_count"] / max(1, row["detected"]["row_count"])
    return round(min(1.0, done), 4)


_TOLD_OF_REVERTS = (
    *("status", "is_dry_run", "keep_touched", "reverted_count", "kept_count"),
    *("queued_at", "finished_at"),
)


def _revert(state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if state is None:
        return None
    passes = 1 if state["is_dry_run"] else 2
    done = state["seen_count"] / max(1, passes * (state["total"] or 0))
    is_over = state["finished_at"] is not None
    shown = {name: state[name] for name in _TOLD_OF_REVERTS}
    return shown | {"progress": 1.0 if is_over else round(min(1.0, done), 4)}


def _failure(code: str | None, language: str) -> dict[str, str] | None:
    if code is None:
        return None
    english, german = FAILURES[code]
    return {"code": code, "message": german if language == "de" else english}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
