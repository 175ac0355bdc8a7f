"""The files of a version, written in an order of their own: the same rows are the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

from services.analytics.crm_client import SCHEMAS, Resource
from services.analytics.mirror.checked import Integers, write_checked
from services.analytics.mirror.hashes import Hashes, hash_ids
from services.analytics.mirror.records import GONE, OWNED, Parts, Records, places_schema


@dataclass(frozen=True, slots=True)
class RecordChanges:
    """What became of some records: the ids of all of them, the rows of those that live."""

    ids: frozenset[str]
    rows: pa.Table


def check_changes(change: RecordChanges, resource: Resource) -> RecordChanges:
    rows = change.rows.cast(SCHEMAS[resource])
    ids = rows.column("id").to_pylist()
    if len(set(ids)) != len(ids) or not change.ids.issuperset(ids):
        raise ValueError(f"{resource}: a record comes twice or is not among the changed ones")
    return RecordChanges(change.ids, rows)


def write_base(
    batches: Iterable[pa.RecordBatch], parts: Parts, resource: Resource, rows_per_batch: int
) -> int:
    """Write records as a base of which nothing has changed yet, and return their number.

    They come in any order and need not fit in memory: on the way they lie in a file that is mapped.

    Raises
    ------
    ValueError
        A record comes twice.
    """
    schema = SCHEMAS[resource]
    spool = parts.base.with_suffix(".spool")
    with pa.OSFile(str(spool), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    with pa.memory_map(str(spool)) as source:
        table = pa.ipc.open_file(source).read_all()
        id_hash = hash_ids(table.column("id"))
        by_hash = np.argsort(id_hash)
        _refuse_twice(table.column("id"), id_hash, by_hash, resource)
        order = _order(table, resource)
        write_checked(parts.base, schema, _ordered(table, order, rows_per_batch))
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        places = {"id_hash": id_hash[by_hash], "row": rank[by_hash]}
        if resource in OWNED:
            places["contact_hash"] = hash_ids(table.column("contact_id"))[order]
    spool.unlink()
    names = places_schema(resource)
    arrays = [pa.array(places[name]) for name in names.names]
    write_checked(parts.places, names, [pa.RecordBatch.from_arrays(arrays, schema=names)])
    nothing = np.zeros(0, dtype=np.int64)
    write_changed(schema.empty_table(), nothing, parts, resource, rows_per_batch)
    return len(order)


def write_changed(
    rows: pa.Table, gone: Integers, parts: Parts, resource: Resource, rows_per_batch: int
) -> None:
    """Write what has changed since the base was written."""
    ordered = _ordered(rows, _order(rows, resource), rows_per_batch)
    write_checked(parts.changed, SCHEMAS[resource], ordered)
    batches = [pa.RecordBatch.from_arrays([pa.array(gone)], schema=GONE)]
    write_checked(parts.gone, GONE, batches)


def merge(records: Records, change: RecordChanges) -> tuple[pa.Table, Integers]:
    """Return the rows that differ from the base after a change, and which of the base are gone."""
    names = SCHEMAS[records.resource].names
    ids = pa.array(sorted(change.ids), pa.string())
    replaced = records.find("id", ids)
    before = records.changed_rows()
    kept = records.read(names, before[np.isin(before, replaced, invert=True)])
    in_base = replaced[replaced < records.base.row_count]
    return pa.concat_tables([kept, change.rows]), np.union1d(records.gone, in_base)


def _refuse_twice(
    ids: pa.ChunkedArray, id_hash: Hashes, by_hash: Integers, resource: Resource
) -> None:
    is_same = id_hash[by_hash[1:]] == id_hash[by_hash[:-1]]
    rows = np.union1d(by_hash[1:][is_same], by_hash[:-1][is_same])
    if pc.count_distinct(ids.take(pa.array(rows))).as_py() < len(rows):
        raise ValueError(f"{resource}: a record comes twice")


def _order(table: pa.Table, resource: Resource) -> Integers:
    """Return the order in which records are written: by id, as the CRM's exports are.

    What has a contact lies together with the other records of this contact, and contacts in the
    order of their hashes: a contact is read in one go, and a partition is one piece of the file.
    """
    ids, order = table.column("id"), np.arange(len(table))
    if not _is_ascending(ids):
        order = np.asarray(pc.sort_indices(ids).to_numpy(), dtype=np.int64)
    if resource in OWNED:
        contact_hash = hash_ids(table.column("contact_id"))
        order = order[np.argsort(contact_hash[order], kind="stable")]
    return order


def _ordered(table: pa.Table, order: Integers, rows_per_batch: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows in an order; `Table.take` would copy every column for every batch."""
    batches = table.to_batches()
    starts = np.cumsum([0, *map(len, batches)])
    for start in range(0, len(order), rows_per_batch):
        wanted = order[start : start + rows_per_batch]
        by_place = np.argsort(wanted)
        rows = wanted[by_place]
        cuts = np.searchsorted(rows, starts)
        parts = (
            batch.take(pa.array(rows[low:high] - first))
            for batch, first, low, high in zip(batches, starts, cuts, cuts[1:], strict=False)
            if high > low
        )
        found = pa.Table.from_batches(parts, table.schema).combine_chunks()
        (batch,) = found.to_batches()
        yield batch if (np.diff(wanted) > 0).all() else batch.take(pa.array(np.argsort(by_place)))


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
