"""Runs queued imports chunk by chunk; a run that dies goes on where its last commit left it."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import bindparam, select

from services.crm_api.background import Background
from services.crm_api.imports import operations
from services.crm_api.imports.reverting import Revert
from services.crm_api.imports.runs import Run
from services.crm_api.imports.settling import Superseded
from services.crm_api.imports.table import imports
from services.crm_api.imports.uploads import upload_path
from services.foundation.columns import Texts
from services.foundation.constructs import any_of
from services.foundation.database import Database, Transaction
from services.foundation.leases import LENGTH, Leases
from services.foundation.statements import Record, Statement

log = logging.getLogger("phasewise")
_POLL_SECONDS = 2.0
_STALE_PART = timedelta(days=1)
_CANDIDATES = Statement(
    select(imports.c.id, imports.c.status, imports.c.lease_holder, imports.c.lease_until)
    .where(any_of(imports.c.status, bindparam("statuses", type_=Texts)))
    .order_by(imports.c.queued_at, imports.c.id)
    .limit(100)
)


class ImportRunner:
    """One task per process that works the queue; a lease keeps two processes from one import."""

    def __init__(
        self,
        database: Database,
        *,
        folder: Path,
        clock: Callable[[], datetime],
        time_zone: str,
        chunk_rows: int = 1000,
    ) -> None:
        self.folder, self.time_zone = folder, time_zone
        self._database, self._clock, self._chunk_rows = database, clock, chunk_rows
        self._leases = Leases(database, imports, folder=folder, clock=clock)
        self._queue = Background("imports", self._work, poll_seconds=_POLL_SECONDS)

    async def start(self) -> None:
        """Take over what the last process left, then wait for work."""
        self._leases.open()
        self._remove_stale_parts()
        self._queue.start()

    async def stop(self) -> None:
        """Stop after the statement at hand and let others go on at once."""
        await self._queue.stop()
        await self._leases.close()

    def wake(self) -> None:
        """Tell that something was queued."""
        self._queue.wake()

    def _remove_stale_parts(self) -> None:
        """Remove uploads that broke off with their process."""
        before = (self._clock() - _STALE_PART).timestamp()
        for part in self.folder.glob("*.part"):
            with contextlib.suppress(OSError):
                if part.stat().st_mtime < before:
                    part.unlink()

    async def _work(self) -> None:
        while (claimed := await self._claim()) is not None:
            await self._run(claimed)

    async def _claim(self) -> Record | None:
        for seen in await self._database.all(_CANDIDATES, {"statuses": operations.RUNNING}):
            if not self._leases.is_free(seen) or not self._is_at_hand(seen):
                continue
            taken = await self._database.write(partial(self._take, seen=seen))
            if taken is not None:
                return taken
        return None

    def _is_at_hand(self, seen: Record) -> bool:
        """Say whether what is needed is here: the file of an import; to revert it takes none."""
        return seen["status"] == "reverting" or upload_path(self.folder, seen["id"]).exists()

    async def _take(self, transaction: Transaction, *, seen: Record) -> Record | None:
        current = await operations.lock(transaction, seen["id"])
        if any(current[name] != seen[name] for name in ("status", "lease_holder")):
            return None
        if current["lease_until"] != seen["lease_until"]:
            return None
        now = self._clock()
        lease = self._leases.values()
        if current["status"] == "reverting":
            state = current["revert"] | {"status": "running"}
            return await operations.change(transaction, current, lease | {"revert": state})
        values: Record = {}
        if current["is_dry_run"] and current["status"] == "running":
            # What a dry run had in mind died with its process; nothing of it was written.
            values = await operations.forget_run(transaction, current["id"])
            values["queued_at"] = current["queued_at"]
        values |= {"status": "running", "started_at": current["started_at"] or now}
        return await operations.change(transaction, current, values | lease)

    async def _run(self, claimed: Record) -> None:
        run = self._of(claimed)
        fields = {"import_id": claimed["id"], "request_id": claimed["request_id"]}
        heartbeat = asyncio.create_task(self._leases.keep(claimed["id"]))
        try:
            await run.to_its_end()
            log.info("import finished", extra={"fields": fields})
        except Superseded:
            log.info("import stopped", extra={"fields": fields})
        except Exception:
            log.exception("import failed", extra={"fields": fields})
            with contextlib.suppress(Superseded):
                await run.fail("internal_error")
        finally:
            heartbeat.cancel()

    def _of(self, claimed: Record) -> Run | Revert:
        if claimed["status"] == "reverting":
            return Revert(
                self._database,
                claimed,
                clock=self._clock,
                chunk_rows=self._chunk_rows,
                lease=LENGTH,
            )
        return Run(
            self._database,
            claimed,
            path=upload_path(self.folder, claimed["id"]),
            clock=self._clock,
            chunk_rows=self._chunk_rows,
            lease=LENGTH,
        )
