"""One version of the mirror, whole or in parts: its records, read as columns; they never change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ValidationError

from services.analytics.crm_client import RESOURCES, Resource
from services.analytics.mirror.checked import Integers, MirrorCorrupt
from services.analytics.mirror.hashes import hash_ids
from services.analytics.mirror.records import OWNED, Records
from services.analytics.mirror.units import Numbers, number_partitions, places_of_units

FORMAT_VERSION = 5


class Content(BaseModel):
    format_version: int
    cursor: str
    row_counts: dict[Resource, int]
    loaded_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of the mirror, or the records of some contacts in it; its files never change.

    Attributes
    ----------
    cursor
        Where the CRM's feed continues behind what is here.
    row_counts
        Live records by resource. Those of a contact are in the order of their ids in all reads.
    loaded_at
        When the CRM was last read.
    records
        The records of the whole version.
    rows
        Which of these records are here, by resource; all of those that are not named.
    """

    folder: Path
    cursor: str
    row_counts: Mapping[Resource, int]
    loaded_at: datetime
    records: Mapping[Resource, Records] = field(compare=False, repr=False)
    rows: Mapping[Resource, Integers] = field(default_factory=dict, compare=False, repr=False)

    def read(
        self,
        resource: Resource,
        columns: list[str],
        *,
        words: Iterable[str] = (),
        where: NDArray[np.bool_] | Integers | None = None,
    ) -> pa.Table:
        """Read columns; `words` become dictionaries of their few values.

        Parameters
        ----------
        where
            One flag per record, or the places of some; only these are read.

        Raises
        ------
        MirrorCorrupt
            What is read is damaged.
        """
        rows = self._live(resource)
        table = self.records[resource].read(columns, rows if where is None else rows[where])
        for name in set(words).intersection(columns):
            place = columns.index(name)
            table = table.set_column(place, name, table.column(place).dictionary_encode())
        return table

    def find(self, resource: Resource, ids: pa.Array, columns: list[str]) -> pa.Table:
        """Read columns of the records with these ids, as far as they are here.

        Raises
        ------
        MirrorCorrupt
            What is read is damaged.
        """
        records = self.records[resource]
        return records.read(columns, self._here(resource, records.find("id", ids)))

    def restricted_to(self, contact_ids: Iterable[str]) -> Snapshot:
        """Return these contacts and their records alone; whatever has no contact is all here.

        Reading costs what is read. To have whole customer units, name all contacts of each
        (`touched_contacts` does).

        Raises
        ------
        MirrorCorrupt
            What is read is damaged.
        """
        ids = pa.array(contact_ids, pa.string())
        rows: dict[Resource, Integers] = {}
        rows["contacts"] = self._here("contacts", self.records["contacts"].find("id", ids))
        for name in OWNED:
            rows[name] = self._here(name, self.records[name].find("contact_id", ids))
        return self._with(rows)

    def partitions(self, count: int) -> Iterator[Snapshot]:
        """Split into `count` parts of about the same size, none of which cuts through a unit.

        Where a unit goes follows from its id alone. Records whose contact is not here are of no
        unit, and go where the id of that contact says. Whatever has no contact is all in every
        part. Beside the part that is read, some bytes are kept for each record.

        Raises
        ------
        MirrorCorrupt
            What is read is damaged.
        """
        contacts = self.read("contacts", ["id", "kind", "parent_id"])
        unit, ids = places_of_units(contacts), contacts.column("id")
        is_below = unit != np.arange(len(unit))
        numbers: dict[Resource, Numbers] = {}
        numbers["contacts"] = number_partitions(hash_ids(ids), count)[unit]
        live: dict[Resource, Integers] = {"contacts": self._live("contacts")}
        below = ids.filter(pa.array(is_below)).combine_chunks()
        for name in OWNED:
            records, live[name] = self.records[name], np.sort(self._live(name))
            numbers[name] = number_partitions(records.contact_hashes(live[name]), count)
            # Most contacts are units of their own; the others go with their organisation.
            rows = np.sort(self._here(name, records.find("contact_id", below)))
            contact_ids = records.read(["contact_id"], rows).column("contact_id")
            place = pc.index_in(contact_ids, value_set=below).to_numpy()
            numbers[name][np.searchsorted(live[name], rows)] = numbers["contacts"][is_below][place]
        for number in range(count):
            yield self._with(
                {
                    name: self.records[name].in_order(rows[numbers[name] == number])
                    for name, rows in live.items()
                }
            )

    def _live(self, resource: Resource) -> Integers:
        rows = self.rows.get(resource)
        return self.records[resource].live if rows is None else rows

    def _here(self, resource: Resource, rows: Integers) -> Integers:
        here = self.rows.get(resource)
        if here is not None:
            rows = np.intersect1d(rows, here, assume_unique=True)
        return self.records[resource].in_order(rows)

    def _with(self, rows: Mapping[Resource, Integers]) -> Snapshot:
        counts = {**self.row_counts, **{name: len(found) for name, found in rows.items()}}
        return replace(self, row_counts=counts, rows=rows)


def open_snapshot(folder: Path) -> Snapshot:
    """Check a version as far as that costs no time: what it says of itself and of its files.

    Raises
    ------
    MirrorCorrupt
        Something is missing or differs.
    """
    try:
        content = Content.model_validate_json((folder / "mirror.json").read_bytes())
    except (OSError, ValidationError):
        raise MirrorCorrupt(f"{folder.name}: mirror.json cannot be read") from None
    if content.format_version != FORMAT_VERSION:
        raise MirrorCorrupt(f"{folder.name}: format {content.format_version}")
    records = {resource: Records(folder, resource) for resource in RESOURCES}
    for resource, found in records.items():
        if len(found) != content.row_counts.get(resource):
            raise MirrorCorrupt(f"{folder.name}: {resource} has {len(found)} rows")
    return Snapshot(folder, content.cursor, content.row_counts, content.loaded_at, records)
