"""The whole calculation: its columns, its edges, and what must not change its numbers."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.calculations.estimates import estimate
from services.analytics.calculations.events import Events
from services.analytics.calculations.parameters import Family, Parameters, RhythmParameters
from services.analytics.calculations.purchase_models.beta_geometric import MbgNbd
from services.analytics.calculations.report import Report, calculate
from services.analytics.calculations.statistics import Statistics, observe
from services.analytics.calculations.value_intervals import INTERVAL_COLUMNS
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.catalogue.options import strategy_options
from services.analytics.frames.dictionary import CUSTOMERS, check_frame
from tests.analytics.simulation import SimulatedBase, plain_deals, plain_units, simulate_base

OPTIONS = strategy_options(load_catalogue())
COLUMNS = [
    "state",
    "phase",
    "phase_rule",
    "lead_stage",
    "purchase_count",
    "repeat_count",
    "recency_days",
    "age_days",
    "first_purchase_day",
    "last_purchase_day",
    "interpurchase_days",
    "median_gap_days",
    "gap_days",
    "gap_rank",
    "alive_probability",
    "vitality",
    "churn_horizon_days",
    "baseline_churn_probability",
    "reference_churn_probability",
    "churn_probability",
    "contribution",
    "contribution_730",
    "service_cost",
    "historic_value",
    "valued_purchase_count",
    "margin_per_purchase",
    "order_value",
    "expected_purchases_365",
    "clv_alive_365",
    "clv_365",
    "clv_alive_1095",
    "clv_1095",
    "expected_new_value",
    "value_at_risk",
    "confidence",
    "is_cost_estimated",
]
MONEY_OF_DEALS = ["amount", "list_amount", "cost", "refund", "cost_recovered", "written_off"]
MONEY_OF_UNITS = ["acquisition_cost", "service_cost", "service_cost_730"]
MONEY_OF_CUSTOMERS = [
    "contribution",
    "contribution_730",
    "service_cost",
    "historic_value",
    "margin_per_purchase",
    "order_value",
    "clv_alive_365",
    "clv_365",
    "clv_alive_1095",
    "clv_1095",
    *INTERVAL_COLUMNS,
    "rhythm_clv_365",
    "expected_new_value",
    "value_at_risk",
]


@pytest.fixture(scope="module")
def base() -> SimulatedBase:
    return simulate_base(1_500, seed=4, lead_share=0.2)


def calculate_base(base: SimulatedBase) -> Report:
    return calculate(base.units, base.deals, as_of_day=base.as_of_day)


@pytest.fixture(scope="module")
def report(base: SimulatedBase) -> Report:
    """The report of the base, for all tests; they leave it as it is."""
    return calculate_base(base)


def assert_same(found: pd.DataFrame, expected: pd.DataFrame, rtol: float = 1e-6) -> None:
    pd.testing.assert_frame_equal(found, expected, rtol=rtol, atol=1e-9, check_index_type=False)


def test_columns_are_those_of_the_design(base: SimulatedBase, report: Report) -> None:
    assert [name for name in report.customers.columns if name in COLUMNS] == COLUMNS
    assert report.customers.index.equals(base.units.index)


def test_nothing_in_gives_nothing_out_with_the_same_columns_and_dtypes(
    base: SimulatedBase, report: Report
) -> None:
    empty = calculate(base.units.iloc[:0], base.deals.iloc[:0], as_of_day=base.as_of_day)
    full = report
    assert len(empty.customers) == 0
    assert empty.customers.dtypes.to_dict() == full.customers.dtypes.to_dict()
    assert empty.estimates.purchase_fit.basis == "prior"


def test_units_without_deals_are_leads_with_the_prior() -> None:
    report = calculate(plain_units(3), plain_deals([], []), as_of_day=100)
    customers = report.customers
    assert customers["state"].tolist() == ["lead"] * 3
    assert customers["expected_new_value"].tolist() == [100.0] * 3
    for name in ("contribution", "contribution_730", "historic_value", "clv_365", "vitality"):
        assert customers[name].isna().all(), name
    assert report.estimates.purchase_fit.model == MbgNbd(2.0, 180.0, 0.8, 3.2)


def test_inputs_are_never_changed(base: SimulatedBase) -> None:
    units, deals = base.units.copy(), base.deals.copy()
    calculate_base(base)
    pd.testing.assert_frame_equal(base.units, units)
    pd.testing.assert_frame_equal(base.deals, deals)


def test_two_runs_give_equal_output(base: SimulatedBase) -> None:
    first, second = calculate_base(base), calculate_base(base)
    pd.testing.assert_frame_equal(first.customers, second.customers, check_exact=True)
    assert first.estimates == second.estimates


def test_row_order_carries_no_meaning(base: SimulatedBase, report: Report) -> None:
    shuffled = calculate(
        base.units.sample(frac=1, random_state=1),
        base.deals.sample(frac=1, random_state=2),
        as_of_day=base.as_of_day,
    )
    expected = report
    assert_same(shuffled.customers.sort_index(), expected.customers)
    assert shuffled.estimates.purchase_fit == expected.estimates.purchase_fit


def test_surrogates_carry_no_meaning(base: SimulatedBase, report: Report) -> None:
    new = np.random.default_rng(6).permutation(len(base.units))
    units = base.units.set_axis(pd.Index(new, name="unit")).sort_index()
    deals = base.deals.assign(unit=new[base.deals["unit"]])
    renamed = calculate(units, deals, as_of_day=base.as_of_day).customers
    assert_same(renamed.loc[new].set_axis(base.units.index), report.customers)


@pytest.mark.parametrize("days", [-30_000, 1, 40_000])
def test_the_era_changes_only_the_days(base: SimulatedBase, report: Report, days: int) -> None:
    units = base.units.assign(contract_end_day=base.units["contract_end_day"] + days)
    deals = base.deals.assign(day=base.deals["day"] + days)
    moved = calculate(units, deals, as_of_day=base.as_of_day + days).customers
    expected = report.customers.copy()
    for name in ("first_purchase_day", "last_purchase_day"):
        moved[name] -= days
    for found in (moved, expected):
        of_day = found["signal_evidence"].str.replace(r" [\d-]{10} ", " ", regex=True)
        found["signal_evidence"] = of_day
    assert_same(moved, expected)


@pytest.mark.parametrize("factor", [1e-3, 100.0, 1e6])
def test_the_currency_scales_money_and_nothing_else(
    base: SimulatedBase, report: Report, factor: float
) -> None:
    units, deals = base.units.copy(), base.deals.copy()
    units[MONEY_OF_UNITS] *= factor
    deals[MONEY_OF_DEALS] *= factor
    scaled = calculate(units, deals, as_of_day=base.as_of_day)
    expected = report
    scaled.customers[MONEY_OF_CUSTOMERS] /= factor
    assert_same(scaled.customers, expected.customers)
    assert scaled.estimates.margins.weighing.credibility == pytest.approx(
        expected.estimates.margins.weighing.credibility
    )


SMALL_BASES = st.integers(1, 6).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.lists(
            st.tuples(
                st.integers(0, count - 1),
                st.integers(-7_000, 100),
                st.sampled_from([np.nan, 0.0, 1.0, 59.99, 1e7]),
                st.sampled_from([np.nan, 0.0, 40.0, 1e7]),
                st.sampled_from([np.nan, 0.0, 59.99, 1e7]),
            ),
            max_size=25,
        ),
    )
)


@settings(deadline=None, max_examples=25)
@given(drawn=SMALL_BASES)
def test_any_small_base_gives_sensible_numbers(
    drawn: tuple[int, list[tuple[int, int, float, float, float]]],
) -> None:
    count, rows = drawn
    deals = plain_deals(
        [row[0] for row in rows],
        [row[1] for row in rows],
        amount=[row[2] for row in rows],
        cost=[row[3] for row in rows],
        refund=[row[4] for row in rows],
    )
    report = calculate(plain_units(count), deals, as_of_day=100)
    customers = report.customers
    bought = customers["purchase_count"] > 0
    assert [name for name in customers.columns if name in COLUMNS] == COLUMNS
    for name in (*COLUMNS[6:20], "margin_per_purchase", *COLUMNS[27:32], "value_at_risk"):
        assert (np.isfinite(customers[name]) == bought).all(), name
    for name in COLUMNS:
        if name.endswith("_probability") or name in ("vitality", "gap_rank"):
            assert customers.loc[bought, name].between(0, 1).all(), name
    assert (customers.loc[bought, "expected_purchases_365"] >= 0).all()
    has_value = deals.loc[deals["amount"].notna(), "unit"].unique()
    assert customers["contribution"].notna().sum() == len(has_value)
    is_valued = customers["valued_purchase_count"] > 0
    assert (customers["valued_purchase_count"] <= customers["purchase_count"]).all()
    assert customers["order_value"].notna().equals(bought & bool(is_valued.any()))
    assert (customers.loc[~is_valued, "confidence"] == "low").all()
    assert (customers["state"] == "lead").equals(~bought)


def test_what_comes_out_is_what_the_dictionary_of_columns_says(report: Report) -> None:
    check_frame(report.customers, CUSTOMERS, index="unit")


def test_a_deal_of_unknown_amount_counts_for_the_rhythm_and_not_for_the_value() -> None:
    unit, day = [0, 0, 0, 1, 1, 1], [10, 40, 70] * 2
    known = calculate(plain_units(2), plain_deals(unit, day), as_of_day=100)
    amount = [np.nan, np.nan, np.nan, 100.0, np.nan, 150.0]
    found = calculate(
        plain_units(2), plain_deals(unit, day, amount=amount, cost=np.nan), as_of_day=100
    )
    rhythm = COLUMNS[: COLUMNS.index("contribution")]
    pd.testing.assert_frame_equal(found.customers[rhythm], known.customers[rhythm])
    without, partly = found.customers.loc[0], found.customers.loc[1]
    for name in ("contribution", "contribution_730", "historic_value"):
        assert np.isnan(without[name]), name
    assert partly["contribution"] == pytest.approx(0.35 * 250)
    assert found.customers["valued_purchase_count"].tolist() == [0, 2]
    # Nothing is known of its own margin, so it has that of the base, and says so.
    base_margin = found.estimates.margins.weighing.base_mean
    assert base_margin == pytest.approx(0.35 * 125)
    assert without["margin_per_purchase"] == pytest.approx(base_margin)
    assert without["order_value"] == pytest.approx(125)
    assert without["clv_365"] > 0


def test_a_value_without_any_known_amount_is_of_low_confidence(
    base: SimulatedBase, report: Report
) -> None:
    best = report.customers
    unit = best.index[best["confidence"] == "high"][0]
    unknown = base.deals["amount"].mask(base.deals["unit"] == unit)
    customers = calculate(
        base.units, base.deals.assign(amount=unknown), as_of_day=base.as_of_day
    ).customers
    assert customers.loc[unit, "confidence"] == "low"
    assert customers.loc[unit, "purchase_count"] >= best.loc[unit, "purchase_count"]
    others = customers.index != unit
    assert customers.loc[others, "confidence"].equals(best.loc[others, "confidence"])


def test_a_base_without_any_known_amount_values_a_purchase_as_configured() -> None:
    deals = plain_deals([0, 0], [10, 40], amount=np.nan)
    report = calculate(plain_units(2), deals, as_of_day=100, options=OPTIONS)
    customer = report.customers.loc[0]
    assert customer["margin_per_purchase"] == 25.0
    assert np.isnan(customer["order_value"])
    assert np.isnan(report.estimates.orders.base_mean)
    assert "order_value_unknown" in customer["recommendation_gap_ids"]


def test_recommendations_weigh_leads_with_the_means_of_the_base() -> None:
    units = plain_units(3)
    units["is_reached"] = units["has_responded"] = units["has_open_qualified_deal"] = True
    units["no_conflicting_offer"] = pd.array([True, True, True], dtype="boolean")
    deals = plain_deals([0, 0, 1, 1], [10, 40] * 2, amount=[400.0, 600.0] * 2, cost=100.0)
    # A sample of a price instrument for leads, worth more than anything else if it is allowed.
    options = replace(
        OPTIONS,
        candidates=tuple(
            replace(
                item,
                effect_probability=0.9,
                checks=tuple(c for c in item.checks if c.condition_id != "reference_price_ok"),
            )
            for item in OPTIONS.candidates
            if item.instrument_id == "special_offer"
        ),
    )
    report = calculate(units, deals, as_of_day=100, options=options)
    assert report.estimates.margins.weighing.base_mean == pytest.approx(400)
    assert report.estimates.orders.base_mean == pytest.approx(500)
    lead = report.customers.loc[2]
    assert lead["instrument_id"] == "special_offer"
    assert lead["step1_incentive_cost"] == pytest.approx(0.1 * 500 * 0.95)


def test_all_refunded_is_a_loss_without_predictive_value() -> None:
    deals = plain_deals([0, 1], [10, 10], refund=[100.0, np.nan])
    customers = calculate(plain_units(2), deals, as_of_day=100).customers
    refunded = customers.loc[0]
    assert refunded["historic_value"] == -60.0
    assert refunded["state"] == "lead"
    assert np.isnan(refunded["clv_365"])
    assert np.isnan(refunded["margin_per_purchase"])


def test_a_customer_who_has_not_bought_lately_has_a_recent_contribution_of_nothing() -> None:
    customers = calculate(plain_units(1), plain_deals([0], [10]), as_of_day=2_000).customers
    assert customers["contribution"].tolist() == [40.0]
    assert customers["contribution_730"].tolist() == [0.0]


@pytest.mark.parametrize(("day", "recent"), [(270, 0.0), (271, 40.0), (1_000, 40.0)])
def test_the_recent_window_is_the_last_730_days(day: int, recent: float) -> None:
    customers = calculate(plain_units(1), plain_deals([0], [day]), as_of_day=1_000).customers
    assert customers["contribution_730"].tolist() == [recent]


def test_excluded_units_are_not_looked_at() -> None:
    units = plain_units(2)
    units.loc[0, "is_excluded"] = True
    deals = plain_deals([0, 0, 1], [10, 30, 10])
    report = calculate(units, deals, as_of_day=100)
    excluded = report.customers.loc[0]
    assert excluded["state"] == "excluded"
    assert pd.isna(excluded["phase"])
    assert pd.isna(excluded["lead_stage"])
    assert np.isnan(excluded["contribution"])
    assert excluded["purchase_count"] == 0
    assert report.estimates.purchase_fit.customer_count == 1


def test_an_active_contract_overrides_silence() -> None:
    units = plain_units(3)
    units.loc[1:, "has_active_contract"] = True
    units.loc[1, "contract_end_day"] = 9_000.0
    deals = plain_deals([0, 0, 1, 1, 2, 2], [10, 40] * 3)
    customers = calculate(units, deals, as_of_day=2_000).customers
    assert customers["state"].tolist() == ["lapsed", "developing", "developing"]
    assert customers["churn_probability"].tolist()[1:] == pytest.approx([0.05, 0.05])
    without, until_known, open_ended = customers["clv_1095"]
    assert without < until_known
    assert until_known == pytest.approx(open_ended)
    assert open_ended == pytest.approx(customers.loc[2, "clv_alive_1095"])


def test_a_contract_counts_only_as_long_as_it_runs() -> None:
    units = plain_units(4)
    units["has_active_contract"] = True
    units["contract_end_day"] = [2_010.0, 2_200.0, 2_365.0, 9_000.0]
    deals = plain_deals([0, 0, 1, 1, 2, 2, 3, 3], [10, 40] * 4)
    customers = calculate(units, deals, as_of_day=2_000).customers
    assert customers["clv_365"].is_monotonic_increasing
    assert customers["clv_365"].iloc[2] == pytest.approx(customers["clv_alive_365"].iloc[2])
    assert customers["clv_1095"].iloc[2] < customers["clv_1095"].iloc[3]
    assert (customers["alive_probability"] == 1).all()
    # One that ends before the first month does says nothing of what comes after it.
    free = calculate(units.assign(has_active_contract=False), deals, as_of_day=2_000).customers
    assert free["alive_probability"].iloc[0] < 0.01
    assert customers["clv_365"].iloc[0] == pytest.approx(free["clv_365"].iloc[0])


def test_earlier_estimates_score_without_estimating(base: SimulatedBase, report: Report) -> None:
    first = report
    again = calculate(base.units, base.deals, as_of_day=base.as_of_day, estimates=first.estimates)
    pd.testing.assert_frame_equal(first.customers, again.customers, check_exact=True)


def parts_of(
    base: SimulatedBase, count: int, *, first: int | None = None
) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Cut a base into parts of whole units, each numbered from 0; return all or the first ones."""
    parts = []
    for number in range(first or count):
        rows = np.flatnonzero(np.arange(len(base.units)) % count == number)
        place = np.full(len(base.units), -1)
        place[rows] = np.arange(len(rows))
        deals = base.deals[place[base.deals["unit"]] >= 0]
        units = base.units.iloc[rows].set_axis(pd.RangeIndex(len(rows), name="unit"))
        parts.append((units, deals.assign(unit=place[deals["unit"]])))
    return parts


