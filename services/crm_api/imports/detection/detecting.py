"""What an uploaded file is and means: given by the user or detected from it, never guessed."""

import io
import re
import zipfile
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.crm_api.imports.detection.columns import describe_column, observe_columns
from services.crm_api.imports.detection.encodings import detect_encoding, wide_encoding
from services.crm_api.imports.detection.findings import (
    SAMPLE_RECORDS,
    Detection,
    Hints,
    Question,
    Setting,
    UndetectableFile,
)
from services.crm_api.imports.detection.headers import header_below_title, name_columns
from services.crm_api.imports.detection.notices import Notice, notice
from services.crm_api.imports.detection.other_formats import (
    Survey,
    starts_card,
    survey_cards,
    survey_workbook,
)
from services.crm_api.imports.detection.structure import detect_structure
from services.crm_api.imports.reading.json_lines import json_object, object_keys
from services.crm_api.imports.reading.reader import records
from services.crm_api.imports.reading.records import (
    ENCODINGS,
    WHITESPACE,
    Dialect,
    Row,
    Unreadable,
)
from services.crm_api.imports.values import dates

HEAD_BYTES = 256 * 1024


def detect(head: bytes, *, size: int, given: Hints, business_zone: str) -> Detection:
    """Detect from the first bytes of a file of `size` bytes; the number of rows is estimated.

    Raises
    ------
    UndetectableFile
        The file is empty, of another kind, in no known encoding, or a hint does not fit it.
    """
    is_whole = len(head) >= size
    if not is_whole:
        head = _whole_lines(head)
    return _detected(head, io.BytesIO(head), given, business_zone, None if is_whole else size)


