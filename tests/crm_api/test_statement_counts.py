"""How many statements an operation runs: the committed table, and nothing that grows with a page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import BOTH, Crm, MakeCrm
from tests.crm_api.world import World, in_order
from tests.examples import Operation, Request, send
from tests.statements import Counter, count_statements

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "statements.md"
HEAD = """# Statements of each operation

What its documented example runs in the database, beside the look-up of the key (which is cached) and
the frame of the transaction; `tests/crm_api/test_statement_counts.py` keeps this table true. None of
these figures grows with a page: a list of 200 costs as many statements as a list of two. An item of a
batch costs what the last column says.

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
    return len(
        [text for text in statements if "imports" not in text or "import" in request.operation.name]
    )


def per_item(crm: Crm, counter: Counter, operation: Operation, world: World) -> float:
    """Return what an item of a batch costs: that of the example, sent as new records."""
    (_, body), costs = next(operation.bodies()), []
    plural = operation.path.split("/")[2]
    for size in (10, 60):
        data = [world.other(plural, world.real(body["items"][0]["data"])) for _ in range(size)]
        items = [{"action": "create", "data": each} for each in data]
        with counter.counting() as statements:
            answer = crm.client.post(operation.path, json={"items": items})
        assert {item["status"] for item in answer.json()["items"]} == {201}, answer.text
        costs.append(len(statements))
    return (costs[1] - costs[0]) / 50


def measured(crm: Crm, counter: Counter) -> dict[str, tuple[int, float | None]]:
    document = document_of(crm)
    world, found = World(crm, document), {}
    for request in first_examples(document):
        ready = world.prepare(request)
        count = counted(crm, counter, ready)
        name, item = request.operation.name, None
        if name.startswith("batch_"):
            item = per_item(crm, counter, request.operation, world)
        found[name] = (count, item)
    return found


def test_the_committed_table_is_what_the_operations_run(
    make_crm: MakeCrm, counter: Counter
) -> None:
    of = {kind: measured(make_crm(kind), counter) for kind in BOTH}
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
