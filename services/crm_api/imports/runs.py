"""One run of an import: the next chunk is read in a thread while this one is written."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from services.crm_api.features import FEATURES
from services.crm_api.imports import operations, plan
from services.crm_api.imports.chunks import Chunk, ChunkReader, repeated_external_ids
from services.crm_api.imports.memory import Heeded, Memory
from services.crm_api.imports.placing import ChunkRules
from services.crm_api.imports.reading.records import Position
from services.crm_api.imports.rows import RowConverter
from services.crm_api.imports.schemas import ImportSettings
from services.crm_api.imports.settling import Superseded, settled
from services.crm_api.imports.writing import Outcome, reject, write_rows
from services.foundation.calls import Stamp
from services.foundation.database import Database, Transaction
from services.foundation.statements import Record


class _Undone(Exception):
    """Takes back what a dry run wrote and carries out what it learned."""

    def __init__(self, outcome: Outcome, heeded: Heeded) -> None:
        super().__init__()
        self.outcome, self.heeded = outcome, heeded


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
        self._memory = Memory(self._feature)

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
            heeded = await self._memory.relive(transaction, chunk.items, self._rules, stamp)
            raise _Undone(
                await write_rows(transaction, chunk.items, self._rules, stamp), heeded=heeded
            )

        try:
            await settled(self._database, trial)
        except _Undone as undone:
            outcome, heeded = undone.outcome, undone.heeded
        self._memory.correct(outcome, self._rules.converter)
        self._memory.keep(heeded, outcome)

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
