"""Runs a unit of work of an import until it is done: others may be faster, the database may be away."""

import asyncio
from typing import TypeVar

from services.crm_api.imports.placing import LookAgain
from services.foundation.database import Database, UniqueViolation, Work
from services.foundation.problems import Unavailable

T = TypeVar("T")
_ATTEMPTS = 10
_LONGEST_WAIT_SECONDS = 10.0


class Superseded(Exception):
    """The import was cancelled, or another process runs it now."""


async def settled(database: Database, work: Work[T]) -> T:
    """Run a unit of work again where another writer was faster or the database is away."""
    attempt, wait_seconds = 0, 0.5
    while True:
        try:
            return await database.write(work)
        except (LookAgain, UniqueViolation):
            attempt += 1
            if attempt == _ATTEMPTS:
                raise
            await asyncio.sleep(0.02 * attempt)
        except Unavailable:
            await asyncio.sleep(wait_seconds)
            wait_seconds = min(2 * wait_seconds, _LONGEST_WAIT_SECONDS)
