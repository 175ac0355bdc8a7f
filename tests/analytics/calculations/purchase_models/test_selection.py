"""The family and the margin model are chosen by parameters, and the whole calculation follows."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from services.analytics.calculations.parameters import (
    Family,
    Parameters,
    RhythmParameters,
    ValueParameters,
)
from services.analytics.calculations.report import calculate
from tests.analytics.simulation import simulate_base


@pytest.mark.parametrize("family", get_args(Family))
def test_every_family_scores_a_base_from_end_to_end(family: Family) -> None:
    base = simulate_base(400, seed=21)
    parameters = Parameters(
        rhythm=RhythmParameters(family=family), value=ValueParameters(margin_model="gamma_gamma")
    )
    report = calculate(base.units, base.deals, as_of_day=base.as_of_day, parameters=parameters)
    fit, spend = report.estimates.purchase_fit, report.estimates.margins.spend
    assert (fit.family, fit.model.family) == (family, family)
    assert spend is not None
    bought = report.customers[report.customers["purchase_count"] > 0]
    for name in ("alive_probability", "baseline_churn_probability", "vitality", "clv_1095"):
        assert np.isfinite(bought[name]).all(), name
    assert (bought["clv_1095"].abs() >= bought["clv_365"].abs()).all()
    if family == "bg_nbd":
        once = bought[bought["purchase_count"] == 1]
        assert (once["alive_probability"] == 1).all()
        assert (once["baseline_churn_probability"] > 0).all()
