"""What an uploaded file is and means: given by the user or detected from its bytes, never guessed."""

import codecs
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Generic, Literal, TypeVar, cast
from zoneinfo import ZoneInfo

import charset_normalizer

from services.crm_api.imports import values
from services.crm_api.imports.reading import (
    BYTE_ORDER_MARKS,
    ENCODINGS,
    LONGEST_RECORD,
    WHITESPACE,
    Dialect,
    Format,
    NumberText,
    RejectedRow,
    Row,
    Unreadable,
    json_object,
    object_keys,
    records,
)
from services.crm_api.imports.values import DecimalMark, folded

T = TypeVar("T")
Kind = Literal["date", "number", "text", "empty"]
HEAD_BYTES = 256 * 1024
_SAMPLE_RECORDS = 300
_SAMPLES = 5
_LONGEST_SAMPLE = 100
_TYPED_SHARE = 0.8


class UndetectableFile(Exception):
    """The file is of no kind that can be imported."""

    status = 422

    def __init__(self, code: str, message_en: str, message_de: str) -> None:
        super().__init__(code)
        self.code, self.message_en, self.message_de = code, message_en, message_de


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """A value and who says so."""

    value: T
    source: Literal["given", "detected", "default"]


@dataclass(frozen=True, slots=True)
class Hints:
    """What the user says about the file; None and absent columns are detected.

    `quote` may be empty: nothing is quoted. Column keys are the names in the file.
    """

    format: Format | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    has_header: bool | None = None
    decimal_mark: DecimalMark | None = None
    date_format: str | None = None
    time_zone: str | None = None
    decimal_marks: Mapping[str, DecimalMark] = field(default_factory=dict)
    date_formats: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Option:
    """A possible answer, and how the first samples would be read under it."""

    value: str
    readings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """Something that the file leaves open and a person has to say; `column` is None for the file."""

    code: str
    column: str | None
    message_en: str
    message_de: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds; the mark and the format are None where a question is open or moot."""

    name: str
    kind: Kind
    decimal_mark: Setting[DecimalMark] | None
    date_format: Setting[str] | None
    has_local_times: bool
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Detection:
    """Everything that reading needs, with its source, and what is left open."""

    format: Setting[Format]
    encoding: Setting[str]
    delimiter: Setting[str]
    quote: Setting[str | None]
    has_header: Setting[bool]
    time_zone: Setting[str]
    dialect: Dialect
    columns: tuple[Column, ...]
    row_count: int
    is_row_count_exact: bool
    rejected_count: int
    sample_rows: tuple[tuple[str, ...], ...]
    questions: tuple[Question, ...]


def detect(head: bytes, *, size: int, given: Hints, business_zone: str) -> Detection:
    """Detect from the first bytes of a file of `size` bytes; the number of rows is estimated."""
    is_whole = len(head) >= size
    if not is_whole:
        head = _whole_lines(head)
    return _Detector(head, io.BytesIO(head), given, business_zone).run(
        size=size, is_whole=is_whole
    )


def detect_file(path: Path, *, given: Hints, business_zone: str) -> Detection:
    """Detect from the whole file, streamed: counts are exact, one telling row settles a column."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        size = path.stat().st_size
        if size > len(head):
            head = _whole_lines(head)
        return _Detector(head, file, given, business_zone).run(size=size, is_whole=True)


def _whole_lines(head: bytes) -> bytes:
    """Cut the last line, which may be incomplete, if there is another one."""
    for newline in (b"\n\0", b"\0\n") if b"\0" in head[:64] else (b"\n", b"\r"):
        end = head.rfind(newline)
        while end >= 0 and len(newline) == 2 and end % 2:
            end = head.rfind(newline, 0, end)
        if end >= 0:
            return head[: end + len(newline)]
    return head


class _Detector:
    """One detection: the head tells the structure, `file` (the head or all of it) the columns."""

    def __init__(self, head: bytes, file: BinaryIO, given: Hints, business_zone: str) -> None:
        self._head, self._file, self._given = head, file, given
        self._business_zone = business_zone
        self._questions: list[Question] = []

    def run(self, *, size: int, is_whole: bool) -> Detection:
        given = self._given
        _refuse_other_formats(self._head)
        _check_hints(given)
        encoding = self._encoding()
        text = self._text(encoding.value)
        found_format = _format(text, given)
        base = Dialect(
            format=found_format.value,
            encoding=encoding.value,
            has_header=False,
            line_end="\r" if "\r" in text and "\n" not in text else "\n",
        )
        if found_format.value == "ndjson":
            self._file.seek(len(BYTE_ORDER_MARKS.get(ENCODINGS[encoding.value], b"")) * (text[:1] == "\ufeff"))
            columns = object_keys(self._file, base)
            dialect = _changed(base, columns=columns, quote=None)
            has_header = Setting(False, "detected")
        else:
            dialect = self._structure(base, text)
            dialect, has_header = self._header(dialect)
        evidence = [_Evidence() for _ in dialect.columns]
        row_count, rejected_count, sample_rows, seen_bytes = _observe(
            self._file, dialect, evidence
        )
        if not is_whole and seen_bytes:
            row_count = round(row_count * size / seen_bytes)
        is_given = (given.delimiter is not None, given.quote is not None)
        return Detection(
            format=Setting(
                "tsv" if found_format.value == "csv" and dialect.delimiter == "\t" else dialect.format,
                found_format.source,
            ),
            encoding=encoding,
            delimiter=Setting(dialect.delimiter, "given" if is_given[0] else "detected"),
            quote=Setting(dialect.quote, "given" if is_given[1] else "detected"),
            has_header=has_header,
            time_zone=Setting(given.time_zone, "given")
            if given.time_zone
            else Setting(self._business_zone, "default"),
            dialect=dialect,
            columns=tuple(
                self._column(name, seen)
                for name, seen in zip(dialect.columns, evidence, strict=True)
            ),
            row_count=row_count,
            is_row_count_exact=is_whole,
            rejected_count=rejected_count,
            sample_rows=sample_rows,
            questions=tuple(self._questions),
        )
