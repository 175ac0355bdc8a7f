"""Chunks of a file's rows, read and prepared outside of the event loop."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from services.crm_api.imports.reading.identities import RowIds, repeated_identities
from services.crm_api.imports.reading.reader import raw_bytes, rows
from services.crm_api.imports.reading.records import (
    ENCODINGS,
    Dialect,
    Position,
    RejectedRow,
    Row,
    is_in_utf8,
)
from services.crm_api.imports.rows import Prepared, Refused, RowConverter

_LARGEST_CHUNK = 2 * 2**20
_LONGEST_RAW = 20_000


class Chunk(NamedTuple):
    """Some consecutive rows, and where the next one starts."""

    items: list[Prepared | Refused]
    after: Position
    is_last: bool


class ChunkReader:
    """Reads a file chunk by chunk from a position on; made and used outside of the event loop."""

    def __init__(
        self, path: Path, dialect: Dialect, converter: RowConverter, position: Position
    ) -> None:
        self._path, self._dialect, self._converter = path, dialect, converter
        self._codec = ENCODINGS[dialect.encoding]
        self._position = position
        self._records = rows(path, dialect, start_at=position)
        self._ids = None if converter.has_ids else self._row_ids(position)

    def _row_ids(self, position: Position) -> RowIds:
        """Count the rows before the position again, so that equal rows keep their numbers."""
        repeated = repeated_identities(rows(self._path, self._dialect))
        ids = RowIds(repeated)
        if repeated and position.ordinal:
            for record in islice(rows(self._path, self._dialect), position.ordinal):
                if isinstance(record, Row):
                    ids.next_id(record.cells)
        return ids

    def next_chunk(self, limit: int, *, now: datetime) -> Chunk:
        """Read and prepare up to `limit` rows, fewer if they are long."""
        items: list[Prepared | Refused] = []
        start = self._position.offset
        is_last = True
        for record in self._records:
            self._position = record.after
            items.append(self._item(record, now))
            if len(items) >= limit or record.end_offset - start >= _LARGEST_CHUNK:
                is_last = False
                break
        return Chunk(items, self._position, is_last)

    def _item(self, record: Row | RejectedRow, now: datetime) -> Prepared | Refused:
        if isinstance(record, RejectedRow):
            return self._unreadable(record)
        identity = self._ids.next_id(record.cells) if self._ids else None
        return self._converter.prepare(record, identity, now=now)

    def _unreadable(self, record: RejectedRow) -> Refused:
        """Keep the text of a row that has no cells, as far as a database can keep it."""
        text = record.text
        if text is None:
            raw = raw_bytes(self._path, record)[: 4 * _LONGEST_RAW]
            text = raw.decode("utf-8" if is_in_utf8(raw) else self._codec, "replace")
        shown = text[:_LONGEST_RAW].replace("\0", "\ufffd").rstrip("\r\n")
        return Refused(record.row_number, record.ordinal, record.column, record.code,
                       record.message_en, record.message_de, (shown,))  # fmt: skip


def repeated_external_ids(path: Path, dialect: Dialect, at: int) -> frozenset[str]:
    """Return the cells of a column that occur in more than one row, and a few more."""
    once: Iterator[Row] = (
        record._replace(cells=(record.cells[at],))
        for record in rows(path, dialect)
        if isinstance(record, Row)
    )
    return repeated_identities(once)
