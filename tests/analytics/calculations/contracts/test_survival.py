"""How likely contracts are not renewed: learned where it can be, and never what makes no sense."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from services.analytics.calculations.contracts.covariates import Covariates, Words
from services.analytics.calculations.contracts.history import (
    ContractStatistics,
    collect_contract_statistics,
)
from services.analytics.calculations.contracts.model import ContractModel, estimate_contracts
from services.analytics.calculations.contracts.reasons import contract_reasons
from services.analytics.calculations.contracts.scoring import (
    CONTRACT_COLUMNS,
    ending_probability,
    score_contracts,
)
from services.analytics.calculations.contracts.signals import HEARD
from services.analytics.calculations.contracts.survival import Survival
from services.analytics.calculations.contracts.verdict import contract_verdict
from services.analytics.calculations.events import Events
from services.analytics.calculations.reasons import money_in
from tests.analytics.calculations.contracts.simulated import (
    PARAMETERS,
    TODAY,
    Contracts,
    contracts_of,
    simulated,
)


def scored(contracts: Contracts, model: ContractModel, *, as_of_day: int = TODAY) -> pd.DataFrame:
    return score_contracts(
        contracts.events(), as_of_day=as_of_day, model=model, parameters=PARAMETERS
    )


@pytest.fixture(scope="module")
def base() -> Contracts:
    return simulated()


@pytest.fixture(scope="module")
def model(base: Contracts) -> ContractModel:
    return base.model()


def test_what_the_contracts_risk_is_learned(base: Contracts, model: ContractModel) -> None:
    assert model.basis == "survival" and model.survival is not None
    assert model.event_count > 200
    assert model.brier_survival < model.brier_share
    found = scored(base, model)
    unit = found.index.to_numpy()
    is_monthly = unit % 3 > 0
    chance = found["contract_end_probability"]
    # Monthly contracts end by chance at each end; of the yearly ones few end within a month.
    assert chance[is_monthly & (unit % 2 == 0)].mean() == pytest.approx(0.10, abs=0.03)
    assert chance[is_monthly & (unit % 2 == 1)].mean() == pytest.approx(0.03, abs=0.015)
    assert chance[~is_monthly].mean() < 0.05
    assert set(found.loc[is_monthly, "contract_term_months"].round()) == {1.0}
    assert set(found.loc[~is_monthly, "contract_term_months"].round()) == {12.0}
    assert model.survival.words["product:fiber"] > model.survival.words["product:copper"]


def test_units_whose_contracts_are_over_or_cancelled_have_no_chance(model: ContractModel) -> None:
    contracts = contracts_of(
        [
            (0, TODAY - 100, TODAY + 265, TODAY - 10),
            (1, TODAY - 100, TODAY, None),
            (2, TODAY - 100, TODAY + 1, None),
            (3, TODAY + 1, TODAY + 300, None),
        ]
    )
    assert scored(contracts, model).index.tolist() == [2]


def test_too_few_contracts_have_the_default_and_then_the_share() -> None:
    running = [(99, TODAY - 10, TODAY + 355, None)]
    ended = [(unit, TODAY - 500, TODAY - 135, None) for unit in range(29)]
    few = contracts_of([*ended, *running])
    assert scored(few, few.model())["contract_end_probability"].tolist() == [0.05]
    assert few.model().basis == "default"
    renewed = (29, TODAY - 500, TODAY - 135, None), (29, TODAY - 135, TODAY + 230, None)
    enough = contracts_of([*ended, *renewed, *running])
    found = scored(enough, enough.model())
    assert found["contract_basis"].tolist() == ["share", "share"]
    assert found["contract_end_probability"].tolist() == pytest.approx([29 / 30] * 2)
    assert found["contract_part_tenure"].isna().all()


@pytest.mark.parametrize(("seed", "basis"), [(1, "default"), (5, "survival")])
def test_survival_is_used_only_where_it_forecasts_better_than_one_share(
    seed: int, basis: str
) -> None:
    # The ends come by pure chance; now and then chance looks like more.
    random = np.random.default_rng(seed)
    rows = []
    for unit in range(160):
        start = TODAY - int(random.integers(40, 400))
        cancelled = start + int(random.exponential(400)) + 1
        rows.append((unit, start, start + 730, cancelled if cancelled <= TODAY else None))
    found = contracts_of(rows).model()
    assert found.event_count >= PARAMETERS.survival_from_events
    assert found.basis == basis
    assert (found.brier_survival < found.brier_share) == (basis == "survival")
    assert (found.survival is None) == (basis == "default")


def test_months_before_the_first_known_end_are_not_learned_from() -> None:
    # Loaded from the customers of last month: whoever left before is not there.
    random = np.random.default_rng(2)
    start = TODAY - random.integers(31, 1_500, 400)
    leaves = random.random(400) < np.where(start > TODAY - 300, 0.5, 0.1)
    rows = [
        (unit, int(first), TODAY + 100, TODAY - 5 if left else None)
        for unit, (first, left) in enumerate(zip(start, leaves, strict=True))
    ]
    contracts = contracts_of(rows)
    found = contracts.model()
    assert (found.month_count, found.event_count) == (400, int(leaves.sum()))
    chance = scored(contracts, found, as_of_day=TODAY - 30)["contract_end_probability"]
    is_young = start[chance.index] > TODAY - 300
    assert chance[is_young].mean() == pytest.approx(leaves[is_young].mean(), abs=0.08)
    assert chance[~is_young].mean() == pytest.approx(leaves[~is_young].mean(), abs=0.04)


def test_without_contracts_nothing_is_told() -> None:
    model = contracts_of([]).model()
    assert (model.basis, model.month_count, model.survival) == ("default", 0, None)
    found = score_contracts(Events.empty(), as_of_day=TODAY, model=model, parameters=PARAMETERS)
    assert len(found) == 0 and tuple(found.columns) == CONTRACT_COLUMNS


def test_parts_of_a_base_tell_the_same_as_all_of_it(base: Contracts, model: ContractModel) -> None:
    parts: list[ContractStatistics] = []
    for number in range(3):
        chosen = np.flatnonzero(np.arange(len(base.units)) % 3 == number)
        place = np.full(len(base.units), -1)
        place[chosen] = np.arange(len(chosen))
        frame = base.frame.assign(unit=place[base.frame["unit"]])
        part = Contracts(base.units.iloc[chosen].reset_index(drop=True), frame[frame["unit"] >= 0])
        parts.append(
            collect_contract_statistics(
                part.units, part.events(), as_of_day=TODAY, parameters=PARAMETERS
            )
        )
    assert estimate_contracts(parts, parameters=PARAMETERS) == model
    few = replace(PARAMETERS, history_units=50)
    joined = ContractStatistics.join(parts, parameters=few)
    whole = collect_contract_statistics(base.units, base.events(), as_of_day=TODAY, parameters=few)
    assert set(joined.history.unit_hash) == set(whole.history.unit_hash)
    assert len(set(whole.history.unit_hash)) == 50


def test_a_unit_has_the_same_digits_whatever_else_is_scored(
    base: Contracts, model: ContractModel
) -> None:
    found = scored(base, model).astype({"contract_product": "str"})
    for unit in found.index[:25]:
        own = base.frame.loc[base.frame["unit"] == unit]
        own = own.assign(
            **{name: own[name].cat.remove_unused_categories() for name in ("product", "category")}
        )
        alone = scored(Contracts(base.units, own), model).astype({"contract_product": "str"})
        pd.testing.assert_frame_equal(alone, found.loc[[unit]], check_exact=True)


def test_order_ids_money_and_dates_change_nothing(base: Contracts, model: ContractModel) -> None:
    chance = scored(base, model)["contract_end_probability"]
    random = np.random.default_rng(5)
    order = random.permutation(len(base.frame))
    other = Contracts(base.units, base.frame.iloc[order])
    assert other.model() == model
    pd.testing.assert_frame_equal(scored(other, model), scored(base, model))
    ids = random.permutation(base.units["unit_id"].to_numpy())
    assert Contracts(base.units.assign(unit_id=ids), base.frame).model() == model
    dear = Contracts(base.units, base.frame.assign(amount=base.frame["amount"] * 137))
    found = scored(dear, dear.model())["contract_end_probability"]
    np.testing.assert_allclose(found, chance, rtol=1e-6)
    days = ["start_day", "end_day", "cancelled_day"]
    later = Contracts(base.units, base.frame.assign(**{day: base.frame[day] + 777 for day in days}))
    moved = later.model(as_of_day=TODAY + 777)
    assert moved == model
    found = scored(later, moved, as_of_day=TODAY + 777)["contract_end_probability"]
    np.testing.assert_array_equal(found, chance)


def test_what_comes_later_changes_nothing(base: Contracts) -> None:
    day = TODAY - 200
    frame = base.frame[base.frame["start_day"] <= day]
    cancelled = frame["cancelled_day"].where(frame["cancelled_day"] <= day)
    known = Contracts(base.units, frame.assign(cancelled_day=cancelled))
    model = base.model(as_of_day=day)
    assert known.model(as_of_day=day) == model
    pd.testing.assert_frame_equal(
        scored(known, model, as_of_day=day), scored(base, model, as_of_day=day)
    )


def test_the_model_is_kept_as_plain_numbers(model: ContractModel) -> None:
    adapter = TypeAdapter(ContractModel)
    assert adapter.validate_python(asdict(model)) == model
    assert adapter.validate_json(adapter.dump_json(model)) == model


effects = st.floats(-3, 3)
falling = st.floats(-3, 0)


@st.composite
def survivals(draw: st.DrawFn) -> Survival:
    def some(count: int, values: st.SearchStrategy[float]) -> tuple[float, ...]:
        return tuple(draw(st.lists(values, min_size=count, max_size=count)))

    return Survival(
        draw(st.floats(-8, 2)),
        some(7, effects),
        some(5, falling),
        some(4, falling),
        some(4, effects),
        draw(effects),
        draw(st.floats(0.1, 3)),
        {"product:a": draw(effects)},
        dict.fromkeys(("tenure", "term", "ending", "amount", "products"), draw(effects)),
        (0.0,) * len(HEARD),
    )


def covariates(tenure: float, term: float, amount: float) -> Covariates:
    one = np.ones(1)
    words = Words(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), ("product:a",))
    return Covariates(tenure * one, term * one, np.zeros(1), amount * one, words)


@settings(max_examples=40, deadline=None)
@given(
    survivals(),
    st.floats(0, 400),
    st.one_of(st.just(float("nan")), st.floats(-10, 1e7)),
    st.integers(1, 3_000),
    st.integers(0, 3_000),
    st.integers(1, 800),
)
def test_chances_lie_between_0_and_1_and_never_rise_with_the_time_left(
    survival: Survival, tenure: float, amount: float, left: int, more: int, horizon: int
) -> None:
    def chance(left_days: int, horizon_days: int) -> tuple[float, list[float]]:
        term = tenure + left_days * 12 / 365
        found, parts = ending_probability(
            covariates(tenure, term, amount),
            np.array([float(left_days)]),
            np.array([float(horizon_days)]),
            survival=survival,
            parameters=PARAMETERS,
        )
        return float(found[0]), [float(part[0]) for part in parts.values()]

    probability, parts = chance(left, horizon)
    assert 0 <= probability <= 1
    assert all(-1 <= part <= 1 for part in parts)
    within = min(horizon, left)
    assert chance(left + more, within)[0] <= chance(left, within)[0] + 1e-12


def test_the_reasons_name_basis_and_what_moves_the_chance(
    base: Contracts, model: ContractModel
) -> None:
    found = scored(base, model)
    monthly = found[found.index.to_numpy() % 6 == 4]
    row = monthly.iloc[0].to_dict()
    first, *others = contract_reasons(row, money=money_in("EUR"))
    assert first.code == "R_CONTRACT_SURVIVAL" and first.params["days"] == 30
    told = {reason.code: reason for reason in others}
    assert told["R_CONTRACT_PRODUCT"].params == {"product": "fiber"}
    assert (told["R_CONTRACT_PRODUCT"].contribution or 0) > 0
    sizes = [abs(reason.contribution or 0) for reason in others]
    assert sizes == sorted(sizes, reverse=True) and min(sizes) >= 0.005
    unknown = dict.fromkeys(CONTRACT_COLUMNS)
    assert contract_reasons(unknown, money=money_in("EUR")) == []
    plain = unknown | {
        "contract_end_probability": 0.05,
        "contract_horizon_days": 30.0,
        "contract_basis": "default",
    }
    (only,) = contract_reasons(plain, money=money_in("EUR"))
    assert (only.code, only.params) == ("R_CONTRACT_ASSUMED", {"p": 0.05})


def test_the_verdict_says_what_forecasts_of_contracts_are_worth(model: ContractModel) -> None:
    def codes(judged: ContractModel) -> list[str]:
        found = contract_verdict(judged, PARAMETERS, customer_count=0)
        return [finding.code for finding in found]

    none = contracts_of([]).model()
    assert codes(none) == []
    (finding,) = contract_verdict(none, PARAMETERS, customer_count=7)
    assert (finding.code, finding.params["count"]) == ("V_CONTRACT_TOO_LITTLE", 0)
    few = contracts_of([(unit, TODAY - 500, TODAY - 135, None) for unit in range(29)])
    (finding,) = contract_verdict(few.model(), PARAMETERS, customer_count=0)
    assert finding.code == "V_CONTRACT_TOO_LITTLE"
    assert finding.params == {"count": 29, "needed": 50, "probability": 0.05}
    assert codes(model) == ["V_CONTRACT_BETTER"]
    assert codes(replace(model, basis="share", survival=None)) == ["V_CONTRACT_SHARE"]
    told = replace(model, heard={"leave_intent": (10, 3)})
    assert codes(replace(told, brier_without_signals=model.brier_survival)) == [
        "V_CONTRACT_BETTER",
        "V_CONTRACT_SIGNALS_NOT",
    ]
    helped = replace(told, brier_without_signals=model.brier_survival / 0.9)
    *_, last = contract_verdict(helped, PARAMETERS, customer_count=0)
    assert (last.code, last.params) == ("V_CONTRACT_SIGNALS_BETTER", {"less": 0.1})
