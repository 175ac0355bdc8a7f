"""How many statements an operation runs: the committed table, and nothing that grows with a page."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import BOTH, Crm, MakeCrm
from tests.crm_api.world import REACHED, World, in_order
from tests.examples import Operation, Request, examples, operations, send
from tests.statements import Counter, count_statements

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "statements.md"
HEAD = """# Statements of each operation

What its documented example runs in the database, beside the look-up of the key (which is cached) and
the frame of the transaction; `tests/crm_api/test_statement_counts.py` keeps this table true. None of
these figures grows with a page: a list of 200 costs as many statements as a list of two. An item of a
batch costs what the last column says (SQLite / PostgreSQL). What works beside the requests (imports,
deliveries of webhooks, erasures, retention) is not counted.

| operation | SQLite | PostgreSQL | an item |
|---|---|---|---|
"""


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    return count_statements(monkeypatch)


def document_of(crm: Crm) -> dict[str, Any]:
    made: dict[str, Any] = crm.client.get("/openapi.json").json()
    return made


def first_examples(document: dict[str, Any]) -> Iterator[Request]:
    """Yield the first example of each operation, creations first."""
    seen = set()
    for request in in_order(document):
        if request.operation.name not in seen:
            seen.add(request.operation.name)
            yield request


def counted(crm: Crm, counter: Counter, request: Request) -> int:
    """Send a request and return how many statements it ran."""
    with counter.counting() as statements:
        answer = send(crm.client, request)
    assert answer.status_code < 400, f"{request}: {answer.text}"
    return len(statements)


def per_item(crm: Crm, counter: Counter, operation: Operation, world: World) -> float:
    """Return what an item of a batch costs: that of the example, sent as new records."""
    (_, body), costs = next(operation.bodies()), []
    plural = operation.path.split("/")[2]
    for size in (4, 24):
        data = [world.other(plural, world.real(body["items"][0]["data"])) for _ in range(size)]
        items = [{"action": "create", "data": each} for each in data]
        with counter.counting() as statements:
            answer = crm.client.post(operation.path, json={"items": items})
        assert {item["status"] for item in answer.json()["items"]} == {201}, answer.text
        costs.append(len(statements))
    return (costs[1] - costs[0]) / 20


def measured(crm: Crm, counter: Counter, hook: str) -> dict[str, tuple[int, float | None]]:
    document = document_of(crm)
    world, found = World(crm, document, hook=hook), {}
    for request in first_examples(document):
        ready = world.prepare(request)
        count = counted(crm, counter, ready)
        name, item = request.operation.name, None
        if name.startswith("batch_"):
            item = per_item(crm, counter, request.operation, world)
        found[name] = (count, item)
    return found


def test_the_committed_table_is_what_the_operations_run(
    make_crm: MakeCrm, counter: Counter, hook: str
) -> None:
    of = {kind: measured(make_crm(kind, **REACHED), counter, hook) for kind in BOTH}
    lines = []
    for name, (count, item) in sorted(of["sqlite"].items()):
        other, other_item = of["postgresql"][name]
        each = "" if item is None else f"{item:g} / {other_item:g}"
        lines.append(f"| `{name}` | {count} | {other} | {each} |\n")
    table = HEAD + "".join(lines)
    written = COMMITTED.read_text() if COMMITTED.exists() else ""
    if written != table:
        COMMITTED.with_suffix(".new.md").write_text(table)
    assert written == table, "look at docs/statements.new.md; rename it if the costs are right"


PAGED = 60


def pages(document: dict[str, Any], world: World) -> list[Request]:
    """Return requests for the largest page of every list, and for every record with its children."""
    found = []
    for operation in operations(document):
        if operation.method == "get":
            request = world.prepare(next(examples(operation)))
            schemas = {
                each["name"]: each["schema"] for each in operation.node.get("parameters", ())
            }
            if "limit" in schemas:
                request.query["limit"] = schemas["limit"]["maximum"]
            found.append(request)
            for name in {"embed", "count", "fields"} & schemas.keys():
                more = {**request.query, name: operation.parameters("query")[name]}
                found.append(replace(request, query=more))
    return found


def fill(crm: Crm, world: World, document: dict[str, Any]) -> None:
    """Make sixty more of every record, all of what belongs to a contact with the same one."""
    contact = world.one("contacts")["id"]
    for path, body in world.creations.items():
        if f"{path}/batch" not in document["paths"]:
            continue
        plural = path.split("/")[2]
        data = [world.other(plural, world.real(body)) for _ in range(PAGED)]
        if plural in ("interactions", "deals"):
            data = [{**each, "contact_id": contact} for each in data]
            for each in data:
                del each["contact_ref"]
        items = [{"action": "create", "data": each} for each in data]
        answer = crm.client.post(f"{path}/batch", json={"items": items})
        assert {item["status"] for item in answer.json()["items"]} == {201}, answer.text
    for _ in range(PAGED):
        event = {"channel": "phone", "action": "granted"}
        crm.client.post(f"/v1/contacts/{contact}/consents", json=event).raise_for_status()


@pytest.mark.parametrize("kind", BOTH)
def test_no_count_grows_with_the_page_or_with_the_children_of_a_record(
    make_crm: MakeCrm, counter: Counter, hook: str, kind: str
) -> None:
    crm = make_crm(kind, **REACHED)
    document = document_of(crm)
    world = World(crm, document, hook=hook)
    for request in first_examples(document):
        if request.operation.name.startswith("create_"):
            send(crm.client, world.prepare(request)).raise_for_status()
    asked = pages(document, world)
    few = [counted(crm, counter, request) for request in asked]
    fill(crm, world, document)
    many = [counted(crm, counter, request) for request in asked]
    grown = [
        f"{request}: {before} to {after}"
        for request, before, after in zip(asked, few, many, strict=True)
        if after > before
    ]
    assert grown == []
    assert len(crm.client.get("/v1/deals?limit=200").json()["items"]) > PAGED


@pytest.mark.parametrize("kind", BOTH)
def test_a_merge_costs_the_same_however_much_it_moves(
    make_crm: MakeCrm, counter: Counter, kind: str
) -> None:
    crm = make_crm(kind)
    costs = []
    for size in (1, 40):
        survivor, duplicate = (crm.create("contacts", kind="person", name="Weber") for _ in "ab")
        for plural, body in (
            ("deals", {}),
            ("interactions", {"kind": "call", "occurred_at": "2025-02-03T10:00:00Z"}),
        ):
            data = {"contact_id": duplicate["id"], **body}
            items = [{"action": "create", "data": data}] * size
            crm.client.post(f"/v1/{plural}/batch", json={"items": items}).raise_for_status()
        with counter.counting() as statements:
            answer = crm.client.post(
                f"/v1/contacts/{survivor['id']}/merge",
                json={"duplicate_id": duplicate["id"]},
                headers={"If-Match": "*"},
            )
        assert answer.json()["moved"]["deals"] == size, answer.text
        costs.append(len(statements))
    assert costs[0] == costs[1]
