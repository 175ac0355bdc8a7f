"""The worked examples A1 to A5 and B1 to B3 of the domain specification, to four decimals."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from services.analytics.calculations import margins, value
from services.analytics.calculations.credibility import (
    credibility_factor,
    credible_mean,
    within_and_between_variance,
)
from services.analytics.calculations.parameters import (
    PhaseThresholds,
    RhythmParameters,
    ValueParameters,
)
from services.analytics.calculations.phases import assign_lead_stages, assign_phases
from services.analytics.calculations.purchase_models.beta_geometric import MbgNbd
from services.analytics.calculations.purchase_models.rhythm import score_rhythm
from services.analytics.calculations.purchases import Purchases, summarize_purchases
from tests.analytics.simulation import plain_deals, plain_units

STEADY_BUYER = ["2024-01-10", "2024-03-05", "2024-04-20", "2024-06-15", "2024-08-01", "2024-09-16"]
STEADY_MODEL = MbgNbd(1.0, 60.0, 0.8, 3.2)


def day(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def purchases_of(days: list[str], as_of: str) -> Purchases:
    deals = plain_deals(unit=[0] * len(days), day=[day(text) for text in days])
    return summarize_purchases(deals, unit_count=1, as_of_day=day(as_of))


def score(purchases: Purchases, model: MbgNbd) -> pd.DataFrame:
    return score_rhythm(
        purchases.repeat_count.astype(np.float64),
        purchases.recency_days,
        purchases.age_days,
        model=model,
        parameters=RhythmParameters(),
    )


@pytest.mark.parametrize(
    ("days", "as_of", "model", "expected"),
    [
        pytest.param(
            [*STEADY_BUYER, "2024-09-16"],
            "2025-01-10",
            STEADY_MODEL,
            (6, 5, 250, 366, 51.6667, 37.9632, 116, 0.8515, 0.6035, 0.6624, 155, 0.4903, 0.1689),
            id="A1",
        ),
        pytest.param(
            STEADY_BUYER,
            "2024-11-05",
            STEADY_MODEL,
            (6, 5, 250, 300, 51.6667, 37.9632, 50, 0.5923, 0.8069, 0.8856, 155, 0.2872, 0.1689),
            id="A2",
        ),
        pytest.param(
            ["2025-01-01"],
            "2025-03-02",
            MbgNbd(2.0, 180.0, 0.8, 3.2),
            (1, 0, 0, 60, 90, 74.5584, 60, 0.4375, 0.6923, 0.8654, 270, 0.461, 0.328),
            id="A3",
        ),
    ],
)
def test_rhythm(days: list[str], as_of: str, model: MbgNbd, expected: tuple[float, ...]) -> None:
    purchases = purchases_of(days, as_of)
    summary = [
        purchases.purchase_count[0],
        purchases.repeat_count[0],
        purchases.recency_days[0],
        purchases.age_days[0],
    ]
    found = score(purchases, model).drop(columns="purchase_vitality").iloc[0]
    np.testing.assert_allclose([*summary, *found], expected, atol=5e-5)


A4: list[tuple[dict[str, Any], str, str | None, int]] = [
    ({"n": 0}, "lead", "acquisition", 4),
    ({"n": 1, "v": 0.95, "p_churn": 0.42, "p_ref": 0.33}, "new", "development", 8),
    ({"n": 1, "v": 0.95, "p_churn": 0.55, "p_ref": 0.33}, "at_risk", "retention", 7),
    ({"n": 3, "v": 0.88, "p_churn": 0.31, "p_ref": 0.2}, "developing", "development", 9),
    ({"n": 6, "v": 0.8856, "p_churn": 0.2872, "p_ref": 0.1689}, "retained", "retention", 10),
    ({"n": 6, "v": 0.6624, "p_churn": 0.4903, "p_ref": 0.1689}, "at_risk", "retention", 7),
    (
        {"n": 6, "v": 0.6624, "p_churn": 0.8, "p_ref": 0.1689, "competitor_loss": 0.62},
        "at_risk",
        "winback",
        7,
    ),
    ({"n": 6, "v": 0.374, "p_churn": 0.73, "p_ref": 0.1689}, "lapsed", "winback", 6),
    (
        {"n": 9, "v": 0.1, "p_churn": 0.2, "p_ref": 0.1, "has_active_contract": True},
        "retained",
        "retention",
        10,
    ),
    (
        {"n": 4, "v": 0.9, "p_churn": 0.2, "p_ref": 0.2, "is_cancellation_effective": True},
        "lapsed",
        "winback",
        5,
    ),
    (
        {"n": 4, "v": 0.9, "p_churn": 0.2, "p_ref": 0.2, "termination_case": "hearing"},
        "to_terminate",
        "termination",
        3,
    ),
    ({"n": 4, "status": "terminated"}, "terminated", "termination", 2),
    ({"n": 4, "is_excluded": True}, "excluded", None, 1),
]


def test_phases_a4() -> None:
    cases = [case for case, *_ in A4]
    units = plain_units(len(cases)).astype({"status": "str", "termination_case": "object"})
    for row, case in enumerate(cases):
        for name, given in case.items():
            if name in units.columns:
                units.loc[row, name] = given

    def of_cases(name: str) -> Any:
        return np.array([case.get(name, np.nan) for case in cases], dtype=np.float64)

    phases = assign_phases(
        units,
        purchase_count=of_cases("n").astype(np.int64),
        vitality=of_cases("v"),
        churn_probability=of_cases("p_churn"),
        reference_churn_probability=of_cases("p_ref"),
        thresholds=PhaseThresholds(),
    )
    assert phases["state"].tolist() == [state for _, state, *_ in A4]
    assert [None if pd.isna(phase) else phase for phase in phases["phase"]] == [
        phase for _, _, phase, _ in A4
    ]
    assert phases["phase_rule"].tolist() == [rule for *_, rule in A4]


def test_lead_stages_a5() -> None:
    units = plain_units(5)
    units.loc[[1, 2, 4], "is_reached"] = True
    units.loc[2, "has_responded"] = True
    units.loc[3, "has_open_qualified_deal"] = True
    units.loc[4, "is_active_in_window"] = False
    stages = assign_lead_stages(units, is_lead=[True] * 5)
    assert list(stages) == ["unaware", "aware", "interested", "intent", "dormant"]


def test_historic_value_b1() -> None:
    deals = plain_deals(
        unit=[0] * 4,
        day=[1, 2, 3, 4],
        amount=[100, 90, 120, 200 * 0.9],
        cost=[60, np.nan, 70, 110 * 0.9],
        discount_pct=[np.nan, 10, np.nan, np.nan],
        refund=[np.nan, np.nan, 120, np.nan],
        cost_recovered=[np.nan, np.nan, 70, np.nan],
        written_off=[np.nan, np.nan, np.nan, 20 * 0.9],
    )
    units = plain_units(1)
    units["service_cost"], units["acquisition_cost"] = 31.0, 15.0
    earned = margins.deal_margins(deals, default_margin=0.35)
    historic = value.historic_value(
        units,
        deals,
        margins=earned,
        purchases=summarize_purchases(deals, unit_count=1, as_of_day=10),
        parameters=ValueParameters(),
    )
    np.testing.assert_allclose(earned.margin, [40, 25, 0, 63], atol=5e-5)
    assert earned.is_cost_estimated.tolist() == [False, True, False, False]
    np.testing.assert_allclose(historic.contribution, 97, atol=5e-5)
    np.testing.assert_allclose(historic.historic_value, 82, atol=5e-5)


def test_lifetime_value_b2() -> None:
    purchases = purchases_of(STEADY_BUYER, "2025-01-10")
    alive = score(purchases, STEADY_MODEL)["alive_probability"].to_numpy()
    lifetime = value.lifetime_value(
        purchases.repeat_count.astype(np.float64),
        purchases.age_days,
        alive,
        credible_mean(np.array([540.0]), np.array([6.0]), base_mean=50, credibility=2),
        model=STEADY_MODEL,
        parameters=ValueParameters(discount_rate=0.10),
    )
    np.testing.assert_allclose(alive, 0.6035, atol=5e-5)
    np.testing.assert_allclose(lifetime.expected_purchases, 2.5523, atol=5e-5)
    np.testing.assert_allclose(lifetime.alive_decision, 323.6567, atol=5e-5)
    np.testing.assert_allclose(lifetime.decision, 195.3272, atol=5e-5)


def test_credible_margin_b2() -> None:
    margin = credible_mean(np.array([540.0]), np.array([6.0]), base_mean=50, credibility=2)
    np.testing.assert_allclose(margin, 80, atol=5e-5)


def test_credibility_b3() -> None:
    margin = np.array([40, 60, 50, 80, 50, 20, 50, 30, 40], dtype=np.float64)
    within, between = within_and_between_variance(
        margin, np.array([3.0, 2.0, 4.0]), np.array([150.0, 130.0, 140.0])
    )
    factor = credibility_factor(within, between, parameters=ValueParameters())
    np.testing.assert_allclose([within, between, factor], [191.6667, 150, 1.2778], atol=5e-5)
