"""Runs an application under uvicorn, the same way everywhere."""

import os
import socket

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


class AddressTaken(Exception):
    """Nothing can listen at an address; the message says which and why."""


def require_free(host: str, port: int) -> None:
    """Do nothing if somebody may listen there.

    Raises
    ------
    AddressTaken
        Another program listens there, or the address or port is not ours to take.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in found:
            with socket.create_server(address, family=family):
                pass
    except OSError as error:
        # The text of asyncio and socket repeats the address; that of a failed lookup has no number.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror
        raise AddressTaken(f"cannot listen on {host} port {port}: {reason}") from error


def silence_standard_output() -> None:
    """Let what libraries print go nowhere: a service answers over HTTP, and logs to standard error.

    HiGHS 1.12, which scipy 1.17 brings, prints a line wherever it repairs a solution that lies outside
    a constraint by more than its tolerance, and no option keeps it from that (ERGO-Code/HiGHS, issue
    2783). For as long as the process runs, so that threads do not take turns in it.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


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
