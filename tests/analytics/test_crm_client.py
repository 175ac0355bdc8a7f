"""The CRM client: against the real CRM, and against a server that lies, stalls and is busy."""

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

from services.analytics.crm_client import (
    RESOURCES,
    SCHEMAS,
    ChangeCursorRejected,
    CrmClient,
    CrmContractBroken,
    CrmUnavailable,
    Limits,
)
from tests.conftest import Crm, store_key

SCOPES = (
    "changes:read",
    "contacts:read",
    "interactions:read",
    "deals:read",
    "products:read",
    "competitors:read",
)
QUICK = Limits(attempts=3, longest_wait_seconds=0.0, silence_seconds=0.5, connect_seconds=1.0)


@pytest.fixture
def client(crm: Crm) -> Iterator[CrmClient]:
    key = store_key(crm.settings.database_url, scopes=SCOPES)
    with CrmClient(crm.url, key=key) as opened:
        yield opened


def _table(client: CrmClient, resource: Any, folder: Path) -> tuple[pa.Table, str]:
    export = client.download_export(resource, folder=folder)
    return pa.Table.from_batches(export.batches(), SCHEMAS[resource]), export.cursor


def test_exports_and_feed_tell_what_the_crm_holds(
    crm: Crm, client: CrmClient, tmp_path: Path
) -> None:
    for resource in RESOURCES:
        assert len(_table(client, resource, tmp_path)[0]) == 0
    cost = {"amount": "12.34", "currency": "EUR"}
    person = crm.create("contacts", kind="person", name='An "odd"\nname'.replace("\n", " "),
                        acquisition_cost=cost, flags=["minor"])  # fmt: skip
    call = crm.create(
        "interactions",
        kind="complaint",
        contact_id=person["id"],
        occurred_at="2026-01-01T00:00:00Z",
        severity=2,
        justified=True,
        body='two\nlines, and "quotes"',
        cost=cost,
    )
    deal = crm.create(
        "deals",
        contact_id=person["id"],
        stage="won",
        amount={"amount": "1000", "currency": "JPY"},
        fx_rate="0.0062",
        discount_pct="12.5",
        closed_at="2026-01-02T03:04:05.000006Z",
    )
    contacts, cursor = _table(client, "contacts", tmp_path)
    assert contacts.column("acquisition_cost_minor").to_pylist() == [1234]
    row = _table(client, "interactions", tmp_path)[0].to_pylist()[0]
    assert (row["id"], row["justified"], row["cost_minor"]) == (call["id"], True, 1234)
    row = _table(client, "deals", tmp_path)[0].to_pylist()[0]
    assert (row["fx_rate"], row["discount_pct"], row["amount_minor"]) == (0.0062, 12.5, 1000)
    assert row["closed_at"].isoformat() == "2026-01-02T03:04:05.000006+00:00"
    assert orjson.loads(row["stage_history"])[0]["stage"] == "won"

    assert client.follow_changes(cursor).ids["contacts"] <= {person["id"]}
    settled = client.follow_changes(cursor).cursor
    other = crm.create("contacts", kind="person", name="Other")
    crm.client.delete(f"/v1/deals/{deal['id']}", headers={"If-Match": "*"})
    changes = client.follow_changes(settled)
    assert changes.is_complete
    assert changes.ids == {
        "contacts": {other["id"]},
        "interactions": frozenset(),
        "deals": {deal["id"]},
        "products": frozenset(),
        "competitor-activities": frozenset(),
    }
    assert client.fetch_records("contacts", changes.ids["contacts"]).num_rows == 1
    assert client.fetch_records("deals", changes.ids["deals"]).num_rows == 0
    assert client.follow_changes(changes.cursor).ids["contacts"] == frozenset()


def test_what_is_only_planned_is_not_read_until_it_is_done(
    crm: Crm, client: CrmClient, tmp_path: Path
) -> None:
    person = crm.create("contacts", kind="person", name="Anna")["id"]
    due = "2035-01-01T10:00:00Z"
    task = crm.create("interactions", contact_id=person, kind="visit", due_at=due)
    table, cursor = _table(client, "interactions", tmp_path)
    assert table.num_rows == 0
    assert client.fetch_records("interactions", frozenset({task["id"]})).num_rows == 0
    done = {"done_at": "2026-01-01T10:00:00Z"}
    crm.patch(f"/v1/interactions/{task['id']}", done, version=1)
    ids = client.follow_changes(cursor).ids["interactions"]
    assert ids == {task["id"]}
    (row,) = client.fetch_records("interactions", ids).to_pylist()
    assert (row["kind"], row["occurred_at"].isoformat()) == ("visit", "2026-01-01T10:00:00+00:00")
    # Put off again, it has not happened: it has to leave the mirror.
    crm.patch(f"/v1/interactions/{task['id']}", {"done_at": None}, version=2)
    assert client.fetch_records("interactions", ids).num_rows == 0


