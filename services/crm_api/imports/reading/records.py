"""What a file falls into: records, their place, and why one cannot be read."""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

Format = Literal["csv", "tsv", "ndjson", "xlsx", "vcard"]
WHITESPACE = "whitespace"
"""The delimiter of files whose cells stand apart by runs of spaces or tabulators."""
LONGEST_CELL = 100_000
"""In characters."""
LONGEST_RECORD = 4 * 2**20
"""In bytes; also how far the end of a quoted cell is looked for."""
MOST_COLUMNS = 1_000
COLUMN_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
"""What a caller can name; a key of an object that is none is no column."""
MOST_SURPLUS_CELLS = 20
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
C1_CONTROLS = re.compile("[\x80-\x9f]")
UTF8_PAIR = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")
"""What every text beyond ASCII in UTF-8 has, and hardly one in another encoding."""
_ODD = "[\x80-\x9f\u01dd-\u0217\u021c-\u0258\u025a-\u02ff\u0340-\u036f\u0400-\u07ff]"
_HAS_ODD = re.compile(_ODD)
_ODD_IN_LATIN = re.compile(
    rf"(?<=[A-Za-z]){_ODD}(?![^\x00-\x7f])|(?<![^\x00-\x7f]){_ODD}(?=[A-Za-z])"
)
"""What two letters or signs of another encoding would be in UTF-8, ``ß–`` or ``ÓŻ`` for instance."""
REJECTIONS: dict[str, tuple[str, str]] = {
    "undecodable": (
        "the row is not written in the encoding of the file, {encoding}",
        "die Zeile ist nicht in der Kodierung der Datei geschrieben, {encoding}",
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
    "no_property": (
        "a line of the card is no property: it has no name before a colon",
        "eine Zeile der Karte ist keine Eigenschaft: ihr fehlt ein Name vor einem Doppelpunkt",
    ),
    "undecodable_property": (
        "the property {property} holds bytes that are no text in the encoding {encoding}",
        "die Eigenschaft {property} enthält Bytes, die in der Kodierung {encoding} kein Text sind",
    ),
    "unknown_charset": (
        "the card names a character set that is not known: {charset}",
        "die Karte nennt einen unbekannten Zeichensatz: {charset}",
    ),
    "card_not_closed": (
        "the card is not closed by END:VCARD",
        "die Karte ist nicht durch END:VCARD geschlossen",
    ),
    "outside_card": (
        "this stands outside of any card (BEGIN:VCARD to END:VCARD)",
        "das steht außerhalb jeder Karte (BEGIN:VCARD bis END:VCARD)",
    ),
    "no_contact": (
        "the card is of the kind {kind}: neither a person nor an organisation",
        "die Karte ist von der Art {kind}: weder eine Person noch eine Organisation",
    ),
    "unnamed_card": (
        "the card has no name, no organisation, no e-mail address and no telephone number",
        "die Karte hat weder Namen noch Organisation, E-Mail-Adresse oder Telefonnummer",
    ),
    "unexpected_key": (
        "the object has a key that is no column (1 to 200 printable characters, 1000 columns)",
        "das Objekt hat einen Schlüssel, der keine Spalte ist (1 bis 200 Zeichen, 1000 Spalten)",
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
    sheet: str | None = None


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
    text: str | None = None
    """What it says, if that cannot be read from the bytes of the file."""

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


def is_in_utf8(content: bytes) -> bool:
    """Say whether bytes beyond ASCII are UTF-8; text of another encoding is so as good as never."""
    if UTF8_PAIR.search(content) is None:
        return False
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return False
    return _HAS_ODD.search(text) is None or not (
        C1_CONTROLS.search(text) or _ODD_IN_LATIN.sub("", text).isascii()
    )


def rejected(
    fault: Unreadable,
    dialect: Dialect,
    row_number: int,
    ordinal: int,
    start_offset: int,
    end_offset: int,
    end_line: int,
) -> RejectedRow:
    """Tell in both languages why a record cannot be read."""
    english, german = REJECTIONS[fault.code]
    columns = dialect.columns
    facts = {"encoding": dialect.encoding, "expected": len(columns), **fault.facts}
    known = fault.column is not None and fault.column < len(columns)
    return RejectedRow(
        row_number=row_number,
        ordinal=ordinal,
        column=columns[fault.column] if known and fault.column is not None else None,
        code=fault.code,
        message_en=english.format(**facts),
        message_de=german.format(**facts),
        start_offset=start_offset,
        end_offset=end_offset,
        end_line=end_line,
    )
