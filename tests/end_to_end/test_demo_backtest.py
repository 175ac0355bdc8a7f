"""The command `backtest` on the demo base: what it prints, and what it says when it cannot."""

import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.analytics.backtest_command import BacktestImpossible, backtest
from services.analytics.settings import Settings
from services.foundation.application import utc_now
from tests.conftest import Crm
from tests.end_to_end.conftest import QUICK, Analytics, MakeAnalytics

Demo = tuple[Crm, Analytics]
# Which database the services keep is nothing to a backtest: it reads the mirror.
pytestmark = pytest.mark.parametrize("demo", ["sqlite"], indirect=True)


def run(settings: Settings, say: Callable[[str], None] = lambda _: None, **options: Any) -> str:
    given: dict[str, Any] = {
        "as_of": None,
        "model": None,
        "horizon_days": None,
        "origins": (),
        "origin_count": 1,
        "form": "json",
        "language": "en",
    }
    return backtest(settings, **(given | options), now=utc_now(), say=say, limits=QUICK)


def test_the_command_prints_the_verdict_first_and_then_the_tables(demo: Demo) -> None:
    _, analytics = demo
    command = [sys.executable, "-m", "services.analytics", "backtest", "--origins", "1"]
    done = subprocess.run(
        command, env=analytics.environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    first, _, headline, *_ = done.stdout.splitlines()
    assert first == "Verdict on mbg_nbd"
    assert "simple rule" in headline
    table = done.stdout[done.stdout.index("From 1998-01-02, 180 days: 2,357 customers") :]
    assert table.index("mbg_nbd ") < table.index("recency*") < table.index("retained ")


def test_the_backtest_of_the_demo_base_holds_what_was_measured(demo: Demo) -> None:
    found = orjson.loads(run(demo[1].settings, horizon_days=273, origins=[date(1997, 9, 30)]))
    (origin,) = found["origins"]
    assert origin["customer_count"] == 2357
    assert origin["buyer_count"] == 684
    accuracy = {each["forecaster"]: each["accuracy"] for each in origin["forecasters"]}
    assert accuracy["mbg_nbd"]["area_under_curve"] == pytest.approx(0.760, abs=0.002)
    assert accuracy["mbg_nbd"]["brier_score"] == pytest.approx(0.1614, abs=0.0005)
    assert accuracy["recency"]["area_under_curve"] == pytest.approx(0.771, abs=0.002)
    assert "certainly better" in found["verdict"][2]["text"]
    german = orjson.loads(run(demo[1].settings, language="de"))
    assert "Rückblick" in german["verdict"][1]["text"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"horizon_days": 2_000}, "546 days, 4000 are needed: choose a shorter --horizon-days"),
        ({"origins": [date(1998, 6, 1)]}, "1998-06-01 cannot be looked back from"),
        ({"as_of": date(1990, 1, 1)}, "no purchase is known by 1990-01-01"),
        ({"model": "oracle"}, "there is no model oracle; there are: mbg_nbd"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_do(
    demo: Demo, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(BacktestImpossible, match=said):
        run(demo[1].settings, **options)


def test_without_a_crm_the_mirror_serves_and_without_both_it_is_said(
    demo: Demo, crm_on_sqlite: Crm, make_analytics: MakeAnalytics, tmp_path: Path
) -> None:
    settings = demo[1].settings.model_copy(update={"crm_url": "http://127.0.0.1:9"})
    told: list[str] = []
    assert orjson.loads(run(settings, say=told.append))["origins"]
    assert told[0].startswith("the CRM cannot be read; using what was read at ")
    empty = settings.model_copy(update={"data_dir": tmp_path / "empty"})
    with pytest.raises(BacktestImpossible, match="there is no data yet"):
        run(empty)
    with pytest.raises(BacktestImpossible, match=r"no purchase is known .*POST /v1/imports"):
        run(make_analytics(crm_on_sqlite).settings)
