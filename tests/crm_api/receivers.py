"""Targets of webhooks: real servers on 127.0.0.1 that remember what they got and answer as they are told."""

import contextlib
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import orjson


@dataclass(frozen=True)
class Reply:
    """How a receiver answers: after a pause, with a status, or by hanging up in the middle."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    dies: bool = False
    body: bytes = b""


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes
    reply: Reply
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        told: dict[str, Any] = orjson.loads(self.body)
        return told


class Receiver:
    """A server for one webhook; `decide` is asked for the reply to each request."""

    def __init__(
        self,
        decide: Callable[["Receiver", dict[str, Any]], Reply] | None = None,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.decide = decide or (lambda _, __: Reply())
        self.got: list[Got] = []
        self.at_once, self.most_at_once = 0, 0
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.answer(self)

            def handle(self) -> None:
                # Who sent it may be gone by now, killed by a test.
                with contextlib.suppress(OSError):
                    super().handle()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook?from=crm"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            reply = self.decide(self, orjson.loads(body))
            headers = {name.lower(): value for name, value in handler.headers.items()}
            with self._lock:
                self.got.append(Got(handler.path, headers, body, reply, time.monotonic()))
            time.sleep(reply.seconds)
        finally:
            with self._lock:
                self.at_once -= 1
        handler.close_connection = True
        if reply.dies:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf an ans")
            return
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        if reply.status not in (204, 304):
            handler.send_header("Content-Length", str(len(reply.body)))
        handler.end_headers()
        handler.wfile.write(reply.body)

    @property
    def taken(self) -> list[Got]:
        """What was answered with success."""
        return [
            got for got in list(self.got) if 200 <= got.reply.status < 300 and not got.reply.dies
        ]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def until(condition: Callable[[], Any], *, seconds: float = 10.0) -> None:
    """Wait until something is so; the longer it takes, the more seldom it is looked at."""
    deadline, pause = time.monotonic() + seconds, 0.01
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
