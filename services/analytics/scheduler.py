"""Starts refreshes: those that are asked for and those that are due; each runs in its own process."""

import asyncio
import logging
import sys
import time

from services.analytics import store
from services.foundation.database import Database
from services.foundation.problems import Problem

_LOOK_SECONDS = 0.5
_RETRY_SECONDS = 20.0

log = logging.getLogger("phasewise")


class Scheduler:
    """One loop beside the API; the calculation itself never shares its process."""

    def __init__(self, database: Database, *, every_minutes: int) -> None:
        self._database, self._every = database, every_minutes * 60.0
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        due = time.monotonic()
        while True:
            is_due = self._every > 0 and time.monotonic() >= due
            try:
                queued = await store.next_queued(self._database)
                if queued is not None or is_due:
                    code = await self._refresh(queued["id"] if queued else None)
                    wait = min(_RETRY_SECONDS, self._every) if code else self._every
                    due = time.monotonic() + wait
            except Problem:
                log.warning("the analytics database cannot be reached")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _refresh(self, refresh_id: str | None) -> int:
        arguments = ["-m", "services.analytics", "refresh", "--quiet"]
        if refresh_id is not None:
            arguments += ["--id", refresh_id]
        self._process = await asyncio.create_subprocess_exec(sys.executable, *arguments)
        return await self._process.wait()
