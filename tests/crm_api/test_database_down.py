"""PostgreSQL gone: the service stays up, says so, and comes back by itself."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path

import httpx
import pytest

from services.crm_api.scopes import SCOPES
from services.crm_api.settings import Settings
from services.foundation import migrating
from services.foundation.application import utc_now
from tests.conftest import Crm, store_key
from tests.crm_api.bodies import problem
from tests.live import client
from tests.postgresql import PostgresServer

ID = "01977b3a-5c00-7000-8000-000000000001"


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with PostgresServer(durable=True) as running:
        running.create_database("crm")
        migrating.upgrade("crm_api", running.url("crm"))
        yield running


@pytest.fixture
def settings(server: PostgresServer, tmp_path: Path) -> Settings:
    url = server.url("crm")
    return Settings(
        data_dir=tmp_path, crm_database_url=url, log_requests=False, crm_requests_per_minute=10**6
    )


def is_refused_soon(mine: httpx.Client, method: str, path: str) -> None:
    started = time.monotonic()
    merge = "application/merge-patch+json"
    headers = {"If-Match": "*", "Content-Type": merge if method == "PATCH" else "application/json"}
    answer = mine.request(method, path, content=b'{"kind":"person"}', headers=headers)
    if method == "PATCH":
        answer = mine.request(method, path, content=b"{}", headers=headers)
    assert time.monotonic() - started < 10
    problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1


def comes_back(url: str, key: str) -> None:
    deadline = time.monotonic() + 5
    with client(url, key) as mine:
        while mine.get("/v1/contacts").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert (
            mine.post("/v1/contacts", json={"kind": "person", "name": "Weber"}).status_code == 201
        )
        assert mine.get("/readyz").status_code == 200


def test_while_postgresql_is_gone_every_operation_answers_503_and_then_works_again(
    server: PostgresServer, settings: Settings
) -> None:
    crm = Crm(settings, utc_now)
    other = store_key(settings.database_url, scopes=SCOPES)
    try:
        assert (
            crm.client.post("/v1/contacts", json={"kind": "person", "name": "Weber"}).status_code
            == 201
        )
        server.kill()
        with client(crm.url, other) as unknown:
            for mine in (crm.client, unknown):
                for method, path in (
                    ("GET", "/v1/contacts"),
                    ("GET", f"/v1/contacts/{ID}"),
                    ("POST", "/v1/contacts"),
                    ("PATCH", f"/v1/contacts/{ID}"),
                    ("DELETE", f"/v1/contacts/{ID}"),
                    ("POST", f"/v1/contacts/{ID}/restore"),
                    ("GET", "/v1/changes"),
                ):
                    if method != "GET" or mine is crm.client:
                        is_refused_soon(mine, method, path)
        problem(crm.client.get("/v1/exports/contacts"), 503)
        started = time.monotonic()
        assert crm.client.get("/livez").status_code == 200
        assert time.monotonic() - started < 0.5
        assert crm.client.get("/readyz").status_code == 503
        server.restart()
        comes_back(crm.url, crm.key)
    finally:
        crm.stop()


def test_requests_on_their_way_when_postgresql_dies_answer_503_at_worst(
    server: PostgresServer, settings: Settings
) -> None:
    crm, is_back = Crm(settings, utc_now), threading.Event()

    def send(_: int) -> set[int]:
        statuses = set()
        with client(crm.url, crm.key) as mine:
            for number in count():
                if number >= 4 and is_back.is_set():
                    break
                items = [{"action": "create", "data": {"kind": "person", "name": "Weber"}}] * 30
                path = f"/v1/contacts/batch?atomic={'true' if number % 2 else 'false'}"
                statuses.add(mine.post(path, json={"items": items}).status_code)
                statuses.add(mine.get("/v1/contacts").status_code)
                # An export that has begun can only be cut off, which its reader notices.
                with suppress(httpx.RemoteProtocolError):
                    statuses.add(mine.get("/v1/exports/contacts?id=" + ID).status_code)
        return statuses

    try:
        with ThreadPoolExecutor(8) as pool:
            running = [pool.submit(send, number) for number in range(8)]
            time.sleep(0.5)
            try:
                server.kill()
                time.sleep(0.2)
                server.restart()
            finally:
                is_back.set()
            seen = set().union(*(one.result() for one in running))
        assert seen <= {200, 207, 503}
        comes_back(crm.url, crm.key)
    finally:
        crm.stop()


def test_a_service_that_starts_before_its_database_waits_for_it(
    server: PostgresServer, settings: Settings
) -> None:
    crm = Crm(settings, utc_now)
    crm.stop()
    server.kill()
    crm.start()
    try:
        problem(crm.client.get("/v1/contacts"), 503)
        assert crm.client.get("/livez").status_code == 200
        assert crm.client.get("/readyz").status_code == 503
        server.restart()
        comes_back(crm.url, crm.key)
    finally:
        crm.stop()
