"""The real service in a process of its own, and databases that keep what they promised."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.live import free_port
from tests.postgresql import PostgresServer


class Served:
    """The real service in its own process."""

    def __init__(self, url: str, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = os.environ | {
            "PHASEWISE_DATA_DIR": str(folder),
            "PHASEWISE_CRM_DATABASE_URL": url,
            "PHASEWISE_CRM_PORT": str(self.port),
            "PHASEWISE_CRM_REQUESTS_PER_MINUTE": "10000000",
            "PHASEWISE_LOG_LEVEL": "error",
        }

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "services.crm_api", "serve"]
        self._process = subprocess.Popen(command, env=self._environment)
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{self.url}/livez", timeout=2, verify=False)
                return self
            except httpx.TransportError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise RuntimeError("the service did not start") from None
                time.sleep(0.05)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def restart(self) -> None:
        self.kill()
        self.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()


@contextmanager
def durable_database(kind: str, folder: Path) -> Iterator[tuple[str, PostgresServer | None]]:
    """Make an empty database whose commits survive a crash."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'crm.sqlite3'}", None
        return
    with PostgresServer(durable=True) as server:
        server.create_database("crm")
        yield server.url("crm"), server
