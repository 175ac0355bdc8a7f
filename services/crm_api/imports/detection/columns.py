"""What the cells of a column show: its kind, decimal mark and date format."""

import re
from collections import Counter
from typing import BinaryIO, Literal, NamedTuple

from services.crm_api.imports.detection.findings import (
    LONGEST_SAMPLE,
    SAMPLE_RECORDS,
    SAMPLES,
    TYPED_SHARE,
    Column,
    Hints,
    Kind,
    Option,
    Question,
    Setting,
)
from services.crm_api.imports.reading.reader import records
from services.crm_api.imports.reading.records import Dialect, NumberText, RejectedRow
from services.crm_api.imports.values import dates, numbers, texts
from services.crm_api.imports.values.dates import DateFormat
from services.crm_api.imports.values.numbers import DecimalMark
from services.crm_api.imports.values.readings import day_readings, number_readings

_Order = Literal["ymd", "dmy", "mdy"]


class _Evidence:
    """What the cells of one column have shown so far, in constant space."""

    __slots__ = (
        "dates", "filled", "has_local_times", "looks", "mark_samples", "marks",
        "numbers", "order_samples", "orders", "samples", "yearless",
    )  # fmt: skip

    def __init__(self) -> None:
        self.filled = self.numbers = self.dates = self.yearless = 0
        self.has_local_times = False
        self.looks: dict[str, _Look] = {}
        self.marks: Counter[str] = Counter()
        self.orders: dict[tuple[str, str], Counter[str]] = {}
        self.samples: list[str] = []
        self.mark_samples: list[str] = []
        self.order_samples: dict[tuple[str, str], list[str]] = {}

    @property
    def kind(self) -> Kind:
        if not self.filled:
            return "empty"
        if self.dates >= TYPED_SHARE * self.filled:
            return "date"
        return "number" if self.numbers >= TYPED_SHARE * self.filled else "text"

    @property
    def is_open(self) -> bool:
        """Whether further cells may still say something about the column's form."""
        return self.filled < SAMPLE_RECORDS or self.kind in ("date", "number")

    def see(self, cell: str) -> None:
        """Take one more cell into account."""
        content = cell.strip()
        look = self.looks.get(content)
        if look is None:
            look = _look(content)
            if len(self.looks) < _MOST_LOOKS and len(content) < LONGEST_SAMPLE:
                self.looks[content] = look
        self.yearless += look.is_yearless
        if look.is_absent or look.is_yearless:
            return
        self.filled += 1
        self.numbers += look.is_number
        if len(self.samples) < SAMPLES:
            _keep(self.samples, content)
        if look.orders:
            self.dates += 1
            self.orders.setdefault(look.shape, Counter())[look.orders] += 1
            _keep(self.order_samples.setdefault(look.shape, []), content)
            self.has_local_times = self.has_local_times or look.is_local_time
        elif look.mark and not isinstance(cell, NumberText):
            self.marks[look.mark] += 1
            _keep(self.mark_samples, content)


_MOST_LOOKS = 4_096


class _Look(NamedTuple):
    """What one cell shows: a number and its mark, or a date, its shape and its possible orders."""

    is_absent: bool = False
    is_yearless: bool = False
    is_number: bool = False
    mark: str = ""
    shape: tuple[str, str] = ("", "")
    orders: str = ""
    is_local_time: bool = False


_TEXT, _INTEGER = _Look(), _Look(is_number=True)
_PLAIN_DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)([.,])(?:\d{1,2}|\d{4,9})", re.ASCII)


def _look(content: str) -> _Look:
    if content.isascii() and content.isdigit() and len(content) not in (8, 12, 14):
        return _INTEGER
    if plain := _PLAIN_DECIMAL.fullmatch(content):
        return _Look(is_number=True, mark=plain[1])
    if texts.is_absent(content):
        return _Look(is_absent=True)
    if dates.is_yearless(content):
        return _Look(is_yearless=True)
    if found := _date_look(content):
        return found
    parts = numbers.number_parts(content)
    mark = numbers.decimal_mark_shown(parts.body) if parts else "neither"
    if mark == "neither":
        return _TEXT
    return _INTEGER if mark == "none" else _Look(is_number=True, mark=mark)


def _date_look(content: str) -> _Look | None:
    parts = dates.date_parts(content)
    if parts is None or (not parts.separator and not "1900" <= parts.first <= "2100"):
        return None
    orders: tuple[_Order, ...] = ("dmy", "mdy") if parts.separator in ("/", "-") else ("dmy",)
    years = str(len(parts.last))
    if len(parts.first) == 4:
        orders, years = ("ymd",), "y"
    first_year = 2000 if years == "2" else None
    forms = {order: DateFormat(order, parts.separator, first_year) for order in orders}
    good = [order for order, form in forms.items() if dates.calendar_day(parts, form)]
    if parts.is_iso:
        good = ["ymd"]  # an impossible day has no other reading: its row is rejected
    if not good:
        return None
    return _Look(
        is_number=not parts.separator,
        shape=(parts.separator, years),
        orders="/".join(good),
        is_local_time=parts.time is not None and parts.zone is None,
    )


