"""Margins, credibility and the value of leads at the edges of the data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from services.analytics.calculations import margins
from services.analytics.calculations.credibility import Credibility, credibility_factor
from services.analytics.calculations.new_customers import (
    SourceStatistics,
    estimate_new_values,
    expected_new_value,
)
from services.analytics.calculations.parameters import SpendParameters, ValueParameters
from services.analytics.calculations.purchases import Floats, summarize_purchases
from tests.analytics.simulation import plain_deals, plain_units

PARAMETERS = ValueParameters()


def margin_per_purchase(
    deals: pd.DataFrame, unit_count: int, service_cost: float = 0.0
) -> tuple[Floats, Credibility]:
    units = plain_units(unit_count)
    units["service_cost"] = service_cost
    purchases = summarize_purchases(deals, unit_count=unit_count, as_of_day=1_000)
    earned = margins.deal_margins(deals, default_margin=0.35)
    earnings = margins.Earnings.of(units, deals, margins=earned, purchases=purchases)
    estimate = margins.estimate_margins(
        earnings, parameters=PARAMETERS, spend_parameters=SpendParameters()
    )
    found = margins.margin_per_purchase(
        earnings, has_purchase=purchases.has_purchase, estimate=estimate
    )
    return found, estimate.weighing


@pytest.mark.parametrize(
    ("columns", "margin", "is_estimated"),
    [
        ({"amount": 100, "cost": 60}, 40, False),
        ({"amount": 90, "cost": np.nan, "discount_pct": 10}, 25, True),
        ({"amount": 90, "cost": np.nan, "list_amount": 120, "discount_pct": 10}, 12, True),
        ({"amount": 100, "cost": np.nan}, 35, True),
        ({"amount": 0, "cost": np.nan, "discount_pct": 100}, 0, True),
        ({"amount": 0, "cost": np.nan, "list_amount": 50, "discount_pct": 100}, -32.5, True),
        ({"amount": np.nan, "cost": 60}, np.nan, False),
        ({"amount": np.nan, "cost": np.nan}, np.nan, False),
        ({"amount": 100, "cost": 60, "refund": 100}, -60, False),
        ({"amount": 100, "cost": 60, "written_off": 100}, -60, False),
    ],
)
def test_margin_of_a_deal(columns: dict[str, float], margin: float, is_estimated: bool) -> None:
    earned = margins.deal_margins(plain_deals([0], [1], **columns), default_margin=0.35)
    np.testing.assert_allclose(earned.margin, [margin])
    assert earned.is_cost_estimated.tolist() == [is_estimated]


def test_before_any_data_the_configured_contribution_stands() -> None:
    margin, credibility = margin_per_purchase(plain_deals([], []), 2)
    assert np.isnan(margin).all()
    assert (credibility.base_mean, credibility.credibility) == (25.0, 2.0)


def test_deals_refunded_in_full_give_no_predictive_value() -> None:
    margin, _ = margin_per_purchase(plain_deals([0, 1], [1, 1], refund=[100.0, np.nan]), 2)
    assert np.isnan(margin[0])
    assert margin[1] == pytest.approx(40)


def test_a_purchase_of_unknown_amount_leaves_its_unit_with_the_mean_of_the_base() -> None:
    deals = plain_deals([0, 1, 1], [1, 1, 9], amount=[np.nan, 100.0, 110.0])
    margin, credibility = margin_per_purchase(deals, 2)
    assert credibility.base_mean == pytest.approx(45)
    np.testing.assert_allclose(margin, 45)


@pytest.mark.parametrize(("repeat_buyers", "is_estimated"), [(49, False), (50, True)])
def test_credibility_is_estimated_from_fifty_repeat_buyers(
    repeat_buyers: int, is_estimated: bool
) -> None:
    random = np.random.default_rng(2)
    unit = np.repeat(np.arange(repeat_buyers), 3)
    amount = 100 + 10 * random.standard_normal(len(unit)) + 20 * (unit % 2)
    deals = plain_deals(unit.tolist(), [1, 5, 9] * repeat_buyers, amount=amount.tolist())
    _, credibility = margin_per_purchase(deals, repeat_buyers)
    assert (credibility.credibility != 2.0) == is_estimated


def test_credibility_stays_within_its_limits() -> None:
    factor = [
        credibility_factor(within, between, parameters=PARAMETERS)
        for within, between in ((0.0, 9.0), (900.0, 1.0), (5.0, 0.0), (5.0, -1.0), (np.nan, np.nan))
    ]
    assert factor == [0.5, 20.0, 20.0, 20.0, 20.0]


def test_equal_margins_do_not_differ_between_units() -> None:
    unit = np.repeat(np.arange(70), 3)
    deals = plain_deals(unit.tolist(), [1, 5, 9] * 70, amount=13.37, cost=1.01)
    _, credibility = margin_per_purchase(deals, 70)
    assert credibility.credibility == 20.0


def test_a_single_extreme_margin_is_capped_in_a_large_base_only() -> None:
    for count, is_capped in ((50, False), (500, True)):
        amount = np.full(count, 100.0)
        amount[0] = 1e6
        deals = plain_deals(list(range(count)), [1] * count, amount=amount.tolist())
        _, credibility = margin_per_purchase(deals, count)
        assert (credibility.highest < 1e5) == is_capped


def test_what_capping_takes_is_given_back_to_all_within_a_limit() -> None:
    units = list(range(1_000))
    amount = np.full(1_000, 100.0)
    amount[:20] = [1_500.0, 1_200.0, *[800.0] * 18]

    def margins() -> tuple[Floats, float]:
        deals = plain_deals(units, [1] * 1_000, amount=amount.tolist(), cost=60.0)
        margin, found = margin_per_purchase(deals, 1_000)
        return margin, found.highest

    margin, highest = margins()
    assert highest < 1_000
    assert margin.sum() == pytest.approx((amount - 60).sum())
    usual = float(np.median(margin))
    amount[0] = 1e9
    margin, _ = margins()
    assert np.median(margin) == pytest.approx(1.1 * usual, rel=0.05)


def test_service_cost_lowers_the_margin_per_purchase() -> None:
    margin, _ = margin_per_purchase(plain_deals([0, 0], [1, 5]), 1, service_cost=20.0)
    np.testing.assert_allclose(margin, 30)


def new_values(source: list[str | None], first_year: list[float], age: list[float]) -> Floats:
    sources = pd.Series(source, dtype="str")
    halves = [
        SourceStatistics.of(
            sources[rows], np.array(first_year)[rows], np.array(age)[rows], parameters=PARAMETERS
        )
        for rows in (slice(None, 1), slice(1, None))
    ]
    values = estimate_new_values(SourceStatistics.join(halves), parameters=PARAMETERS)
    return expected_new_value(sources, values)


def test_new_value_of_a_source_leans_on_the_base_mean() -> None:
    found = new_values(
        ["a", "a", "b", None, "a", "c"],
        [300.0, 100.0, 80.0, np.nan, np.nan, np.nan],
        [400.0, 500.0, 365.0, 0.0, 0.0, 0.0],
    )
    base = 160.0
    expected = [(20 * base + 400) / 22, (20 * base + 80) / 21, base, base]
    np.testing.assert_allclose(found[[0, 2, 3, 5]], expected)


def test_new_value_counts_unfinished_first_years_only_where_there_is_nothing_else() -> None:
    assert new_values(["a", "a"], [300.0, 10.0], [100.0, 9.0]).tolist() == [155.0, 155.0]
    assert new_values(["a", "a"], [300.0, 10.0], [400.0, 9.0]).tolist() == [300.0, 300.0]


def test_new_value_before_any_data_is_the_configured_one() -> None:
    assert new_values(["d", None], [np.nan, np.nan], [0.0, 0.0]).tolist() == [100.0, 100.0]
