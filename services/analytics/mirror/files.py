"""The files of a version, written in the order of ids: the same rows are the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.parquet as pq

from services.analytics.crm_client import SCHEMAS, Resource
from services.analytics.mirror.snapshot import MirrorCorrupt, open_parquet

# Columns of few values, where a dictionary saves room; elsewhere it would only cost time.
_WORDS = frozenset(
    {"kind", "status", "stage", "channel", "direction", "resolution", "outcome"}
    | {"currency", "cost_currency", "acquisition_cost_currency", "discount_pct", "fx_rate"}
    | {"source_campaign_id", "purchase_motive"}
)


@dataclass(frozen=True, slots=True)
class RecordChanges:
    """What became of some records: the ids of all of them, the rows of those that live."""

    ids: frozenset[str]
    rows: pa.Table


def check_changes(change: RecordChanges, resource: Resource) -> RecordChanges:
    rows = change.rows.cast(SCHEMAS[resource]).sort_by("id")
    ids = rows.column("id").to_pylist()
    if len(set(ids)) != len(ids) or not change.ids.issuperset(ids):
        raise ValueError(f"{resource}: a record comes twice or is not among the changed ones")
    return RecordChanges(change.ids, rows)


def merge(before: Path, change: RecordChanges) -> Iterator[pa.Table]:
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
        with open_parquet(path) as file:
            for number in range(file.num_row_groups):
                yield file.read_row_group(number)
    except (OSError, pa.ArrowException) as error:
        raise MirrorCorrupt(f"{path.stem} of {path.parent.name} cannot be read") from error


def write_sorted(
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
        count = write_groups(tables, path, resource, rows_per_group)
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


def write_groups(
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
