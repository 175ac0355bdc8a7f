"""What is known of a file: given or detected, with its source, or still a question."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from services.crm_api.imports.detection.notices import Notice
from services.crm_api.imports.reading.records import Dialect, Format
from services.crm_api.imports.values.numbers import DecimalMark

T = TypeVar("T")
Kind = Literal["date", "number", "text", "empty"]
SAMPLE_RECORDS = 300
SAMPLES = 5
LONGEST_SAMPLE = 100
TYPED_SHARE = 0.8


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
    sheet: str | None = None
    header_row: int | None = None
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
    """What the file leaves open and a person has to say; `column` is None for the whole file."""

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
    yearless_count: int


@dataclass(frozen=True, slots=True)
class Detection:
    """Everything that reading needs, with its source, and what is left open."""

    format: Setting[Format]
    encoding: Setting[str]
    delimiter: Setting[str | None]
    quote: Setting[str | None]
    has_header: Setting[bool]
    sheet: Setting[str | None]
    header_row: Setting[int | None]
    time_zone: Setting[str]
    dialect: Dialect
    columns: tuple[Column, ...]
    row_count: int
    is_row_count_exact: bool
    rejected_count: int
    sample_rows: tuple[tuple[str, ...], ...]
    questions: tuple[Question, ...]
    notices: tuple[Notice, ...] = ()
