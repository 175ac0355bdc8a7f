"""Exports while others write: whole lines, every record once, and the feed continues where they began."""

import csv
import io
import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.conftest import BOTH, Crm, MakeCrm
from tests.crm_api.bodies import feed
from tests.live import client

BEFORE, WRITERS = 3_000, 4


@pytest.fixture(params=BOTH)
def crm(request: pytest.FixtureRequest, make_crm: MakeCrm) -> Crm:
    made: Crm = make_crm(request.param, crm_requests_per_minute=1_000_000)
    item = {"action": "create", "data": {"kind": "person", "name": "Weber"}}
    for _ in range(BEFORE // 500):
        answer = made.client.post("/v1/contacts/batch", json={"items": [item] * 500})
        assert {result["status"] for result in answer.json()["items"]} == {201}
    return made


def _disturb(crm: Crm, ids: list[str], number: int, stop: threading.Event) -> None:
    """Create, change and delete until told to stop; each writer has its own part of the records."""
    dice = random.Random(number)
    mine = ids[number::WRITERS]
    with client(crm.url, crm.key) as http:
        while not stop.wait(0.01):
            http.post("/v1/contacts", json={"kind": "person", "name": "New"})
            path = f"/v1/contacts/{dice.choice(mine)}"
            headers = {"If-Match": "*", "Content-Type": "application/merge-patch+json"}
            http.patch(path, json={"city": f"Bonn {dice.random()}"}, headers=headers)
            if dice.random() < 0.3:
                http.delete(f"/v1/contacts/{dice.choice(mine)}", headers={"If-Match": "*"})


@contextmanager
def disturbed(crm: Crm, ids: list[str]) -> Iterator[None]:
    stop = threading.Event()
    writers = [
        threading.Thread(target=_disturb, args=(crm, ids, number, stop))
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    try:
        yield
    finally:
        stop.set()
        for writer in writers:
            writer.join()


def _records(answer: httpx.Response) -> list[dict[str, str]]:
    if answer.headers["content-type"].startswith("text/csv"):
        return list(csv.DictReader(io.StringIO(answer.text)))
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_an_export_while_others_write_and_the_feed_behind_it_miss_nothing(
    crm: Crm, form: str
) -> None:
    path = f"/v1/exports/contacts?format={form}"
    ids = [record["id"] for record in _records(crm.client.get(path))]
    assert len(ids) == len(set(ids)) == BEFORE
    with disturbed(crm, ids):
        exports = [crm.client.get(path) for _ in range(4)]
    now = {
        record["id"]: int(record["version"])
        for record in map(json.loads, crm.client.get("/v1/exports/contacts").text.splitlines())
    }
    for answer in exports:
        records = _records(answer)
        found = {record["id"]: int(record["version"]) for record in records}
        assert len(found) == len(records), "a record came twice"
        for change in feed(crm.client, after=answer.headers["x-change-cursor"])[0]:
            record_id = change["subject"].removeprefix("contacts/")
            version = change["data"]["version"]
            if version <= found.get(record_id, 0):
                continue
            if ".deleted." in change["type"]:
                found.pop(record_id, None)
            else:
                found[record_id] = version
        assert found == now
