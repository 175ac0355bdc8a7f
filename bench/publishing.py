"""Publishing scored customers into both databases, and reading one of them while that goes on."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from itertools import cycle
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from bench.figures import Figure, paired
from bench.load import Run, drive, request
from bench.processes import cpu_seconds, pinned, serving
from bench.stores import KINDS, Stores, store_key
from services.analytics.publishing import NewVersion, publish, publish_changes
from services.analytics.scopes import SCOPES
from services.analytics.tables import (
    COUNT_COLUMNS,
    EVIDENCE_COLUMNS,
    FLAG_COLUMNS,
    FLOAT_COLUMNS,
    RANK_COLUMNS,
    RFM_COLUMNS,
)
from services.foundation.application import utc_now
from services.foundation.connecting import connect
from services.foundation.database import Database
from tests.live import free_port

COUNT, QUICK_COUNT = 1_000_000, 50_000
CHANGED, MOVED = 1_000, 5_000
_DAY = date(2026, 3, 10)
_AT_LEAST = 0.7
_CHANGES_AT_MOST = 0.05
_ROUNDS, _SECONDS = 5, 3.0
_WORDS = {
    "kind": ["person", "organisation"],
    "state": ["retained", "at_risk", "lapsed", "new", "developing"],
    "phase": ["retention", "winback", "development"],
    "confidence": ["high", "medium", "low"],
    "churn_basis": ["rhythm", "signals", "stacked"],
    "tier": ["A", "B", "C"],
    "historic_tier": ["A", "B", "C"],
    "quadrant": ["partners", "value_at_stake", "steady_small", "occasional"],
    "rfm_segment": ["champions", "loyal", "average"],
    "ladder_rung": ["customer", "client", "supporter"],
    "newness_ids": ["first_time_buyer", None],
    "motive": ["habit", None],
    "motive_basis": ["inferred", "unknown"],
    "termination_step": ["none", "observe"],
    "termination_signal_ids": ["chronic_late_payment", None],
    "goal_id": ["long_term_attachment"],
    "strategy_id": ["attachment"],
    "instrument_id": ["customer_service"],
    "recommendation_basis": ["expected_value"],
    "channel_id": ["email", "phone", None],
    "event_id": ["rhythm_break", None, None],
    "obligation_ids": ["complaint_handling", None, None],
    "recommendation_gap_ids": ["consent_unknown", None],
    "owner_id": ["anna", "ben", None],
}


def scored_customers(count: int, *, seed: int) -> pd.DataFrame:
    """Make customers with every column that is stored: one in ten of the numbers is not known."""
    dice = np.random.default_rng(seed)
    columns: dict[str, Any] = {"unit_id": [_id(1, number) for number in range(count)]}
    for name, words in _WORDS.items():
        chosen = np.array(words, dtype=object)[dice.integers(0, len(words), count)]
        columns[name] = pd.Categorical(chosen)
    for name in (*COUNT_COLUMNS, *FLOAT_COLUMNS):
        values = dice.random(count)
        if name in COUNT_COLUMNS:
            values = np.floor(values * 1_000) + 1
        elif name.startswith(("signal_", "churn_part_")):
            values = np.where(values < 0.6, 0.0, values)
        elif not name.endswith(("probability", "vitality", "rank", "score", "level")):
            values *= 1_000
        columns[name] = np.where(dice.random(count) < 0.1, np.nan, values)
    columns["phase_rule"] = 10.0
    columns |= {name: dice.integers(1, 6, count) for name in RFM_COLUMNS}
    columns |= {name: [_id(2, number) for number in range(count)] for name in EVIDENCE_COLUMNS}
    columns |= {name: dice.random(count) < 0.02 for name in FLAG_COLUMNS}
    columns["has_profiling_objection"] = False
    return pd.DataFrame(columns)


def _id(kind: int, number: int) -> str:
    return f"01977b3a-5c00-7000-800{kind}-{number:012x}"


def _version(day: int = 0) -> NewVersion:
    return NewVersion(
        as_of=_DAY + timedelta(days=day),
        currency="EUR",
        crm_read_at=utc_now(),
        mirror_cursor="",
        fingerprint="",
        model={"basis": "fitted"},
        data_gaps={},
        summary={},
    )


def measure(stores: Stores, *, is_quick: bool) -> Iterator[Figure]:
    """Yield what few changes cost against a whole version, and how fast a customer is read meanwhile."""
    count = QUICK_COUNT if is_quick else COUNT
    frame = scored_customers(count, seed=1)
    for kind in KINDS:
        url = stores.fresh(kind, "analytics", "publishing")
        server = stores.server.pid if kind == "postgresql" else None
        whole, changes = asyncio.run(_publish(url, frame, server))
        yield Figure(
            "publishing",
            f"{kind}: {CHANGED:,} of {count:,} changed",
            changes / whole,
            "a whole version",
            at_most=None if is_quick else _CHANGES_AT_MOST,
            details={"whole": f"{whole:.2f} CPU s", "changes": f"{changes:.2f} CPU s"},
        )
        yield _read_meanwhile(stores, kind, url, count)


async def _publish(url: str, frame: pd.DataFrame, server: int | None) -> tuple[float, float]:
    """Return the CPU seconds of a whole version, over an older one, and of few changes to it."""

    async def timed(work: Awaitable[int]) -> float:
        before = cpu_seconds(server)
        await work
        return cpu_seconds(server) - before

    return await _with_database(url, lambda database: _both(database, frame, timed))


async def _both(
    database: Database, frame: pd.DataFrame, timed: Callable[[Awaitable[int]], Awaitable[float]]
) -> tuple[float, float]:
    await publish(database, _version(), frame, now=utc_now())
    whole = await timed(publish(database, _version(1), frame, now=utc_now()))
    # The median of some: PostgreSQL still tidies up behind the whole version.
    return whole, median([await timed(_change(database, frame)) for _ in range(_ROUNDS)])


async def _change(database: Database, frame: pd.DataFrame) -> int:
    changed = frame.sample(min(CHANGED, len(frame)), random_state=1)
    moved = frame.sample(min(MOVED, len(frame)), random_state=2)[["unit_id", *RANK_COLUMNS]]
    return await publish_changes(database, _version(1), changed, moved, [], now=utc_now())


async def _with_database(url: str, work: Callable[[Database], Awaitable[Any]]) -> Any:
    database = connect(url)
    await database.open()
    try:
        return await work(database)
    finally:
        await database.close()


def _read_meanwhile(stores: Stores, kind: str, url: str, count: int) -> Figure:
    """Read customers from the service and from the yardstick, by turns, while versions are published."""
    key = store_key(url, SCOPES)
    paths = [f"/v1/customers/{_id(1, number * 37 % count)}" for number in range(5_000)]
    with pinned(apart=True) as core, ExitStack() as stack:
        servers = {
            side: stack.enter_context(_serving(side, stores, url, core))
            for side in ("ours", "bare")
        }
        requests = {
            side: cycle([request("GET", path, port=server.port, key=key) for path in paths])
            for side, server in servers.items()
        }

        def run(side: str, seconds: float = _SECONDS) -> Run:
            return drive(servers[side].port, requests[side], seconds=seconds)

        for side in servers:
            run(side, 1.0)
        with _publishing(url, count):
            rounds = [{side: run(side) for side in servers} for _ in range(_ROUNDS)]
    speeds = {side: [each[side].per_second for each in rounds] for side in servers}
    ratio, spread = paired(speeds["ours"], speeds["bare"])
    details: dict[str, Any] = {
        side: f"{np.median(speeds[side]):,.0f}/s"
        f" p99 {np.median([each[side].p99_ms for each in rounds]):.1f} ms"
        f" failed {sum(each[side].failures for each in rounds)}"
        for side in servers
    }
    name = f"{kind}: GET customer meanwhile"
    return Figure("publishing", name, ratio, "bare", _AT_LEAST, spread=spread, details=details)


@contextmanager
def _publishing(url: str, count: int) -> Iterator[None]:
    """Let another process publish whole versions, one after the other, until the block ends."""
    command = [sys.executable, "-m", "bench.publishing", url, str(count)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        if process.poll() is not None:
            raise RuntimeError("publishing did not go on while customers were read")
    finally:
        process.kill()
        process.wait()


async def _publish_forever(database: Database, frame: pd.DataFrame) -> None:
    print("publishing", flush=True)
    while True:
        await publish(database, _version(), frame, now=utc_now())


def _serving(side: str, stores: Stores, url: str, core: int | None) -> Any:
    port = free_port()
    if side == "bare":
        module = ["bench.yardsticks", "bare_analytics", str(port)]
        return serving(module, port=port, core=core, environment={"BENCH_URL": url})
    environment = {
        "PHASEWISE_DATA_DIR": str(stores.folder),
        "PHASEWISE_ANALYTICS_DATABASE_URL": url,
        "PHASEWISE_ANALYTICS_PORT": str(port),
        "PHASEWISE_ANALYTICS_REQUESTS_PER_MINUTE": "1000000000",
        "PHASEWISE_REFRESH_MINUTES": "0",
        "PHASEWISE_LOG_REQUESTS": "false",
        "PHASEWISE_LOG_LEVEL": "warning",
    }
    return serving(["services.analytics", "serve"], port=port, core=core, environment=environment)


if __name__ == "__main__":
    customers = scored_customers(int(sys.argv[2]), seed=2)
    asyncio.run(_with_database(sys.argv[1], lambda found: _publish_forever(found, customers)))
