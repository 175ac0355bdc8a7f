"""What is written at the same moment as an erasure, a merge, a batch or its own twin."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import asyncpg
import httpx
import pytest

from services.foundation.connecting import connect
from services.foundation.database import Transaction
from services.foundation.problems import Contended
from tests.conftest import Crm
from tests.crm_api.bodies import TEXT_FIELD, fresh, make, merge, problem
from tests.crm_api.test_imports import finished, upload

# On SQLite one writes at a time.
pytestmark = pytest.mark.parametrize("crm", ["postgresql"], indirect=True)
NEW = {
    "interactions": {"kind": "note", "occurred_at": "2025-01-01T00:00:00Z", "subject": "Secret"},
    "deals": {"title": "Secret", "stage": "new"},
}
_WAITING = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
Wait = Callable[[int], None]


@contextmanager
def locked(crm: Crm, record_id: str, table: str = "contacts") -> Iterator[Wait]:
    """Lock a record from outside; yields what returns once so many requests wait for it.

    Who waits gets it in the order in which they came, so that a race has the same winner every time.
    """
    url = crm.settings.database_url.replace("postgresql+asyncpg", "postgresql")
    with asyncio.Runner() as runner:
        holder, watcher = (runner.run(asyncpg.connect(url)) for _ in range(2))
        runner.run(holder.execute("BEGIN"))
        runner.run(holder.execute(f"SELECT 1 FROM {table} WHERE id = '{record_id}' FOR UPDATE"))

        def wait(count: int) -> None:
            until = time.monotonic() + 5
            while runner.run(watcher.fetchval(_WAITING)) < count:
                assert time.monotonic() < until, "nobody waits"
                time.sleep(0.02)

        try:
            yield wait
        finally:
            for connection in (holder, watcher):  # what is open is rolled back
                runner.run(connection.close())


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as running:
        yield running


def post(crm: Crm, pool: ThreadPoolExecutor, path: str, body: Any) -> Future[httpx.Response]:
    return pool.submit(crm.client.post, f"/v1/{path}", json=body)


@pytest.mark.parametrize("plural", NEW)
def test_nothing_is_written_about_a_person_while_it_is_erased(
    crm: Crm, pool: ThreadPoolExecutor, plural: str
) -> None:
    contact = make(crm, "contacts")["id"]
    with locked(crm, contact) as wait:
        erasure = post(crm, pool, f"contacts/{contact}/erasure", {"reason": "requested"})
        wait(1)
        child = post(crm, pool, plural, {**NEW[plural], "contact_id": contact})
        wait(2)
    assert erasure.result().json()["finished_at"] is not None
    problem(child.result(), 422, "contact_missing")


def test_what_is_written_before_an_erasure_is_erased_with_the_person(
    crm: Crm, pool: ThreadPoolExecutor
) -> None:
    contact = make(crm, "contacts")["id"]
    with locked(crm, contact) as wait:
        child = post(crm, pool, "interactions", {**NEW["interactions"], "contact_id": contact})
        wait(1)
        erasure = post(crm, pool, f"contacts/{contact}/erasure", {"reason": "requested"})
        wait(2)
    assert erasure.result().json()["counts"]["interactions"] == 1
    made = crm.client.get(f"/v1/interactions/{child.result().json()['id']}").json()
    assert made["subject"] is None


@pytest.mark.parametrize("plural", NEW)
@pytest.mark.parametrize("comes_first", ["change", "erasure"])
def test_no_change_outlives_the_erasure_beside_it(
    crm: Crm, pool: ThreadPoolExecutor, plural: str, comes_first: str
) -> None:
    contact, field = make(crm, "contacts")["id"], TEXT_FIELD[plural]
    record = make(crm, plural, contact_id=contact)["id"]
    path = f"/v1/{plural}/{record}"

    def change() -> Future[httpx.Response]:
        return pool.submit(crm.patch, path, {field: "Secret"}, version="*")

    def erase() -> Future[httpx.Response]:
        return post(crm, pool, f"contacts/{contact}/erasure", {"reason": "requested"})

    with locked(crm, record, plural) as wait:
        first = change() if comes_first == "change" else erase()
        wait(1)
        second = erase() if comes_first == "change" else change()
        wait(2)
    changed, erased = (first, second) if comes_first == "change" else (second, first)
    assert erased.result().json()["finished_at"] is not None
    assert changed.result().status_code == (200 if comes_first == "change" else 422)
    assert crm.client.get(path).json()[field] is None


@pytest.mark.parametrize("plural", NEW)
@pytest.mark.parametrize("by", ["contact_id", "contact_ref"])
def test_what_is_written_while_its_contact_is_merged_belongs_to_the_survivor(
    crm: Crm, pool: ThreadPoolExecutor, plural: str, by: str
) -> None:
    ref = {"source": "shop", "id": fresh()}
    survivor = make(crm, "contacts")["id"]
    duplicate = make(crm, "contacts", external_refs=[ref])["id"]
    named = duplicate if by == "contact_id" else ref
    with locked(crm, duplicate) as wait:
        merged = pool.submit(merge, crm, survivor, duplicate)
        wait(1)
        child = post(crm, pool, plural, {**NEW[plural], by: named})
        wait(2)
    assert merged.result().status_code == 200, merged.result().text
    assert child.result().status_code == 201, child.result().text
    assert child.result().json()["contact_id"] == survivor


def test_what_is_imported_while_its_contact_is_merged_belongs_to_the_survivor(
    crm: Crm, pool: ThreadPoolExecutor
) -> None:
    source = fresh("shop")
    survivor = make(crm, "contacts")["id"]
    refs = [{"source": source, "id": "C1"}]
    duplicate = make(crm, "contacts", external_refs=refs)["id"]
    file = "external_id,contact_external_id,kind,occurred_at\nI1,C1,note,2025-01-01T00:00:00Z\n"
    with locked(crm, duplicate) as wait:
        merged = pool.submit(merge, crm, survivor, duplicate)
        wait(1)
        answer = upload(crm, file, resource="interactions", source=source, start="true")
        assert answer.status_code == 202, answer.text
        wait(2)
    assert merged.result().status_code == 200, merged.result().text
    state = finished(crm.client, answer.json()["id"])
    assert state["created_count"] == 1, state
    page = crm.client.get(f"/v1/interactions?contact_id={survivor}").json()
    assert len(page["items"]) == 1


def test_a_batch_that_waits_for_a_record_holds_none_behind_it(
    crm: Crm, pool: ThreadPoolExecutor
) -> None:
    first, second = sorted(make(crm, "contacts")["id"] for _ in range(2))
    items = [
        {"action": "update", "id": each, "data": {"city": "Berlin"}} for each in (second, first)
    ]
    with locked(crm, first) as wait:
        batch = post(crm, pool, "contacts/batch", {"items": items})
        wait(1)
        changed = pool.submit(crm.patch, f"/v1/contacts/{second}", {"city": "Hamburg"}, version="*")
        assert changed.result(timeout=5).status_code == 200
    assert {item["status"] for item in batch.result().json()["items"]} == {200}


def test_batches_that_share_records_in_another_order_both_succeed(
    crm: Crm, pool: ThreadPoolExecutor
) -> None:
    ids = [make(crm, "contacts")["id"] for _ in range(20)]

    def change(at: int) -> httpx.Response:
        order = ids if at % 2 else ids[::-1]
        items = [{"action": "update", "id": each, "data": {"city": f"C{at}"}} for each in order]
        return crm.client.post("/v1/contacts/batch", json={"items": items})

    answers = list(pool.map(change, range(6)))
    assert {answer.status_code for answer in answers} == {207}
    assert {item["status"] for answer in answers for item in answer.json()["items"]} == {200}


def test_sixteen_who_create_one_person_at_once_create_it_once(
    crm: Crm, pool: ThreadPoolExecutor
) -> None:
    for _ in range(3):
        name = fresh("Lehmann")
        body = {
            "kind": "person",
            "given_name": "Dora",
            "family_name": name,
            "email": f"{name}@example.org",
        }

        def send(at: int, body: dict[str, Any] = body, name: str = name) -> httpx.Response:
            if at % 2:
                return crm.client.put(f"/v1/contacts/by-external-id/s{at}/{name}", json=body)
            return crm.client.post("/v1/contacts", json=body)

        answers = list(pool.map(send, range(16)))
        made = [answer.json()["id"] for answer in answers if answer.status_code == 201]
        assert len(made) == 1
        for answer in answers:
            if answer.status_code != 201:
                assert problem(answer, 409, "possible_duplicate")["existing_id"] == made[0]


def test_who_is_blocked_again_and_again_is_told_so_and_not_that_the_database_is_gone(
    crm: Crm,
) -> None:
    tries = []

    async def block(_: Transaction) -> None:
        tries.append(1)
        raise asyncpg.DeadlockDetectedError

    async def run() -> None:
        database = connect(crm.settings.database_url)
        try:
            await database.write(block)
        finally:
            await database.close()

    with pytest.raises(Contended):
        asyncio.run(run())
    assert len(tries) == 4


def test_two_threads_that_are_put_under_each_other_at_the_same_moment_make_no_circle(
    crm: Crm, pool: ThreadPoolExecutor
) -> None:
    of = {"contact_id": make(crm, "contacts")["id"]}

    def thread() -> tuple[str, str]:
        first = make(crm, "interactions", **of)["id"]
        return first, make(crm, "interactions", **of, parent_id=first)["id"]

    def under(first: str, last: str) -> int:
        body = {"parent_id": last}
        return crm.patch(f"/v1/interactions/{first}", body, version="*").status_code

    for _ in range(10):
        (one, end_of_one), (two, end_of_two) = thread(), thread()
        both = [pool.submit(under, *way) for way in ((one, end_of_two), (two, end_of_one))]
        assert sorted(each.result() for each in both) == [200, 422]