def detect_file(path: Path, *, given: Hints, business_zone: str) -> Detection:
    """Detect from the whole file, streamed: counts are exact, one telling row settles a column.

    Raises
    ------
    UndetectableFile
        As `detect`.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if file.read(1):
            head = _whole_lines(head)
        return _detected(head, file, given, business_zone, None)


def _whole_lines(head: bytes) -> bytes:
    """Cut the last line, which may be incomplete, if there is another one."""
    for newline in (b"\n\0", b"\0\n") if b"\0" in head[:64] else (b"\n", b"\r"):
        end = head.rfind(newline)
        while end >= 0 and end % len(newline):
            end = head.rfind(newline, 0, end + 1)
        if end >= 0:
            return head[: end + len(newline)]
    return head


def _detected(
    head: bytes, file: BinaryIO, given: Hints, business_zone: str, size: int | None
) -> Detection:
    """Take the structure from the head, the columns from `file`; `size` is told for a head only."""
    questions: list[Question] = []
    _check_hints(given)
    if _is_workbook(head, file):
        survey = survey_workbook(file, given, questions)
        return _observed(survey, file, given, business_zone, None, questions)
    _refuse_other_kinds(head)
    text = _decoded(head)
    base = Dialect(has_header=False, line_end="\r" if "\r" in text and "\n" not in text else "\n")
    if given.format == "vcard" or (given.format is None and starts_card(text)):
        survey = survey_cards(head, file, base, given, questions)
        return _observed(survey, file, given, business_zone, None, questions)
    if given.format == "xlsx":
        raise UndetectableFile("other_kind", *_NO_WORKBOOK)
    survey = _survey_text(head, file, given, questions)
    return _observed(survey, file, given, business_zone, size, questions)


def _decoded(head: bytes) -> str:
    """Return the first text of a file, as far as its marks need no encoding."""
    wide = wide_encoding(head)
    return head.decode(ENCODINGS[wide] if wide else "utf-8", "replace").lstrip("\ufeff")


def _survey_text(head: bytes, file: BinaryIO, given: Hints, questions: list[Question]) -> Survey:
    """Detect how a text falls into rows and columns."""
    encoding = detect_encoding(head, file, given, questions)
    text = head.decode(ENCODINGS[encoding.value], "replace").lstrip("\ufeff")
    base = Dialect(
        encoding=encoding.value,
        has_header=False,
        line_end="\r" if "\r" in text and "\n" not in text else "\n",
    )
    row: Setting[int | None] = Setting(None, "default")
    notices: list[Notice] = []
    if _is_ndjson(text, given):
        keys_dialect = replace(base, format="ndjson", quote=None)
        file.seek(0)
        dialect = replace(keys_dialect, columns=object_keys(file, keys_dialect))
        has_header = Setting(False, "detected")
    else:
        dialect = detect_structure(base, head, text, given, questions)
        if given.header_row is not None:
            dialect = replace(dialect, preamble_lines=given.header_row - 1)
            row = Setting(given.header_row, "given")
        sample = list(islice(records(io.BytesIO(head), dialect), SAMPLE_RECORDS))
        read = [record for record in sample if isinstance(record, Row)]
        if read and given.header_row is None and given.has_header is not False:
            header = header_below_title(read)
            if header is not read[0]:
                row = Setting(header.row_number, "detected")
                notices.append(notice("rows_above_header", row=header.row_number))
                dialect = replace(dialect, preamble_lines=header.row_number - 1)
                sample = sample[header.ordinal :]
        dialect, has_header = name_columns(dialect, sample, given, questions)
    return Survey(dialect, encoding, has_header, Setting(None, "default"), row, notices)


def _observed(
    survey: Survey,
    file: BinaryIO,
    given: Hints,
    business_zone: str,
    size: int | None,
    questions: list[Question],
) -> Detection:
    """Look at every row, and put together what is known; `size` is told for a head only."""
    dialect = survey.dialect
    seen = observe_columns(file, dialect)
    if seen.row_count and seen.row_count == seen.rejected_count:
        raise UndetectableFile("no_readable_row", *_NO_READABLE_ROW)
    columns = [
        describe_column(name, evidence, given, questions)
        for name, evidence in zip(dialect.columns, seen.evidence, strict=True)
    ]
    row_count = seen.row_count
    if size is not None and seen.byte_count:
        row_count = round(row_count * size / seen.byte_count)
    return Detection(
        format=Setting(given.format, "given")
        if given.format
        else Setting(dialect.format, "detected"),
        encoding=survey.encoding,
        delimiter=Setting(dialect.delimiter or None, "given" if given.delimiter else "detected"),
        quote=Setting(dialect.quote, "detected" if given.quote is None else "given"),
        has_header=survey.has_header,
        sheet=survey.sheet,
        header_row=survey.header_row,
        time_zone=Setting(given.time_zone, "given")
        if given.time_zone
        else Setting(business_zone, "default"),
        dialect=dialect,
        columns=tuple(columns),
        row_count=row_count,
        is_row_count_exact=size is None,
        rejected_count=seen.rejected_count,
        sample_rows=seen.sample_rows,
        questions=tuple(questions),
        notices=tuple(survey.notices),
    )


_NO_READABLE_ROW = (
    "no row of the file can be read with these settings",
    "mit diesen Einstellungen lässt sich keine Zeile der Datei lesen",
)
_NO_WORKBOOK = ("this is no XLSX workbook", "das ist keine XLSX-Arbeitsmappe")
_OTHER_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "zip (no XLSX workbook)"),
    (b"PK\x05\x06", "zip (empty)"),
    (b"\xd0\xcf\x11\xe0", "XLS, or an XLSX workbook with a password"),
    (b"%PDF", "PDF"),
    (b"\x1f\x8b", "gzip"),
    (b"PAR1", "Parquet"),
    (b"SQLite format 3", "SQLite"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"7z\xbc\xaf", "7z"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ", "xz"),
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
)


def _is_workbook(head: bytes, file: BinaryIO) -> bool:
    """Say whether it is a zipped file with the parts of a workbook; a damaged one may be."""
    if not head.startswith(b"PK\x03\x04"):
        return False
    try:
        names = zipfile.ZipFile(file).namelist()
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError):
        return b"xl/" in head or b"[Content_Types].xml" in head
    return any(name.lower().startswith("xl/") for name in names) and "xl/workbook.bin" not in names


def _refuse_other_kinds(head: bytes) -> None:
    if not head.strip(b" \t\r\n\0\xef\xbb\xbf\xff\xfe"):
        raise UndetectableFile("empty_file", "the file is empty", "die Datei ist leer")
    for signature, kind in _OTHER_KINDS:
        if head.startswith(signature):
            raise UndetectableFile(
                "other_kind",
                f"this is a file of the kind {kind}; save it as CSV (UTF-8) or as XLSX without a password",
                f"das ist eine Datei der Art {kind}; bitte als CSV (UTF-8) oder als XLSX ohne "
                "Passwort speichern",
            )


def _check_hints(given: Hints) -> None:
    formats = [*given.date_formats.values(), *filter(None, [given.date_format])]
    try:
        for spelling in formats:
            dates.parsed_format(spelling)
        if given.time_zone is not None:
            ZoneInfo(given.time_zone)
        for sign in filter(None, (given.delimiter, given.quote)):
            if sign != WHITESPACE and (len(sign) > 1 or sign in "\r\n\0"):
                raise ValueError(sign)
        if given.delimiter and given.delimiter == given.quote:
            raise ValueError(given.delimiter)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise UndetectableFile(
            "unknown_hint",
            "a date format, time zone, delimiter or quote given cannot be used",
            "ein angegebenes Datumsformat, Trenn- oder Anführungszeichen oder die Zeitzone "
            "ist unbrauchbar",
        ) from None


def _is_ndjson(text: str, given: Hints) -> bool:
    if given.format:
        return given.format == "ndjson"
    start = text.lstrip()
    if start.startswith("{"):
        try:
            json_object(start.partition("\n")[0])
        except Unreadable as fault:
            if re.match(r'\{\s*(?:"|$)', start) is None or fault.code != "broken_json":
                return fault.code != "broken_json"
            raise _not_lines() from None
        return True
    if re.match(r"\[\s*[\[{]", start):
        raise _not_lines()
    return False


def _not_lines() -> UndetectableFile:
    return UndetectableFile(
        "json_not_in_lines",
        "JSON is expected as one object per line (NDJSON)",
        "JSON wird mit einem Objekt pro Zeile erwartet (NDJSON)",
    )
