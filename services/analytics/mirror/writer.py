"""The one writer of the mirror: versions are made whole, replaced whole, and locked."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from services.analytics.crm_client import RESOURCES, Resource
from services.analytics.mirror.checked import MirrorCorrupt
from services.analytics.mirror.files import (
    RecordChanges,
    check_changes,
    merge,
    write_base,
    write_changed,
)
from services.analytics.mirror.records import Parts
from services.analytics.mirror.snapshot import FORMAT_VERSION, Content, Snapshot, open_snapshot

_FOLDER = re.compile(r"\d{9}")
_log = logging.getLogger(__name__)


class MirrorLocked(Exception):
    """Another process writes this mirror."""


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
        rows_per_batch: int = 2**17,
        changed_share: float = 0.05,
    ) -> None:
        """`steps` is told of every step on the file system before it is taken.

        A resource of which a larger share than `changed_share` has changed is written anew.
        """
        self._root = data_dir / "mirror"
        self._steps = steps
        self._rows_per_batch = rows_per_batch
        self._changed_share = changed_share
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
            return open_snapshot(self._root / name)
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

        def write(resource: Resource, parts: Parts) -> int:
            return write_base(batches[resource], parts, resource, self._rows_per_batch)

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

        What is written grows with what has changed since the base was written; `snapshot` can be
        read on.

        Raises
        ------
        MirrorCorrupt
            `snapshot` is damaged.
        ValueError
            A record comes twice, or one that is not among the changed ones.
        """

        def write(resource: Resource, parts: Parts) -> int:
            before, change = Parts(snapshot.folder, resource), changes.get(resource)
            if change is None or not change.ids:
                _link(before, parts)
                return snapshot.row_counts[resource]
            records = snapshot.records[resource]
            rows, gone = merge(records, check_changes(change, resource))
            if max(len(rows), len(gone)) > self._changed_share * records.base.row_count:
                kept = records.read_base(gone)
                everything = chain(kept, rows.to_batches())
                return write_base(everything, parts, resource, self._rows_per_batch)
            _link([before.base, before.places], [parts.base, parts.places])
            write_changed(rows, gone, parts, resource, self._rows_per_batch)
            return records.base.row_count - len(gone) + len(rows)

        return self._publish(write, cursor=cursor, now=now)

    def _publish(
        self, write: Callable[[Resource, Parts], int], *, cursor: str, now: datetime
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
            parts = Parts(folder, resource)
            counts[resource] = write(resource, parts)
            self._steps(f"sync {resource}")
            for path in parts:
                if path.stat().st_nlink == 1:  # others are of the version before, and were synced
                    _sync(path)
        content = Content(
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
        return open_snapshot(folder)

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


def _link(sources: Iterable[Path], targets: Iterable[Path]) -> None:
    for source, target in zip(sources, targets, strict=True):
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
