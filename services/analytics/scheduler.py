"""Starts refreshes: those that are asked for and those that are due; each runs in its own process."""

import asyncio
import logging
import sys
import time

from services.analytics import store
from services.foundation.database import Database
from services.foundation.problems import Problem

log = logging.getLogger("phasewise")


class Scheduler:
    """One loop beside the API; the calculation itself never shares its process."""

    def __init__(
        self,
        database: Database,
        *,
        every_seconds: float,
        retry_seconds: float,
        look_seconds: float = 0.5,
    ) -> None:
        """With `every_seconds` 0 only what is asked for runs."""
        self._database, self._every = database, every_seconds
        self._retry, self._look = retry_seconds, look_seconds
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def _run(self) -> None:
        due = time.monotonic()
        while True:
            is_due = self._every > 0 and time.monotonic() >= due
            try:
                queued = await store.next_queued(self._database)
                if queued is not None or is_due:
                    refresh_id = queued["id"] if queued else None
                    code = await self._refresh(refresh_id)
                    wait = min(self._retry, self._every) if code else self._every
                    due = time.monotonic() + wait
                    if code and refresh_id is not None:
                        await self._let_others_finish(refresh_id)
            except Problem:
                log.warning("the analytics database cannot be reached")
            except Exception:
                log.exception("a refresh could not be started")
                due = time.monotonic() + self._retry
            await asyncio.sleep(self._look)

    async def _let_others_finish(self, refresh_id: str) -> None:
        """Wait if a refresh is still queued: its process could not begin, or another holds the mirror."""
        queued = await store.next_queued(self._database)
        if queued is not None and queued["id"] == refresh_id:
            await asyncio.sleep(self._retry)

    async def _refresh(self, refresh_id: str | None) -> int:
        arguments = ["-m", "services.analytics", "refresh", "--quiet"]
        if refresh_id is not None:
            arguments += ["--id", refresh_id]
        self._process = await asyncio.create_subprocess_exec(sys.executable, *arguments)
        return await self._process.wait()
