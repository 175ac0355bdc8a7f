"""A plan that a process of its own computes: the solver prints nothing into its standard output."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.analytics.ledger import read_ledger, write_ledger
from services.analytics.scopes import SCOPES
from tests.analytics.published import publish_simulated
from tests.conftest import Templates, store_key
from tests.end_to_end.test_command_lines import wait_for
from tests.live import client, free_port

SEED = 25
"""Of options at which HiGHS 1.12 repairs solutions, and prints that it does."""


def offer_one_step_each(folder: Path) -> None:
    ledger = read_ledger(folder)
    assert ledger is not None
    dice, count = np.random.default_rng(SEED), len(ledger.customers)
    customers = ledger.customers.copy()
    customers["has_profiling_objection"] = False
    for step in (1, 2, 3):
        customers[f"step{step}_option"] = 0.0 if step == 1 else np.nan
        customers[[f"step{step}_incentive_cost", f"step{step}_until_day"]] = 0.0, np.nan
    customers["step1_contact_cost"] = dice.lognormal(1, 1, count)
    customers["step1_value"] = dice.lognormal(2, 1, count)
    write_ledger(folder, replace(ledger, customers=customers))


def test_a_solver_that_repairs_a_solution_does_not_say_so(
    templates: Templates, tmp_path: Path
) -> None:
    url = templates.fresh("analytics", "sqlite", tmp_path)
    publish_simulated(url, data_dir=tmp_path)
    offer_one_step_each(tmp_path)
    port = free_port()
    environment = os.environ | {
        "PHASEWISE_DATA_DIR": str(tmp_path),
        "PHASEWISE_ANALYTICS_DATABASE_URL": url,
        "PHASEWISE_ANALYTICS_PORT": str(port),
        "PHASEWISE_REFRESH_MINUTES": "0",
        "PHASEWISE_LOG_LEVEL": "error",
    }
    # Into a terminal each line is printed at once; what a pipe would hold back dies with the process.
    terminal, its_end = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "services.analytics", "serve"],
        env=environment,
        stdout=its_end,
        text=True,
    )
    plan: dict[str, Any] = {
        "name": "Spring",
        "budget": {"amount": "50.00", "currency": "EUR"},
        "period": {"from": "2030-02-01", "until": "2030-04-30"},
        "save": False,
    }
    try:
        base = f"http://127.0.0.1:{port}"
        wait_for(base, process)
        with client(base, store_key(url, scopes=SCOPES)) as mine:
            answer = mine.post("/v1/plans", json=plan)
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.json()["is_optimal"]
    os.set_blocking(terminal, False)
    with pytest.raises(BlockingIOError):
        os.read(terminal, 1000)
    os.close(terminal)
    os.close(its_end)
