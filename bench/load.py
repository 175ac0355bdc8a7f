"""A small HTTP/1.1 client that keeps connections open and a server busy, and times every answer."""

import asyncio
import gc
from dataclasses import dataclass
from itertools import cycle
from time import perf_counter
from typing import cast

import uvloop

CONNECTIONS = 32
_GRACE_SECONDS = 20.0


@dataclass(frozen=True)
class Run:
    """What a server managed: answers a second, answers with an unexpected status, latencies in ms."""

    per_second: float
    failures: int
    p50_ms: float
    p99_ms: float


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as the answer to the one before is complete."""

    transport: asyncio.Transport

    def __init__(self, requests: "cycle[bytes]", *, until: float, done: "asyncio.Future[None]"):
        self._requests, self._until, self.done = requests, until, done
        self._buffer, self._expected, self._sent = b"", 0, 0.0
        self.latencies: list[float] = []
        self.failures = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._send()

    def _send(self) -> None:
        self._buffer, self._expected = b"", 0
        self._sent = perf_counter()
        self.transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = self._buffer + data if self._buffer else data
        if not self._expected:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = buffer[:end].lower()
            at = head.index(b"content-length:") + 15
            self._expected = end + 4 + int(head[at:].split(b"\r", 1)[0])
        if len(buffer) >= self._expected:
            now = perf_counter()
            self.latencies.append(now - self._sent)
            self.failures += buffer[9:10] != b"2"
            if now < self._until:
                self._send()
            else:
                self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.failures += error is not None or perf_counter() < self._until
        if not self.done.done():
            self.done.set_result(None)


async def _run(port: int, requests: "cycle[bytes]", seconds: float, connected: int) -> Run:
    loop = asyncio.get_running_loop()
    started = perf_counter()
    connections = []
    for _ in range(connected):
        _, connection = await loop.create_connection(
            lambda: _Connection(requests, until=started + seconds, done=loop.create_future()),
            "127.0.0.1",
            port,
        )
        connections.append(connection)
    waiting = [connection.done for connection in connections]
    _, late = await asyncio.wait(waiting, timeout=seconds + _GRACE_SECONDS)
    for connection in connections:
        connection.transport.abort()
    elapsed = perf_counter() - started
    latencies = sorted(each for connection in connections for each in connection.latencies)
    if not latencies:
        raise RuntimeError("the server answered nothing")
    return Run(
        per_second=len(latencies) / elapsed,
        failures=sum(connection.failures for connection in connections) + len(late),
        p50_ms=latencies[len(latencies) // 2] * 1000,
        p99_ms=latencies[len(latencies) * 99 // 100] * 1000,
    )


def drive(
    port: int, requests: "cycle[bytes]", *, seconds: float, connections: int = CONNECTIONS
) -> Run:
    """Keep a server on 127.0.0.1 busy for so many seconds with these requests, from where they are."""
    gc.collect()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(port, requests, seconds, connections))


def request(
    method: str, path: str, *, port: int, key: str, body: bytes = b"", media_type: str = ""
) -> bytes:
    """Spell a request that any of the servers understands."""
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Authorization: Bearer {key}",
        "Accept: */*",
    ]
    if body:
        lines += [f"Content-Type: {media_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body
