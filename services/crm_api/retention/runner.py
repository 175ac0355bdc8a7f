"""Runs retention beside the requests: once a day by itself, and when it is asked for."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from services.crm_api.imports.uploads import upload_path
from services.crm_api.retention import operations
from services.crm_api.retention.rules import PART, Rule, rules
from services.crm_api.settings import Settings
from services.foundation.database import Database
from services.foundation.statements import Record


class RetentionRunner:
    """Brings runs to their end; a run whose process died is gone on with when its lease is over."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        folder: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self._database, self._folder, self._clock = database, folder, clock
        self.rules = rules(settings)
        self._delay = settings.retention_delay_seconds
        self._from = 0.0

    async def work(self) -> None:
        """Queue the run of the day if it is time, then do all that wait."""
        now = asyncio.get_running_loop().time()
        self._from = self._from or now + self._delay
        if now >= self._from:
            await operations.add_run_of_day(self._database, now=self._clock())
        while (run := await operations.take(self._database, now=self._clock())) is not None:
            await self._run(run)

    async def _run(self, run: Record) -> None:
        for rule in self.rules:
            if rule.days is None:
                continue
            if run["is_dry_run"] or rule.remove is None:
                found = await operations.look(self._database, rule, now=self._clock())
                results = {**run["results"], rule.name: found}
                until = self._clock() + operations.LEASE
                save = partial(operations.save, run=run, results=results, lease_until=until)
                run = await self._database.write(save)
            else:
                run = await self._remove(run, rule)
        await self._database.write(partial(operations.finish, run=run, now=self._clock()))
        if not run["is_dry_run"]:
            await self._database.scrub()

    async def _remove(self, run: Record, rule: Rule) -> Record:
        while True:
            part = partial(operations.remove_part, run=run, rule=rule, now=self._clock())
            run, ids = await self._database.write(part)
            if rule.has_files:
                await asyncio.to_thread(self._remove_files, ids)
            if len(ids) < PART:
                return run

    def _remove_files(self, import_ids: list[str]) -> None:
        for import_id in import_ids:
            upload_path(self._folder, import_id).unlink(missing_ok=True)