def test_the_estimates_of_parts_are_those_of_the_whole(base: SimulatedBase, report: Report) -> None:
    whole = report.estimates
    parameters = Parameters()
    parts = [
        Statistics.of(
            observe(*part, Events.empty(), as_of_day=base.as_of_day, parameters=parameters),
            parameters=parameters,
        )
        for part in [*parts_of(base, 7), (base.units.iloc[:0], base.deals.iloc[:0])]
    ]
    found = estimate(
        Statistics.join(parts),
        as_of_day=base.as_of_day,
        parameters=parameters,
    )
    assert found.purchase_fit == whole.purchase_fit
    for own, expected in (
        (found.margins.weighing, whole.margins.weighing),
        (found.orders, whole.orders),
    ):
        assert asdict(own) == pytest.approx(asdict(expected), rel=1e-12)
    assert found.margins.variance == pytest.approx(whole.margins.variance)
    assert found.new_values.of_any_source == pytest.approx(whole.new_values.of_any_source)
    assert found.new_values.by_source == pytest.approx(dict(whole.new_values.by_source))


@pytest.mark.parametrize("family", get_args(Family))
def test_a_unit_scored_alone_has_the_numbers_of_the_whole_to_the_last_digit(
    base: SimulatedBase, family: Family
) -> None:
    parameters = replace(Parameters(), rhythm=RhythmParameters(family=family))
    whole = calculate(
        base.units, base.deals, as_of_day=base.as_of_day, parameters=parameters, options=OPTIONS
    )
    assert (whole.customers["clv_365_low"] < whole.customers["clv_365_high"]).any()
    for count, first in ((3, 1), (300, 2), (len(base.units), 3)):
        for number, (units, deals) in enumerate(parts_of(base, count, first=first)):
            part = calculate(
                units,
                deals,
                as_of_day=base.as_of_day,
                parameters=parameters,
                estimates=whole.estimates,
                options=OPTIONS,
            )
            expected = whole.customers.iloc[number::count].set_axis(units.index)
            pd.testing.assert_frame_equal(
                with_words(part.customers), with_words(expected), check_exact=True
            )


