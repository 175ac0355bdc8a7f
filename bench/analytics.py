"""A refresh of a simulated base, stage by stage, against reading the same columns once from a file.

What is left out is the way of the export from the CRM to the disk, which `bulk` measures.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import wraps
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from bench.figures import Figure
from bench.processes import forget_peak, memory_mib
from services.analytics import refresh
from services.analytics.calculations import report, scores, strategies
from services.analytics.calculations.totals import total_customers
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.catalogue.options import strategy_options
from services.analytics.crm_client import RESOURCES, SCHEMAS, Export
from services.analytics.frames.building import build_frames
from services.analytics.frames.parameters import FrameParameters
from services.analytics.mirror.writer import Mirror
from services.analytics.publishing import NewVersion, publish
from services.foundation import migrating
from services.foundation.application import utc_now
from services.foundation.connecting import connect
from tests.analytics.simulation import SimulatedBase, simulate_base

SIZES = (2_357, 100_000, 1_000_000)
QUICK_SIZES = (2_357, 100_000)
CALCULATIONS = {
    "observe": (report, "observe"),
    "estimate": (report, "estimate"),
    "rhythm": (scores, "score_purchases"),
    "value": (scores, "value_units"),
    "phase": (scores, "assemble"),
    "recommend": (strategies, "recommend"),
}
SEED = 20261123
_AT_MOST = 10.0
_EPOCH = date(1970, 1, 1)


def measure(_: Any, *, is_quick: bool) -> Iterator[Figure]:
    """Yield, for each size, the calculations and the whole refresh as multiples of the reading."""
    for count in QUICK_SIZES if is_quick else SIZES:
        with tempfile.TemporaryDirectory(prefix="phasewise-bench-") as folder:
            base = simulate_base(count, seed=SEED)
            write_exports(base, Path(folder))
            deals, day = len(base.deals), base.as_of_day
            del base
            # A process of its own, so that its memory is that of the refresh.
            command = [sys.executable, "-m", "bench.analytics", folder, str(day)]
            told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        stages: dict[str, dict[str, float]] = json.loads(told.stdout)
        reading = stages.pop("reading")
        calculating = sum(stages[name]["seconds"] for name in CALCULATIONS)
        everything = sum(stage["seconds"] for stage in stages.values())
        size = {"deals": f"{deals:,}", "reading": _shown(reading)}
        yield Figure(
            "analytics",
            f"calculate {count:,} customers",
            calculating / reading["seconds"],
            "reading",
            at_most=_AT_MOST if count == SIZES[-1] else None,
            details=size | {name: _shown(stages[name]) for name in CALCULATIONS},
        )
        others = {name: _shown(stages[name]) for name in stages if name not in CALCULATIONS}
        peak = max(stage["peak_mib"] for stage in stages.values())
        yield Figure(
            "analytics",
            f"refresh {count:,} customers",
            everything / reading["seconds"],
            "reading",
            details=others | {"calculate": f"{calculating:.2f} s", "peak": f"{peak:,.0f} MiB"},
        )


def _shown(stage: dict[str, float]) -> str:
    return f"{stage['seconds']:.2f} s/{stage['peak_mib']:,.0f} MiB"


def write_exports(base: SimulatedBase, folder: Path) -> None:
    """Write what the CRM would export of this base."""
    ids = np.array([_id(1, number) for number in range(len(base.units))], dtype=object)
    start = pd.Timestamp(_EPOCH) + pd.to_timedelta(base.as_of_day - 2_000, unit="D")
    _write(
        folder,
        "contacts",
        len(ids),
        id=ids,
        kind="person",
        status="active",
        created_at=_wire(pd.Series(start, index=base.units.index)),
    )
    _write(folder, "interactions", 0)
    _write(folder, "products", 0)
    days = base.deals["day"].to_numpy(dtype=np.int64)
    count = len(base.deals)
    won = _wire(pd.Series(np.datetime64("1970-01-01T12:00") + days.astype("timedelta64[D]")))
    _write(
        folder,
        "deals",
        count,
        id=[_id(2, number) for number in range(count)],
        contact_id=ids[base.deals["unit"].to_numpy()],
        stage="won",
        stage_kind="won",
        stage_history="[]",
        currency="EUR",
        amount_minor=_minor(base.deals["amount"]),
        cost_minor=_minor(base.deals["cost"]),
        refund_minor=_minor(base.deals["refund"]),
        cost_recovered_minor=_minor(base.deals["cost_recovered"]),
        opened_at=won,
        closed_at=won,
        refunded_at=pa.compute.if_else(
            pa.array(base.deals["refund"].notna()), won, pa.scalar(None, pa.string())
        ),
    )


def _id(kind: int, number: int) -> str:
    return f"01977b3a-5c00-7000-800{kind}-{number:012x}"


def _wire(instants: pd.Series) -> pa.Array:
    text = instants.to_numpy().astype("datetime64[D]").astype(str)
    return pa.compute.binary_join_element_wise(pa.array(text), "T12:00:00.000000Z", "")


def _minor(amounts: pd.Series) -> pa.Array:
    return pa.array((amounts * 100).round().astype("Int64"))


def _write(folder: Path, name: Any, count: int, **columns: Any) -> None:
    arrays = {
        field: _column(columns.get(field), count)
        for field in (*SCHEMAS[name].names, "deleted_at", "is_planned")  # read, not kept
    }
    pyarrow.csv.write_csv(pa.table(arrays), folder / f"{name}.csv")


def _column(values: Any, count: int) -> pa.Array:
    if values is None:
        return pa.nulls(count, pa.string())
    return pa.repeat(values, count) if isinstance(values, str) else pa.array(values)


Stages = dict[str, dict[str, float]]


def _timed(stages: Stages, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `work` so that its CPU seconds and the peak of memory during it are noted."""

    @wraps(work)
    def timed(*arguments: Any, **options: Any) -> Any:
        forget_peak()
        started = time.process_time()
        result = work(*arguments, **options)
        seconds = time.process_time() - started
        stages[name] = {"seconds": seconds, "peak_mib": memory_mib()[1]}
        return result

    return timed


