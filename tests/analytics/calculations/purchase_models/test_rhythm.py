"""The rhythm is read sensibly and stably at every age, scale and number of purchases."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.calculations.parameters import RhythmParameters
from services.analytics.calculations.purchase_models.beta_geometric import BgNbd, MbgNbd
from services.analytics.calculations.purchase_models.model import PurchaseModel
from services.analytics.calculations.purchase_models.pareto import ParetoNbd
from services.analytics.calculations.purchase_models.rhythm import RHYTHM_COLUMNS, score_rhythm

_SHAPES = {"r": st.floats(0.0135, 297), "alpha": st.floats(1e-3, 1e6)}
_DROPOUT = {"a": st.floats(0.0054, 118), "b": st.floats(0.0216, 475)}
MODELS = st.one_of(
    st.builds(MbgNbd, **_SHAPES, **_DROPOUT),
    st.builds(BgNbd, **_SHAPES, **_DROPOUT),
    st.builds(ParetoNbd, **_SHAPES, s=st.floats(0.0084, 185), beta=st.floats(1e-3, 1e6)),
)


def score(x: list[float], t_x: list[float], age: list[float], model: PurchaseModel) -> pd.DataFrame:
    return score_rhythm(
        *(np.array(values, dtype=np.float64) for values in (x, t_x, age)),
        model=model,
        parameters=RhythmParameters(),
    )


@given(
    model=MODELS,
    x=st.integers(0, 10_000),
    recency=st.integers(0, 7_305),
    gap=st.integers(0, 7_305),
    more=st.integers(0, 7_305),
)
def test_scores_are_shares_and_silence_never_comforts(
    model: PurchaseModel, x: int, recency: int, gap: int, more: int
) -> None:
    t_x = float(recency if x else 0)
    scores = score([x, x], [t_x, t_x], [t_x + gap, t_x + gap + more], model)
    for name in RHYTHM_COLUMNS:
        if name.endswith("_probability") or name in ("vitality", "gap_rank"):
            assert scores[name].between(0, 1).all(), name
    assert scores["churn_horizon_days"].between(30, 365).all()
    assert (scores["interpurchase_days"] > 0).all()
    slack = 1e-12
    assert scores["vitality"].iloc[1] <= scores["vitality"].iloc[0]
    assert scores["alive_probability"].iloc[1] <= scores["alive_probability"].iloc[0]
    assert scores["gap_rank"].iloc[1] >= scores["gap_rank"].iloc[0]
    churn = scores["baseline_churn_probability"]
    assert churn.iloc[1] >= churn.iloc[0] - slack
    assert churn.iloc[0] >= scores["reference_churn_probability"].iloc[0] - slack


@given(model=MODELS, x=st.integers(0, 10_000), recency=st.integers(0, 7_305))
def test_vitality_is_exactly_one_on_the_day_of_a_purchase(
    model: PurchaseModel, x: int, recency: int
) -> None:
    t_x = float(recency if x else 0)
    scores = score([x], [t_x], [t_x], model).iloc[0]
    assert scores["vitality"] == 1.0
    assert scores["gap_rank"] == 0.0
    assert scores["gap_days"] == 0.0


@pytest.mark.parametrize("factor", [1 / 86_400, 1 / 7, 1_440.0])
def test_probabilities_do_not_depend_on_the_unit_of_time(factor: float) -> None:
    limits = RhythmParameters()
    scaled_limits = RhythmParameters(
        horizon_min_days=limits.horizon_min_days * factor,
        horizon_max_days=limits.horizon_max_days * factor,
    )
    x, t_x, age = np.array([0.0, 3, 900]), np.array([0.0, 200, 5_000]), np.array([90.0, 420, 7_300])
    scores = score_rhythm(x, t_x, age, model=MbgNbd(1, 60, 0.8, 3.2), parameters=limits)
    scaled = score_rhythm(
        x,
        t_x * factor,
        age * factor,
        model=MbgNbd(1, 60 * factor, 0.8, 3.2),
        parameters=scaled_limits,
    )
    for name in RHYTHM_COLUMNS:
        by = factor if name.endswith("_days") else 1.0
        np.testing.assert_allclose(scaled[name], scores[name] * by, rtol=1e-9, atol=1e-300)


def test_nobody_scored_gives_the_same_columns() -> None:
    model = MbgNbd(1, 60, 0.8, 3.2)
    empty, full = score([], [], [], model), score([1], [10], [20], model)
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()