def with_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Write categories as words: which of them are known at all differs between parts."""
    words = frame.select_dtypes("category").columns
    return frame.astype(dict.fromkeys(words, "object"))


def test_hidden_purchases_are_forecast_and_states_are_in_order() -> None:
    base = simulate_base(8_000, seed=12, model=MbgNbd(1.0, 60.0, 0.8, 3.2))
    cut = base.as_of_day - 365
    known = base.deals[base.deals["day"] <= cut]
    customers = calculate(base.units, known, as_of_day=cut).customers
    hidden = base.deals[(base.deals["day"] > cut) & base.deals["refund"].isna()]
    hidden = hidden[hidden["unit"].isin(known["unit"])].drop_duplicates(["unit", "day"])
    assert customers["expected_purchases_365"].sum() == pytest.approx(len(hidden), rel=0.1)
    has_bought = customers.index.isin(hidden["unit"])
    share = pd.Series(has_bought).groupby(customers["state"], observed=True).mean()
    assert share["retained"] > share["at_risk"] > share["lapsed"]


@pytest.mark.parametrize("family", ["mbg_nbd", "bg_nbd", "pareto_nbd"])
@pytest.mark.parametrize("leads", [0, 3])
def test_a_base_without_a_purchase_is_computed_by_every_family(family: Family, leads: int) -> None:
    base = simulate_base(4, seed=1)
    parameters = replace(Parameters(), rhythm=RhythmParameters(family=family))
    units = base.units.iloc[:leads]
    found = calculate(units, base.deals.iloc[:0], as_of_day=base.as_of_day, parameters=parameters)
    assert len(found.customers) == leads
    assert found.customers["clv_365"].isna().all()


def test_of_an_ended_relationship_nothing_is_forecast_and_the_past_stays(
    base: SimulatedBase, report: Report
) -> None:
    units = base.units.copy()
    units["status"] = units["status"].astype(object)
    units.loc[units.index[:300], "status"] = "terminated"
    units["status"] = units["status"].astype("category")
    found = calculate(units, base.deals, as_of_day=base.as_of_day).customers
    ended = found["state"] == "terminated"
    assert ended.sum() > 100
    forecast = ["churn_probability", "churn_basis", "clv_365", "clv_1095", "clv_alive_365"]
    forecast += ["clv_365_high", "expected_purchases_365", "value_at_risk", "rhythm_clv_365"]
    assert found.loc[ended, forecast].isna().all(axis=None)
    assert found.loc[ended & (found["purchase_count"] > 0), "historic_value"].notna().all()
    others = report.customers.loc[~ended, forecast]
    pd.testing.assert_frame_equal(found.loc[~ended, forecast], others)


def test_one_single_purchase_has_an_interval_too() -> None:
    base = simulate_base(1, seed=5, span_days=1)
    found = calculate(base.units, base.deals.iloc[:1], as_of_day=base.as_of_day).customers
    (row,) = found.to_dict("records")
    assert row["clv_365_low"] <= row["clv_365"] < row["clv_365_high"]
    assert row["clv_365_standard_error"] > 0
