"""Runs an application under uvicorn, the same way everywhere."""

import uvicorn
from starlette.types import ASGIApp
from uuid_utils import uuid7
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.foundation.problems import MEDIA_TYPE, Unreadable


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol; what it refuses before any application sees it is a problem, too."""

    def send_400_response(self, msg: str) -> None:
        identifier = str(uuid7())
        body = Unreadable(msg).body(request_id=identifier)
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            f"content-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\n"
            f"x-request-id: {identifier}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def server(app: ASGIApp, *, host: str, port: int) -> uvicorn.Server:
    """Build the server; `server.run()` serves until it is told to stop."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=Protocol,
        access_log=False,
        server_header=False,
        date_header=True,
        log_config=None,
        lifespan="on",
        timeout_graceful_shutdown=15,
        timeout_keep_alive=30,
        limit_concurrency=2000,
    )
    return uvicorn.Server(config)
