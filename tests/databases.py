"""Runs work on a database of a service, beside the service."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.foundation.connecting import connect
from services.foundation.database import Database

Result = TypeVar("Result")


def on_database(url: str, work: Callable[[Database], Awaitable[Result]]) -> Result:
    """Open the database, do the work, and close it again."""

    async def run() -> Result:
        database = connect(url)
        await database.open()
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())
