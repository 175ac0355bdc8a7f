"""Goes on with erasures behind their answer: the parts that are left, files, and what lies in free space."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import bindparam, select, update

from services.crm_api.privacy import erasing, files
from services.crm_api.privacy.table import erasures
from services.foundation.calls import Stamp
from services.foundation.database import Database, Transaction
from services.foundation.statements import Record, Statement

_OPEN = Statement(
    select(erasures.c.id, erasures.c.finished_at)
    .where(erasures.c.scrubbed_at.is_(None))
    .order_by(erasures.c.erased_at, erasures.c.id)
    .limit(100)
)
_SCRUBBED = Statement(
    update(erasures)
    .where(erasures.c.id == bindparam("at_id"))
    .values(scrubbed_at=bindparam("set_scrubbed_at"))
)


class ErasureRunner:
    """Brings erasures to their end; a process that dies leaves them to the next one.

    How far an erasure is stands in its row and is written with what was done, so two processes at
    the same erasure take turns, and none does anything twice.
    """

    def __init__(self, database: Database, *, folder: Path, clock: Callable[[], datetime]) -> None:
        self._database, self._folder, self._clock = database, folder, clock

    async def work(self) -> None:
        """Finish all that are open, then overwrite once what they left."""
        done = []
        for seen in await self._database.all(_OPEN):
            if seen["finished_at"] is None:
                while await self._go_on(seen["id"]):
                    pass
            done.append({"at_id": seen["id"], "set_scrubbed_at": self._clock()})
        if done and await self._database.scrub():
            await self._database.write(lambda transaction: transaction.run_many(_SCRUBBED, done))

    async def _go_on(self, erasure_id: str) -> bool:
        """Do the next part; tells whether there are more."""

        async def part(transaction: Transaction) -> tuple[Record, list[str]]:
            erasure = await transaction.first(erasing.LOCK, {"id": erasure_id})
            assert erasure is not None
            if erasure["finished_at"] is not None:
                return erasure, []
            stamp = Stamp(self._clock(), erasure["key_id"], erasure["request_id"])
            return await erasing.go_on(transaction, erasure, stamp=stamp)

        erasure, written = await self._database.write(part)
        if written:
            await asyncio.to_thread(files.remove, self._folder, written)
        return erasure["finished_at"] is None
