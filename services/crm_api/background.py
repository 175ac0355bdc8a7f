"""What runs beside the requests: a task that works whenever it is woken, and now and then by itself."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from services.foundation.problems import Unavailable

log = logging.getLogger("phasewise")
_RETRY_SECONDS = 1.0


class Background:
    """Runs `work` until it is stopped; what it raises is logged, and it is tried again later."""

    def __init__(
        self, name: str, work: Callable[[], Awaitable[None]], *, poll_seconds: float
    ) -> None:
        self._name, self._work, self._poll_seconds = name, work, poll_seconds
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """Stop at the next await; what is not done is done after the next start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def wake(self) -> None:
        """Tell that there is something to do."""
        self._woken.set()

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self._work()
            except Unavailable:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            except Exception:
                log.exception("%s failed", self._name)
            # Not `wait_for`: in Python 3.11 it loses a stop that comes together with a wake.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds):
                    await self._woken.wait()
