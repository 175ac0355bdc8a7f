"""The sheets of an XLSX workbook as rows of cells, streamed; what is unsafe or damaged is refused."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import BinaryIO, Literal, NamedTuple

from services.crm_api.imports.reading.records import LONGEST_CELL, NumberText
from services.crm_api.imports.reading.workbook_parts import (
    BrokenWorkbook,
    Container,
    NumberFormat,
    new_parser,
    unescaped,
)
from services.foundation.sheet_texts import as_cell

LAST_ROW, LAST_COLUMN = 1_048_576, 16_384
_MOST_MERGED = 100_000
_CHUNK = 2**16
_EXCEL_FIGURES = 15
_PLACE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_MERGED = re.compile(rb'mergeCell\s[^>]{0,200}?ref\s*=\s*["\']([A-Z]+)(\d+):[A-Z]+(\d+)["\']')
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
Cells = dict[int, str]


class Sheet(NamedTuple):
    """A sheet of a workbook, and where its cells are."""

    name: str
    part: str
    is_hidden: bool


class SheetRow(NamedTuple):
    """A row that holds something: its number in the spreadsheet, its cells by column from 0."""

    number: int
    cells: Cells
    has_bare_formula: bool


class Workbook:
    """An open workbook. Its shared texts are held in memory, its rows are streamed.

    Raises
    ------
    BrokenWorkbook
        It is no workbook that can be read, now or when its rows are read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._container = Container(file)
        root = self._container.target_of("", "officeDocument") or "xl/workbook.xml"
        parts = self._container.targets(root)
        sheets, self._epoch = [], "1900"
        for element in self._container.elements(root):
            if element.name == "workbookPr" and element.get("date1904") in ("1", "true"):
                self._epoch = "1904"
            elif element.name == "sheet":
                part = parts.get(element.get("id") or "", "")
                if "chartsheet" not in part and self._container.has(part):
                    hidden = element.get("state") in ("hidden", "veryHidden")
                    sheets.append(Sheet(element.get("name") or "", part, hidden))
        if not sheets:
            raise BrokenWorkbook("no_sheet")
        self.sheets = tuple(sheets)
        self._formats = self._container.formats(root)
        self._texts = self._container.texts(root)

    def rows(self, sheet: Sheet) -> Iterator[SheetRow]:
        """Stream the rows of a sheet that hold anything, in order.

        The value of a cell that is merged over several rows is that of each of them.
        """
        merged = _Merged(self._merged(sheet))
        with self._container.reading(), self._container.open(sheet.part) as part:
            parser = _SheetParser(self._texts, self._formats, self._epoch)
            while chunk := part.read(_CHUNK):
                parser.feed(chunk)
                for row in parser.taken():
                    merged.fill(row.number, row.cells)
                    if row.cells or row.has_bare_formula:
                        yield row
            parser.close()
            for row in parser.taken():
                merged.fill(row.number, row.cells)
                if row.cells or row.has_bare_formula:
                    yield row

    def _merged(self, sheet: Sheet) -> dict[int, list[tuple[int, int]]]:
        """Return the columns that are merged over rows, by first row: column and last row.

        They stand behind the cells, so they are looked for before those are read.
        """
        found: dict[int, list[tuple[int, int]]] = {}
        count, rest = 0, b""
        with self._container.reading(), self._container.open(sheet.part) as part:
            while chunk := part.read(_CHUNK):
                text = rest + chunk
                end = 0
                for match in _MERGED.finditer(text) if b"mergeCell" in text else ():
                    end = match.end()
                    column, first, last = match[1], int(match[2]), int(match[3])
                    if last > first and len(column) <= 3:
                        count += 1
                        found.setdefault(first, []).append((_column(column.decode()), last))
                if count > _MOST_MERGED:
                    raise BrokenWorkbook("workbook_too_large")
                rest = text[max(end, len(text) - 300) :]
        return found


class _Merged:
    """Carries the values of merged cells down."""

    def __init__(self, starts: dict[int, list[tuple[int, int]]]) -> None:
        self._starts = starts
        self._open: dict[int, tuple[int, str]] = {}

    def fill(self, number: int, cells: Cells) -> None:
        for column, (last, value) in list(self._open.items()):
            if number > last:
                del self._open[column]
            elif cells:
                cells.setdefault(column, value)
        for column, last in self._starts.get(number, ()):
            if column in cells:
                self._open[column] = (last, cells[column])


