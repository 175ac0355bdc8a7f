"""What signals weigh under a contract is learned from the base's own relationships."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from services.analytics.calculations.contracts.signals import (
    SignalMonths,
    collect_signal_months,
    fit_contract_signals,
)
from services.analytics.calculations.estimates import (
    Estimates,
    estimate,
    estimate_combination,
    read_behavior,
)
from services.analytics.calculations.events import EVENT_COLUMNS, Events
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.scores import score_churn
from services.analytics.calculations.signals.columns import SIGNALS
from services.analytics.calculations.signals.combination import CombinationModel
from services.analytics.calculations.statistics import Observed, Statistics, observe
from tests.analytics.calculations.event_frames import events as events_of

TODAY = 20_000
PARAMETERS = Parameters()
USUAL_RISK = 0.03
COMPLAINT = SIGNALS.index("unresolved_complaint")


def observed(risk_after_complaint: float, *, unit_count: int = 900, seed: int = 3) -> Observed:
    """Simulate monthly contracts; every third unit complains once, and nobody settles it."""
    random = np.random.default_rng(seed)
    contracts, complaints, deals = [], [], []
    for unit in range(unit_count):
        start = TODAY - int(random.integers(100, 900))
        complains = start + int(random.integers(20, 600)) if unit % 3 == 0 else TODAY + 1
        deals.append((unit, start))
        while start <= TODAY:
            contracts.append(
                {"unit": unit, "start_day": start, "end_day": start + 30, "amount": 20.0}
            )
            if random.random() < (risk_after_complaint if complains < start + 30 else USUAL_RISK):
                break
            start += 30
        else:
            start = TODAY
        if complains <= start:
            complaints.append(
                {"unit": unit, "day": complains, "kind": "complaint", "severity": 2.0}
            )
    events = events_of(contracts=contracts, interactions=complaints)
    runs = np.zeros(unit_count, dtype=np.bool_)
    runs[[int(each["unit"]) for each in contracts if each["end_day"] > TODAY]] = True
    return observe(_units(runs), _deals(deals), events, as_of_day=TODAY, parameters=PARAMETERS)


def _units(runs: np.ndarray) -> pd.DataFrame:
    ids = [f"u{unit:05}" for unit in range(len(runs))]
    return pd.DataFrame(
        {
            "unit_id": ids,
            "is_excluded": False,
            "has_active_contract": runs,
            "is_referred": False,
            "acquisition_cost": np.nan,
            "source_campaign_id": pd.Series([None] * len(runs), dtype="str"),
            "service_cost": 0.0,
            "service_cost_730": 0.0,
        }
    )


def _deals(deals: list[tuple[int, int]]) -> pd.DataFrame:
    unit, day = zip(*deals, strict=True)
    return pd.DataFrame(
        {
            "unit": unit,
            "day": day,
            "amount": 20.0,
            **dict.fromkeys(
                ("list_amount", "discount_pct", "cost", "refund", "cost_recovered", "written_off"),
                np.nan,
            ),
            "deal_id": [f"d{place}" for place in range(len(deals))],
        }
    )


def estimated(base: Observed) -> Estimates:
    statistics = Statistics.of(base, parameters=PARAMETERS)
    estimates = estimate(statistics, as_of_day=TODAY, parameters=PARAMETERS)
    return estimate_combination(estimates, [base], parameters=PARAMETERS)


def weight(estimates: Estimates) -> float:
    assert estimates.contract_combination is not None
    return estimates.contract_combination.weights["unresolved_complaint"]


def test_complaints_that_end_contracts_weigh_more_and_those_that_do_not_weigh_less() -> None:
    usual = PARAMETERS.combination.weights["unresolved_complaint"]
    assert weight(estimated(observed(0.40))) > 1.3 * usual
    harmless = estimated(observed(USUAL_RISK))
    assert weight(harmless) < 0.5 * usual
    assert weight(harmless) >= 0


@pytest.mark.parametrize("risk", [USUAL_RISK, 0.20, 0.40])
def test_who_has_complained_gets_the_risk_that_such_months_had(risk: float) -> None:
    base = observed(risk)
    estimates = estimated(base)
    months = months_of(base, estimates)
    heard = months.strengths[:, COMPLAINT] > 0
    churn = chances(base, estimates)
    usual = chances(base, replace(estimates, contract_combination=None))
    complained, others = groups(base)
    seen = months.has_ended[heard].mean()
    assert churn[complained].mean() == pytest.approx(seen, abs=0.04)
    assert churn[others].mean() == pytest.approx(months.has_ended[~heard].mean(), abs=0.01)
    assert abs(churn[complained].mean() - seen) < abs(usual[complained].mean() - seen)


def test_where_nothing_is_to_be_heard_the_usual_weights_stay() -> None:
    base = observed(0.20)
    silent = replace(base, events=replace(base.events, interactions=_no_interactions()))
    assert estimated(silent).contract_combination is None


def test_what_the_past_has_no_examples_of_keeps_its_usual_weight() -> None:
    found = estimated(observed(0.40)).contract_combination
    assert found is not None
    usual = PARAMETERS.combination.weights
    assert found.weights["satisfaction_gap"] == usual["satisfaction_gap"]
    assert found.weights["leave_intent"] == usual["leave_intent"]


def test_what_is_heard_after_a_month_began_is_not_known_in_it() -> None:
    base = observed(0.40)
    heard = base.events.interactions
    later = replace(base.events, interactions=heard.assign(day=np.int32(TODAY)))
    months = months_of(replace(base, events=later), estimated(base))
    assert not np.nan_to_num(months.strengths).any()


def test_parts_tell_the_same_as_the_whole_and_order_changes_nothing() -> None:
    base = observed(0.40)
    estimates = estimated(base)
    whole = fit(months_of(base, estimates))
    shuffled = Events(
        **{
            name: getattr(base.events, name).sample(frac=1, random_state=1)
            for name in EVENT_COLUMNS
        }
    )
    assert fit(months_of(replace(base, events=shuffled), estimates)) == pytest.approx(
        whole, abs=1e-4
    )
    is_first = base.units.index.to_numpy() < 400
    parts = [
        months_of(replace(base, units=base.units.assign(is_excluded=excluded)), estimates)
        for excluded in (is_first, ~is_first)
    ]
    assert fit(*parts) == pytest.approx(whole, abs=1e-4)


def test_what_was_learned_is_kept_as_plain_numbers() -> None:
    found = estimated(observed(0.40)).contract_combination
    assert found is not None
    assert TypeAdapter(CombinationModel).validate_python(asdict(found)) == found


def months_of(base: Observed, estimates: Estimates) -> SignalMonths:
    assert estimates.contracts.survival is not None
    leaving = replace(PARAMETERS.signals.leaving, ending_strength=0.0)
    return collect_signal_months(
        base.units,
        base.deals,
        base.events,
        survival=estimates.contracts.survival,
        base=estimates.signals,
        as_of_day=TODAY,
        parameters=PARAMETERS.contracts,
        signals=replace(PARAMETERS.signals, leaving=leaving),
    )


def fit(*parts: SignalMonths) -> list[float]:
    found = fit_contract_signals(
        parts, parameters=PARAMETERS.contracts, combination=PARAMETERS.combination
    )
    assert found is not None
    return [found.intercept, *found.weights.values()]


def chances(base: Observed, estimates: Estimates) -> np.ndarray:
    told = read_behavior(base, estimates, parameters=PARAMETERS)
    churn = score_churn(base, told, None, estimates=estimates, parameters=PARAMETERS)
    return churn["churn_probability"].to_numpy()


def groups(base: Observed) -> tuple[np.ndarray, np.ndarray]:
    runs = base.units["has_active_contract"].to_numpy()
    complained = np.zeros(len(runs), dtype=np.bool_)
    complained[base.events.interactions["unit"]] = True
    return runs & complained, runs & ~complained


def _no_interactions() -> pd.DataFrame:
    return Events.empty().interactions
