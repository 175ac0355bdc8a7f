"""Won deals become purchases: what counts, what merges, whatever the order of the rows."""

from __future__ import annotations

import numpy as np
import pytest

from services.analytics.calculations.purchases import _ordered, summarize_purchases
from tests.analytics.simulation import plain_deals


def test_deals_on_one_day_are_one_purchase() -> None:
    deals = plain_deals([0, 0, 1, 0], [10, 10, 10, 40])
    purchases = summarize_purchases(deals, unit_count=3, as_of_day=100)
    assert purchases.purchase_count.tolist() == [2, 1, 0]
    assert purchases.repeat_count.tolist() == [1, 0]
    assert purchases.recency_days.tolist() == [30.0, 0.0]
    assert purchases.age_days.tolist() == [90.0, 90.0]
    assert purchases.purchase_unit.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("amount", "refund", "counts"),
    [
        (100.0, 100.0, False),
        (100.0, 120.0, False),
        (100.0, 99.99, True),
        (100.0, np.nan, True),
        (np.nan, 50.0, True),
        (0.0, 0.0, True),
        (0.0, np.nan, True),
    ],
)
def test_only_a_deal_refunded_in_full_is_no_purchase(
    amount: float, refund: float, counts: bool
) -> None:
    deals = plain_deals([0], [10], amount=[amount], refund=[refund])
    purchases = summarize_purchases(deals, unit_count=1, as_of_day=100)
    assert purchases.purchase_count.tolist() == [int(counts)]


def test_a_refunded_deal_does_not_move_the_last_purchase() -> None:
    deals = plain_deals([0, 0], [10, 50], refund=[np.nan, 100.0])
    purchases = summarize_purchases(deals, unit_count=1, as_of_day=100)
    assert (purchases.last_day[0], purchases.purchase_count[0]) == (10, 1)


@pytest.mark.parametrize("first_day", [-40_000, 0, 20_000])
def test_the_order_of_the_rows_and_the_era_change_nothing(first_day: int) -> None:
    random = np.random.default_rng(1)
    unit, day = random.integers(0, 50, 800), random.integers(0, 200, 800) + first_day
    deals = plain_deals(unit.tolist(), day.tolist())
    ordered = deals.sort_values(["unit", "day"])
    expected = (
        deals.drop_duplicates(["unit", "day"]).groupby("unit")["day"].agg(["size", "min", "max"])
    )
    for frame in (deals, ordered):
        purchases = summarize_purchases(frame, unit_count=50, as_of_day=first_day + 200)
        np.testing.assert_array_equal(purchases.purchase_count, expected["size"])
        np.testing.assert_array_equal(purchases.first_day, expected["min"])
        np.testing.assert_array_equal(purchases.last_day, expected["max"])


def test_units_too_many_to_pack_into_one_number_are_ordered_all_the_same() -> None:
    deals = plain_deals([2, 1, 2, 1], [2**31 - 1, 5, -(2**31), 5])
    deals["unit"] *= 2**29
    unit, day = deals["unit"].to_numpy(), deals["day"].to_numpy(dtype=np.int64)
    ordered = _ordered(unit, day, np.arange(4))
    assert ordered[2].tolist() == [1, 3, 2, 0]


def test_a_deal_after_the_day_is_refused() -> None:
    with pytest.raises(ValueError, match="after the day"):
        summarize_purchases(plain_deals([0], [11]), unit_count=1, as_of_day=10)
