"""The combined churn probability: worked example C11, and its estimate."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.calculations.signals.columns import SIGNALS
from services.analytics.calculations.signals.combination import (
    CombinationModel,
    CombinationParameters,
    churn_columns,
    collect_combination_statistics,
    combine,
    fit_combination,
)
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.catalogue.options import combination_parameters
from tests.analytics.calculations.test_signals import (
    bases,
    complaint,
    event_frame,
    made,
    signals_of,
)

PARAMETERS = combination_parameters(load_catalogue())
MODEL = CombinationModel(PARAMETERS.weights, intercept=-0.3, base_probability=0.35)


def test_what_signals_weigh_by_default_is_what_the_catalogue_says() -> None:
    assert CombinationParameters() == PARAMETERS


def strengths_of(**known: float) -> Any:
    """Make one row; what is not said is unknown."""
    return np.array([[known.get(name, np.nan) for name in SIGNALS]])


def by_signal(values: Any) -> dict[str, float]:
    named = dict(zip(SIGNALS, values[0].tolist(), strict=True))
    return {name: round(value, 4) for name, value in named.items() if value == value}


def test_example_c11() -> None:
    strengths = strengths_of(
        inactivity=0.5938,
        unresolved_complaint=0.7378,
        satisfaction_gap=0.375,
        negative_sentiment=0.9,
    )
    found = combine(np.array([0.4903]), strengths, model=MODEL, parameters=PARAMETERS)
    assert found.probability == pytest.approx([0.8255], abs=5e-5)
    assert by_signal(found.log_odds) == {
        "unresolved_complaint": 1.1805,
        "satisfaction_gap": 0.2625,
        "negative_sentiment": 0.45,
        "inactivity": 0.5802,
    }
    assert by_signal(found.contribution) == {
        "unresolved_complaint": 0.2332,
        "inactivity": 0.0996,
        "negative_sentiment": 0.0745,
        "satisfaction_gap": 0.0411,
    }


def test_weights_and_voices_are_those_of_the_catalogue() -> None:
    assert PARAMETERS.weights["leave_intent"] == 4.0
    assert set(PARAMETERS.weights) == {*SIGNALS} - {"inactivity"}
    assert PARAMETERS.voice == (
        "negative_sentiment", "unresolved_complaint", "satisfaction_gap", "support_burst",
    )  # fmt: skip


def test_without_signals_nothing_is_added_and_without_a_baseline_nothing_is_known() -> None:
    baseline = np.array([0.4, 0.0, 1.0, np.nan])
    model = replace(MODEL, intercept=0.0)
    nothing = np.full((4, len(SIGNALS)), np.nan)
    found = combine(baseline, nothing, model=model, parameters=PARAMETERS)
    assert found.probability == pytest.approx([0.4, 0.01, 0.99, np.nan], nan_ok=True)
    assert np.isnan(found.contribution).all()
    absent = combine(baseline, np.nan_to_num(nothing), model=model, parameters=PARAMETERS)
    assert absent.probability == pytest.approx(found.probability, nan_ok=True)


def test_the_intercept_keeps_the_mean_of_the_base() -> None:
    generator = np.random.default_rng(4)
    baseline = np.append(generator.uniform(0.02, 0.98, 3000), np.nan)
    strengths = generator.uniform(0, 1, (3001, len(SIGNALS)))
    strengths[generator.uniform(size=strengths.shape) < 0.5] = np.nan
    halves = [
        collect_combination_statistics(baseline[rows], strengths[rows], parameters=PARAMETERS)
        for rows in (slice(0, 1000), slice(1000, None), slice(0, 0))
    ]
    model = fit_combination(halves[0] + halves[1] + halves[2], parameters=PARAMETERS)
    found = combine(baseline, strengths, model=model, parameters=PARAMETERS).probability
    assert np.nanmean(found) == pytest.approx(np.nanmean(baseline), abs=1e-6)
    assert model.base_probability == pytest.approx(np.nanmean(baseline))
    assert model.intercept < 0
    assert json.loads(json.dumps(asdict(model)))["intercept"] == model.intercept


@pytest.mark.parametrize("count", [0, 1, 49])
def test_few_customers_give_no_intercept(count: int) -> None:
    statistics = collect_combination_statistics(
        np.full(count, 0.3), np.ones((count, len(SIGNALS))), parameters=PARAMETERS
    )
    model = fit_combination(statistics, parameters=PARAMETERS)
    assert model.intercept == 0
    assert model.base_probability == pytest.approx(0.3 if count else np.nan, nan_ok=True)


@settings(max_examples=10, deadline=None)
@given(bases, st.integers(0, 500), st.integers(1, 3))
def test_an_open_complaint_never_lowers_the_probability(
    given: dict[str, Any], age: int, severity: int
) -> None:
    events, deals = made(given)
    more = pd.concat([events.interactions, event_frame("interactions", complaint(age, severity))])
    more = more.astype({"kind": "category", "resolution": "category", "outcome": "category"})
    complaining = replace(events, interactions=more)
    before, after = (
        churn_columns(
            np.full(4, 0.4),
            signals_of(each, deals, unit_count=4),
            model=MODEL,
            parameters=PARAMETERS,
        )["churn_probability"].to_numpy()
        for each in (events, complaining)
    )
    assert (after[1:] == before[1:]).all()
    assert after[0] >= before[0]


def test_every_part_is_a_column_of_its_unit() -> None:
    signals = signals_of(unit_count=2)
    found = churn_columns(np.array([0.2, np.nan]), signals, model=MODEL, parameters=PARAMETERS)
    assert list(found.columns) == [
        "churn_probability",
        *(f"churn_part_{name}" for name in SIGNALS),
    ]
    assert found["churn_part_leave_intent"].tolist() == pytest.approx([0, np.nan], nan_ok=True)
    assert found["churn_part_payment_delay"].isna().all()
    empty = churn_columns(np.zeros(0), signals.iloc[:0], model=MODEL, parameters=PARAMETERS)
    assert len(empty) == 0 and set(map(str, empty.dtypes)) == {"float64"}
