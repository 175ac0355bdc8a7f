"""The lines of a file in its encoding, with their place in bytes."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from services.crm_api.imports.reading.records import ENCODINGS, LONGEST_RECORD, Dialect


class Lines:
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
