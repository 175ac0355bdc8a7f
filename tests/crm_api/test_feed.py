"""Many writers at once: the feed misses nothing and doubles nothing, and no update is lost."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import BOTH, Crm, MakeCrm
from tests.crm_api.bodies import feed, problem
from tests.live import client

WRITERS, ROUNDS = 16, 12
Told = tuple[str, int, str]


def write_much(crm: Crm, number: int) -> list[Told]:
    """Write single records, changes, deletions and batches; return what was acknowledged."""
    told: list[Told] = []
    dice = random.Random(number)
    with client(crm.url, crm.key) as mine:
        for _ in range(ROUNDS):
            made = mine.post("/v1/contacts", json={"kind": "person", "name": "Weber"})
            assert made.status_code == 201, made.text
            path = f"contacts/{made.json()['id']}"
            told.append((path, 1, "created"))
            match = {"If-Match": '"1"', "Content-Type": "application/merge-patch+json"}
            changed = mine.patch(f"/v1/{path}", json={"city": "Bonn"}, headers=match)
            assert changed.status_code == 200
            told.append((path, 2, "updated"))
            if dice.random() < 0.3:
                assert mine.delete(f"/v1/{path}", headers={"If-Match": '"2"'}).status_code == 204
                told.append((path, 3, "deleted"))
            if dice.random() < 0.3:
                items = [
                    {"action": "create", "data": {"kind": "person", "name": "Weber"}}
                ] * dice.randrange(20, 120)
                results = mine.post("/v1/contacts/batch", json={"items": items}).json()["items"]
                told += [(f"contacts/{result['id']}", 1, "created") for result in results]
            if dice.random() < 0.2:
                # Undone as a whole, after it has taken numbers of the feed.
                items = [{"action": "create", "data": {"kind": "person", "name": "Weber"}}] * 20
                items.append({"action": "delete", "id": "01977b3a-5c00-7000-8000-00000000ffff"})
                undone = mine.post("/v1/contacts/batch?atomic=true", json={"items": items})
                assert undone.status_code == 422
    return told


def as_told(item: dict[str, Any]) -> Told:
    return item["subject"], item["data"]["version"], item["type"].split(".")[2]


class Follower(threading.Thread):
    """Reads the feed while it grows, page by page, until nothing more comes after the end."""

    def __init__(self, crm: Crm) -> None:
        super().__init__()
        self.crm, self.has_ended = crm, threading.Event()
        self.items: list[dict[str, Any]] = []
        self.cursors: list[tuple[str, int]] = []

    def run(self) -> None:
        dice, after = random.Random(7), None
        with client(self.crm.url, self.crm.key) as mine:
            while True:
                is_last = self.has_ended.is_set()
                asked: dict[str, Any] = {"limit": dice.choice((1, 7, 100, 1000))}
                page = mine.get(
                    "/v1/changes", params=asked | ({"after": after} if after else {})
                ).json()
                self.items += page["items"]
                after = page["cursor"]
                self.cursors.append((after, len(self.items)))
                if not page["items"]:
                    if is_last:
                        return
                    time.sleep(0.01)


@pytest.mark.parametrize("kind", BOTH)
def test_a_follower_sees_every_acknowledged_write_once(make_crm: MakeCrm, kind: str) -> None:
    crm = make_crm(kind, crm_database_connections=WRITERS)
    follower = Follower(crm)
    follower.start()
    with ThreadPoolExecutor(WRITERS) as pool:
        acknowledged = [
            each for told in pool.map(lambda n: write_much(crm, n), range(WRITERS)) for each in told
        ]
    follower.has_ended.set()
    follower.join()
    seen = [as_told(item) for item in follower.items]
    assert Counter(seen) == Counter(acknowledged)
    assert len({item["id"] for item in follower.items}) == len(seen)
    of_one: dict[str, list[int]] = {}
    for subject, version, _ in seen:
        of_one.setdefault(subject, []).append(version)
    assert all(versions == sorted(versions) for versions in of_one.values())
    whole, _ = feed(crm.client)
    assert whole == follower.items
    for cursor, position in random.Random(3).sample(follower.cursors, 12):
        assert feed(crm.client, after=cursor)[0] == whole[position:]


@pytest.mark.parametrize("path", ["contacts", "deals", "interactions"])
def test_no_update_is_lost_among_sixteen_clients(service: Crm, path: str) -> None:
    body: dict[str, dict[str, Any]] = {
        "contacts": {"kind": "person", "name": "Weber"},
        "deals": {},
        "interactions": {"kind": "call", "occurred_at": "2025-01-01T00:00:00Z"},
    }
    field = {"contacts": "owner_id", "deals": "promo_code", "interactions": "user_id"}[path]
    placed = (
        {}
        if path == "contacts"
        else {"contact_id": service.create("contacts", kind="person", name="Weber")["id"]}
    )
    record = f"/v1/{path}/{service.create(path, **body[path], **placed, **{field: '0'})['id']}"

    def add(_: int) -> int:
        done = 0
        with client(service.url, service.key) as mine:
            for _ in range(12):
                present = mine.get(record)
                headers = {
                    "If-Match": present.headers["etag"],
                    "Content-Type": "application/merge-patch+json",
                }
                total = str(int(present.json()[field]) + 1)
                status = mine.patch(record, json={field: total}, headers=headers).status_code
                assert status in (200, 412)
                done += status == 200
        return done

    with ThreadPoolExecutor(16) as pool:
        done = sum(pool.map(add, range(16)))
    final = service.client.get(record).json()
    assert (int(final[field]), final["version"]) == (done, done + 1)


def test_the_feed_waits_for_what_comes(service: Crm) -> None:
    _, cursor = feed(service.client)
    timer = threading.Timer(0.3, lambda: service.create("contacts", kind="person", name="Weber"))
    timer.start()
    answer = service.client.get("/v1/changes", params={"after": cursor, "wait_seconds": 10})
    assert len(answer.json()["items"]) == 1
    assert answer.elapsed.total_seconds() < 5
    timer.join()


@pytest.mark.parametrize("spoil", [lambda c: "!", lambda c: "x", lambda c: c + "AAAA", lambda c: "LTEuLTE",
                                   lambda c: "OTk5OTk5OTk5OTk5OTk5OTk5OTkuMQ", lambda c: "MS45OTk5OTk5OTk5OTk5OTk5OTk5OTk5",
                                   lambda c: "A" * 4001])  # fmt: skip
def test_a_cursor_that_is_none_of_the_feed_is_refused(
    service: Crm, spoil: Callable[[str], str]
) -> None:
    _, cursor = feed(service.client)
    problem(service.client.get("/v1/changes", params={"after": spoil(cursor)}), 422)


def test_a_position_far_ahead_is_empty_and_not_an_error(service: Crm) -> None:
    ahead = "OTk5OTk5OTk5OTk5OTk5OTk5OS45OTk5OTk5OTk5OTk5OTk5OTk"
    answer = service.client.get("/v1/changes", params={"after": ahead})
    assert (answer.status_code, answer.json()["items"]) == (200, [])
