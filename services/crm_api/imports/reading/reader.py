"""The records of a file, streamed and restartable; here those of delimited files and NDJSON."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from services.crm_api.imports.reading.cards import card_rows
from services.crm_api.imports.reading.json_lines import json_object
from services.crm_api.imports.reading.lines import Lines
from services.crm_api.imports.reading.records import (
    BYTE_ORDER_MARKS,
    C1_CONTROLS,
    ENCODINGS,
    LONGEST_CELL,
    LONGEST_RECORD,
    MOST_COLUMNS,
    MOST_SURPLUS_CELLS,
    UTF8_PAIR,
    WHITESPACE,
    Dialect,
    Position,
    RejectedRow,
    Row,
    Unreadable,
    is_in_utf8,
    rejected,
)
from services.crm_api.imports.reading.sheet_rows import sheet_rows


def rows(
    path: Path, dialect: Dialect, *, start_at: int | Position = 0
) -> Iterator[Row | RejectedRow]:
    """Stream the records of a file from the record `start_at`.

    A number of records is skipped by reading over them, a `Position` (`row.after`) by seeking.
    """
    with path.open("rb") as file:
        yield from records(file, dialect, start_at=start_at)


def records(
    file: BinaryIO, dialect: Dialect, *, start_at: int | Position = 0
) -> Iterator[Row | RejectedRow]:
    """Stream the records of an open binary file, as `rows` does."""
    read = _READERS.get(dialect.format, _Reader)
    if isinstance(start_at, Position):
        yield from read(file, dialect, start_at)
        return
    for record in read(file, dialect, Position()):
        if record.ordinal >= start_at:
            yield record


def raw_bytes(path: Path, record: Row | RejectedRow) -> bytes:
    """Return the record's bytes as they stand in the file."""
    with path.open("rb") as file:
        file.seek(record.start_offset)
        return file.read(record.end_offset - record.start_offset)


