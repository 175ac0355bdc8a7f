"""Endpoints of the CRM against the same ones by hand, and four of them the usual way, on both databases."""

import json
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count, cycle, islice
from statistics import median
from typing import Any
from urllib.parse import quote

from bench import base, dataset
from bench.figures import Figure, paired
from bench.load import CONNECTIONS, Run, drive, request
from bench.people import people
from bench.processes import Server, pinned, serving
from bench.stores import KINDS, Stores, crm_environment, store_key
from tests.live import free_port

SIDES = ("ours", "bare", "naive")
_READS, _CREATE = 0.7, 0.6


@dataclass(frozen=True)
class Effort:
    """How much is loaded and how long is measured."""

    contacts: int
    rounds: int
    seconds: float


BASE, QUICK_BASE = 100_000, 5_000
_FEW = 2
"""So many connections send batches, each of which keeps a server busy for a while."""
Spell = Callable[[int, str], list[bytes]]


@dataclass(frozen=True)
class Operation:
    """A kind of request, the share of bare's speed that we want, and how it is spelled."""

    name: str
    at_least: float | None
    spell: Spell
    shown: Callable[[Any], Any] | None = field(default=lambda answer: answer)
    """What of the answers has to be equal; None: the yardstick answers less."""
    sides: tuple[str, ...] = ("ours", "bare")
    connections: int = CONNECTIONS


def measure(stores: Stores, *, is_quick: bool, contacts: int | None = None) -> Iterator[Figure]:
    """Yield the figures of both databases, with so many contacts and three times the interactions."""
    effort = Effort(contacts or BASE, rounds=5, seconds=1.2)
    if is_quick:
        effort = Effort(contacts or QUICK_BASE, rounds=3, seconds=0.5)
    for kind in KINDS:
        yield from _measure(stores, kind, effort)


def _measure(stores: Stores, kind: str, effort: Effort) -> Iterator[Figure]:
    url = stores.fresh(kind, "crm_api", "endpoints")
    base.fill(url, count=effort.contacts)
    key = store_key(url)
    with pinned(apart=True) as core, ExitStack() as stack:
        servers = {
            side: stack.enter_context(_serving(side, url, stores, core=core)) for side in SIDES
        }
        for operation in _operations(effort):
            mine = {side: servers[side] for side in operation.sides}
            if operation.shown is not None:
                _compare(operation, mine, key)
            runs = _rounds(operation, mine, key, effort)
            yield from _figures(kind, operation, runs)


def _serving(side: str, url: str, stores: Stores, *, core: int | None) -> Any:
    port = free_port()
    if side == "ours":
        return serving(
            ["services.crm_api", "serve"],
            port=port,
            core=core,
            environment=crm_environment(url, stores.folder, port=port),
        )
    module = ["bench.yardsticks", side, str(port)]
    return serving(module, port=port, core=core, environment={"BENCH_URL": url})


