"""Runs queued imports chunk by chunk; a run that dies goes on where its last commit left it."""

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import bindparam, select, update
from uuid_utils import uuid7

from services.crm_api.imports import operations
from services.crm_api.imports.reverting import Revert
from services.crm_api.imports.runs import Run
from services.crm_api.imports.settling import Superseded
from services.crm_api.imports.table import imports
from services.crm_api.imports.uploads import upload_path
from services.foundation.columns import Instant, Texts
from services.foundation.constructs import any_of
from services.foundation.database import Database, Transaction
from services.foundation.problems import Unavailable
from services.foundation.statements import Record, Statement

log = logging.getLogger("phasewise")
_POLL_SECONDS = 2.0
_RETRY_SECONDS = 1.0
_LEASE = timedelta(seconds=15)
_STALE_PART = timedelta(days=1)
_mine = imports.c.lease_holder == bindparam("at_holder")
_CANDIDATES = Statement(
    select(imports.c.id, imports.c.status, imports.c.lease_holder, imports.c.lease_until)
    .where(any_of(imports.c.status, bindparam("statuses", type_=Texts)))
    .order_by(imports.c.queued_at, imports.c.id)
    .limit(100)
)
_RENEW = Statement(
    update(imports)
    .where(imports.c.id == bindparam("at_id"), _mine)
    .values(lease_until=bindparam("set_until", type_=Instant))
)
_RELEASE = Statement(
    update(imports).where(_mine).values(lease_until=bindparam("set_until", type_=Instant))
)


class ImportRunner:
    """One task per process that works the queue; a lease keeps two processes from one import.

    A process holds a lock on a file of its own for as long as it lives, so that others know at
    once when it is gone; the lease's end is for those that cannot see its files.
    """

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
        self._holder = str(uuid7())
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._lock_file: int | None = None

    async def start(self) -> None:
        """Take over what the last process left, then wait for work."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove_stale_parts()
        self._lock_file = os.open(self._lock_path(self._holder), os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._task = asyncio.create_task(self._work_forever(), name="imports")

    async def stop(self) -> None:
        """Stop after the statement at hand and let others go on at once."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
            values = {"at_holder": self._holder, "set_until": self._clock()}
            with contextlib.suppress(Unavailable):
                await self._database.write(partial(_run, statement=_RELEASE, values=values))
        if self._lock_file is not None:
            self._lock_path(self._holder).unlink(missing_ok=True)
            os.close(self._lock_file)
            self._lock_file = None

    def wake(self) -> None:
        """Tell that something was queued."""
        self._work.set()

    def _lock_path(self, holder: str) -> Path:
        return self.folder / f"{holder}.lock"

    def _remove_stale_parts(self) -> None:
        """Remove uploads that broke off with their process."""
        before = (self._clock() - _STALE_PART).timestamp()
        for part in self.folder.glob("*.part"):
            with contextlib.suppress(OSError):
                if part.stat().st_mtime < before:
                    part.unlink()

    async def _work_forever(self) -> None:
        while True:
            self._work.clear()
            try:
                while (claimed := await self._claim()) is not None:
                    await self._run(claimed)
            except Unavailable:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            except Exception:
                log.exception("the queue of imports failed")
                await asyncio.sleep(_POLL_SECONDS)
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._work.wait(), _POLL_SECONDS)

    async def _claim(self) -> Record | None:
        for seen in await self._database.all(_CANDIDATES, {"statuses": operations.RUNNING}):
            if not self._is_free(seen) or not self._is_at_hand(seen):
                continue
            taken = await self._database.write(partial(self._take, seen=seen))
            if taken is not None:
                return taken
        return None

    def _is_free(self, seen: Record) -> bool:
        """Say whether an import waits, or its holder is gone or has forgotten it."""
        if seen["lease_holder"] is None or seen["lease_until"] is None:
            return True
        return seen["lease_until"] <= self._clock() or self._is_gone(seen["lease_holder"])

    def _is_at_hand(self, seen: Record) -> bool:
        """Say whether what is needed is here: the file of an import; to revert it takes none."""
        return seen["status"] == "reverting" or upload_path(self.folder, seen["id"]).exists()

    def _is_gone(self, holder: str) -> bool:
        if holder == self._holder:
            return False
        path = self._lock_path(holder)
        try:
            file = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(file)
        return True

    async def _take(self, transaction: Transaction, *, seen: Record) -> Record | None:
        current = await operations.lock(transaction, seen["id"])
        if any(current[name] != seen[name] for name in ("status", "lease_holder")):
            return None
        if current["lease_until"] != seen["lease_until"]:
            return None
        now = self._clock()
        lease: Record = {"lease_holder": self._holder, "lease_until": now + _LEASE}
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
        heartbeat = asyncio.create_task(self._keep(claimed["id"]))
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
            self._forget_gone_holders()

    def _of(self, claimed: Record) -> Run | Revert:
        if claimed["status"] == "reverting":
            return Revert(
                self._database,
                claimed,
                clock=self._clock,
                chunk_rows=self._chunk_rows,
                lease=_LEASE,
            )
        return Run(
            self._database,
            claimed,
            path=upload_path(self.folder, claimed["id"]),
            clock=self._clock,
            chunk_rows=self._chunk_rows,
            lease=_LEASE,
        )

    async def _keep(self, import_id: str) -> None:
        """Renew the lease while a run reads or waits."""
        while True:
            await asyncio.sleep(_LEASE.total_seconds() / 3)
            until = self._clock() + _LEASE
            values = {"at_id": import_id, "at_holder": self._holder, "set_until": until}
            with contextlib.suppress(Unavailable):
                await self._database.write(partial(_run, statement=_RENEW, values=values))

    def _forget_gone_holders(self) -> None:
        """Remove the lock files of processes that are gone."""
        for path in self.folder.glob("*.lock"):
            if path != self._lock_path(self._holder) and self._is_gone(path.stem):
                path.unlink(missing_ok=True)


async def _run(transaction: Transaction, *, statement: Statement, values: Record) -> None:
    await transaction.run(statement, values)
