"""What signals weigh under a contract is learned from the base's own relationships."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from services.analytics.calculations.contracts.history import ContractStatistics
from services.analytics.calculations.contracts.model import ContractModel
from services.analytics.calculations.contracts.parameters import MONTH_DAYS
from services.analytics.calculations.contracts.signals import (
    HEARD,
    OF_PURCHASES,
    heard,
)
from services.analytics.calculations.estimates import (
    Estimates,
    contract_statistics,
    estimate,
    estimate_with_signals,
    read_behavior,
)
from services.analytics.calculations.events import EVENT_COLUMNS, Events
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.scores import score_churn
from services.analytics.calculations.statistics import Observed, Statistics, observe
from tests.analytics.calculations.event_frames import events as events_of

TODAY = 20_000
PARAMETERS = Parameters()
USUAL_RISK = 0.03
COMPLAINT = HEARD.index("unresolved_complaint")
USUAL = PARAMETERS.combination.weights["unresolved_complaint"]


def observed(
    risk_after_complaint: float,
    *,
    unit_count: int = 900,
    seed: int = 3,
    known_leavers_days: int = 10_000,
) -> Observed:
    """Simulate monthly contracts; every third unit complains once, and nobody settles it.

    Who left longer ago than the days given is not in the base.
    """
    random = np.random.default_rng(seed)
    contracts, complaints, deals = [], [], []
    for unit in range(unit_count):
        start = TODAY - int(random.integers(100, 900))
        complains = start + int(random.integers(20, 600)) if unit % 3 == 0 else TODAY + 1
        deals.append((unit, start))
        own: list[dict[str, float]] = []
        while start <= TODAY:
            own.append({"unit": unit, "start_day": start, "end_day": start + 30, "amount": 20.0})
            if random.random() < (risk_after_complaint if complains < start + 30 else USUAL_RISK):
                break
            start += 30
        else:
            start = TODAY
        if own[-1]["end_day"] < TODAY - known_leavers_days:
            continue
        contracts += own
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
    return estimate_with_signals(estimates, [base], parameters=PARAMETERS)


def weights(model: ContractModel) -> dict[str, float]:
    assert model.survival is not None
    return dict(zip(HEARD, model.survival.signals, strict=True))


def test_complaints_that_end_contracts_weigh_more_and_those_that_do_not_weigh_less() -> None:
    telling, harmless = (estimated(observed(risk)).contracts for risk in (0.40, USUAL_RISK))
    assert (telling.signal_basis, harmless.signal_basis) == ("learned", "learned")
    assert weights(telling)["unresolved_complaint"] > 1.3 * USUAL
    assert 0 <= weights(harmless)["unresolved_complaint"] < 0.5 * USUAL
    assert telling.brier_survival < telling.brier_without_signals


def test_complaints_that_never_came_before_an_end_do_not_keep_their_weight() -> None:
    model = estimated(observed(0.0)).contracts
    assert model.heard["unresolved_complaint"][1] == 0
    assert model.signal_basis == "learned"
    assert weights(model)["unresolved_complaint"] < 0.3 * USUAL


@pytest.mark.parametrize("risk", [USUAL_RISK, 0.20, 0.40])
@pytest.mark.parametrize("known_leavers_days", [10_000, 150])
def test_everybody_gets_the_risk_that_such_months_had(risk: float, known_leavers_days: int) -> None:
    """Also where only those who left of late are known, as in a base loaded from its customers."""
    base = observed(risk, known_leavers_days=known_leavers_days)
    estimates = estimated(base)
    months = statistics_of(base, estimates).history
    since = int(months.month[months.has_ended].max())
    months = months.take(months.month <= since)
    is_heard = months.signals[:, COMPLAINT] > 0
    churn = chances(base, estimates)
    complained, others = groups(base)
    assert churn[complained].mean() == pytest.approx(months.has_ended[is_heard].mean(), abs=0.06)
    assert churn[others].mean() == pytest.approx(months.has_ended[~is_heard].mean(), abs=0.012)


def test_where_nothing_is_to_be_heard_signals_have_their_usual_weights() -> None:
    base = observed(0.20)
    silent = replace(base, events=replace(base.events, interactions=Events.empty().interactions))
    model = estimated(silent).contracts
    assert model.signal_basis == "usual"
    usual = PARAMETERS.combination.weights
    assert weights(model) == {name: usual[name] for name in HEARD}
    assert model.brier_without_signals == model.brier_survival


def test_what_the_past_has_no_examples_of_keeps_its_usual_weight() -> None:
    found = weights(estimated(observed(0.40)).contracts)
    usual = PARAMETERS.combination.weights
    for name in ("satisfaction_gap", "leave_intent", "payment_delay"):
        assert found[name] == pytest.approx(usual[name])


def test_what_is_heard_after_a_month_began_is_not_known_in_it() -> None:
    base = observed(0.40)
    told = base.events.interactions
    later = replace(base.events, interactions=told.assign(day=np.int32(TODAY)))
    assert not statistics_of(replace(base, events=later), estimated(base)).history.signals.any()
    of_last_month = replace(base.events, interactions=told.assign(day=np.int32(TODAY - MONTH_DAYS)))
    history = statistics_of(replace(base, events=of_last_month), estimated(base)).history
    assert set(history.month[history.signals.any(axis=1)].tolist()) == {0}


def test_a_cancelled_contract_is_heard_while_another_one_runs_on() -> None:
    base = observed(0.20)
    told = base.events.contracts
    first = {"unit": int(told["unit"].iloc[0]), "start_day": TODAY - 400, "amount": 20.0}
    running = {**first, "end_day": TODAY + 400}
    cancelled = {**first, "end_day": TODAY + 300, "cancelled_day": TODAY - 100}
    others = told.loc[told["unit"] != first["unit"]]
    contracts = pd.concat(
        [others, events_of(contracts=[running, cancelled]).contracts], ignore_index=True
    )
    events = replace(Events.empty(), contracts=contracts)
    history = statistics_of(replace(base, events=events), estimated(base)).history
    is_heard = history.signals[:, HEARD.index("leave_intent")] > 0
    assert sorted(history.month[is_heard].tolist()) == [0, 1, 2]


def test_order_and_ids_change_nothing() -> None:
    base = observed(0.40)
    model = estimated(base).contracts
    random = np.random.default_rng(4)
    shuffled = Events(
        **{
            name: getattr(base.events, name).sample(frac=1, random_state=1)
            for name in EVENT_COLUMNS
        }
    )
    ids = random.permutation(base.units["unit_id"].to_numpy())
    renamed = replace(base, events=shuffled, units=base.units.assign(unit_id=ids))
    found = estimated(renamed).contracts
    assert found.signal_basis == model.signal_basis
    assert weights(found) == pytest.approx(weights(model), rel=1e-9)


def test_of_several_voices_the_greatest_counts_fully_and_the_others_half() -> None:
    strengths = np.full((1, len(HEARD)), np.nan)
    names = ("unresolved_complaint", "satisfaction_gap", "leave_intent")
    strengths[0, [HEARD.index(name) for name in names]] = 1.0
    found = heard(strengths, parameters=PARAMETERS.combination)[0]
    assert [found[HEARD.index(name)] for name in names] == [1.0, 0.5, 1.0]
    assert found.sum() == 2.5


def test_silence_and_amounts_say_nothing_under_a_contract_and_parts_are_what_is_added() -> None:
    base = observed(0.40)
    estimates = estimated(base)
    told = read_behavior(base, estimates, parameters=PARAMETERS)
    churn = score_churn(base, told, None, estimates=estimates, parameters=PARAMETERS)
    complained, others = groups(base)
    assert (
        churn.loc[complained | others, [f"churn_part_{n}" for n in OF_PURCHASES]]
        .isna()
        .all(axis=None)
    )
    end = told.contracts["contract_end_probability"]
    under = churn.loc[end.index]
    np.testing.assert_allclose(
        under["churn_probability"] - under["churn_part_unresolved_complaint"], end, atol=1e-12
    )
    assert (under.loc[complained[end.index], "churn_part_unresolved_complaint"] > 0).all()
    assert (under["churn_part_unresolved_complaint"] >= 0).all()


def test_what_was_learned_is_kept_as_plain_numbers() -> None:
    model = estimated(observed(0.40)).contracts
    adapter = TypeAdapter(ContractModel)
    assert adapter.validate_python(asdict(model)) == model
    assert adapter.validate_json(adapter.dump_json(model)) == model


def statistics_of(base: Observed, estimates: Estimates) -> ContractStatistics:
    return contract_statistics(base, estimates.signals, parameters=PARAMETERS)


def chances(base: Observed, estimates: Estimates) -> np.ndarray:
    told = read_behavior(base, estimates, parameters=PARAMETERS)
    churn = score_churn(base, told, None, estimates=estimates, parameters=PARAMETERS)
    return churn["churn_probability"].to_numpy()


def groups(base: Observed) -> tuple[np.ndarray, np.ndarray]:
    runs = base.units["has_active_contract"].to_numpy()
    complained = np.zeros(len(runs), dtype=np.bool_)
    complained[base.events.interactions["unit"]] = True
    return runs & complained, runs & ~complained