def test_that_somebody_can_be_reached_is_told_without_how(
    crm: Crm, client: CrmClient, tmp_path: Path
) -> None:
    anna = crm.create("contacts", kind="person", name="Anna", email="anna@example.org")["id"]
    bert = crm.create(
        "contacts",
        kind="person",
        name="Bert",
        other_phones=[{"phone": "030 901820"}],
        street="Lindenstraße 7",
    )["id"]
    said = {"channel": "post", "action": "objected", "occurred_at": "2026-01-01T00:00:00Z"}
    assert crm.client.post(f"/v1/contacts/{anna}/consents", json=said).status_code == 201
    for reason in ("Fast delivery.", None):
        crm.create(
            "interactions",
            kind="survey_response",
            contact_id=anna,
            occurred_at="2026-01-01T00:00:00Z",
            nps=9,
            reason=reason,
        )
    found = {row["id"]: row for row in _table(client, "contacts", tmp_path)[0].to_pylist()}
    flags = {
        each: [found[each][name] for name in ("has_email", "has_phone", "has_address")]
        for each in (anna, bert)
    }
    assert flags == {anna: [True, False, False], bert: [False, True, True]}
    (consent,) = orjson.loads(found[anna]["consents"])
    assert (consent["channel"], consent["state"]) == ("post", "objected")
    answers = _table(client, "interactions", tmp_path)[0].column("has_reason").to_pylist()
    assert sorted(answers) == [False, True]


def test_stages_of_an_own_pipeline_are_read_by_their_kind(
    crm: Crm, client: CrmClient, tmp_path: Path
) -> None:
    stages = [
        {"key": "idea", "name": "Idea", "kind": "open"},
        {"key": "order", "name": "Order", "kind": "won"},
        {"key": "refused", "name": "Refused", "kind": "lost"},
    ]
    crm.create("pipelines", key="projects", name="Projects", stages=stages)
    person = crm.create("contacts", kind="person", name="Anna")["id"]
    begun = {"opened_at": "2026-01-01T00:00:00Z"}
    deal = crm.create("deals", contact_id=person, pipeline_id="projects", **begun)
    path = f"/v1/deals/{deal['id']}"
    crm.patch(path, {"stage": "order", "closed_at": "2026-01-02T00:00:00Z"}, version=1)
    (row,) = _table(client, "deals", tmp_path)[0].to_pylist()
    assert (row["stage_kind"], row["closed_at"].isoformat()) == ("won", "2026-01-02T00:00:00+00:00")
    history = [(entry["stage"], entry["kind"]) for entry in orjson.loads(row["stage_history"])]
    assert history == [("idea", "open"), ("order", "won")]


def test_more_records_than_fit_one_request_are_fetched(crm: Crm, client: CrmClient) -> None:
    ids = [crm.create("contacts", kind="person", name=f"n{n}")["id"] for n in range(205)]
    found = client.fetch_records("contacts", ids)
    assert sorted(found.column("id").to_pylist()) == sorted(ids)


def test_a_made_up_cursor_is_told_apart(client: CrmClient) -> None:
    with pytest.raises(ChangeCursorRejected):
        client.follow_changes("made up")


@pytest.mark.parametrize("scopes", [(), ("contacts:read",)])
def test_a_key_that_may_not_read_is_reported(crm: Crm, scopes: tuple[str, ...]) -> None:
    key = store_key(crm.settings.database_url, scopes=scopes) if scopes else "none"
    with CrmClient(crm.url, key=key) as client, pytest.raises(CrmUnavailable, match="key"):
        client.follow_changes("MC4w")


Answer = Callable[[BaseHTTPRequestHandler, int], None]


