"""Records as CSV and XLSX files for people, a batch of lines at a time."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import xlsxwriter

from services.crm_api.exports.columns import SheetColumn, listed
from services.foundation.sheet_texts import harmless

LONGEST_CELL = 32_767
"""In characters; Excel takes no more."""
_BATCH_BYTES = 256 * 1024
_EXCEL_FIGURES = 15
"""What Excel keeps of a number; it would round what has more, so that is told as a text."""
_EXCEL_BEGINS = date(1900, 3, 1)
"""Earlier days are no dates to Excel, which knows a 29 February 1900."""


async def batches(chunks: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Yield whole lines, some at once, from chunks that end anywhere."""
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        if len(waiting) >= _BATCH_BYTES:
            end = waiting.rfind(b"\n") + 1
            if end:
                yield bytes(waiting[:end]).splitlines()
                del waiting[:end]
    if waiting.strip():
        yield bytes(waiting).splitlines()


def _local(instant: str, zone: ZoneInfo) -> datetime | None:
    """Return an instant in a time zone, none if it is in the year 0 or 10000 there."""
    try:
        return datetime.fromisoformat(instant).astimezone(zone)
    except OverflowError:
        return None


def _figures(text: str) -> int:
    return sum(map(str.isdigit, text))


class CsvWriter:
    """Writes records as the lines of a CSV file for people."""

    def __init__(
        self, columns: Sequence[SheetColumn], *, delimiter: str, decimal_mark: str, zone: ZoneInfo
    ) -> None:
        self._columns, self._delimiter = columns, delimiter
        self._mark, self._zone = decimal_mark, zone

    def header(self) -> bytes:
        return self._lines([[harmless(column.header) for column in self._columns]])

    def lines(self, records: Iterable[bytes]) -> bytes:
        """Return the lines of records that are JSON texts."""
        return self._lines(
            [self._cell(column.kind, column.take(record)) for column in self._columns]
            for record in map(orjson.loads, records)
        )

    def _cell(self, kind: str, value: Any) -> Any:
        if value is None:
            return None
        if kind == "text":
            return harmless(value)
        if kind in ("number", "decimal"):
            text = str(value) if kind == "decimal" else format(Decimal(str(value)), "f")
            return text.replace(".", self._mark)
        if kind in ("instant", "moment"):
            # With its offset: an hour in autumn comes twice.
            local = _local(value, self._zone)
            return local.isoformat() if local else value
        if kind == "flag":
            return "true" if value else "false"
        text_of_list = listed(value) if kind == "list" else value
        return text_of_list and harmless(text_of_list)

    def _lines(self, rows: Iterable[Sequence[Any]]) -> bytes:
        out = io.StringIO()
        csv.writer(out, delimiter=self._delimiter, lineterminator="\r\n").writerows(rows)
        return out.getvalue().encode()


class XlsxWriter:
    """Writes records into the one sheet of a workbook; rows go to the disk as they come."""

    def __init__(
        self, path: Path, columns: Sequence[SheetColumn], *, title: str, zone: ZoneInfo
    ) -> None:
        options = {"constant_memory": True, "tmpdir": str(path.parent)}
        self._book = xlsxwriter.Workbook(str(path), options)
        self._sheet = self._book.add_worksheet(title[:31])
        self._columns, self._zone, self._row = columns, zone, 0
        self._formats = {
            "day": self._book.add_format({"num_format": "yyyy-mm-dd"}),
            "instant": self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        }
        bold = self._book.add_format({"bold": True})
        self._sheet.freeze_panes(1, 0)
        self._sheet.set_column(0, len(columns) - 1, 18)
        for at, column in enumerate(columns):
            self._sheet.write_string(0, at, column.header, bold)

    def write(self, records: Iterable[bytes]) -> None:
        """Add records that are JSON texts."""
        for record in map(orjson.loads, records):
            self._row += 1
            for at, column in enumerate(self._columns):
                value = column.take(record)
                if value is not None:
                    self._cell(at, column.kind, value)

    def close(self) -> None:
        """Complete the file."""
        if self._row:
            self._sheet.autofilter(0, 0, self._row, len(self._columns) - 1)
        self._book.close()

    def _cell(self, at: int, kind: str, value: Any) -> None:
        if kind in ("number", "decimal"):
            if not isinstance(value, float) and _figures(str(value)) > _EXCEL_FIGURES:
                self._text(at, str(value))
                return
            self._sheet.write_number(self._row, at, float(value))
        elif kind == "flag":
            self._sheet.write_boolean(self._row, at, value)
        elif kind in ("instant", "moment"):
            local = _local(value, self._zone)
            if local is None:
                self._text(at, value)
            elif kind == "moment" and local.microsecond:
                self._text(at, local.isoformat())  # a sheet has no fractions of a second
            elif local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
                self._text(at, local.isoformat())  # an hour that comes twice, in autumn
            else:
                self._when(at, "instant", local.replace(tzinfo=None, microsecond=0), value)
        elif kind == "day":
            self._when(at, kind, datetime.fromisoformat(value), value)
        else:
            text = value if kind == "text" else listed(value)
            if text:
                self._text(at, text)

    def _when(self, at: int, kind: str, when: datetime, text: str) -> None:
        if when.date() < _EXCEL_BEGINS:
            self._text(at, text)
        else:
            self._sheet.write_datetime(self._row, at, when, self._formats[kind])

    def _text(self, at: int, text: str) -> None:
        if len(text) > LONGEST_CELL:
            text = text[: LONGEST_CELL - 1] + "…"
        self._sheet.write_string(self._row, at, text)
