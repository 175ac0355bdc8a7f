"""Whether the first row names the columns, and their names."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from services.crm_api.imports.detection.findings import (
    LONGEST_SAMPLE,
    TYPED_SHARE,
    Hints,
    Option,
    Question,
    Setting,
    UndetectableFile,
)
from services.crm_api.imports.detection.structure import is_typed
from services.crm_api.imports.detection.synonyms import KNOWN_HEADERS, header_key
from services.crm_api.imports.reading.records import MOST_COLUMNS, Dialect, RejectedRow, Row

_MOST_ABOVE = 30
"""In how many rows a header is looked for."""


def find_header(rows: Sequence[Row], given: Hints) -> Row:
    """Return the row that names the columns: it is about as wide as the table, a title is not.

    A row with several names that fields have is one before any that is only wide.
    """
    if given.header_row is not None:
        found = next((row for row in rows if row.row_number >= given.header_row), None)
        if found is None:
            raise UndetectableFile(
                "unreadable_header",
                f"there is no row {given.header_row} that names columns",
                f"es gibt keine Zeile {given.header_row}, die Spalten nennt",
            )
        return found
    first = rows[:_MOST_ABOVE]
    known = [sum(header_key(cell) in KNOWN_HEADERS for cell in row.cells) for row in first]
    if max(known) >= 2:
        return first[known.index(max(known))]
    return _first_wide(rows)


def header_below_title(rows: Sequence[Row]) -> Row:
    """Return the row of a text that names the columns, or the first where none below a title does."""
    header = _first_wide(rows)
    below = [row.cells for row in rows[rows.index(header) :]]
    return rows[0] if _has_header(below) is False else header


def _first_wide(rows: Sequence[Row]) -> Row:
    widths = [sum(cell != "" for cell in row.cells) for row in rows]
    least = max(1, 0.6 * max(widths))
    first = zip(rows[:_MOST_ABOVE], widths, strict=False)
    return next((row for row, width in first if width >= least), rows[0])


def name_columns(
    dialect: Dialect,
    sample: Sequence[Row | RejectedRow],
    given: Hints,
    questions: list[Question],
) -> tuple[Dialect, Setting[bool]]:
    rows = [record.cells for record in sample if isinstance(record, Row)]
    if rows and max(map(len, rows)) > MOST_COLUMNS:
        raise UndetectableFile(
            "too_many_columns",
            f"the file has more than {MOST_COLUMNS} columns",
            f"die Datei hat mehr als {MOST_COLUMNS} Spalten",
        )
    has_header = Setting(given.has_header, "given") if given.has_header is not None else None
    if has_header is None:
        found = _has_header(rows)
        has_header = Setting(found is not False, "detected")
        if found is None:
            questions.append(_header_question(rows[0]))
    if not has_header.value or not rows:
        widths = Counter(len(cells) for cells in rows)
        width = max(widths, key=lambda each: (widths[each], each)) if widths else 1
        columns = tuple(f"column_{number}" for number in range(1, width + 1))
        return replace(dialect, columns=columns), has_header
    first = sample[0]
    if isinstance(first, RejectedRow):
        raise UndetectableFile(
            "unreadable_header",
            f"the header in line {first.row_number} cannot be read: {first.message_en}",
            f"der Kopf in Zeile {first.row_number} ist nicht lesbar: {first.message_de}",
        )
    return replace(dialect, columns=_names(first.cells), has_header=True), has_header


def _names(header: Sequence[str]) -> tuple[str, ...]:
    """Name every column once: blanks by position, repeated names with a number."""
    repetitions: dict[str, int] = {}
    for number, cell in enumerate(header, 1):
        plain = _CONTROL.sub("\ufffd", " ".join(cell.split()))
        name = wanted = plain[:_LONGEST_NAME] or f"column_{number}"
        while name in repetitions:
            repetitions[wanted] += 1
            name = f"{wanted} ({repetitions[wanted]})"
        repetitions[name] = 1
    return tuple(repetitions)


def _has_header(rows: Sequence[tuple[str, ...]]) -> bool | None:
    """Say whether the first row names the columns; None if the file does not tell."""
    if not rows:
        return True
    first, body = rows[0], rows[1:]
    labels = [cell.strip() for cell in first]
    typed = [is_typed(cell) or "@" in cell for cell in labels]
    known = sum(header_key(cell) in KNOWN_HEADERS for cell in labels)
    if not any(typed) and known >= max(1, 0.3 * len(labels)):
        return True
    by_column = [[row[at].strip() for row in body if at < len(row)] for at in range(len(labels))]
    for_header = against = 0
    is_repeated = len(set(labels)) < len(labels)
    for label, is_label_typed, cells in zip(labels, typed, by_column, strict=True):
        filled = [cell for cell in cells if cell]
        share = sum(is_typed(cell) or "@" in cell for cell in filled) / max(1, len(filled))
        if share >= TYPED_SHARE and label:
            for_header += not is_label_typed
            against += is_label_typed
        is_repeated = is_repeated or (bool(label) and label in filled)
    if for_header != against:
        return for_header > against
    if is_repeated or any(typed):
        return False
    is_name = [_SPELLED_NAME.fullmatch(label) is not None for label in labels]
    return True if all(is_name) and any("_" in label for label in labels) else None


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_NAME = 190
"""With the number of a repetition it stays within what a caller can name."""
_SPELLED_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def _header_question(first: tuple[str, ...]) -> Question:
    as_names = tuple((f"{at}", cell[:LONGEST_SAMPLE]) for at, cell in enumerate(first, 1))
    as_row = tuple((f"{at}", f"column_{at}") for at in range(1, len(first) + 1))
    return Question(
        "uncertain_header",
        None,
        "does the first row name the columns?",
        "nennt die erste Zeile die Spalten?",
        (Option("true", as_names), Option("false", as_row)),
    )
