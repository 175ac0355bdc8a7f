"""One run of an import: the next chunk is read in a thread while this one is written."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from services.crm_api.feature import Feature
from services.crm_api.features import FEATURES, FixedAtCreation
from services.crm_api.imports import operations, plan
from services.crm_api.imports.chunks import Chunk, ChunkReader, repeated_external_ids
from services.crm_api.imports.reading.identities import row_identity
from services.crm_api.imports.reading.records import Position
from services.crm_api.imports.rows import Pair, Prepared, RowConverter
from services.crm_api.imports.schemas import ImportSettings
from services.crm_api.imports.settling import Superseded, settled
from services.crm_api.imports.writing import (
    ChunkRules,
    Outcome,
    changeable,
    reject,
    write_rows,
)
from services.foundation.calls import Stamp
from services.foundation.database import Database, Transaction
from services.foundation.statements import Record


class _Undone(Exception):
    """Takes back what a dry run wrote and carries out what it learned."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class _Memory:
    """What a dry run would have written: its chunks do not see each other in the database."""

    def __init__(self, feature: Feature) -> None:
        self._feature = feature
        self.id_column: int | None = None
        self.repeated: frozenset[str] = frozenset()
        self.rows: dict[Pair, dict[str, Any]] = {}
        self.contacts: set[int] = set()

    def correct(self, outcome: Outcome, converter: RowConverter) -> None:
        """Count a row again that only seemed new, and a contact that was made before."""
        needed: set[str] = set()
        for row in outcome.created_rows:
            before = self.rows.get(row.ref)
            if before is not None:
                outcome.created -= 1
                fixed = _contradiction(before, row.given)
                if fixed is not None:
                    outcome.refused.append(converter.refused(row, FixedAtCreation(fixed)))
                    continue
                given = changeable(self._feature, row.given)
                is_same = {**before, **given} == before
                outcome.unchanged += is_same
                outcome.updated += not is_same
                before.update(given)
            elif self._comes_again(row):
                self.rows[row.ref] = dict(row.given)
            needed |= {ref[1] for ref in (row.contact_ref, row.parent_ref) if ref is not None}
        outcome.refused.sort(key=lambda refused: refused.ordinal)
        made = [each for each in outcome.created_contacts if each in needed]
        outcome.created_contacts = [each for each in made if self._remember(each)]

    def _comes_again(self, row: Prepared) -> bool:
        if self.id_column is None:
            return False
        return row_identity((row.cells[self.id_column],)) in self.repeated

    def _remember(self, external_id: str) -> bool:
        digest = hashlib.blake2b(external_id.encode(), digest_size=8).digest()
        known = len(self.contacts)
        self.contacts.add(int.from_bytes(digest, "big"))
        return len(self.contacts) > known


def _contradiction(before: dict[str, Any], given: dict[str, Any]) -> str | None:
    """Return what of an earlier row of the same id stays and is told otherwise now."""
    for name in ("kind", "contact_ref"):
        if given.get(name, before.get(name)) != before.get(name):
            return "kind" if name == "kind" else "contact_id"
    return None


class Run:
    """Carries a claimed import to its end."""

    def __init__(
        self,
        database: Database,
        claimed: Record,
        *,
        path: Path,
        clock: Callable[[], datetime],
        chunk_rows: int,
        lease: timedelta,
    ) -> None:
        self._database, self._path, self._clock = database, path, clock
        self._id, self._holder = claimed["id"], claimed["lease_holder"]
        self._is_dry = claimed["is_dry_run"]
        self._chunk_rows, self._lease = chunk_rows, lease
        self._key_id, self._request_id = claimed["key_id"], claimed["request_id"]
        self._claimed = claimed
        self._feature = FEATURES[claimed["resource"]]
        self._memory = _Memory(self._feature)

    async def to_its_end(self) -> None:
        """Read and write until the file ends.

        Raises
        ------
        Superseded
            The import is not ours any more.
        """
        settings = ImportSettings.model_validate(self._claimed["settings"])
        columns = plan.columns_in_force(
            self._claimed["resource"], settings, self._claimed["detected"]
        )
        stages = plan.stages(self._claimed["detected"])
        converter = RowConverter(self._feature, settings, columns, stages)
        self._rules = ChunkRules(converter, creates_contacts=settings.create_missing_contacts)
        reader = await asyncio.to_thread(self._open, converter, columns)
        following = self._read(reader)
        try:
            while True:
                chunk = await following
                if not chunk.is_last:
                    following = self._read(reader)
                await self._write(chunk)
                if chunk.is_last:
                    return
        finally:
            following.cancel()

    def _open(self, converter: RowConverter, columns: Sequence[plan.PlannedColumn]) -> ChunkReader:
        dialect = plan.dialect(self._claimed["detected"])
        column = plan.id_column(columns)
        if self._is_dry and column is not None:
            self._memory.id_column = column.at
            self._memory.repeated = repeated_external_ids(self._path, dialect, column.at)
        position = Position(**self._claimed["checkpoint"])
        return ChunkReader(self._path, dialect, converter, position)

    def _read(self, reader: ChunkReader) -> "asyncio.Task[Chunk]":
        now = self._clock()
        return asyncio.create_task(asyncio.to_thread(reader.next_chunk, self._chunk_rows, now=now))

    def _stamp(self) -> Stamp:
        return Stamp(now=self._clock(), key_id=self._key_id, request_id=self._request_id)

    async def _write(self, chunk: Chunk) -> None:
        stamp = self._stamp()
        if not self._is_dry:

            async def work(transaction: Transaction) -> None:
                current = await self._still_ours(transaction)
                outcome = await write_rows(transaction, chunk.items, self._rules, stamp)
                await self._keep(transaction, current, chunk, outcome)

            await settled(self._database, work)
            return

        async def trial(transaction: Transaction) -> None:
            await self._still_ours(transaction)
            raise _Undone(await write_rows(transaction, chunk.items, self._rules, stamp))

        try:
            await settled(self._database, trial)
        except _Undone as undone:
            outcome = undone.outcome
        self._memory.correct(outcome, self._rules.converter)

        async def keep(transaction: Transaction) -> None:
            current = await self._still_ours(transaction)
            await self._keep(transaction, current, chunk, outcome)

        await settled(self._database, keep)

    async def _still_ours(self, transaction: Transaction) -> Record:
        current = await operations.lock(transaction, self._id)
        if current["status"] != "running" or current["lease_holder"] != self._holder:
            raise Superseded
        return current

    async def _keep(
        self, transaction: Transaction, current: Record, chunk: Chunk, outcome: Outcome
    ) -> None:
        await reject(transaction, self._id, outcome.refused)
        now = self._clock()
        added = {
            "processed_count": len(chunk.items),
            "created_count": outcome.created,
            "updated_count": outcome.updated,
            "unchanged_count": outcome.unchanged,
            "rejected_count": len(outcome.refused),
            "created_contact_count": len(outcome.created_contacts),
        }
        values: Record = {name: current[name] + count for name, count in added.items()}
        values["checkpoint"] = chunk.after._asdict()
        values["lease_until"] = now + self._lease
        if chunk.is_last:
            values |= _ended("succeeded", now)
        await operations.change(transaction, current, values)

    async def fail(self, code: str) -> None:
        """End the import for good; what its chunks have written stays."""

        async def work(transaction: Transaction) -> None:
            current = await self._still_ours(transaction)
            values = _ended("failed", self._clock()) | {"failure": code}
            await operations.change(transaction, current, values)

        await settled(self._database, work)


def _ended(status: str, now: datetime) -> Record:
    return {"status": status, "finished_at": now, "lease_holder": None, "lease_until": None}
