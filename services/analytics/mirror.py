"""The mirror: the CRM's records as columnar files, replaced as a whole; no network, no pandas."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ValidationError

from services.analytics.crm_client import RESOURCES, SCHEMAS, Resource

FORMAT_VERSION = 1
# Columns of few values, where a dictionary saves room; elsewhere it would only cost time.
_WORDS = frozenset(
    {"kind", "status", "stage", "channel", "direction", "resolution", "outcome"}
    | {"currency", "cost_currency", "acquisition_cost_currency", "discount_pct", "fx_rate"}
    | {"source_campaign_id", "purchase_motive"}
)
_FOLDER = re.compile(r"\d{9}")
_log = logging.getLogger(__name__)


class MirrorLocked(Exception):
    """Another process writes this mirror."""


class MirrorCorrupt(Exception):
    """A file of the mirror is not what was written; load everything anew."""


class _Content(BaseModel):
    format_version: int
    cursor: str
    row_counts: dict[Resource, int]
    loaded_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class RecordChanges:
    """What became of some records: the ids of all of them, the rows of those that live."""

    ids: frozenset[str]
    rows: pa.Table


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One complete version of the mirror; its files never change.

    Attributes
    ----------
    cursor
        Where the CRM's feed continues behind what is here.
    row_counts
        Live records by resource; every resource is sorted by id.
    loaded_at
        When the CRM was last read.
    """

    folder: Path
    cursor: str
    row_counts: Mapping[Resource, int]
    loaded_at: datetime

    def read(
        self,
        resource: Resource,
        columns: list[str],
        *,
        words: Iterable[str] = (),
        where: NDArray[np.bool_] | None = None,
    ) -> pa.Table:
        """Read columns, in the order of ids; `words` become dictionaries of their few values.

        Parameters
        ----------
        where
            One flag per record; only the flagged ones are read.

        Raises
        ------
        MirrorCorrupt
            The file is damaged.
        """
        path = self.folder / f"{resource}.parquet"
        try:
            with _parquet(path, words) as file:
                if where is None:
                    return file.read(columns).select(columns)
                return _read_where(file, columns, where)
        except (OSError, pa.ArrowException) as error:
            raise MirrorCorrupt(f"{resource} of {self.folder.name} cannot be read") from error


def _parquet(path: Path, words: Iterable[str] = ()) -> Any:
    """Open a file; mapped, it is read more than twice as fast."""
    return pq.ParquetFile(
        path, read_dictionary=list(words), memory_map=True, page_checksum_verification=True
    )


def _read_where(file: Any, columns: list[str], where: NDArray[np.bool_]) -> pa.Table:
    tables, start = [], 0
    for number in range(file.num_row_groups):
        until = start + file.metadata.row_group(number).num_rows
        if where[start:until].any():
            group = file.read_row_group(number, columns).select(columns)
            tables.append(group.filter(pa.array(where[start:until])))
        start = until
    empty = file.schema_arrow.empty_table().select(columns)
    return pa.concat_tables(tables) if tables else empty