class _SheetParser:
    """Turns the XML of a sheet into rows."""

    def __init__(self, texts: list[str], formats: list[NumberFormat], epoch: str) -> None:
        self._texts, self._formats, self._epoch = texts, formats, epoch
        self._rows: list[SheetRow] = []
        self._number = self._column = 0
        self._cells: Cells = {}
        self._bare = self._has_formula = False
        self._kind = self._style = ""
        self._text: list[str] | None = None
        self._value = ""
        self._size = self._phonetic = 0
        self._parser = new_parser(self._start, self._end, self._data)

    def feed(self, chunk: bytes) -> None:
        self._parser.Parse(chunk, False)

    def close(self) -> None:
        self._parser.Parse(b"", True)

    def taken(self) -> list[SheetRow]:
        """Return the rows that are complete, once."""
        rows, self._rows = self._rows, []
        return rows

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name == "c":
            place = attributes.get("r")
            self._column = self._column + 1 if place is None else self._placed(place)
            if self._column >= LAST_COLUMN:
                raise BrokenWorkbook("damaged_workbook")
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "")
            self._value, self._has_formula = "", False
        elif name in ("v", "t"):
            if not self._phonetic:
                self._text, self._size = [], 0
        elif name == "f":
            self._has_formula = True
        elif name == "rPh":
            self._phonetic += 1
        elif name == "row":
            number = int(attributes.get("r", self._number + 1))
            if not self._number < number <= LAST_ROW:
                raise BrokenWorkbook("damaged_workbook")
            self._number, self._column, self._cells, self._bare = number, -1, {}, False

    def _placed(self, place: str) -> int:
        found = _PLACE.fullmatch(place)
        if found is None or int(found[2]) != self._number:
            raise BrokenWorkbook("damaged_workbook")
        return _column(found[1])

    def _data(self, text: str) -> None:
        if self._text is not None and self._size <= LONGEST_CELL:
            self._text.append(text)
            self._size += len(text)

    def _end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        if name in ("v", "t"):
            if self._text is not None:
                self._value += "".join(self._text)[: LONGEST_CELL + 1]
                self._text = None
        elif name == "c":
            value = self._spelled(self._value) if self._value else ""
            if value:
                self._cells[self._column] = value
            elif self._has_formula and self._kind not in ("str", "s"):
                self._bare = True
        elif name == "rPh":
            self._phonetic -= 1
        elif name == "row":
            self._rows.append(SheetRow(self._number, self._cells, self._bare))

    def _spelled(self, value: str) -> str:
        if self._kind == "s":
            return as_cell(self._texts[int(value)])
        if self._kind in ("str", "inlineStr"):
            return as_cell(unescaped(value))
        if self._kind == "b":
            return "true" if value.strip() in ("1", "true") else "false"
        if self._kind in ("e", "d"):
            return value
        at = int(self._style or 0)
        style = self._formats[at] if 0 <= at < len(self._formats) else NumberFormat("number")
        return number_text(value.strip(), style, self._epoch)


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def number_text(value: str, style: NumberFormat, epoch: str = "1900") -> str:
    """Return a number as a person sees it: a date, a percentage, or figures without noise.

    Excel itself keeps 15 figures; what a file has beyond them is noise of its arithmetic.
    """
    if style.padded and _INTEGER.fullmatch(value) and len(value) <= style.padded:
        return value.zfill(style.padded)
    if style.kind == "number" and _INTEGER.fullmatch(value):
        return NumberText(value)
    number = Decimal(value)  # InvalidOperation is an ArithmeticError
    if not number.is_finite() or abs(number.adjusted()) > 300:
        return value
    if style.kind == "date" and (spelled := _moment(float(number), style, epoch)):
        return spelled
    if style.kind == "percent":
        number *= 100
    if len(number.as_tuple().digits) > _EXCEL_FIGURES and number:
        exponent = number.adjusted() - _EXCEL_FIGURES + 1
        number = round(number.scaleb(-exponent)) * Decimal(1).scaleb(exponent)
    plain = format(number, "f")
    plain = (plain.rstrip("0").rstrip(".") or "0") if "." in plain else plain
    plain = "0" if plain == "-0" else plain
    return NumberText(f"{plain}%" if style.kind == "percent" else plain)


def _moment(serial: float, style: NumberFormat, epoch: str) -> str | None:
    """Return the day or instant of a serial number; Excel counts a 29th of February 1900."""
    if not 0 <= serial < 2_958_466:
        return None
    milliseconds = round(serial * 86_400_000)
    if style.is_clock or (serial < 1 and epoch == "1900"):
        hours, rest = divmod(milliseconds // 1000, 3600)
        return f"{hours:02}:{rest // 60:02}:{rest % 60:02}"
    if epoch == "1904":
        start = datetime(1904, 1, 1, tzinfo=UTC)
    elif 60 <= serial < 61:
        return "1900-02-29"
    else:
        start = datetime(1899, 12, 30 if serial >= 61 else 31, tzinfo=UTC)
    try:
        moment = start + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
    if not milliseconds % 86_400_000:
        return moment.date().isoformat()
    timespec: Literal["milliseconds", "seconds"] = (
        "milliseconds" if milliseconds % 1000 else "seconds"
    )
    return moment.replace(tzinfo=None).isoformat(timespec=timespec)
