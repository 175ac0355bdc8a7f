"""Records of a delimited or NDJSON file, streamed and restartable; what cells mean is not here."""

import csv
import hashlib
import json
import re
import unicodedata
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, NoReturn

Format = Literal["csv", "tsv", "ndjson"]
WHITESPACE = "whitespace"
"""The delimiter of files whose cells stand apart by runs of spaces or tabulators."""
LONGEST_CELL = 100_000
"""In characters."""
LONGEST_RECORD = 4 * 2**20
"""In bytes; also how far the end of a quoted cell is looked for."""
MOST_COLUMNS = 1_000
_MOST_SURPLUS_CELLS = 20

ENCODINGS: dict[str, str] = {
    "utf-8": "utf-8",
    "utf-8-sig": "utf-8",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "cp1252": "cp1252",
    "iso-8859-1": "iso8859-1",
    "iso-8859-15": "iso8859-15",
    "iso-8859-2": "iso8859-2",
    "cp1250": "cp1250",
    "cp1251": "cp1251",
    "cp850": "cp850",
    "cp437": "cp437",
    "mac-roman": "mac-roman",
}
"""Every encoding that can be read, with Python's name for its codec."""
BYTE_ORDER_MARKS = {"utf-8": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
_C1_CONTROLS = re.compile("[\x80-\x9f]")

REJECTIONS: dict[str, tuple[str, str]] = {
    "undecodable": (
        "the row holds bytes that are no text in the encoding {encoding}",
        "die Zeile enthält Bytes, die in der Kodierung {encoding} kein Text sind",
    ),
    "nul_character": ("the row holds a NUL character", "die Zeile enthält ein NUL-Zeichen"),
    "too_many_cells": (
        "the row has {found} cells, {expected} are expected",
        "die Zeile hat {found} Zellen, erwartet sind {expected}",
    ),
    "too_few_cells": (
        "the row has {found} cells, {expected} are expected",
        "die Zeile hat {found} Zellen, erwartet sind {expected}",
    ),
    "broken_quote": (
        "a quoted cell is not closed or goes on after its closing quote",
        "eine Zelle in Anführungszeichen ist nicht geschlossen oder geht dahinter weiter",
    ),
    "stray_line_break": (
        "a carriage return stands outside of a quoted cell",
        "ein Wagenrücklauf steht außerhalb einer Zelle in Anführungszeichen",
    ),
    "cell_too_long": (
        "a cell is longer than {longest} characters",
        "eine Zelle ist länger als {longest} Zeichen",
    ),
    "row_too_long": ("the row is longer than 4 MiB", "die Zeile ist länger als 4 MiB"),
    "broken_json": ("the line is no JSON object", "die Zeile ist kein JSON-Objekt"),
    "repeated_key": ("the object names a key twice", "das Objekt nennt einen Schlüssel zweimal"),
    "unexpected_key": (
        "the object has a key that the import does not know",
        "das Objekt hat einen Schlüssel, den der Import nicht kennt",
    ),
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is to be read; without `columns` the number of cells is not checked."""

    columns: tuple[str, ...] = ()
    format: Format = "csv"
    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str | None = '"'
    has_header: bool = True
    skips_initial_space: bool = False
    line_end: Literal["\n", "\r"] = "\n"
    preamble_lines: int = 0


class Position(NamedTuple):
    """Where reading goes on: a byte offset, the number of the line there, the record's ordinal."""

    offset: int = 0
    line: int = 1
    ordinal: int = 0


class Row(NamedTuple):
    """One record; `row_number` is the line it starts on, `ordinal` counts records from 0."""

    row_number: int
    ordinal: int
    cells: tuple[str, ...]
    start_offset: int
    end_offset: int
    end_line: int

    @property
    def after(self) -> Position:
        """Where to go on once this record is dealt with."""
        return Position(self.end_offset, self.end_line + 1, self.ordinal + 1)


class RejectedRow(NamedTuple):
    """One record that cannot be read, and why; it counts as a record, so ordinals stay stable."""

    row_number: int
    ordinal: int
    column: str | None
    code: str
    message_en: str
    message_de: str
    start_offset: int
    end_offset: int
    end_line: int

    @property
    def after(self) -> Position:
        """Where to go on once this record is dealt with."""
        return Position(self.end_offset, self.end_line + 1, self.ordinal + 1)


class NumberText(str):
    """The text of a JSON number: its decimal mark is a point, whatever the column's is."""

    __slots__ = ()


class Unreadable(Exception):
    """The record at hand is to be rejected with this code."""

    def __init__(self, code: str, *, column: int | None = None, **facts: object) -> None:
        super().__init__(code)
        self.code, self.column, self.facts = code, column, facts


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
    if isinstance(start_at, Position):
        yield from _Reader(file, dialect, start_at)
        return
    for record in _Reader(file, dialect, Position()):
        if record.ordinal >= start_at:
            yield record


def raw_bytes(path: Path, record: Row | RejectedRow) -> bytes:
    """Return the record's bytes as they stand in the file."""
    with path.open("rb") as file:
        file.seek(record.start_offset)
        return file.read(record.end_offset - record.start_offset)


class _Lines:
    """Physical lines and their size in bytes; one longer than `LONGEST_RECORD` comes cut."""

    def __init__(self, file: BinaryIO, dialect: Dialect) -> None:
        self._newline = dialect.line_end.encode(ENCODINGS[dialect.encoding])
        self._waiting: deque[tuple[bytes, int]] = deque()
        narrow = self._newline == b"\n"
        self._fresh = self._narrow(file) if narrow else self._wide(file, self._newline)

    def take(self) -> tuple[bytes, int] | None:
        """Return the next line, or None at the end of the file."""
        if self._waiting:
            return self._waiting.popleft()
        return next(self._fresh, None)

    def put_back(self, lines: Sequence[tuple[bytes, int]]) -> None:
        """Have lines taken too early read again."""
        self._waiting.extendleft(reversed(lines))

    @staticmethod
    def _narrow(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
        while line := file.readline(LONGEST_RECORD + 1):
            size = len(line)
            if size > LONGEST_RECORD:
                rest = line
                while rest and not rest.endswith(b"\n"):
                    rest = file.readline(2**16)
                    size += len(rest)
            yield line, size

    @staticmethod
    def _wide(file: BinaryIO, newline: bytes) -> Iterator[tuple[bytes, int]]:
        width = len(newline)
        buffer, searched, dropped = b"", 0, 0
        while chunk := file.read(2**16):
            buffer += chunk
            start = 0
            while (end := buffer.find(newline, searched)) >= 0:
                if (end - start) % width:
                    searched = end + 1
                    continue
                searched = end + width
                yield buffer[start:searched], searched - start + dropped
                start, dropped = searched, 0
            buffer = buffer[start:]
            searched = max(0, len(buffer) - width + 1)
            if len(buffer) > LONGEST_RECORD + 2**17:
                surplus = (len(buffer) - LONGEST_RECORD - 2**16) // width * width
                buffer, dropped = buffer[:-surplus], dropped + surplus
                searched = max(0, len(buffer) - width + 1)
        if buffer:
            yield buffer, len(buffer) + dropped


class _Reader:
    """Turns lines into records: the one loop that knows offsets, line numbers and ordinals."""

    def __init__(self, file: BinaryIO, dialect: Dialect, position: Position) -> None:
        self._dialect = dialect
        self._codec = ENCODINGS[dialect.encoding]
        self._refuses_c1 = self._codec.startswith("iso8859")
        self._width = len(dialect.columns)
        is_start = position.offset == 0
        mark = BYTE_ORDER_MARKS.get(self._codec, b"")
        file.seek(position.offset)
        if is_start and mark and file.read(len(mark)) != mark:
            mark = b""
            file.seek(0)
        self._offset = len(mark) if is_start else position.offset
        self._line, self._ordinal = position.line, position.ordinal
        self._lines = _Lines(file, dialect)
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
        english, german = REJECTIONS[fault.code]
        facts = {"encoding": self._dialect.encoding, "expected": self._width, **fault.facts}
        columns = self._dialect.columns
        known = fault.column is not None and fault.column < len(columns)
        return RejectedRow(
            row_number=first_line,
            ordinal=self._ordinal,
            column=columns[fault.column] if known and fault.column is not None else None,
            code=fault.code,
            message_en=english.format(**facts),
            message_de=german.format(**facts),
            start_offset=start,
            end_offset=self._offset,
            end_line=self._line - 1,
        )

    def _decoded(self, line: bytes) -> tuple[str, bool]:
        """Return the text and whether it is one; a damaged text only serves to find cells."""
        try:
            text = line.decode(self._codec)
        except UnicodeDecodeError:
            return line.decode(self._codec, "replace"), False
        return text, not (self._refuses_c1 and _C1_CONTROLS.search(text))

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
            if count > (self._width or MOST_COLUMNS) + _MOST_SURPLUS_CELLS:
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


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("repeated_key")
    return found


def _no_number(_: str) -> NoReturn:
    raise Unreadable("broken_json")


_JSON = json.JSONDecoder(
    object_pairs_hook=_pairs,
    parse_float=NumberText,
    parse_int=NumberText,
    parse_constant=_no_number,
)


def json_object(text: str) -> dict[str, str]:
    """Return a JSON object's members as texts: null is empty, lists and objects stay JSON."""
    try:
        found = _JSON.decode(text.strip("\ufeff \t\r\n"))
        text.encode()
    except (ValueError, RecursionError):
        raise Unreadable("broken_json") from None
    if not isinstance(found, dict):
        raise Unreadable("broken_json")
    cells = {key: _cell(value) for key, value in found.items()}
    try:
        "".join(cells.values()).encode()
    except UnicodeEncodeError:
        raise Unreadable("broken_json") from None
    return cells


def object_keys(file: BinaryIO, dialect: Dialect) -> tuple[str, ...]:
    """Return the keys of every object of an NDJSON file in order of appearance, 1,000 at most."""
    keys: dict[str, None] = {}
    lines = _Lines(file, dialect)
    while (taken := lines.take()) is not None and len(keys) < MOST_COLUMNS:
        try:
            found = json_object(taken[0].decode(ENCODINGS[dialect.encoding]))
        except (Unreadable, UnicodeDecodeError):
            continue
        keys |= dict.fromkeys(found)
    return tuple(keys)[:MOST_COLUMNS]


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _json_text(value)


def _json_text(value: object) -> str:
    """Spell a nested value as JSON, its numbers exactly as the file did."""
    if isinstance(value, NumberText):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_json_text, value)) + "]"
    if isinstance(value, dict):
        members = (f"{json.dumps(key)}:{_json_text(member)}" for key, member in value.items())
        return "{" + ",".join(members) + "}"
    return json.dumps(value, ensure_ascii=False)


def row_identity(cells: Sequence[str]) -> str:
    """Return the SHA-256 of the cells' content, in hexadecimal digits.

    Outer white space, the kind of line break and the Unicode composition make no difference.
    """
    digest = hashlib.sha256()
    for cell in cells:
        text = cell.strip()
        if not text.isascii():
            text = unicodedata.normalize("NFC", text)
        content = text.replace("\r\n", "\n").encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(content))
        digest.update(content)
    return digest.hexdigest()


