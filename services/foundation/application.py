"""Puts a service together: routes, problems of the framework, health, documents, the edge."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp

from services.foundation import idempotency, migrating
from services.foundation.answers import problem_answer
from services.foundation.database import Database
from services.foundation.docs_page import Packed, mount_docs
from services.foundation.edge import Edge
from services.foundation.gate import Gate
from services.foundation.openapi import build_openapi
from services.foundation.problems import (
    InternalError,
    MethodNotAllowed,
    NotFound,
    Problem,
    Unavailable,
    Unreadable,
)
from services.foundation.routing import LeanRoute, Routes
from services.foundation.settings import TokenRules
from services.foundation.tokens import Issuer
from services.foundation.translating import Translator


def utc_now() -> datetime:
    """The clock of the edge; nothing below reads one."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Serving:
    """How a service faces its network."""

    hosts: Sequence[str]
    origins: Sequence[str]
    requests_per_minute: int
    log_requests: bool = True
    tokens: TokenRules | None = None


def assemble(
    service: str,
    *,
    about: Mapping[str, Any],
    features: Sequence[Routes],
    database: Database,
    serving: Serving,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    clock: Callable[[], datetime],
    translate: Translator,
) -> ASGIApp:
    """Build the application of one service; `lifespan` is what runs beside it, database open.

    `translate` knows the German of its problems.
    """

    async def is_ready() -> bool:
        try:
            await migrating.require_schema(service, database)
        except (Unavailable, migrating.SchemaMissing):
            return False
        return True

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        try:
            # The service starts all the same and says 503 until the database is there.
            with suppress(Unavailable):
                await database.open()
                await idempotency.forget_old(database, now=clock())
            async with gate.open(), lifespan(app):
                yield
        finally:
            await database.close()

    app = FastAPI(
        openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=life
    )
    app.state.database = database
    app.state.clock = clock
    app.state.gate = gate = Gate(
        database,
        clock=clock,
        requests_per_minute=serving.requests_per_minute,
        issuer=None if serving.tokens is None else Issuer(serving.tokens),
    )
    app.add_exception_handler(HTTPException, _framework_problem)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(Exception, _unexpected)
    for feature in features:
        feature.mount(app)
    _mount_plain(app, about, is_ready)
    edge = Edge(
        app,
        hosts=serving.hosts,
        origins=serving.origins,
        rate_policy=gate.policy,
        translate=translate,
        log_requests=serving.log_requests,
    )
    edge.openapi = lambda: build_openapi(app, about)  # type: ignore[attr-defined]
    return edge


def _mount_plain(
    app: FastAPI, about: Mapping[str, Any], is_ready: Callable[[], Awaitable[bool]]
) -> None:
    """Health, version and documents: outside /v1, without a key, outside the OpenAPI document."""
    documents: list[Packed] = []
    making = asyncio.Lock()

    def make_document() -> Packed:
        return Packed.of(orjson.dumps(build_openapi(app, about)))

    async def openapi(request: Request) -> Response:
        async with making:
            if not documents:
                # In a thread: it takes a second, and other requests shall not wait for it.
                documents.append(await asyncio.to_thread(make_document))
        return documents[0].answer(request, "application/json", {"Cache-Control": "no-cache"})

    async def live(_: Request) -> Response:
        return Response(b'{"status":"alive"}', media_type="application/json")

    async def ready(_: Request) -> Response:
        good = await is_ready()
        body = b'{"status":"ready"}' if good else b'{"status":"not_ready"}'
        return Response(body, status_code=200 if good else 503, media_type="application/json")

    async def version(_: Request) -> Response:
        return Response(f'{{"version":"{about["version"]}"}}', media_type="application/json")

    for path, endpoint in (
        ("/openapi.json", openapi),
        ("/livez", live),
        ("/readyz", ready),
        ("/version", version),
    ):
        app.router.routes.append(Route(path, endpoint, methods=["GET"]))
    mount_docs(app, title=about["title"])


async def _framework_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    problem: Problem
    if error.status_code == 405:
        problem = MethodNotAllowed(headers={"Allow": ", ".join(_methods(request))})
    elif error.status_code == 404:
        problem = NotFound("There is no such path.")
    elif error.status_code < 500:
        problem = Unreadable()
    else:
        problem = InternalError()
    return await _problem(request, problem)


async def _unexpected(request: Request, _: Exception) -> Response:
    """Answer without any detail; Starlette lets the exception on to the edge, which logs it."""
    return await _problem(request, InternalError())


def _methods(request: Request) -> list[str]:
    """All methods that any route has for this path; Starlette names only the first route's."""
    found: set[str] = set()
    for route in request.app.router.routes:
        if isinstance(route, LeanRoute | Route) and route.matches(request.scope)[0] != Match.NONE:
            found |= route.methods or set()
    return sorted(found)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    answer = problem_answer(error, request.scope)
    return Response(answer.body, answer.status, answer.headers, answer.media_type)
