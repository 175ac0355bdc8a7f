"""Imports and exports through the API against a bare COPY or driver loop over the same rows.

Of the large import of contacts the server is killed in the middle: it has to go on where it was.
"""

import asyncio
import csv
import io
import os
import signal
import sqlite3
import time
from collections.abc import Iterator, Mapping
from typing import Any

import asyncpg
import httpx
from sqlalchemy import Table

from bench import dataset
from bench.figures import Figure
from bench.processes import forget_peak, memory_mib, serving
from bench.stores import KINDS, Stores, crm_environment, store_key
from services.crm_api.contacts.table import contacts
from services.crm_api.deals.table import deals
from services.crm_api.external_refs.table import external_refs
from services.crm_api.interactions.table import interactions
from tests.live import free_port

CUSTOMERS = 2_000
COMPARED = 50_000
"""So many of the rows of a large import are written bare, to compare with."""
MOST_MEMORY_MIB = 200
MAPPING = ("order_id:external_id", "customer_id:contact_external_id")


def measure(stores: Stores, *, is_quick: bool) -> Iterator[Figure]:
    """Yield the figures of both databases; no target yet, the figures inform."""
    imported, exported = (5_000, 20_000) if is_quick else (20_000, 100_000)
    for kind in KINDS:
        yield from _measure(stores, kind, imported=imported, exported=exported)
    for kind in KINDS:
        yield from _measure_contacts(stores, kind, rows=20_000 if is_quick else 1_000_000)


def _measure(stores: Stores, kind: str, *, imported: int, exported: int) -> Iterator[Figure]:
    url, bare_url = (stores.fresh(kind, "crm_api", name) for name in ("bulk", "bulk_bare"))
    for each in (url, bare_url):
        dataset.load(each, contacts, dataset.contact_rows(CUSTOMERS))
    dataset.load(url, external_refs, dataset.reference_rows(CUSTOMERS))
    rows = dataset.interaction_rows(exported, contacts=CUSTOMERS)
    dataset.load(url, interactions, rows)
    dataset.settle(url)
    key, port = store_key(url), free_port()
    environment = crm_environment(url, stores.folder, port=port)
    with (
        serving(
            ["services.crm_api", "serve"], port=port, core=None, environment=environment
        ) as server,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=120,
        ) as client,
    ):
        exporting, size = _export(client)
        bare = _bare_export(url)
        yield _figure(kind, "export CSV", exported, exporting, bare, {"MiB": f"{size / 2**20:.1f}"})
        forget_peak(server.pid)
        before, _ = memory_mib(server.pid)
        importing = _import(client, imported)
        _, peak = memory_mib(server.pid)
        written = _bare_import(url, bare_url)
        grown = {"server grew by": f"{peak - before:.0f} MiB"}
        yield _figure(kind, "import CSV", imported, importing, written, grown)


def _figure(
    kind: str, what: str, rows: int, ours: float, bare: float, more: dict[str, str]
) -> Figure:
    rates = {"ours": f"{rows / ours:,.0f} rows/s", "bare": f"{rows / bare:,.0f} rows/s"}
    name = f"{kind}: {what}, {rows:,} rows"
    return Figure("bulk", name, bare / ours, "bare", details=rates | more)


def _export(client: httpx.Client) -> tuple[float, int]:
    started, size = time.perf_counter(), 0
    with client.stream("GET", "/v1/exports/interactions", params={"format": "csv"}) as answer:
        answer.raise_for_status()
        for piece in answer.iter_raw():
            size += len(piece)
    return time.perf_counter() - started, size


