"""Keys: who gets in, to which operation, and how often; every operation of the document is tried."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
import pytest
from sqlalchemy import bindparam, update

from services.crm_api.app import create_app
from services.crm_api.scopes import SCOPES
from services.crm_api.settings import Settings
from services.foundation.connecting import connect
from services.foundation.keys import new_key
from services.foundation.routing import LeanRoute, RouteRules, Routes
from services.foundation.statements import Statement
from services.foundation.tables import keys
from tests.conftest import Crm, MakeCrm, store_key
from tests.crm_api.bodies import problem
from tests.live import client

ID = "01977b3a-5c00-7000-8000-000000000001"
VALUES = {"id": ID, "source": "shop", "external_id": "1", "resource": "contacts"}
STRANGE: tuple[str | bytes | None, ...] = (
    None,
    "",
    "Bearer",
    "Basic YTpi",
    "Bearer nonsense",
    "Bearer crm_test_abcdefgh_secret_00000000",
    f"Bearer {new_key('test')}",
    "Bearer crm_test_ä_b_00000000".encode(),
)
_EXPIRE = Statement(
    update(keys)
    .where(keys.c.id == bindparam("at_id"))
    .values(expires_at=bindparam("set_expiry"), revoked_at=bindparam("set_revoked"))
)


@cache
def routes() -> tuple[LeanRoute, ...]:
    app: Any = create_app(Settings(crm_database_url="sqlite:///never-opened.sqlite3"))
    return tuple(route for route in app.app.router.routes if isinstance(route, LeanRoute))


def operations() -> list[Any]:
    """Every operation, with the method and a path that fits it."""
    found = []
    for route in routes():
        method = min(route.methods or {""})
        path = route.path_format.format_map({**dict.fromkeys(route.param_convertors, ID), **VALUES})
        scopes = route.rules.scopes
        found.append(pytest.param(method, path, scopes, id=route.operation_id))
    return found


each_operation = pytest.mark.parametrize(("method", "path", "scopes"), operations())


def test_the_document_shows_every_route_and_its_scope(service: Crm) -> None:
    document = service.client.get("/openapi.json").json()
    shown = {
        operation["operationId"]: operation["description"]
        for path in document["paths"].values()
        for operation in path.values()
    }
    assert set(shown) == {route.operation_id for route in routes()}
    app: Any = service.app
    plain = {"/openapi.json", "/livez", "/readyz", "/version"}
    for route in app.app.router.routes:
        assert isinstance(route, LeanRoute) or route.path in plain or route.path.startswith("/docs")
    for route in routes():
        scopes, text = route.rules.scopes, shown[str(route.operation_id)]
        assert set(scopes) <= set(SCOPES)
        assert all(f"`{scope}`" in text for scope in scopes)
        assert bool(scopes) == (route.operation_id != "get_own_key")


@each_operation
def test_without_a_key_of_ours_nothing_answers(
    service: Crm, method: str, path: str, scopes: tuple[str, ...]
) -> None:
    with client(service.url, None) as stranger:
        for authorization in STRANGE:
            headers: Any = {} if authorization is None else {"Authorization": authorization}
            answer = stranger.request(method, path, headers=headers)
            problem(answer, 401, "unauthenticated")
            assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.fixture(scope="session")
def limited(service: Crm) -> dict[str, httpx.Client]:
    """For each scope a client that has all others."""
    return {
        scope: service.client_with(*(other for other in SCOPES if other != scope))
        for scope in SCOPES
    }


@each_operation
def test_a_key_with_all_other_scopes_is_forbidden(
    limited: dict[str, httpx.Client], method: str, path: str, scopes: tuple[str, ...]
) -> None:
    for scope in scopes:
        problem(limited[scope].request(method, path), 403, "scope_missing")


@each_operation
def test_a_key_with_the_scope_gets_past_the_gate(
    service: Crm, method: str, path: str, scopes: tuple[str, ...]
) -> None:
    with service.client_with(*scopes) as one:
        allowed = one.request(method, path)
        missing = allowed.status_code == 403 and "exports" in path
        assert missing or allowed.status_code not in (401, 403), allowed.text
        assert allowed.status_code < 500


def store(url: str, key: str, *, expires_at: datetime | None, revoked_at: datetime | None) -> None:
    values = {"at_id": key.split("_")[2], "set_expiry": expires_at, "set_revoked": revoked_at}

    async def run() -> None:
        database = connect(url)
        await database.open()
        try:
            await database.write(lambda transaction: transaction.run(_EXPIRE, values))
        finally:
            await database.close()

    asyncio.run(run())


@pytest.mark.parametrize("field", ["expires_at", "revoked_at"])
def test_a_key_that_is_over_answers_nothing(service: Crm, field: str) -> None:
    key = store_key(service.settings.database_url, scopes=SCOPES)
    over = {"expires_at": None, "revoked_at": None, field: datetime.now(UTC) - timedelta(seconds=1)}
    store(service.settings.database_url, key, **over)
    with client(service.url, key) as late:
        problem(late.get("/v1/contacts"), 401, "unauthenticated")


def test_a_key_that_is_revoked_while_in_use_is_refused_within_seconds(make_crm: MakeCrm) -> None:
    service = make_crm("postgresql")
    key = store_key(service.settings.database_url, scopes=SCOPES)
    with client(service.url, key) as late:
        assert late.get("/v1/contacts").status_code == 200
        moment = datetime.now(UTC)
        store(service.settings.database_url, key, expires_at=None, revoked_at=moment)
        deadline = time.monotonic() + 7
        while late.get("/v1/contacts").status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        problem(late.get("/v1/contacts"), 401)


def test_a_key_that_expires_later_is_good_until_then(service: Crm) -> None:
    key = store_key(service.settings.database_url, scopes=SCOPES)
    soon = datetime.now(UTC) + timedelta(hours=1)
    store(service.settings.database_url, key, expires_at=soon, revoked_at=None)
    with client(service.url, key) as early:
        assert early.get("/v1/contacts").status_code == 200


def test_a_route_cannot_exist_without_a_scope() -> None:
    async def endpoint() -> None: ...

    with pytest.raises(TypeError):
        Routes("x").add("GET", "/x", answer=None)(endpoint)
    for scope in ("", " "):
        with pytest.raises(ValueError, match="scope"):
            RouteRules(scope=scope)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_used_up_quota_says_when_to_come_back(make_crm: MakeCrm, kind: str) -> None:
    crm = make_crm(kind, crm_requests_per_minute=5)
    answers: Sequence[httpx.Response] = [crm.client.get("/v1/contacts") for _ in range(12)]
    statuses = [answer.status_code for answer in answers]
    # The minute may turn while the test runs; then the quota is full once more.
    assert statuses[:5] == [200] * 5
    assert statuses.count(200) in (5, 10, 7, 6, 8, 9)
    refused = next(answer for answer in answers if answer.status_code == 429)
    problem(refused, 429, "quota_exceeded")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit"].startswith('"default";r=0;t=')
    assert answers[0].headers["ratelimit-policy"] == '"default";q=5;w=60'
    assert answers[0].headers["ratelimit"].startswith('"default";r=4;t=')
    other = store_key(crm.settings.database_url, scopes=SCOPES)
    with client(crm.url, other) as fresh:
        assert fresh.get("/v1/contacts").status_code == 200


def test_who_has_no_quota_is_told_of_none_that_is_left(service: Crm) -> None:
    refused = httpx.get(f"{service.url}/v1/contacts")
    problem(refused, 401, "unauthenticated")
    assert "ratelimit" not in refused.headers
    assert refused.headers["ratelimit-policy"].startswith('"default";q=')


def test_health_and_documents_need_no_key(service: Crm) -> None:
    for path in ("/livez", "/readyz", "/version", "/openapi.json"):
        assert httpx.get(service.url + path).status_code == 200
