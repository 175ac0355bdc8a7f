"""One version of the mirror: its files, read as columns; they never change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ValidationError

from services.analytics.crm_client import RESOURCES, SCHEMAS, Resource

FORMAT_VERSION = 2


class MirrorCorrupt(Exception):
    """A file of the mirror is not what was written; load everything anew."""


class Content(BaseModel):
    format_version: int
    cursor: str
    row_counts: dict[Resource, int]
    loaded_at: AwareDatetime


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
            with open_parquet(path, words) as file:
                if where is None:
                    return file.read(columns).select(columns)
                return _read_where(file, columns, where)
        except (OSError, pa.ArrowException) as error:
            raise MirrorCorrupt(f"{resource} of {self.folder.name} cannot be read") from error


def open_parquet(path: Path, words: Iterable[str] = ()) -> Any:
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


def open_snapshot(folder: Path) -> Snapshot:
    """Check a version as far as that costs no time: what it says of itself and the files' ends.

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
