"""Keeps the catalogue that the API shows up to date with the overlay file."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from starlette.datastructures import State

from services.analytics.catalogue.catalogue import CatalogueError, load_catalogue

log = logging.getLogger("phasewise")


@asynccontextmanager
async def following_overlay(
    path: Path | None, state: State, *, look_seconds: float = 1.0
) -> AsyncIterator[None]:
    """Put the catalogue in the state again whenever the file changes; a faulty file changes nothing.

    Every refresh reads the file anew, and what it publishes shall have its names here, too.
    """
    if path is None:
        yield
        return
    task = asyncio.create_task(_follow(path, state, look_seconds))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _follow(path: Path, state: State, look_seconds: float) -> None:
    seen = None
    while True:
        await asyncio.sleep(look_seconds)
        found = _version(path)
        if found == seen:
            continue
        seen = found
        try:
            state.catalogue = await asyncio.to_thread(load_catalogue, path)
        except CatalogueError as error:
            log.warning(
                "the catalogue overlay is not used", extra={"fields": {"faults": str(error)}}
            )


def _version(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_size, status.st_ino)
