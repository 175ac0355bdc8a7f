"""The bench of analytics follows what the service reads: it is run seldom, and would rot unseen."""

import json
import subprocess
import sys
from pathlib import Path

from bench.analytics import PARTS, write_exports
from tests.analytics.simulation import simulate_base

ROOT = Path(__file__).resolve().parent.parent


def test_the_bench_of_analytics_runs(tmp_path: Path) -> None:
    base = simulate_base(300, seed=1)
    write_exports(base, tmp_path)
    command = [sys.executable, "-m", "bench.analytics", str(tmp_path), str(base.as_of_day)]
    told = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120
    )
    assert {"reading", "score", "changed: compute", *PARTS} <= json.loads(told.stdout).keys()