def _keep(samples: list[str], content: str) -> None:
    if len(samples) < SAMPLES and content[:LONGEST_SAMPLE] not in samples:
        samples.append(content[:LONGEST_SAMPLE])


class _Seen(NamedTuple):
    evidence: list[_Evidence]
    row_count: int
    rejected_count: int
    byte_count: int
    sample_rows: tuple[tuple[str, ...], ...]


def observe_columns(file: BinaryIO, dialect: Dialect) -> _Seen:
    evidence = [_Evidence() for _ in dialect.columns]
    open_columns = list(enumerate(evidence))
    row_count = rejected_count = byte_count = 0
    sample_rows: list[tuple[str, ...]] = []
    for record in records(file, dialect):
        row_count += 1
        byte_count = record.end_offset
        if isinstance(record, RejectedRow):
            rejected_count += 1
            continue
        if len(sample_rows) < SAMPLES:
            sample_rows.append(tuple(cell[:LONGEST_SAMPLE] for cell in record.cells))
        cells = record.cells
        for at, seen in open_columns:
            seen.see(cells[at])
        if row_count % 1_000 == 0:
            open_columns = [(at, seen) for at, seen in open_columns if seen.is_open]
    return _Seen(evidence, row_count, rejected_count, byte_count, tuple(sample_rows))


def describe_column(name: str, seen: _Evidence, given: Hints, questions: list[Question]) -> Column:
    mark: Setting[DecimalMark] | None = None
    date_format: Setting[str] | None = None
    given_mark = given.decimal_marks.get(name, given.decimal_mark)
    given_format = given.date_formats.get(name, given.date_format)
    if given_mark is not None:
        mark = Setting(given_mark, "given")
    elif seen.kind == "number":
        mark = _decimal_mark(name, seen, questions)
    if given_format is not None:
        date_format = Setting(given_format, "given")
    elif seen.kind == "date":
        date_format = _date_format(name, seen, questions)
    return Column(
        name,
        seen.kind,
        mark,
        date_format,
        seen.has_local_times,
        tuple(seen.samples),
        seen.yearless,
    )


def _decimal_mark(
    name: str, seen: _Evidence, questions: list[Question]
) -> Setting[DecimalMark] | None:
    has_point, has_comma = seen.marks["."] > 0, seen.marks[","] > 0
    if has_point != has_comma:
        return Setting("." if has_point else ",", "detected")
    if not has_point and not seen.marks["either"]:
        return Setting(".", "default")
    marks: tuple[DecimalMark, ...] = (",", ".")
    questions.append(
        Question(
            "mixed_decimal_marks" if has_point else "ambiguous_decimal_mark",
            name,
            "is the decimal mark of this column a comma or a point?",
            "ist das Dezimalzeichen dieser Spalte ein Komma oder ein Punkt?",
            tuple(Option(mark, number_readings(seen.mark_samples, mark)) for mark in marks),
        )
    )
    return None


def _date_format(name: str, seen: _Evidence, questions: list[Question]) -> Setting[str] | None:
    """Take the usual shape other than ISO, which can always be read beside another one."""
    others = [shape for shape in seen.orders if shape != ("-", "y")]
    shape = max(others, key=lambda each: seen.orders[each].total(), default=("-", "y"))
    separator, years = shape
    if years == "y":
        return Setting(separator.join(("YYYY", "MM", "DD")), "detected")
    orders = seen.orders[shape]
    is_mixed = orders["dmy"] > 0 and orders["mdy"] > 0 and separator != "."
    if separator == "." or (orders["dmy"] and not is_mixed):
        names = [f"D{separator}M{separator}"]
    elif orders["mdy"] and not is_mixed:
        names = [f"M{separator}D{separator}"]
    else:
        names = [f"D{separator}M{separator}", f"M{separator}D{separator}"]
    if years == "2":
        spellings = [start + year for start in names for year in ("YY@1950", "YY@2000")]
    else:
        spellings = [start + "YYYY" for start in names]
    if len(spellings) == 1:
        return Setting(spellings[0], "detected")
    code, english, german = _DATE_QUESTIONS[
        "mixed" if is_mixed else "ambiguous" if len(names) > 1 else "two_digit_years"
    ]
    options = tuple(
        Option(spelling, day_readings(seen.order_samples[shape], spelling))
        for spelling in spellings
    )
    questions.append(Question(code, name, english, german, options))
    return None


_DATE_QUESTIONS = {
    "ambiguous": (
        "ambiguous_date_format",
        "does the day or the month come first in this column?",
        "steht in dieser Spalte der Tag oder der Monat zuerst?",
    ),
    "mixed": (
        "mixed_date_formats",
        "days and months both come first in this column; which counts where both are possible?",
        "mal steht hier der Tag, mal der Monat zuerst; was gilt, wo beides möglich ist?",
    ),
    "two_digit_years": (
        "two_digit_years",
        "which century do the years of two figures belong to?",
        "zu welchem Jahrhundert gehören die zweistelligen Jahre?",
    ),
}