class _Reader:
    """Turns lines into records: the one loop that knows offsets, line numbers and ordinals."""

    def __init__(self, file: BinaryIO, dialect: Dialect, position: Position) -> None:
        self._dialect = dialect
        self._codec = ENCODINGS[dialect.encoding]
        self._refuses_c1 = self._codec.startswith("iso8859")
        self._is_single_byte = not self._codec.startswith("utf")
        is_spaced = dialect.delimiter == WHITESPACE
        self._between = None if is_spaced else dialect.delimiter.encode(self._codec, "replace")
        self._width = len(dialect.columns)
        is_start = position.offset == 0
        mark = BYTE_ORDER_MARKS.get(self._codec, b"")
        file.seek(position.offset)
        if is_start and mark and file.read(len(mark)) != mark:
            mark = b""
            file.seek(0)
        self._offset = len(mark) if is_start else position.offset
        self._line, self._ordinal = position.line, position.ordinal
        self._lines = Lines(file, dialect)
        self._skips_header = is_start and dialect.has_header and dialect.format != "ndjson"
        self._preamble_lines = dialect.preamble_lines if is_start else 0
        self._parse = self._object_cells if dialect.format == "ndjson" else self._row_cells
        self._split = _splitter(dialect)
        self._csv = None if dialect.delimiter == WHITESPACE else _csv_dialect(dialect)
        is_spread = self._csv is None or dialect.format == "ndjson"
        self._blank = " \t\r\n\ufeff" + ("" if is_spread else dialect.delimiter)

    def __iter__(self) -> Iterator[Row | RejectedRow]:
        for _ in range(self._preamble_lines):
            if (skipped := self._lines.take()) is not None:
                self._advance(skipped[1])
        blank, parse, take = self._blank, self._parse, self._lines.take
        while (taken := take()) is not None:
            start, first_line = self._offset, self._line
            self._advance(taken[1])
            text, is_text = self._decoded(taken[0])
            if not text.strip(blank):
                continue
            try:
                if taken[1] > LONGEST_RECORD:
                    raise Unreadable("row_too_long")
                cells = parse(text, is_text)
            except Unreadable as fault:
                if not self._skips_header:
                    yield self._rejected(fault, start, first_line)
            else:
                if not self._skips_header:
                    yield Row(
                        first_line, self._ordinal, tuple(cells), start, self._offset, self._line - 1
                    )
            if self._skips_header:
                self._skips_header = False
            else:
                self._ordinal += 1

    def _advance(self, size: int) -> None:
        self._offset += size
        self._line += 1

    def _rejected(self, fault: Unreadable, start: int, first_line: int) -> RejectedRow:
        return rejected(
            fault,
            self._dialect,
            first_line,
            self._ordinal,
            start,
            self._offset,
            self._line - 1,
        )

    def _decoded(self, line: bytes) -> tuple[str, bool]:
        """Return the text and whether it is one; a damaged text only serves to find cells."""
        try:
            text = line.decode(self._codec)
        except UnicodeDecodeError:
            return line.decode(self._codec, "replace"), False
        if self._refuses_c1 and C1_CONTROLS.search(text):
            return text, False
        if self._is_single_byte and UTF8_PAIR.search(line):
            return text, not any(map(is_in_utf8, line.split(self._between)))
        return text, True

    def _row_cells(self, text: str, is_text: bool) -> list[str]:
        quote = self._dialect.quote
        if self._csv is None or quote is None or quote not in text:
            line = text.rstrip("\r\n")
            cells = self._split(line)
            if "\r" in line and is_text:
                raise Unreadable("stray_line_break")
        else:
            try:
                cells = next(csv.reader((text,), self._csv))
            except csv.Error:
                text, is_text, cells = self._continued(text, is_text)
        if not is_text:
            raise Unreadable("undecodable")
        return self._checked(text, cells)

    def _continued(self, text: str, is_text: bool) -> tuple[str, bool, list[str]]:
        """Complete a record whose quoted cell goes on in the next lines.

        It must close properly within `LONGEST_RECORD` and have as many cells as the file has
        columns. Otherwise the quote is taken for broken: only this line is rejected, and the
        lines looked at are read again as records of their own.
        """
        looked_at: list[tuple[bytes, int]] = []
        texts, size, count = [text], len(text), 0
        try:
            is_open, count = self._scan(text, is_open=False, count=0)
            while is_open:
                taken = self._lines.take()
                if taken is None:
                    raise Unreadable("broken_quote")
                looked_at.append(taken)
                size += taken[1]
                if size > LONGEST_RECORD:
                    raise Unreadable("broken_quote")
                following, is_good = self._decoded(taken[0])
                is_text = is_text and is_good
                texts.append(following)
                is_open, count = self._scan(following, is_open=True, count=count)
            whole = "".join(texts)
            cells = self._fitting(self._quoted_cells(whole, count))
        except Unreadable as fault:
            if fault.code != "cell_too_long":
                self._lines.put_back(looked_at)
                is_damaged = not (is_text or looked_at)
                code = "undecodable" if is_damaged else _of_one_line(fault.code)
                raise Unreadable(code) from None
            self._advance_over(looked_at)
            raise
        self._advance_over(looked_at)
        return whole, is_text, cells

    def _advance_over(self, lines: Sequence[tuple[bytes, int]]) -> None:
        for _, size in lines:
            self._advance(size)

    def _quoted_cells(self, text: str, count: int) -> list[str]:
        try:
            return next(csv.reader((text,), self._csv or "excel"))
        except csv.Error as error:
            if "field larger" in str(error) and self._width in (0, count):
                raise Unreadable("cell_too_long", longest=LONGEST_CELL) from None
            is_break = "new-line" in str(error)
            raise Unreadable("stray_line_break" if is_break else "broken_quote") from None

    def _scan(self, text: str, *, is_open: bool, count: int) -> tuple[bool, int]:
        """Walk over one line; say whether a cell is open at its end, and the cells so far."""
        quote, delimiter = self._dialect.quote or "", self._dialect.delimiter
        position = 0
        while True:
            if is_open:
                close = text.find(quote, position)
                if close < 0:
                    return True, count
                position = close + 1
                if text.startswith(quote, position):
                    position += 1
                    continue
                is_open = False
                if not text[position:].strip("\r\n"):
                    return False, count + 1
                if not text.startswith(delimiter, position):
                    raise Unreadable("broken_quote")
                position += 1
            else:
                while self._dialect.skips_initial_space and text.startswith(" ", position):
                    position += 1
                if text.startswith(quote, position):
                    is_open, position = True, position + 1
                    continue
                end = text.find(delimiter, position)
                if end < 0:
                    return False, count + 1
                position = end + 1
            count += 1
            if count > (self._width or MOST_COLUMNS) + MOST_SURPLUS_CELLS:
                raise Unreadable("broken_quote")

    def _checked(self, text: str, cells: list[str]) -> list[str]:
        if "\0" in text:
            column = next((at for at, cell in enumerate(cells) if "\0" in cell), None)
            raise Unreadable("nul_character", column=column)
        if len(text) > LONGEST_CELL:
            for at, cell in enumerate(cells):
                if len(cell) > LONGEST_CELL:
                    raise Unreadable("cell_too_long", column=at, longest=LONGEST_CELL)
        return self._fitting(cells)

    def _fitting(self, cells: list[str]) -> list[str]:
        width, found = self._width, len(cells)
        if found == width or not width:
            return cells
        if found < width:
            raise Unreadable("too_few_cells", found=found)
        if any(cell.strip() for cell in cells[width:]):
            raise Unreadable("too_many_cells", found=found)
        return cells[:width]

    def _object_cells(self, text: str, is_text: bool) -> list[str]:
        if not is_text:
            raise Unreadable("undecodable")
        found = json_object(text)
        columns = self._dialect.columns
        cells = [found.pop(column, "") for column in columns]
        if found:
            raise Unreadable("unexpected_key")
        for at, cell in enumerate(cells):
            if "\0" in cell:
                raise Unreadable("nul_character", column=at)
            if len(cell) > LONGEST_CELL:
                raise Unreadable("cell_too_long", column=at, longest=LONGEST_CELL)
        return cells


_READERS: dict[str, Callable[[BinaryIO, Dialect, Position], Iterable[Row | RejectedRow]]] = {
    "xlsx": sheet_rows,
    "vcard": card_rows,
}


def _of_one_line(code: str) -> str:
    """A record of several lines with a wrong number of cells comes from a broken quote."""
    return code if code == "stray_line_break" else "broken_quote"


def _csv_dialect(dialect: Dialect) -> Any:
    """Return the form of dialect that `csv.reader` takes as it is, instead of copying it."""

    class Spelled(csv.Dialect):
        delimiter = dialect.delimiter
        quotechar = dialect.quote
        doublequote = True
        quoting = csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE
        lineterminator = "\n"
        skipinitialspace = dialect.skips_initial_space
        strict = True

    return csv.reader((), Spelled).dialect


def _splitter(dialect: Dialect) -> Callable[[str], list[str]]:
    delimiter = dialect.delimiter
    if delimiter == WHITESPACE:
        return str.split
    if dialect.skips_initial_space:
        return lambda line: [cell.lstrip(" ") for cell in line.split(delimiter)]
    return lambda line: line.split(delimiter)
