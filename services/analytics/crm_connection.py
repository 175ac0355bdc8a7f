"""A connection to the CRM for what is asked of it beside refreshes, with a key of its own."""

from functools import cached_property
from pathlib import Path
from typing import ClassVar

import httpx


class CrmConnection:
    """What talks to the CRM in the course of requests; whoever opens one closes it."""

    patience_seconds: ClassVar[float]

    def __init__(
        self,
        url: str,
        *,
        key_file: Path,
        seconds: float | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url, self._key_file = url, key_file
        self._seconds = self.patience_seconds if seconds is None else seconds
        self._transport = transport

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        """Made when it is first needed: to read whom to trust takes a while."""
        return httpx.AsyncClient(
            base_url=self._url,
            timeout=self._seconds,
            transport=self._transport,
            follow_redirects=False,
            headers={"User-Agent": "phasewise-analytics/1"},
        )

    def _authorization(self) -> dict[str, str]:
        """Return the header with the key, read each time, so that another one holds without a new start.

        Raises
        ------
        OSError
            The file of the key cannot be read.
        """
        return {"Authorization": f"Bearer {self._key_file.read_text().strip()}"}

    async def close(self) -> None:
        if "_http" in vars(self):
            await self._http.aclose()
