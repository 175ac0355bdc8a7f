"""Work beside the event loop, few at a time: who comes while too many wait is told so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from services.foundation.problems import Problem

_RETRY_SECONDS = 5
Result = TypeVar("Result")


class Busy(Problem):
    """Too many wait already; what they wait for says its own title."""

    status = 503

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": str(_RETRY_SECONDS)})


class Turns:
    """Lets work run in threads, `at_once` of it, while at most `most_waiting` others wait."""

    def __init__(self, *, at_once: int, most_waiting: int, busy: type[Busy]) -> None:
        self._turn, self._busy = asyncio.Semaphore(at_once), busy
        self._most, self._waiting = at_once + most_waiting, 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do work in a thread when its turn comes; raises `busy` if too many wait."""
        async with self._place():
            return await asyncio.to_thread(work)

    @property
    def _is_full(self) -> bool:
        return self._waiting >= self._most

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if self._is_full:
            raise self._busy()
        self._waiting += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting -= 1
