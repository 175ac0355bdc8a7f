"""The outermost layer of a service: request ids, common headers, the one log line, the last net."""

import logging
import sys
import time
from collections.abc import Collection
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send
from uuid_utils import uuid7

from services.foundation.answers import problem_answer, send_answer
from services.foundation.calls import header_of
from services.foundation.problems import InternalError, Problem, Unreadable
from services.foundation.shortcut import Shortcut
from services.foundation.translating import Translator

_LONGEST_CORRELATION_ID = 64
_EXPOSED = (
    b"ETag, Link, Location, Content-Location, Content-Disposition, Content-Language, "
    b"Idempotent-Replayed, RateLimit, RateLimit-Policy, Retry-After, X-Change-Cursor, X-Request-Id"
)
"""What a page of another origin may read of an answer's headers, beside the few that it always may."""
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class _Lines(logging.Formatter):
    """One JSON object a line, from an allow-list of fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            # The text of an exception can hold personal data; its type and place cannot.
            frame, error = record.exc_info[2], record.exc_info[1]
            while frame is not None and frame.tb_next is not None:
                frame = frame.tb_next
            where = frame and f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}"
            line |= {"error": type(error).__name__, "where": where}
        return orjson.dumps(line).decode()


def start_logging(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    logging.basicConfig(level=_LEVELS[level], handlers=[handler], force=True)
    logging.getLogger("uvicorn.access").disabled = True
    for noisy in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


log = logging.getLogger("phasewise")


class Edge:
    """ASGI middleware around the whole application."""

    def __init__(
        self,
        app: FastAPI,
        *,
        hosts: Collection[str],
        origins: Collection[str],
        rate_policy: bytes,
        translate: Translator,
        log_requests: bool = True,
    ) -> None:
        self.app, self.hosts, self.origins = app, frozenset(hosts), frozenset(origins)
        self._inside = Shortcut(app)
        self.log_requests = log_requests
        self._rate_policy = rate_policy
        self._translate = translate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
            return
        started = time.perf_counter()
        scope["request_id"] = identifier = str(uuid7())
        scope["translate"] = self._translate
        status, is_complete = 0, False

        async def send_with_headers(message: Message) -> None:
            nonlocal status, is_complete
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(scope, message["headers"], identifier)
            else:
                is_complete = not message.get("more_body")
            await send(message)

        try:
            self._check_host(scope)
            if not self._is_preflight(scope):
                await self._inside(scope, receive, send_with_headers)
            else:
                await send_with_headers(_preflight(scope))
                await send({"type": "http.response.body", "body": b""})
        except Exception as error:
            if isinstance(error, Problem) and not status:
                await send_answer(problem_answer(error, scope), send_with_headers)
                return
            log.exception("request failed", extra={"fields": {"request_id": identifier}})
            if is_complete:
                return
            if status:
                raise
            await send_answer(problem_answer(InternalError(), scope), send_with_headers)
        finally:
            if self.log_requests:
                _log_request(scope, status, started)

    def _add_headers(self, scope: Scope, headers: list[Any], identifier: str) -> None:
        headers.append((b"x-request-id", identifier.encode()))
        headers.append((b"x-content-type-options", b"nosniff"))
        headers.append((b"ratelimit-policy", scope.get("rate_policy") or self._rate_policy))
        if (quota := scope.get("quota")) is not None:
            headers.append((b"ratelimit", quota))
        if not any(name == b"cache-control" for name, _ in headers):
            headers.append((b"cache-control", b"no-store"))
        if self.origins:
            origin = _header(scope, b"origin")
            headers.append((b"vary", b"Origin"))
            if origin in self.origins:
                headers.append((b"access-control-allow-origin", origin.encode()))
                headers.append((b"access-control-expose-headers", _EXPOSED))

    def _check_host(self, scope: Scope) -> None:
        """Refuse foreign host names, so that a page elsewhere cannot rebind its name to us."""
        if self.hosts and "*" not in self.hosts:
            host = _header(scope, b"host").rsplit(":", 1)[0] if _header(scope, b"host") else ""
            if host not in self.hosts:
                raise Unreadable("The Host header names no host of this service.")

    def _is_preflight(self, scope: Scope) -> bool:
        return (
            scope["method"] == "OPTIONS"
            and _header(scope, b"origin") in self.origins
            and bool(_header(scope, b"access-control-request-method"))
        )


def _preflight(scope: Scope) -> Message:
    asked = _header(scope, b"access-control-request-headers").encode()
    headers = [
        (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
        (b"access-control-allow-headers", asked),
        (b"access-control-max-age", b"600"),
    ]
    return {"type": "http.response.start", "status": 204, "headers": headers}


def _header(scope: Scope, name: bytes) -> str:
    return header_of(scope, name) or ""


def _correlation_id(scope: Scope) -> str | None:
    """Return what the caller calls the request; it may be the same for several of them."""
    given = _header(scope, b"x-request-id")
    is_fine = 1 <= len(given) <= _LONGEST_CORRELATION_ID and given.isascii()
    return given if is_fine and given.replace("-", "").isalnum() else None


def _log_request(scope: Scope, status: int, started: float) -> None:
    principal = scope.get("principal")
    fields = {
        "request_id": scope["request_id"],
        "correlation_id": _correlation_id(scope),
        "method": scope["method"],
        "route": scope.get("route_template", ""),
        "status": status,
        "ms": round((time.perf_counter() - started) * 1000, 2),
        "key_id": principal.key_id if principal else None,
    }
    log.info("request", extra={"fields": fields})