class Liar:
    """A server whose every answer is made by a function that is told how often it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.asked = 0
        liar = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                liar.asked += 1
                answer(self, liar.asked)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        assert isinstance(self.server, socketserver.TCPServer)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


def say(status: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def json(body: Any, status: int = 200) -> Answer:
    return say(status, orjson.dumps(body), Content_Type="application/json")


PAGE = {"items": [], "cursor": "b", "has_more": False}


def in_turn(*answers: Answer) -> Answer:
    return lambda handler, asked: answers[min(asked, len(answers)) - 1](handler, asked)


def stall(handler: BaseHTTPRequestHandler, _: int) -> None:
    time.sleep(2)


def hang_up(handler: BaseHTTPRequestHandler, _: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"{")


@pytest.fixture
def lie() -> Iterator[Callable[[Answer], Liar]]:
    made: list[Liar] = []

    def make(answer: Answer) -> Liar:
        made.append(Liar(answer))
        return made[-1]

    yield make
    for liar in made:
        liar.server.shutdown()
        liar.server.server_close()


@pytest.mark.parametrize(
    "first", [say(503, Retry_After="0"), say(503), say(429, Retry_After="7"), stall, hang_up]
)
def test_a_busy_or_broken_connection_is_tried_again(
    lie: Callable[[Answer], Liar], first: Answer
) -> None:
    liar = lie(in_turn(first, json(PAGE)))
    with CrmClient(liar.url, key="k", limits=QUICK) as client:
        assert client.follow_changes("a").cursor == "b"
    assert liar.asked == 2


@pytest.mark.parametrize("answer", [say(503), say(500), say(401), say(403), stall, hang_up])
def test_a_crm_that_stays_away_is_unavailable(
    lie: Callable[[Answer], Liar], answer: Answer
) -> None:
    with (
        CrmClient(lie(answer).url, key="k", limits=QUICK) as client,
        pytest.raises(CrmUnavailable),
    ):
        client.follow_changes("a")


def test_nobody_there_is_unavailable() -> None:
    with (
        CrmClient("http://127.0.0.1:9", key="k", limits=QUICK) as client,
        pytest.raises(CrmUnavailable),
    ):
        client.follow_changes("a")


@pytest.mark.parametrize(
    "answer",
    [
        say(302, Location="http://127.0.0.1:9/"),
        say(200, b"<html>", Content_Type="text/html"),
        say(200, b"{", Content_Type="application/json"),
        say(200, b"x" * 2000, Content_Type="application/json"),
        json([]),
        json(PAGE | {"cursor": None}),
        json(PAGE | {"items": [{"subject": "../etc"}]}),
        json(PAGE | {"has_more": True}),
        json({"items": [{"subject": "deals/" + "0" * 36}], "cursor": "a", "has_more": True}),
    ],
)
def test_an_answer_that_was_not_agreed_breaks_the_contract(
    lie: Callable[[Answer], Liar], answer: Answer
) -> None:
    limits = Limits(attempts=1, answer_bytes=1000)
    with (
        CrmClient(lie(answer).url, key="k", limits=limits) as client,
        pytest.raises(CrmContractBroken),
    ):
        client.follow_changes("a")


def test_an_export_has_a_cursor_and_a_largest_size(
    lie: Callable[[Answer], Liar], tmp_path: Path
) -> None:
    limits = Limits(attempts=1, export_bytes=1000)
    small = say(200, b"x" * 10, Content_Type="text/csv")
    large = say(200, b"x" * 2000, Content_Type="text/csv", X_Change_Cursor="a")
    for answer in (small, large):
        with (
            CrmClient(lie(answer).url, key="k", limits=limits) as client,
            pytest.raises(CrmContractBroken),
        ):
            client.download_export("deals", folder=tmp_path)


def test_a_feed_of_too_many_changes_is_left_early(lie: Callable[[Answer], Liar]) -> None:
    def endless(handler: BaseHTTPRequestHandler, asked: int) -> None:
        items = [{"subject": f"deals/01977b3a-5c00-7000-8000-{asked:012x}"}]
        json({"items": items, "cursor": f"c{asked}", "has_more": True})(handler, asked)

    with CrmClient(lie(endless).url, key="k", limits=QUICK) as client:
        changes = client.follow_changes("a", at_most=3)
    assert (len(changes.ids["deals"]), changes.cursor, changes.is_complete) == (3, "c3", False)
