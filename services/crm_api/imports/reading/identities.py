"""Ids for rows that have none: their content, and which of its equals each is."""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from services.crm_api.imports.reading.records import RejectedRow, Row


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
