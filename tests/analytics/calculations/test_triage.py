"""In which order complaints are taken up: the worked example E7, and what must hold of every queue."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from services.analytics.calculations.recommendations.triage import (
    complaint_priorities,
    triage,
    value_percentiles,
)
from services.analytics.calculations.signals.complaints import ComplaintParameters


def test_example_e7() -> None:
    found = complaint_priorities(
        np.array([1.0, 3.0, np.nan]),
        np.array([0.2, 0.4, 0.4]),
        np.array([0.95, 0.1, 0.1]),
        parameters=ComplaintParameters(),
    )
    assert found.tolist() == pytest.approx([0.45, 0.64, np.nan], nan_ok=True)


def base(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "state": "retained",
            "complaint_severity": [1.0, 2.0, 3.0, np.nan],
            "churn_probability": 0.5,
            "clv_alive_1095": [400.0, 300.0, 200.0, 100.0],
            "has_profiling_objection": False,
        }
        | columns
    )


def test_value_is_placed_among_all_running_relationships() -> None:
    expected = [0.2 + 0.15 + 0.15, 0.35 + 0.15 + 0.1, 0.5 + 0.15 + 0.05, np.nan]
    assert triage(base()).tolist() == pytest.approx(expected, nan_ok=True)
    ended = triage(base(state=["retained", "terminated", "retained", "retained"]))
    assert ended.tolist() == pytest.approx(
        [0.2 + 0.15 + 0.2 * 2 / 3, 0.35 + 0.15, 0.5 + 0.15 + 0.2 / 3, np.nan], nan_ok=True
    )
    assert value_percentiles(np.array([1.0, 1.0]), wanted=np.array([True, True])).tolist() == [0, 0]


def test_of_who_objects_or_is_not_known_the_severity_alone_counts() -> None:
    for unknown in (
        base(has_profiling_objection=True),
        base(churn_probability=np.nan, clv_alive_1095=np.nan),
    ):
        assert triage(unknown)[:3].tolist() == pytest.approx([0.2, 0.35, 0.5])
