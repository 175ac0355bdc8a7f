"""Runs an application of ours on a real socket in a thread."""

import os
import socket
import threading
import time
from contextlib import suppress
from itertools import cycle, islice
from types import TracebackType
from typing import Any, Self

import httpx
from starlette.types import ASGIApp

from services.foundation.serving import server

# Below those that systems give to whoever asks for any, so that nobody gets one before it is listened
# on; each process begins somewhere else, and comes back to one only after all others.
_LOWEST, _COUNT = 20_000, 12_000
_PORTS = islice(cycle(range(_LOWEST, _LOWEST + _COUNT)), os.getpid() * 1_009 % _COUNT, None)


def free_port() -> int:
    for port in islice(_PORTS, _COUNT):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


class LiveServer:
    """An application that answers on 127.0.0.1 until the block ends."""

    def __init__(self, app: ASGIApp, *, port: int | None = None) -> None:
        self.app = app
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = server(app, host="127.0.0.1", port=self.port)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the server did not start")
            time.sleep(0.005)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(20)


def client(url: str, key: str | None, **options: Any) -> httpx.Client:
    """Return a client of a server here; it reads no certificates, which takes longer than a request."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=url, headers=headers, timeout=30, verify=False, **options)