def _read_numbers(folder: Path) -> None:
    for name in ("units", "deals"):
        pd.read_parquet(folder / f"{name}.parquet")


def main(folder: Path, as_of_day: int) -> None:
    """Refresh one base and print the stages as JSON."""
    stages: Stages = {}
    as_of, catalogue = _EPOCH + timedelta(days=as_of_day), load_catalogue()
    exports = {name: Export(name, folder / f"{name}.csv", "cursor") for name in RESOURCES}

    def load(mirror: Mirror) -> Any:
        batches = {name: export.batches() for name, export in exports.items()}
        return mirror.load(batches, cursor="cursor", now=utc_now())

    with Mirror(folder) as mirror:
        snapshot = _timed(stages, "mirror", load)(mirror)
    frames = _timed(stages, "frames", build_frames)(
        snapshot,
        as_of=as_of,
        time_zone=ZoneInfo("Europe/Berlin"),
        base_currency="EUR",
        parameters=FrameParameters(channel_cost={}),
    )
    # The yardstick reads numbers only: the calculations look at no id, and texts are slow to read.
    for name, frame in (("units", frames.units), ("deals", frames.deals)):
        numbers = frame.select_dtypes(["number", "bool"])
        numbers.to_parquet(folder / f"{name}.parquet")
    _timed(stages, "reading", _read_numbers)(folder)
    for name, (module, function) in CALCULATIONS.items():
        setattr(module, function, _timed(stages, name, getattr(module, function)))
    found = refresh.compute(frames, options=strategy_options(catalogue))
    summary = _timed(stages, "totals", total_customers)(found.customers, frames.unconverted)
    new = NewVersion(
        as_of=as_of,
        currency="EUR",
        crm_read_at=utc_now(),
        mirror_cursor="cursor",
        fingerprint="",
        model=refresh.model_summary(found),
        data_gaps={},
        summary=summary,
    )
    _timed(stages, "publish", _publish)(folder, new, found.customers)
    print(json.dumps(stages))


def _publish(folder: Path, new: NewVersion, customers: pd.DataFrame) -> None:
    url = f"sqlite:///{folder / 'analytics.sqlite3'}"
    migrating.upgrade("analytics", url)

    async def run() -> None:
        database = connect(url)
        await database.open()
        try:
            await publish(database, new, customers, now=utc_now())
        finally:
            await database.close()

    asyncio.run(run())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
