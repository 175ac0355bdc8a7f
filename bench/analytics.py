"""A refresh of a simulated base, stage by stage, against reading the same columns once from a file.

What is left out is the way of the export from the CRM to the disk, which `bulk` measures. Storing the
scored customers is measured on both databases by `publishing`.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial, wraps
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from bench.figures import Figure
from bench.processes import OwnMemory
from services.analytics import changing, computing
from services.analytics.calculations import estimates as estimating
from services.analytics.calculations import scores
from services.analytics.calculations.standing.summary import standing_summary
from services.analytics.calculations.totals import total_customers
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.computing import (
    compute_base,
    estimate_base,
    rules_of,
    sample_part,
)
from services.analytics.crm_client import RESOURCES, SCHEMAS, Export
from services.analytics.crm_reading import Reading
from services.analytics.frame_files import FrameFiles
from services.analytics.learning import learn_churn
from services.analytics.ledger import Mark, read_ledger, remember, write_ledger
from services.analytics.mirror.files import RecordChanges
from services.analytics.mirror.writer import Mirror
from services.analytics.settings import Settings
from services.foundation.application import utc_now
from tests.analytics.simulation import SimulatedBase, simulate_base

SIZES = (2_357, 100_000, 1_000_000)
QUICK_SIZES = (2_357, 100_000)
PARTS = {
    "frames": (computing, "build_frames"),
    "observe": (computing, "observe"),
    "fit": (estimating, "fit_histories"),
    "rhythm": (estimating, "score_purchases"),
    "signals": (estimating, "signal_columns"),
    "value": (scores, "value_units"),
    "standing": (scores, "score_standing"),
    "termination": (scores, "score_termination"),
    "recommend": (scores, "recommend"),
}
"""What estimating and scoring are made of; the others of their seconds are small."""
CHANGED = 1_000
SEED = 20261123
_CALCULATING_AT_MOST, _CHANGES_AT_MOST, _MEMORY_AT_MOST = 60.0, 0.05, 4_096.0
_EPOCH = date(1970, 1, 1)
_INTERACTIONS = 3
"""Of each customer."""


def measure(_: Any, *, is_quick: bool) -> Iterator[Figure]:
    """Yield, for each size, a whole refresh and one after few changes against the reading."""
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
        is_largest = count == SIZES[-1]
        reading = stages["reading"]["seconds"]
        computing_all = sum(stages[name]["seconds"] for name in ("estimate", "learn", "score"))
        refresh = ("load", "estimate", "learn", "score", "totals", "remember")
        whole = sum(stages[name]["seconds"] for name in refresh)
        peak = max(stages[name]["peak_mib"] for name in refresh)
        size = {"deals": f"{deals:,}", "reading": _shown(stages["reading"])}
        yield Figure(
            "analytics",
            f"estimate and score {count:,} customers",
            computing_all / reading,
            "reading",
            at_most=_CALCULATING_AT_MOST if is_largest else None,
            details=size
            | {name: _shown(stages[name]) for name in ("estimate", "learn", "score", *PARTS)},
        )
        changes = [name for name in stages if name.startswith("changed: ")]
        yield Figure(
            "analytics",
            f"{CHANGED:,} changed customers of {count:,}",
            sum(stages[name]["seconds"] for name in changes) / whole,
            "whole refresh",
            at_most=_CHANGES_AT_MOST if is_largest else None,
            details={name.removeprefix("changed: "): _shown(stages[name]) for name in changes},
        )
        yield Figure(
            "analytics",
            f"peak of memory, {count:,} customers",
            peak / _MEMORY_AT_MOST,
            "4 GiB",
            at_most=1.0 if is_largest else None,
            details={name: _shown(stages[name]) for name in refresh},
        )


def _shown(stage: dict[str, float]) -> str:
    memory = f"/{stage['peak_mib']:,.0f} MiB" if stage["peak_mib"] else ""
    return f"{stage['seconds']:.2f} s{memory}"


def write_exports(base: SimulatedBase, folder: Path) -> None:
    """Write what the CRM would export of this base, and its numbers alone for the yardstick."""
    # The yardstick reads numbers only: the calculations look at no id, and texts are slow to read.
    for name, frame in (("units", base.units), ("deals", base.deals)):
        frame.select_dtypes(["number", "bool"]).to_parquet(folder / f"{name}.parquet")
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
    _write_interactions(base, ids, folder)
    _write(folder, "products", 0)
    _write(folder, "competitor-activities", 0)
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


def _write_interactions(base: SimulatedBase, ids: Any, folder: Path) -> None:
    """Write calls with a mood, complaints, requests, answers to surveys and touches of campaigns."""
    dice, count = np.random.default_rng(SEED), _INTERACTIONS * len(ids)
    kinds = ["call", "complaint", "service_request", "survey_response", "campaign_touch"]
    kind = dice.choice(len(kinds), count, p=[0.4, 0.05, 0.15, 0.1, 0.3])
    day = np.sort(base.as_of_day - dice.integers(0, 1_000, count))

    def only(place: int, values: Any) -> pa.Array:
        return pa.array(values, mask=kind != place)

    rating = '[{"dimension":"product","perception":7,"expectation":8}]'
    _write(
        folder,
        "interactions",
        count,
        id=[_id(3, number) for number in range(count)],
        contact_id=ids[dice.integers(0, len(ids), count)],
        kind=np.array(kinds, dtype=object)[kind],
        channel="phone",
        direction=np.where(kind == 4, "outbound", "inbound"),
        occurred_at=_wire(pd.Series(day.astype("datetime64[D]"))),
        sentiment=only(0, dice.uniform(-1, 1, count).round(2)),
        severity=only(1, dice.integers(1, 4, count)),
        nps=only(3, dice.integers(0, 11, count)),
        ratings=only(3, np.full(count, rating, dtype=object)),
        outcome=only(4, dice.choice(["delivered", "clicked"], count)),
        tags="[]",
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
    """Wrap `work` so that its CPU seconds add up."""

    @wraps(work)
    def timed(*arguments: Any, **options: Any) -> Any:
        started = time.process_time()
        result = work(*arguments, **options)
        stage = stages.setdefault(name, {"seconds": 0.0, "peak_mib": 0.0})
        stage["seconds"] += time.process_time() - started
        return result

    return timed


def _read_numbers(folder: Path) -> None:
    for name in ("units", "deals"):
        pd.read_parquet(folder / f"{name}.parquet")


def main(folder: Path, as_of_day: int) -> None:
    """Refresh one base, then once more after a few changes, and print the stages as JSON."""
    stages: Stages = {}
    settings = Settings(data_dir=folder, _env_file=None)
    rules = rules_of(settings, load_catalogue(), as_of=_EPOCH + timedelta(days=as_of_day))
    exports = {name: Export(name, folder / f"{name}.csv", "1") for name in RESOURCES}

    def stage(name: str, work: Callable[[], Any]) -> Any:
        memory = OwnMemory()
        memory.start()
        result = _timed(stages, name, work)()
        memory.stop()
        stages[name]["peak_mib"] = memory.look()
        return result

    def load() -> Any:
        batches = {name: export.batches() for name, export in exports.items()}
        return mirror.load(batches, cursor="1", now=utc_now())

    stage("reading", lambda: _read_numbers(folder))
    for name, (module, function) in PARTS.items():
        setattr(module, function, _timed(stages, name, getattr(module, function)))
    with Mirror(folder) as mirror, FrameFiles(folder) as kept:
        before = stage("load", load)
        plain = stage("estimate", lambda: estimate_base(before, rules, kept=kept))
        size = rules.parameters.churn.sample_size
        sample = partial(sample_part, before, rules, size=size, kept=kept)
        churn = stage("learn", lambda: learn_churn(sample(), rules, plain))
        estimates = replace(plain, churn=churn)
        mark = Mark(1, "1", "rules")
        compute = partial(compute_base, before, rules, estimates, kept=kept)
        _score(stage, compute, lambda base: write_ledger(folder, remember(base, mark)))
        change = _changes(before)
        after = stage(
            "changed: mirror",
            lambda: mirror.apply(before, {"deals": change}, cursor="2", now=utc_now()),
        )
        ledger = stage("changed: ledger", lambda: read_ledger(folder))
        reading = Reading(after, before, {"deals": change.ids})
        changes = stage(
            "changed: compute",
            lambda: changing.compute_changes(reading, ledger, rules, estimates),
        )
        stage("changed: totals", lambda: _totals(changes.base))
        stage("changed: remember", lambda: write_ledger(folder, remember(changes.base, mark)))
        assert len(changes.changed) <= CHANGED
    print(json.dumps(stages))


def _score(
    stage: Callable[..., Any],
    compute: Callable[[], computing.Computed],
    keep: Callable[[computing.Computed], None],
) -> None:
    base = stage("score", compute)
    stage("totals", lambda: _totals(base))
    stage("remember", lambda: keep(base))


def _totals(base: computing.Computed) -> None:
    total_customers(base.customers, base.unconverted)
    standing_summary(base.customers, erased=base.erased)


def _changes(before: Any) -> RecordChanges:
    """Change the amount of a deal of each of some customers."""
    count = before.row_counts["deals"]
    where = np.zeros(count, dtype=np.bool_)
    where[np.linspace(0, count - 1, min(CHANGED, count // 50)).astype(np.int64)] = True
    rows = before.read("deals", SCHEMAS["deals"].names, where=where)
    place = rows.schema.get_field_index("amount_minor")
    doubled = pa.compute.multiply(rows.column("amount_minor"), 2)
    rows = rows.set_column(place, rows.schema.field(place), doubled)
    return RecordChanges(frozenset(rows.column("id").to_pylist()), rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