def repeated_identities(records: Iterable[Row | RejectedRow]) -> frozenset[str]:
    """Return every identity that occurs more than once, and a few more, in 32 MiB.

    A bit per hash tells "not seen yet" for certain; what may have been seen is remembered.
    """
    seen = bytearray(2**25)
    repeated: set[str] = set()
    for record in records:
        if isinstance(record, Row):
            identity = row_identity(record.cells)
            bit = int(identity[:7], 16)
            if seen[bit >> 3] & (1 << (bit & 7)):
                repeated.add(identity)
            else:
                seen[bit >> 3] |= 1 << (bit & 7)
    return frozenset(repeated)


class RowIds:
    """Stable ids for rows without one: the identity and which one of its equals the row is.

    Only identities that may repeat are counted. To go on in the middle of a file, keep `counts`
    with the checkpoint, or call `next_id` for every row before it.
    """

    def __init__(
        self, repeated: frozenset[str], *, counts: Mapping[str, int] | None = None
    ) -> None:
        self._repeated = repeated
        self.counts: Counter[str] = Counter(counts or {})

    def next_id(self, cells: Sequence[str]) -> str:
        """Return the id of the next row of the file."""
        identity = row_identity(cells)
        if identity not in self._repeated:
            return f"{identity}#1"
        self.counts[identity] += 1
        return f"{identity}#{self.counts[identity]}"
