"""Calculating a simulated base, stage by stage, against reading the same columns once from a file."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from bench.figures import Figure
from services.analytics.calculations import report, strategies
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchases import summarize_purchases
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.catalogue.options import strategy_options
from tests.analytics.simulation import simulate_base

SIZES = (2_357, 100_000, 1_000_000)
QUICK_SIZES = (2_357, 100_000)
CALCULATIONS = ("summary", "fit", "score", "value", "phase", "recommend")
SEED = 20261123


def measure(_: Any, *, is_quick: bool) -> Iterator[Figure]:
    """Yield, for each size, the whole calculation and its stages as multiples of the reading."""
    for count in QUICK_SIZES if is_quick else SIZES:
        with tempfile.TemporaryDirectory(prefix="phasewise-bench-") as folder:
            as_of_day = _write(Path(folder), count)
            # A process of its own, so that its peak of memory is that of the calculation.
            told = subprocess.run(
                [sys.executable, "-m", "bench.analytics", folder, str(as_of_day)],
                check=True,
                capture_output=True,
                text=True,
            )
        seconds: dict[str, float] = json.loads(told.stdout)
        reading = seconds["reading"]
        total = sum(seconds[stage] for stage in CALCULATIONS)
        yield Figure(
            section="analytics",
            name=f"calculate {count:,} customers",
            ratio=total / reading,
            against="reading",
            at_most=10.0 if count == SIZES[-1] else None,
            details={
                "reading": f"{reading:.2f} s",
                **{stage: f"{seconds[stage]:.2f}" for stage in CALCULATIONS},
                "peak": f"{seconds['peak_mib']:,.0f} MiB",
            },
        )


def _write(folder: Path, count: int) -> int:
    base = simulate_base(count, seed=SEED)
    base.units.to_parquet(folder / "units.parquet")
    base.deals.to_parquet(folder / "deals.parquet")
    return base.as_of_day


def _timed(seconds: dict[str, float], stage: str, work: Callable[[], Any]) -> Any:
    started = time.process_time()
    result = work()
    seconds[stage] = time.process_time() - started
    return result


def main(folder: Path, as_of_day: int) -> None:
    """Time one base (CPU seconds) and print the stages as JSON."""
    seconds: dict[str, float] = {}
    parameters, options = Parameters(), strategy_options(load_catalogue())
    units, deals = _timed(
        seconds,
        "reading",
        lambda: tuple(pd.read_parquet(folder / f"{name}.parquet") for name in ("units", "deals")),
    )
    included = report.without_excluded(units, deals)
    purchases = _timed(
        seconds,
        "summary",
        lambda: summarize_purchases(included, unit_count=len(units), as_of_day=as_of_day),
    )
    fit = _timed(seconds, "fit", lambda: report.fit_base(purchases, parameters=parameters))
    rhythm = _timed(
        seconds,
        "score",
        lambda: report.score_base(units, purchases, fit=fit, parameters=parameters),
    )
    values, _, _ = _timed(
        seconds,
        "value",
        lambda: report.value_base(
            units, included, purchases, rhythm, fit=fit, parameters=parameters
        ),
    )
    customers = _timed(
        seconds,
        "phase",
        lambda: report.assemble(units, purchases, rhythm, values, fit=fit, parameters=parameters),
    )
    _timed(seconds, "recommend", lambda: strategies.recommend(customers, units, options=options))
    seconds["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
