"""Imports and exports through the API against a bare COPY or driver loop over the same rows."""

import asyncio
import csv
import io
import sqlite3
import time
from collections.abc import Iterator

import asyncpg
import httpx

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
MAPPING = ("order_id:external_id", "customer_id:contact_external_id")


def measure(stores: Stores, *, is_quick: bool) -> Iterator[Figure]:
    """Yield the figures of both databases; no target yet, the figures inform."""
    imported, exported = (5_000, 20_000) if is_quick else (20_000, 100_000)
    for kind in KINDS:
        yield from _measure(stores, kind, imported=imported, exported=exported)


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
    answer = client.post(
        "/v1/imports", params=parameters, content=content, headers={"Content-Type": "text/csv"}
    )
    answer.raise_for_status()
    while True:
        state = client.get(f"/v1/imports/{answer.json()['id']}").json()
        if state["status"] not in ("queued", "running"):
            break
        time.sleep(0.05)
    if state["status"] != "succeeded" or state["created_count"] != rows:
        raise RuntimeError(f"the import did not succeed: {state}")
    return time.perf_counter() - started


def _bare_import(url: str, bare_url: str) -> float:
    """Write the rows that the import made into an empty table with the same indexes."""
    names = [column.name for column in deals.columns]
    query = f"SELECT {', '.join(names)} FROM deals"
    if url.startswith("sqlite:///"):
        source = sqlite3.connect(url.removeprefix("sqlite:///"))
        rows = source.execute(query).fetchall()
        source.close()
        started = time.perf_counter()
        dataset.load_sqlite(bare_url.removeprefix("sqlite:///"), "deals", names, rows)
        return time.perf_counter() - started

    async def read() -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(url)
        found = [tuple(row) for row in await connection.fetch(query)]
        await connection.close()
        return found

    rows = asyncio.run(read())
    started = time.perf_counter()
    asyncio.run(dataset.load_postgresql(bare_url, "deals", names, rows))
    return time.perf_counter() - started