def _bare_export(url: str) -> float:
    started = time.perf_counter()
    if url.startswith("sqlite:///"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        cursor = connection.execute("SELECT * FROM interactions WHERE deleted_at IS NULL")
        while rows := cursor.fetchmany(2_000):
            csv.writer(io.StringIO()).writerows(rows)
        connection.close()
    else:
        asyncio.run(_copy_out(url))
    return time.perf_counter() - started


async def _copy_out(url: str) -> None:
    async def swallow(_: bytes) -> None:
        return None

    connection = await asyncpg.connect(url)
    query = "SELECT * FROM interactions WHERE deleted_at IS NULL"
    await connection.copy_from_query(query, output=swallow, format="csv")
    await connection.close()


def _import(client: httpx.Client, rows: int) -> float:
    content = "".join(dataset.deal_lines(rows, contacts=CUSTOMERS)).encode()
    parameters = {
        "resource": "deals",
        "source": "shop",
        "currency": "EUR",
        "mapping": MAPPING,
        "default": "stage:won",
        "start": "true",
    }
    started = time.perf_counter()
    state = _followed(client, _uploaded(client, content, parameters), until=2.0, pause=0.05)
    if state["status"] != "succeeded" or state["created_count"] != rows:
        raise RuntimeError(f"the import did not succeed: {state}")
    return time.perf_counter() - started


def _uploaded(client: httpx.Client, content: bytes, parameters: Mapping[str, Any]) -> str:
    answer = client.post(
        "/v1/imports", params=parameters, content=content, headers={"Content-Type": "text/csv"}
    )
    answer.raise_for_status()
    return str(answer.json()["id"])


def _followed(
    client: httpx.Client, import_id: str, *, until: float, pause: float
) -> dict[str, Any]:
    """Look at an import until it has ended, or its progress (from 0 to 1) has come so far."""
    while True:
        state: dict[str, Any] = client.get(f"/v1/imports/{import_id}").json()
        if state["status"] not in ("queued", "running") or state["progress"] >= until:
            return state
        time.sleep(pause)


def _measure_contacts(stores: Stores, kind: str, *, rows: int) -> Iterator[Figure]:
    """Import contacts as users do, duplicates looked for, and kill the server half-way."""
    url, bare_url = (stores.fresh(kind, "crm_api", f"contacts{n}") for n in ("", "_bare"))
    environment = crm_environment(url, stores.folder, port=(port := free_port()))
    headers = {"Authorization": f"Bearer {store_key(url)}"}
    address = f"http://127.0.0.1:{port}"
    parameters = {"resource": "contacts", "source": "shop", "default": "kind:person"}
    import_id, seconds, grown, pace = "", 0.0, 0.0, list[float]()
    for until in (0.5, 2.0):
        with (
            serving(
                ["services.crm_api", "serve"], port=port, core=None, environment=environment
            ) as server,
            httpx.Client(base_url=address, headers=headers, timeout=600) as client,
        ):
            client.get("/v1/contacts").raise_for_status()
            forget_peak(server.pid)
            before, _ = memory_mib(server.pid)
            started = time.perf_counter()
            if not import_id:
                content = "".join(dataset.contact_lines(rows)).encode()
                started = time.perf_counter()
                import_id = _uploaded(client, content, parameters | {"start": "true"})
                del content
            state = _followed(client, import_id, until=until, pause=0.2)
            took = time.perf_counter() - started
            grown = max(grown, memory_mib(server.pid)[1] - before)
            if until < 1:
                os.kill(server.pid, signal.SIGKILL)
        seconds += took
        pace.append(took)
    _check(state, rows)
    compared = min(rows, COMPARED)
    bare = _bare_import(url, bare_url, contacts, limit=compared) * rows / compared
    more = {
        "server grew by": f"{grown:.0f} MiB",
        "halves": " and ".join(f"{each:,.0f} s" for each in pace),
    }
    yield _figure(kind, "import contacts", rows, seconds, bare, more)
    yield Figure(
        "bulk",
        f"{kind}: memory of that import",
        grown / MOST_MEMORY_MIB,
        f"{MOST_MEMORY_MIB} MiB",
        at_most=1.0,
    )


def _check(state: Mapping[str, Any], rows: int) -> None:
    """Make sure that no row was lost or doubled; among a million a few strangers look alike."""
    done, created, refused = (
        state[f"{name}_count"] for name in ("processed", "created", "rejected")
    )
    wanted = 2 * (rows // 100)
    is_right = done == created + refused == rows and wanted <= refused <= wanted + rows // 10_000
    if state["status"] != "succeeded" or not is_right:
        raise RuntimeError(f"the import did not end as it should: {state}")


def _bare_import(url: str, bare_url: str, table: Table = deals, *, limit: int = 2**31) -> float:
    """Write rows that the import made into an empty table with the same indexes."""
    names = [column.name for column in table.columns]
    query = f"SELECT {', '.join(names)} FROM {table.name} LIMIT {limit}"
    if url.startswith("sqlite:///"):
        source = sqlite3.connect(url.removeprefix("sqlite:///"))
        rows = source.execute(query).fetchall()
        source.close()
        started = time.perf_counter()
        dataset.load_sqlite(bare_url.removeprefix("sqlite:///"), table.name, names, rows)
        return time.perf_counter() - started

    async def read() -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(url)
        found = [tuple(row) for row in await connection.fetch(query)]
        await connection.close()
        return found

    rows = asyncio.run(read())
    started = time.perf_counter()
    asyncio.run(dataset.load_postgresql(bare_url, table.name, names, rows))
    return time.perf_counter() - started
