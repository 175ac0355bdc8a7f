"""Four endpoints of the CRM against the same four built two other ways, on both databases."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench import dataset
from bench.figures import Figure, paired
from bench.load import Run, drive, request
from bench.processes import Server, pinned, serving
from bench.stores import KINDS, Stores, crm_environment, store_key
from services.crm_api.contacts.table import contacts
from services.crm_api.interactions.table import interactions
from tests.live import free_port

SIDES = ("ours", "bare", "naive")
_READS, _CREATE = 0.7, 0.6


@dataclass(frozen=True)
class Effort:
    """How much is loaded and how long is measured."""

    contacts: int
    interactions: int
    rounds: int
    seconds: float


FULL = Effort(contacts=20_000, interactions=200_000, rounds=5, seconds=1.2)
QUICK = Effort(contacts=3_000, interactions=30_000, rounds=3, seconds=0.5)
Spell = Callable[[int, str], list[bytes]]


@dataclass(frozen=True)
class Operation:
    """A kind of request, the share of bare's speed that we want, and how it is spelled."""

    name: str
    at_least: float
    spell: Spell
    shown: Callable[[Any], Any] = field(default=lambda answer: answer)


def measure(stores: Stores, *, is_quick: bool) -> Iterator[Figure]:
    """Yield the figures of both databases."""
    effort = QUICK if is_quick else FULL
    for kind in KINDS:
        yield from _measure(stores, kind, effort)


def _measure(stores: Stores, kind: str, effort: Effort) -> Iterator[Figure]:
    url = stores.fresh(kind, "crm_api", "endpoints")
    dataset.load(url, contacts, dataset.contact_rows(effort.contacts))
    rows = dataset.interaction_rows(effort.interactions, contacts=effort.contacts)
    dataset.load(url, interactions, rows)
    dataset.settle(url)
    key = store_key(url)
    with pinned(apart=True) as core, ExitStack() as stack:
        servers = {
            side: stack.enter_context(_serving(side, url, stores, core=core)) for side in SIDES
        }
        for operation in _operations(effort):
            _compare(operation, servers, key)
            runs = _rounds(operation, servers, key, effort)
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
    busy = min(dataset.BUSY_CONTACTS, effort.interactions // 120)
    one = [f"/v1/contacts/{dataset.record_id(1, at * 7)}" for at in range(effort.contacts // 8)]
    timelines = [
        f"/v1/interactions?contact_id={dataset.record_id(1, at)}&limit=50" for at in range(busy)
    ]
    return [
        Operation("GET contact", _READS, _reading(one)),
        Operation("GET 50 contacts", _READS, _reading(["/v1/contacts?limit=50"]), _items),
        Operation("GET timeline of 50", _READS, _reading(timelines), _items),
        Operation("POST contact, durable", _CREATE, _creating, _without_made),
    ]


def _reading(paths: list[str]) -> Spell:
    return lambda port, key: [request("GET", path, port=port, key=key) for path in paths]


def _creating(port: int, key: str) -> list[bytes]:
    bodies = (json.dumps(_new_contact(number)).encode() for number in range(1000))
    return [
        request(
            "POST", "/v1/contacts", port=port, key=key, body=each, media_type="application/json"
        )
        for each in bodies
    ]


def _new_contact(number: int) -> dict[str, Any]:
    return {
        "kind": "person",
        "given_name": "Jonas",
        "family_name": f"Berg {number}",
        "email": f"jonas.berg.{number}@example.org",
        "phone": f"030 90{number:04d}",
        "street": "Gartenweg 3",
        "zip": "80331",
        "city": "Munich",
        "country_code": "DE",
        "language": "de",
        "owner_id": "user-7",
        "tags": ["new"],
    }


def _items(page: Any) -> Any:
    return page["items"]


def _without_made(record: Any) -> Any:
    return {
        name: value
        for name, value in record.items()
        if name not in ("id", "created_at", "updated_at")
    }


def _compare(operation: Operation, servers: dict[str, Server], key: str) -> None:
    """Make sure that all three answer the same."""
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
    if not answers["ours"] == answers["bare"] == answers["naive"]:
        raise RuntimeError(f"{operation.name}: the answers differ: {answers}")


def _rounds(
    operation: Operation, servers: dict[str, Server], key: str, effort: Effort
) -> dict[str, list[Run]]:
    requests = {side: operation.spell(server.port, key) for side, server in servers.items()}
    for side, server in servers.items():
        drive(server.port, requests[side], seconds=effort.seconds / 3)
    runs: dict[str, list[Run]] = {side: [] for side in SIDES}
    for _ in range(effort.rounds):
        for side, server in servers.items():
            runs[side].append(drive(server.port, requests[side], seconds=effort.seconds))
    return runs


def _figures(kind: str, operation: Operation, runs: dict[str, list[Run]]) -> Iterator[Figure]:
    speeds = {side: [run.per_second for run in runs[side]] for side in SIDES}
    for other in ("bare", "naive"):
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
