"""Leases: which process works on a row, kept in the row, so that a process that dies is replaced."""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Table, bindparam, update
from uuid_utils import uuid7

from services.foundation.columns import Instant
from services.foundation.database import Database, Transaction
from services.foundation.problems import Unavailable
from services.foundation.statements import Record, Statement

LENGTH = timedelta(seconds=15)


class Leases:
    """What one process holds of a table's rows, by their columns `lease_holder` and `lease_until`.

    A process holds a lock on a file of its own for as long as it lives, so that others know at
    once when it is gone; the lease's end is for those that cannot see its files.
    """

    def __init__(
        self, database: Database, table: Table, *, folder: Path, clock: Callable[[], datetime]
    ) -> None:
        self.holder = str(uuid7())
        self._database, self._folder, self._clock = database, folder, clock
        self._lock_file: int | None = None
        mine = table.c.lease_holder == bindparam("at_holder")
        one = (table.c.id == bindparam("at_id"), mine)
        ends = {"lease_until": bindparam("set_until", type_=Instant)}
        self._set_one = Statement(update(table).where(*one).values(ends))
        self._set_all = Statement(update(table).where(mine).values(ends))
        as_seen = [
            table.c[name].is_not_distinct_from(bindparam(f"seen_{name}", type_=table.c[name].type))
            for name in ("lease_holder", "lease_until")
        ]
        self._take = Statement(
            update(table)
            .where(table.c.id == bindparam("at_id"), *as_seen)
            .values(lease_holder=bindparam("at_holder"), **ends)
            .returning(table.c.id)
        )

    def open(self) -> None:
        """Show that this process lives, and remove what those that are gone left."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = os.open(self._lock_path(self.holder), os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for path in self._folder.glob("*.lock"):
            if path != self._lock_path(self.holder) and self._is_gone(path.stem):
                path.unlink(missing_ok=True)

    async def close(self) -> None:
        """Let others go on at once."""
        with contextlib.suppress(Unavailable):
            await self._set(self._set_all, until=self._clock())
        if self._lock_file is not None:
            self._lock_path(self.holder).unlink(missing_ok=True)
            os.close(self._lock_file)
            self._lock_file = None

    def values(self) -> Record:
        """Return the columns of a row that this process takes now."""
        return {"lease_holder": self.holder, "lease_until": self._clock() + LENGTH}

    def is_free(self, row: Record) -> bool:
        """Say whether a row waits, or its holder is gone or has forgotten it."""
        if row["lease_holder"] is None or row["lease_until"] is None:
            return True
        is_over: bool = row["lease_until"] <= self._clock()
        return is_over or self._is_gone(row["lease_holder"])

    def is_mine(self, row: Record) -> bool:
        """Say whether this process took a row and never gave it back."""
        return bool(row["lease_holder"] == self.holder)

    async def take(self, row: Record) -> bool:
        """Take a row that was seen free; False if another was faster."""
        values = {
            "at_id": row["id"],
            "at_holder": self.holder,
            "seen_lease_holder": row["lease_holder"],
            "seen_lease_until": row["lease_until"],
            "set_until": self._clock() + LENGTH,
        }

        async def work(transaction: Transaction) -> bool:
            return await transaction.first(self._take, values) is not None

        return await self._database.write(work)

    async def keep(self, row_id: str) -> None:
        """Renew the lease of a row until this is cancelled."""
        while True:
            await asyncio.sleep(LENGTH.total_seconds() / 3)
            with contextlib.suppress(Unavailable):
                await self._set(self._set_one, until=self._clock() + LENGTH, row_id=row_id)

    async def release(self, row_id: str) -> None:
        """Give a row back; if the database is away, the lease ends by itself."""
        with contextlib.suppress(Unavailable):
            await self._set(self._set_one, until=self._clock(), row_id=row_id)

    async def _set(self, statement: Statement, *, until: datetime, row_id: str = "") -> None:
        values = {"at_id": row_id, "at_holder": self.holder, "set_until": until}
        await self._database.write(partial(_run, statement=statement, values=values))

    def _lock_path(self, holder: str) -> Path:
        return self._folder / f"{holder}.lock"

    def _is_gone(self, holder: str) -> bool:
        if holder == self.holder:
            return False
        try:
            file = os.open(self._lock_path(holder), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(file)
        return True


async def _run(transaction: Transaction, *, statement: Statement, values: Record) -> None:
    await transaction.run(statement, values)
