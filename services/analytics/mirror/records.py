"""The records of one resource in a version: a base that stays, and beside it what changed since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.analytics.crm_client import SCHEMAS, Resource
from services.analytics.mirror.checked import CheckedFile, Integers, MirrorCorrupt
from services.analytics.mirror.hashes import ID_LENGTH, Hashes, hash_ids

OWNED: tuple[Resource, ...] = ("interactions", "deals")
"""What has a contact: its `contact_id`."""
GONE = pa.schema([pa.field("row", pa.int64(), nullable=False)])


def places_schema(resource: Resource) -> pa.Schema:
    """Return what is written beside a base to find records.

    `id_hash` in ascending order and `row`, the record that it is of; `contact_hash` of each record
    of what has a contact, which ascends as those records are in this order.
    """
    names = ["id_hash", *(["contact_hash"] if resource in OWNED else [])]
    fields = [pa.field(name, pa.uint64(), nullable=False) for name in names]
    return pa.schema([*fields, pa.field("row", pa.int64(), nullable=False)])


class Parts:
    """The files of a resource in the folder of a version.

    `base` and `places` are written together and stay until too much has changed; `changed` holds
    the rows that came since, and `gone` the numbers of the rows of the base that are not live.
    """

    def __init__(self, folder: Path, resource: Resource) -> None:
        self.base = folder / f"{resource}.arrow"
        self.places = folder / f"{resource}.places.arrow"
        self.changed = folder / f"{resource}.changed.arrow"
        self.gone = folder / f"{resource}.gone.arrow"

    def __iter__(self) -> Iterator[Path]:
        return iter((self.base, self.places, self.changed, self.gone))


class Records:
    """The live records of a resource; rows are numbered through the base and what changed."""

    def __init__(self, folder: Path, resource: Resource) -> None:
        """Raise `MirrorCorrupt` if the files do not belong together, as far as that costs no time."""
        parts = Parts(folder, resource)
        self.resource = resource
        self.base, self._places = CheckedFile(parts.base), CheckedFile(parts.places)
        changed, gone = CheckedFile(parts.changed), CheckedFile(parts.gone)
        for file, schema in (
            (self.base, SCHEMAS[resource]),
            (changed, SCHEMAS[resource]),
            (self._places, places_schema(resource)),
            (gone, GONE),
        ):
            if not file.schema.equals(schema):
                raise MirrorCorrupt(f"{folder.name}: {resource} has other columns")
        if self._places.row_count != self.base.row_count:
            raise MirrorCorrupt(f"{folder.name}: {resource} has other places")
        self.gone = _whole(gone, "row").astype(np.int64)
        self._files = [(file, n) for file in (self.base, changed) for n in range(len(file.batches))]
        lengths = [file.batches[number].num_rows for file, number in self._files]
        self._starts = np.cumsum([0, *lengths])
        self._row_count = int(self._starts[-1])

    def __len__(self) -> int:
        return self._row_count - len(self.gone)

    def rows(self) -> Integers:
        """Return the numbers of the live rows in ascending order."""
        is_live = np.ones(self._row_count, dtype=np.bool_)
        is_live[self.gone] = False
        return np.flatnonzero(is_live)

    def changed_rows(self) -> Integers:
        """Return the numbers of the rows that came since the base was written."""
        return np.arange(self.base.row_count, self._row_count)

    def read_base(self, gone: Integers) -> Iterator[pa.RecordBatch]:
        """Read the records of the base that are not among those gone, piece by piece."""
        rows = np.delete(np.arange(self.base.row_count), gone)
        return self.batches(SCHEMAS[self.resource].names, rows)

    @cached_property
    def live(self) -> Integers:
        """The numbers of the live rows in the order in which all of them would be written anew."""
        return self.in_order(self.rows())

    def in_order(self, rows: Integers) -> Integers:
        """Bring live rows, which ascend, into the order in which they would be written anew.

        Sums over the records of a contact have the same last digit then, whenever those came. It
        costs time only where something has changed; records without a contact stay as they are.

        Raises
        ------
        MirrorCorrupt
            What is read is damaged.
        """
        is_changed = rows >= self.base.row_count
        if self.resource not in OWNED or not is_changed.any():
            return rows
        hashes = self.contact_hashes(rows)
        order = np.argsort(hashes, kind="stable")
        ordered = rows[order]
        # Where a contact has changed records, those are put among the others by id.
        places = _places(hashes[order], np.unique(hashes[is_changed]))
        mixed = np.sort(order[places])
        ids = self.read(["id"], rows[mixed]).column("id")
        by_id = mixed[pc.sort_indices(ids).to_numpy()]
        ordered[places] = rows[by_id[np.argsort(hashes[by_id], kind="stable")]]
        return ordered

    def read(self, columns: Sequence[str], rows: Integers | None = None) -> pa.Table:
        """Read columns of some live rows, in their order, or of all.

        Raises
        ------
        MirrorCorrupt
            What is read is damaged.
        """
        schema = pa.schema([SCHEMAS[self.resource].field(name) for name in columns])
        if rows is None or (rows[1:] > rows[:-1]).all():
            return pa.Table.from_batches(self.batches(schema.names, rows), schema)
        order = np.argsort(rows)
        table = pa.Table.from_batches(self.batches(schema.names, rows[order]), schema)
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return table.combine_chunks().take(pa.array(place))

    def batches(
        self, columns: Sequence[str], rows: Integers | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Read the same piece by piece; where all rows of a piece are wanted, nothing is copied."""
        schema = pa.schema([SCHEMAS[self.resource].field(name) for name in columns])
        numbers = self.gone if rows is None else rows
        cuts = np.searchsorted(numbers, self._starts)
        for place, (file, number) in enumerate(self._files):
            length = file.batches[number].num_rows
            some = numbers[cuts[place] : cuts[place + 1]] - self._starts[place]
            if rows is None and len(some):
                some = np.delete(np.arange(length), some)
            elif rows is None:
                some = np.arange(length)
            if len(some):
                wanted = None if len(some) == length else some
                arrays = [file.take(number, name, wanted) for name in columns]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def contact_hashes(self, rows: Integers) -> Hashes:
        """Return the hash of the contact of some live rows, which ascend."""
        is_base = rows < self.base.row_count
        changed = self.read(["contact_id"], rows[~is_base]).column("contact_id")
        in_base = _whole(self._places, "contact_hash").astype(np.uint64, copy=False)
        return np.concatenate([in_base[rows[is_base]], hash_ids(changed)])

    def find(self, column: Literal["id", "contact_id"], ids: pa.Array) -> Integers:
        """Return the numbers of the live rows that have one of these ids, in ascending order.

        Raises
        ------
        MirrorCorrupt
            What is read is damaged.
        """
        ids = ids.filter(pc.equal(pc.binary_length(ids), ID_LENGTH)).unique()
        hashes = np.sort(hash_ids(pa.chunked_array([ids])))
        if column == "id":
            rows = _whole(self._places, "row")[_places(_whole(self._places, "id_hash"), hashes)]
        else:
            rows = _places(_whole(self._places, "contact_hash"), hashes)
        rows = np.sort(rows)
        is_gone = np.append(self.gone, -1)[np.searchsorted(self.gone, rows)] == rows
        rows = np.concatenate([rows[~is_gone], self.changed_rows()])
        found = pc.is_in(self.read([column], rows).column(column), value_set=ids)
        return rows[np.asarray(found.to_numpy(), dtype=np.bool_)]


def _whole(file: CheckedFile, name: str) -> Integers:
    if not file.batches:
        return np.zeros(0, dtype=np.int64)
    return np.asarray(file.take(0, name).to_numpy())


def _places(ascending: Integers | Hashes, wanted: Hashes) -> Integers:
    """Return all places of the wanted ones."""
    first = np.searchsorted(ascending, wanted, "left")
    counts = np.searchsorted(ascending, wanted, "right") - first
    return np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
