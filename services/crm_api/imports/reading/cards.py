"""The cards of a vCard file as rows, streamed and restartable; a broken one spoils no other."""

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from services.crm_api.imports.reading.card_cells import UID, CardCells, card_cells, own_id
from services.crm_api.imports.reading.content_lines import properties
from services.crm_api.imports.reading.lines import Lines
from services.crm_api.imports.reading.records import (
    COLUMN_NAME,
    ENCODINGS,
    LONGEST_CELL,
    LONGEST_RECORD,
    Dialect,
    Position,
    RejectedRow,
    Row,
    Unreadable,
    rejected,
)

_BINARY = re.compile(rb"(?:[A-Z0-9_-]+\.)?(?:PHOTO|LOGO|SOUND|KEY)[;:]")
_KEPT_OF_BINARY = 1_000
"""In bytes: enough to see whether it is the address of a picture."""


class Card(NamedTuple):
    """A card or what stands between cards: its place, and its cells or why it has none."""

    line: int
    start_offset: int
    end_offset: int
    end_line: int
    content: CardCells | Unreadable


def card_rows(file: BinaryIO, dialect: Dialect, position: Position) -> Iterator[Row | RejectedRow]:
    """Stream the cards from a position as rows with the columns of the dialect."""
    columns = dialect.columns
    uid = columns.index(UID) if UID in columns else None
    ordinal = position.ordinal
    for card in cards(file, dialect, position):
        place = (card.start_offset, card.end_offset, card.end_line)
        found = card.content
        cells = _checked(found.cells, columns) if isinstance(found, CardCells) else found
        if isinstance(cells, Unreadable):
            yield rejected(cells, dialect, card.line, ordinal, *place)
        else:
            if uid is not None and not cells[uid]:
                cells[uid] = own_id(cells)
            yield Row(card.line, ordinal, tuple(cells), *place)
        ordinal += 1


def _checked(found: dict[str, str], columns: tuple[str, ...]) -> list[str] | Unreadable:
    if len(found) > len(columns) or not found.keys() <= set(columns):
        return Unreadable("unexpected_key")
    cells = [found.get(column, "") for column in columns]
    long = next((at for at, cell in enumerate(cells) if len(cell) > LONGEST_CELL), None)
    if long is not None:
        return Unreadable("cell_too_long", column=long, longest=LONGEST_CELL)
    return cells


def cards(file: BinaryIO, dialect: Dialect, position: Position = Position()) -> Iterator[Card]:  # noqa: B008
    """Stream the cards of a file from a position."""
    codec = ENCODINGS[dialect.encoding]
    is_wide = codec.startswith("utf-16")
    file.seek(position.offset)
    lines = Lines(file, dialect)
    gathering = _Gathering("utf-8" if is_wide else codec)
    offset, number = position.offset, position.line
    while (taken := lines.take()) is not None:
        raw, size = taken
        if is_wide:
            raw = raw.decode(codec, "replace").encode("utf-8", "replace")
        yield from gathering.take(raw, size, number, offset)
        offset, number = offset + size, number + 1
    yield from gathering.end()


class _Gathering:
    """Puts lines together to cards."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._lines: list[bytes] = []
        self._size = self._depth = self._line = self._start = self._end = self._end_line = 0
        self._is_too_long = self._is_open = self._is_binary = False

    def take(self, raw: bytes, size: int, number: int, offset: int) -> Iterator[Card]:
        raw = raw.removeprefix(b"\xef\xbb\xbf")
        word = b"".join(raw.upper().split()) if len(raw) < 100 else b""
        if word == b"BEGIN:VCARD":
            if self._is_open and self._is_agent():
                self._depth += 1
            else:
                yield from self.end()
                self._is_open, self._line, self._start = True, number, offset
        elif not self._is_open:
            if not raw.strip() and not self._lines:
                return
            if not self._lines:
                self._line, self._start = number, offset
        self._keep(raw, size)
        self._end, self._end_line = offset + size, number
        if word == b"END:VCARD" and self._is_open:
            if self._depth:
                self._depth -= 1
            else:
                yield self._card(None)

    def _is_agent(self) -> bool:
        """Say whether the card of somebody else begins here, as version 2.1 has it."""
        last = next((line for line in reversed(self._lines) if line.strip()), b"")
        return self._depth > 0 or last.strip().upper().rstrip(b": ") == b"AGENT"

    def _keep(self, raw: bytes, size: int) -> None:
        if self._depth or self._is_too_long:
            return
        if _BINARY.match(raw[:100].upper()):
            self._is_binary, size, raw = True, 0, raw[:_KEPT_OF_BINARY]
        elif self._is_binary and (raw[:1] in (b" ", b"\t") or b":" not in raw[:200]):
            if len(self._lines[-1]) >= _KEPT_OF_BINARY or raw[:1] not in (b" ", b"\t"):
                return
            raw = self._lines.pop().rstrip(b"\r\n") + raw[1:_KEPT_OF_BINARY]
            size = 0
        else:
            self._is_binary = False
        self._size += len(raw)
        if size > LONGEST_RECORD or self._size > LONGEST_RECORD:
            self._is_too_long = True
            self._lines = [b"-"]
        else:
            self._lines.append(raw)

    def end(self) -> Iterator[Card]:
        """Tell what is left where a card, or the file, ends."""
        if self._is_open:
            yield self._card(Unreadable("card_not_closed"))
        elif self._lines:
            yield self._card(Unreadable("outside_card"))

    def _card(self, fault: Unreadable | None) -> Card:
        if self._is_too_long:
            fault = Unreadable("row_too_long")
        content: CardCells | Unreadable
        if fault is None:
            try:
                content = card_cells(properties(self._lines, self._encoding))
                if not all(COLUMN_NAME.fullmatch(name) for name in content.cells):
                    content = Unreadable("unexpected_key")
            except Unreadable as unreadable:
                content = unreadable
        else:
            content = fault
        card = Card(self._line, self._start, self._end, self._end_line, content)
        self._lines, self._size, self._depth = [], 0, 0
        self._is_open = self._is_too_long = self._is_binary = False
        return card