class Mirror:
    """The one writer of `<data_dir>/mirror`; holds its lock from entering to leaving the context.

    A version is written into a new numbered folder; then `current`, a small file that names the
    folder, is replaced. A kill at any point leaves the version before it, and the next start
    removes what the killed one left.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        steps: Callable[[str], None] = lambda _: None,
        rows_per_group: int = 2**17,
    ) -> None:
        """`steps` is told of every step on the file system before it is taken."""
        self._root = data_dir / "mirror"
        self._steps = steps
        self._rows_per_group = rows_per_group
        self._lock: int | None = None

    def __enter__(self) -> Self:
        self._root.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._unlock()
            raise MirrorLocked(f"another process writes {self._root}") from None
        self._remove_leftovers()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def current(self) -> Snapshot | None:
        """Return the present version; None if there is none that could be used."""
        name = self._current_name()
        if name is None:
            return None
        try:
            return _open(self._root / name)
        except MirrorCorrupt as error:
            _log.warning("the mirror is unusable and has to be loaded anew: %s", error)
            return None

    def load(
        self,
        batches: Mapping[Resource, Iterable[pa.RecordBatch]],
        *,
        cursor: str,
        now: datetime,
    ) -> Snapshot:
        """Replace everything by `batches`, which may come in any order and need not fit in memory.

        `cursor` is that of the export that was started first.

        Raises
        ------
        ValueError
            A record comes twice.
        """

        def write(resource: Resource, folder: Path) -> int:
            path = folder / f"{resource}.parquet"
            return _write_sorted(batches[resource], path, resource, self._rows_per_group)

        return self._publish(write, cursor=cursor, now=now)

    def apply(
        self,
        snapshot: Snapshot,
        changes: Mapping[Resource, RecordChanges],
        *,
        cursor: str,
        now: datetime,
    ) -> Snapshot:
        """Replace the changed records of `snapshot`; those without a row disappear.

        The files are byte for byte those that `load` writes of the same records.

        Raises
        ------
        MirrorCorrupt
            `snapshot` is damaged.
        ValueError
            A record comes twice, or one that is not among the changed ones.
        """

        def write(resource: Resource, folder: Path) -> int:
            before = snapshot.folder / f"{resource}.parquet"
            after = folder / f"{resource}.parquet"
            change = changes.get(resource)
            if change is None or not change.ids:
                _link(before, after)
                return snapshot.row_counts[resource]
            merged = _merged(before, _checked(change, resource))
            return _write_groups(merged, after, resource, self._rows_per_group)

        return self._publish(write, cursor=cursor, now=now)

    def _publish(
        self, write: Callable[[Resource, Path], int], *, cursor: str, now: datetime
    ) -> Snapshot:
        if self._lock is None:
            raise MirrorLocked("the mirror is written inside its context only")
        present = self._current_name()
        folder = self._root / f"{int(present or 0) + 1:09d}"
        self._steps("make the folder")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        counts: dict[Resource, int] = {}
        for resource in RESOURCES:
            self._steps(f"write {resource}")
            counts[resource] = write(resource, folder)
            self._steps(f"sync {resource}")
            _sync(folder / f"{resource}.parquet")
        content = _Content(
            format_version=FORMAT_VERSION, cursor=cursor, row_counts=counts, loaded_at=now
        )
        self._steps("write mirror.json")
        _write_text(folder / "mirror.json", content.model_dump_json(indent=1) + "\n")
        self._steps("sync the folder")
        _sync(folder)
        self._steps("sync the mirror")
        _sync(self._root)
        self._steps("write current.new")
        _write_text(self._root / "current.new", f"{folder.name}\n")
        self._steps("replace current")
        (self._root / "current.new").replace(self._root / "current")
        self._steps("sync the replacement")
        _sync(self._root)
        self._steps("remove the version before")
        self._remove_leftovers()
        return Snapshot(folder, cursor, counts, now)

    def _current_name(self) -> str | None:
        try:
            name = (self._root / "current").read_text("ascii", errors="replace").strip()
        except FileNotFoundError:
            return None
        if _FOLDER.fullmatch(name):
            return name
        _log.warning("the mirror names no version and has to be loaded anew")
        return None

    def _remove_leftovers(self) -> None:
        present = self._current_name()
        for path in self._root.iterdir():
            if path.is_dir() and _FOLDER.fullmatch(path.name) and path.name != present:
                shutil.rmtree(path)
        (self._root / "current.new").unlink(missing_ok=True)


def _open(folder: Path) -> Snapshot:
    """Check a version as far as that costs no time: what it says of itself and the files' ends.

    Raises
    ------
    MirrorCorrupt
        Something is missing or differs.
    """
    try:
        content = _Content.model_validate_json((folder / "mirror.json").read_bytes())
    except (OSError, ValidationError):
        raise MirrorCorrupt(f"{folder.name}: mirror.json cannot be read") from None
    if content.format_version != FORMAT_VERSION:
        raise MirrorCorrupt(f"{folder.name}: format {content.format_version}")
    for resource in RESOURCES:
        try:
            metadata = pq.read_metadata(folder / f"{resource}.parquet")
            schema = metadata.schema.to_arrow_schema()
        except (OSError, pa.ArrowException):
            raise MirrorCorrupt(f"{folder.name}: {resource} cannot be read") from None
        if metadata.num_rows != content.row_counts.get(resource):
            raise MirrorCorrupt(f"{folder.name}: {resource} has {metadata.num_rows} rows")
        if not schema.equals(SCHEMAS[resource]):
            raise MirrorCorrupt(f"{folder.name}: {resource} has other columns")
    return Snapshot(folder, content.cursor, content.row_counts, content.loaded_at)


def _checked(change: RecordChanges, resource: Resource) -> RecordChanges:
    rows = change.rows.cast(SCHEMAS[resource]).sort_by("id")
    ids = rows.column("id").to_pylist()
    if len(set(ids)) != len(ids) or not change.ids.issuperset(ids):
        raise ValueError(f"{resource}: a record comes twice or is not among the changed ones")
    return RecordChanges(change.ids, rows)


def _merged(before: Path, change: RecordChanges) -> Iterator[pa.Table]:
    """Yield the old rows but the changed ones, and the new rows at their places."""
    changed = pa.array(sorted(change.ids), pa.string())
    new, placed = change.rows, 0
    for old in _groups(before):
        last = old.column("id")[-1]
        until = pc.sum(pc.less_equal(new.column("id"), last)).as_py() or 0
        kept = old.filter(pc.invert(pc.is_in(old.column("id"), value_set=changed)))
        if until > placed:
            kept = pa.concat_tables([kept, new.slice(placed, until - placed)]).sort_by("id")
            placed = until
        yield kept
    yield new.slice(placed)


def _groups(path: Path) -> Iterator[pa.Table]:
    try:
        with _parquet(path) as file:
            for number in range(file.num_row_groups):
                yield file.read_row_group(number)
    except (OSError, pa.ArrowException) as error:
        raise MirrorCorrupt(f"{path.stem} of {path.parent.name} cannot be read") from error


def _write_sorted(
    batches: Iterable[pa.RecordBatch], path: Path, resource: Resource, rows_per_group: int
) -> int:
    """Write `batches` in the order of ids; on the way they lie in a file that is mapped."""
    schema = SCHEMAS[resource]
    spool = path.with_suffix(".spool")
    with pa.OSFile(str(spool), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    with pa.memory_map(str(spool)) as source:
        table = pa.ipc.open_file(source).read_all()
        is_sorted = _is_ascending(table.column("id"))
        tables = [table] if is_sorted else _sorted(table, rows_per_group)
        count = _write_groups(tables, path, resource, rows_per_group)
    spool.unlink()
    return count


def _sorted(table: pa.Table, rows_per_group: int) -> Iterator[pa.Table]:
    """Yield the rows in the order of ids; `Table.take` would copy every column for every group."""
    order = pc.sort_indices(table.column("id")).to_numpy()
    batches = table.to_batches()
    starts = np.cumsum([0, *map(len, batches)])
    for start in range(0, len(order), rows_per_group):
        rows = np.sort(order[start : start + rows_per_group]).astype(np.int64)
        batch_of = np.searchsorted(starts, rows, side="right") - 1
        parts = (
            batches[number].take(pa.array(rows[batch_of == number] - starts[number]))
            for number in np.unique(batch_of)
        )
        yield pa.Table.from_batches(parts).combine_chunks().sort_by("id")


def _is_ascending(ids: pa.ChunkedArray) -> bool:
    last = None
    for chunk in ids.chunks:
        if not len(chunk):
            continue
        if last is not None and chunk[0].as_py() <= last:
            return False
        if pc.less_equal(chunk[1:], chunk[:-1]).true_count:
            return False
        last = chunk[-1].as_py()
    return True


def _write_groups(
    tables: Iterable[pa.Table], path: Path, resource: Resource, rows_per_group: int
) -> int:
    """Write sorted rows in groups of one size, so that the bytes depend on the rows alone.

    Raises
    ------
    ValueError
        A record comes twice.
    """
    schema = SCHEMAS[resource]
    count, pending, last = 0, schema.empty_table(), ""
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        write_page_checksum=True,
        use_dictionary=[name for name in schema.names if name in _WORDS],
    ) as writer:

        def write(rows: int) -> None:
            nonlocal count, pending, last
            group = pending.slice(0, rows).combine_chunks()
            ids = group.column("id")
            if ids[0].as_py() <= last or not _is_ascending(ids):
                raise ValueError(f"{resource}: a record comes twice")
            writer.write_table(group)
            count, pending, last = count + rows, pending.slice(rows), ids[-1].as_py()

        for table in tables:
            pending = pa.concat_tables([pending, table])
            while len(pending) >= rows_per_group:
                write(rows_per_group)
        if len(pending):
            write(len(pending))
    return count


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _write_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
