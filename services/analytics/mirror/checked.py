"""Arrow files with check sums of their blocks; a block is checked when something of it is read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_BLOCK_BYTES = 4096
_BLOCKS_AT_ONCE = 2048
_WORD = np.dtype("<u8")
# Odd, so that no single changed word goes unnoticed.
_WEIGHTS = np.random.default_rng(20261126).integers(2**64, size=512, dtype=_WORD) | _WORD.type(1)
# Buffers are padded to 64 bytes; what is longer between two of them is a description.
_PADDING_BYTES = 64


class MirrorCorrupt(Exception):
    """A file of the mirror is not what was written; load everything anew."""


def write_checked(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write an Arrow file, and behind it the sums of its blocks and its length."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    length = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(-(-length // _BLOCK_BYTES) * _BLOCK_BYTES)
        sums = []
        while piece := file.read(_BLOCKS_AT_ONCE * _BLOCK_BYTES):
            sums.append(np.frombuffer(piece, _WORD).reshape(-1, len(_WEIGHTS)) @ _WEIGHTS)
        file.write(np.concatenate([*sums, np.array([length], _WORD)]).tobytes())


class CheckedFile:
    """A mapped file of `write_checked`; nothing is read but what is asked for.

    Random access reads a few bytes here and there, so sums over whole columns would cost more than
    the reading. What describes the columns is checked when the file is opened.
    """

    def __init__(self, path: Path) -> None:
        """Raise `MirrorCorrupt` if that is no such file."""
        self._name = f"{path.name} of {path.parent.name}"
        try:
            whole = pa.memory_map(str(path)).read_buffer()
            count, rest = divmod(len(whole) - _WORD.itemsize, _BLOCK_BYTES + _WORD.itemsize)
            if rest or count < 1:
                raise self._corrupt()
            words = np.frombuffer(whole, _WORD)
            self._blocks = words[: count * len(_WEIGHTS)].reshape(count, len(_WEIGHTS))
            self._sums, length = words[count * len(_WEIGHTS) : -1], int(words[-1])
            if not (count - 1) * _BLOCK_BYTES < length <= count * _BLOCK_BYTES:
                raise self._corrupt()
            reader = pa.ipc.open_file(pa.BufferReader(whole.slice(0, length)))
            numbers = range(reader.num_record_batches)
            self.batches = [reader.get_batch(number) for number in numbers]
        except (OSError, pa.ArrowException):
            raise self._corrupt() from None
        self.schema: pa.Schema = reader.schema
        self._start, self._is_checked = whole.address, np.zeros(count, dtype=np.bool_)
        self._check_descriptions()
        self.row_count: int = sum(batch.num_rows for batch in self.batches)

    def take(self, number: int, name: str, rows: Integers | None = None) -> pa.Array:
        """Return some rows of a column of a batch; all of them without a copy.

        Raises
        ------
        MirrorCorrupt
            A block that they lie in is damaged.
        """
        column = self.batches[number].column(name)
        if rows is None:
            for buffer in filter(None, column.buffers()):
                self._check(buffer, np.zeros(1, np.int64), np.array([buffer.size]))
            return column
        self._check_rows(column, rows)
        return column.take(pa.array(rows))

    def _corrupt(self) -> MirrorCorrupt:
        return MirrorCorrupt(f"{self._name} cannot be read")

    def _check_descriptions(self) -> None:
        spans = sorted(
            (buffer.address - self._start, buffer.size)
            for batch in self.batches
            for column in batch.columns
            for buffer in column.buffers()
            if buffer is not None
        )
        end = 0
        for start, size in [*spans, (self._blocks.nbytes, 0)]:
            if start - end >= _PADDING_BYTES:
                self._check_blocks(np.arange(end // _BLOCK_BYTES, -(-start // _BLOCK_BYTES)))
            end = max(end, start + size)

    def _check_rows(self, column: pa.Array, rows: Integers) -> None:
        validity, values, *texts = column.buffers()
        if validity is not None:
            self._check(validity, rows // 8, rows // 8 + 1)
        if texts:
            self._check(values, rows * 4, rows * 4 + 8)
            offsets = np.frombuffer(values, np.int32)
            if texts[0] is not None:
                self._check(texts[0], offsets[rows], offsets[rows + 1])
        elif column.type.bit_width == 1:
            self._check(values, rows // 8, rows // 8 + 1)
        else:
            size = column.type.bit_width // 8
            self._check(values, rows * size, rows * size + size)

    def _check(self, buffer: pa.Buffer, starts: NDArray[Any], ends: NDArray[Any]) -> None:
        """Check the blocks of some spans of bytes of a buffer."""
        if not len(starts) or not buffer.size:
            return
        at = buffer.address - self._start
        first, last = (at + starts) // _BLOCK_BYTES, (at + ends - 1) // _BLOCK_BYTES
        lowest = int(first.min())
        is_read = np.zeros(max(int(last.max()), int(first.max())) + 1 - lowest, dtype=np.bool_)
        is_read[first[last >= first] - lowest] = is_read[last[last >= first] - lowest] = True
        for span in np.flatnonzero(last - first > 1):
            is_read[first[span] - lowest : last[span] - lowest] = True
        is_read &= ~self._is_checked[lowest : lowest + len(is_read)]
        self._check_blocks(lowest + np.flatnonzero(is_read))

    def _check_blocks(self, numbers: Integers) -> None:
        for start in range(0, len(numbers), _BLOCKS_AT_ONCE):
            some: Any = numbers[start : start + _BLOCKS_AT_ONCE]
            if some[-1] - some[0] == len(some) - 1:
                some = slice(some[0], some[-1] + 1)
            if (self._blocks[some] @ _WEIGHTS != self._sums[some]).any():
                raise self._corrupt()
            self._is_checked[some] = True
