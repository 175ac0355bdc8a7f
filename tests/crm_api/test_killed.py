"""The server, and PostgreSQL, killed under load: nothing acknowledged is lost, nothing is doubled."""

import json
import random
import sqlite3
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.crm_api.scopes import SCOPES
from services.foundation import migrating
from tests.conftest import BOTH, store_key
from tests.crm_api.bodies import feed
from tests.crm_api.receivers import until
from tests.crm_api.served import Served, durable_database
from tests.live import client

CLIENTS, KILLS = 8, 3
_PAUSE_SECONDS = 0.1  # before a request is repeated: shorter ones would slow what starts meanwhile


class Writer(threading.Thread):
    """Creates contacts and changes each once; every request is repeated until it is answered."""

    def __init__(self, url: str, key: str, number: int) -> None:
        super().__init__()
        self.url, self.key, self.number = url, key, number
        self.has_ended = threading.Event()
        self.acknowledged: dict[str, str] = {}
        self.failures: list[str] = []
        self.repeated = 0

    def run(self) -> None:
        count = 0
        with client(self.url, self.key) as mine:
            while not self.has_ended.wait(0.01):
                count += 1
                known = f"{self.number}-{count}"
                body = {"kind": "person", "external_refs": [{"source": "load", "id": known}]}
                made = self._send(mine, "POST", "/v1/contacts", f"c{known}", body, 201)
                self._send(
                    mine, "PATCH", f"/v1/contacts/{made['id']}", f"p{known}", {"city": known}, 200
                )
                self.acknowledged[known] = made["id"]

    def _send(
        self, mine: httpx.Client, method: str, path: str, key: str, body: Any, wanted: int
    ) -> dict[str, Any]:
        merge = "application/merge-patch+json"
        headers = {
            "Idempotency-Key": key,
            "If-Match": '"1"',
            "Content-Type": merge if method == "PATCH" else "application/json",
        }
        while True:
            try:
                answer = mine.request(method, path, content=json.dumps(body), headers=headers)
            except httpx.TransportError:
                self.repeated += 1
                time.sleep(_PAUSE_SECONDS)
                continue
            if answer.status_code == wanted:
                made: dict[str, Any] = answer.json()
                return made
            if answer.status_code != 503:
                self.failures.append(f"{answer.status_code} {answer.text}")
            time.sleep(_PAUSE_SECONDS)


def wait_for_writes(writers: list[Writer]) -> None:
    """Let the writers write a little more, however slow the machine is."""

    def acknowledged() -> int:
        return sum(len(writer.acknowledged) for writer in writers)

    enough = acknowledged() + CLIENTS + 1
    until(lambda: acknowledged() >= enough, seconds=60)


@pytest.mark.long
@pytest.mark.parametrize("kind", BOTH)
def test_no_acknowledged_write_is_lost_or_doubled_by_a_kill(tmp_path: Path, kind: str) -> None:
    dice = random.Random(11)
    with durable_database(kind, tmp_path) as (url, server):
        migrating.upgrade("crm_api", url)
        key = store_key(url, scopes=SCOPES)
        with Served(url, tmp_path) as served:
            writers = [Writer(served.url, key, number) for number in range(CLIENTS)]
            for writer in writers:
                writer.start()
            for round_number in range(KILLS):
                time.sleep(dice.uniform(0.3, 0.9))
                wait_for_writes(writers)
                if server is not None and round_number % 2:
                    server.kill()
                    server.restart()
                else:
                    served.restart()
            time.sleep(0.3)
            for writer in writers:
                writer.has_ended.set()
            for writer in writers:
                writer.join(30)
            assert [failure for writer in writers for failure in writer.failures] == []
            assert sum(writer.repeated for writer in writers) > 0
            check(served.url, key, writers)
        if kind == "sqlite":
            with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def check(url: str, key: str, writers: list[Writer]) -> None:
    acknowledged = {known: id for writer in writers for known, id in writer.acknowledged.items()}
    assert len(acknowledged) > CLIENTS * KILLS
    with client(url, key) as mine:
        stored = [json.loads(line) for line in mine.get("/v1/exports/contacts").text.splitlines()]
        told, _ = feed(mine)
    found = Counter(record["external_refs"][0]["id"] for record in stored)
    assert set(found.values()) == {1}
    assert {record["external_refs"][0]["id"]: record["id"] for record in stored} == acknowledged
    assert {record["city"] for record in stored} == set(acknowledged)
    assert {record["version"] for record in stored} == {2}
    versions = Counter((item["subject"], item["data"]["version"]) for item in told)
    assert versions == Counter(
        {(f"contacts/{record['id']}", version): 1 for record in stored for version in (1, 2)}
    )