def _operations(effort: Effort) -> list[Operation]:
    busy = min(dataset.BUSY_CONTACTS, effort.contacts // 40)
    some = [dataset.record_id(1, at * 7) for at in range(effort.contacts // 8)]
    one = [f"/v1/contacts/{each}" for each in some]
    timelines = [
        f"/v1/interactions?contact_id={dataset.record_id(1, at)}&limit=50" for at in range(busy)
    ]
    # Not those of organisations, which the yardstick would have to gather over their persons.
    persons = [dataset.record_id(1, at) for at in range(busy) if at % 10]
    cards = [f"/v1/contacts/{each}/card" for each in persons]
    merged = [f"/v1/contacts/{each}/timeline?limit=50" for each in persons]
    return [
        Operation("GET contact", _READS, _reading(one), sides=SIDES),
        Operation("GET 50 contacts", _READS, _reading(["/v1/contacts?limit=50"]), _items, SIDES),
        Operation("GET 50 interactions", _READS, _reading(timelines), _items, SIDES),
        Operation("search, typical", _READS, _searching(_TYPICAL), None),
        Operation("search, common word", _READS, _searching(_COMMON), None),
        Operation("search, mistyped", _READS, _searching(_MISTYPED), None),
        Operation("customer card", _READS, _reading(cards)),
        Operation("timeline of 50", _READS, _reading(merged), _items),
        Operation("board", _READS, _reading(["/v1/deals/board"]), _without_more),
        Operation("duplicates, check", None, _checking, None),
        Operation("POST contact, durable", _CREATE, _creating, _without_made, SIDES),
        Operation("POST batch of 100", None, _creating_many(100), None, connections=_FEW),
        Operation("POST batch of 500", None, _creating_many(500), None, connections=_FEW),
    ]


_TYPICAL = ("thomas oberhuber", "anna steinbach berlin", "petra lindenmeier", "olivia brown")
_COMMON = ("mueller", "schmidt", "thomas", "berlin")
_MISTYPED = ("shmidt", "tomas mueler", "oberhbuer", "lindenmeeir")


def _searching(words: tuple[str, ...]) -> Spell:
    return _reading([f"/v1/contacts?q={quote(each)}&limit=20" for each in words])


def _without_more(board: Any) -> Any:
    """Leave out the links, which the yardstick does not make."""
    return [
        {name: value for name, value in column.items() if name != "more"}
        for column in board["columns"]
    ]


def _posting(path: str, bodies: Iterable[Any]) -> Spell:
    def spell(port: int, key: str) -> list[bytes]:
        kept = (json.dumps(each).encode() for each in bodies)
        media = "application/json"
        return [
            request("POST", path, port=port, key=key, body=each, media_type=media) for each in kept
        ]

    return spell


def _checking(port: int, key: str) -> list[bytes]:
    fields = ("kind", "given_name", "family_name", "email", "phone", "zip", "city", "street")
    known = (
        {name: person[name] for name in fields if person.get(name)}
        for person in islice(people(2_000), 1, None)
        if person["kind"] == "person" and person["email"] and person["phone"]
    )
    return _posting("/v1/duplicates/check", [*known])(port, key)


def _reading(paths: list[str]) -> Spell:
    return lambda port, key: [request("GET", path, port=port, key=key) for path in paths]


class _Numbers:
    """Numbers that no request had before, so that nobody is there already."""

    given = count()


def _creating(port: int, key: str) -> list[bytes]:
    bodies = [_new_contact(number) for number in islice(_Numbers.given, 20_000)]
    return _posting("/v1/contacts", bodies)(port, key)


def _creating_many(size: int) -> Spell:
    def spell(port: int, key: str) -> list[bytes]:
        numbers = [[*islice(_Numbers.given, size)] for _ in range(60_000 // size)]
        items = (
            {"items": [{"action": "create", "data": _new_contact(each)} for each in some]}
            for some in numbers
        )
        return _posting("/v1/contacts/batch", items)(port, key)

    return spell


def _new_contact(number: int) -> dict[str, Any]:
    """Return somebody with a name, an address and a number of his own."""
    beginning, end = divmod(number * 7919 % 456_976, 676)
    letters = [chr(97 + each) for part in (beginning, end) for each in divmod(part, 26)]
    return {
        "kind": "person",
        "given_name": "Jonas",
        "family_name": "".join(letters).capitalize() + "berg",
        "email": f"jonas.berg.{number}@example.org",
        "phone": f"030 {10_000_000 + number}",
        "street": f"Gartenweg {number % 500}",
        "zip": f"{number % 90_000 + 10_000}",
        "city": "Munich",
        "country_code": "DE",
        "language": "de",
        "owner_id": "user-7",
        "tags": ["new"],
    }


def _items(page: Any) -> Any:
    return page["items"]


def _without_made(record: Any) -> Any:
    """Leave out what differs from one request to the next."""
    made = ("id", "created_at", "updated_at", "display_name", "family_name", "email", "zip")
    return {
        name: value for name, value in record.items() if name not in (*made, "phone", "phone_e164")
    }


def _compare(operation: Operation, servers: dict[str, Server], key: str) -> None:
    """Make sure that all of them answer the same."""
    assert operation.shown is not None
    answers = {}
    for side, server in servers.items():
        head, _, body = operation.spell(server.port, key)[0].partition(b"\r\n\r\n")
        method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
        asked = urllib.request.Request(
            f"http://127.0.0.1:{server.port}{path}",
            data=body or None,
            method=method,
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            answers[side] = operation.shown(json.load(answer))
    if any(answer != answers["ours"] for answer in answers.values()):
        raise RuntimeError(f"{operation.name}: the answers differ: {answers}")


def _rounds(
    operation: Operation, servers: dict[str, Server], key: str, effort: Effort
) -> dict[str, list[Run]]:
    requests = {side: cycle(operation.spell(server.port, key)) for side, server in servers.items()}

    def run(side: str, seconds: float) -> Run:
        port = servers[side].port
        return drive(port, requests[side], seconds=seconds, connections=operation.connections)

    for side in servers:
        run(side, effort.seconds / 3)
    runs: dict[str, list[Run]] = {side: [] for side in operation.sides}
    for _ in range(effort.rounds):
        for side in servers:
            runs[side].append(run(side, effort.seconds))
    return runs


def _figures(kind: str, operation: Operation, runs: dict[str, list[Run]]) -> Iterator[Figure]:
    speeds = {side: [run.per_second for run in runs[side]] for side in operation.sides}
    for other in operation.sides[1:]:
        ratio, spread = paired(speeds["ours"], speeds[other])
        sides = ("ours", other) if other == "bare" else (other,)
        details = {
            side: f"{median(speeds[side]):,.0f}/s"
            f" p50 {median(run.p50_ms for run in runs[side]):.1f}"
            f" p99 {median(run.p99_ms for run in runs[side]):.1f} ms"
            + "".join(f" FAILED {n}" for n in [sum(run.failures for run in runs[side])] if n)
            for side in sides
        }
        yield Figure(
            section="crm",
            name=f"{kind}: {operation.name}",
            ratio=ratio,
            against=other,
            at_least=operation.at_least if other == "bare" else None,
            spread=spread,
            details=details,
        )
