"""Deal hunters: what their deals say, and what they leave open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from services.analytics.calculations.margins import deal_margins
from services.analytics.calculations.purchases import summarize_purchases
from services.analytics.calculations.recommendations.candidates import StrategyParameters
from services.analytics.calculations.recommendations.hunting import find_deal_hunters
from services.analytics.calculations.report import calculate
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.catalogue.options import strategy_options
from tests.analytics.simulation import plain_deals, plain_units

TODAY = 1_000
RECENT = [TODAY - 729, TODAY - 400, TODAY - 200, TODAY - 9]
HUNTER: dict[str, Any] = {"amount": 80.0, "list_amount": 100.0, "cost": 75.0}
NAN = float("nan")


def hunters(deals: pd.DataFrame, unit_count: int = 1) -> list[bool | None]:
    found = find_deal_hunters(
        deals,
        margins=deal_margins(deals, default_margin=0.35),
        purchases=summarize_purchases(deals, unit_count=unit_count, as_of_day=TODAY),
        parameters=StrategyParameters(),
    )
    return [None if gone else bool(holds) for holds, gone in zip(found, found.isna(), strict=True)]


@pytest.mark.parametrize(
    ("day", "columns", "answer"),
    [
        (RECENT, {}, True),
        (RECENT[1:], {}, False),
        ([TODAY - 730, *RECENT[1:]], {}, False),
        # Two on one day are one purchase.
        ([RECENT[1], *RECENT[1:]], {}, False),
        (RECENT, {"list_amount": 80.0}, False),
        (RECENT, {"list_amount": NAN, "discount_pct": 20.0}, True),
        (RECENT, {"list_amount": NAN, "discount_pct": 0.0}, False),
        (RECENT, {"list_amount": NAN}, None),
        (RECENT, {"list_amount": [100, 100, 100, NAN]}, True),
        (RECENT, {"list_amount": [100, 100, NAN, 80]}, None),
        (RECENT, {"list_amount": [100, 100, 80, 80]}, False),
        (RECENT, {"list_amount": [100, NAN, 80, 80]}, False),
        # The margin decides alone where it is large: nobody has to know the discounts.
        (RECENT, {"cost": 60.0}, False),
        (RECENT, {"cost": 60.0, "list_amount": NAN}, False),
        (RECENT, {"amount": [80, 80, 80, NAN]}, None),
        (RECENT, {"amount": [80, 80, 80, NAN], "list_amount": [100, 100, 80, NAN]}, None),
        (RECENT, {"amount": [80, 80, 80, NAN], "list_amount": 80.0}, False),
        (RECENT, {"cost": 60.0, "refund": 20.0}, True),
        (RECENT, {"amount": 0.0}, True),
        # Paid back in full: not a purchase.
        (RECENT, {"refund": [80.0, NAN, NAN, NAN]}, False),
    ],
)
def test_a_deal_hunter_buys_often_at_a_discount_and_leaves_little(
    day: list[int], columns: dict[str, Any], answer: bool | None
) -> None:
    assert hunters(plain_deals([0] * len(day), day, **HUNTER | columns)) == [answer]


def test_everyone_is_told_apart_whatever_the_order_of_deals() -> None:
    deals = plain_deals([1] * 4 + [3] * 4, RECENT * 2, **HUNTER)
    deals.loc[4:, "cost"] = 10.0
    for order in (range(8), [7, 2, 5, 0, 3, 6, 1, 4]):
        assert hunters(deals.iloc[list(order)], 5) == [False, True, False, False, False]
    assert hunters(deals.iloc[:0], 2) == [False, False]


@pytest.mark.parametrize(("list_amount", "is_hunter"), [(100.0, True), (80.0, False)])
def test_a_deal_hunter_is_offered_no_price(list_amount: float, is_hunter: bool) -> None:
    catalogue = strategy_options(load_catalogue())
    name = "future_purchase_discount"
    options = replace(
        catalogue,
        candidates=tuple(
            replace(item, effect_probability=0.9)
            for item in catalogue.candidates
            if item.instrument_id == name
        ),
    )
    units = plain_units(1)
    units["no_conflicting_offer"] = pd.array([True], dtype="boolean")
    days = [TODAY - 90, TODAY - 60, TODAY - 30, TODAY - 1]
    deals = plain_deals([0] * 4, days, amount=800.0, list_amount=10 * list_amount, cost=720.0)
    customer: Any = calculate(units, deals, as_of_day=TODAY, options=options).customers.loc[0]
    assert (customer["instrument_id"] == name) is not is_hunter
    if is_hunter:
        check = options.candidates[int(customer["ruled_out1_option"])].checks
        assert check[int(customer["ruled_out1_barrier"]) // 2].condition_id == "deal_hunter"
    assert np.isfinite(customer["order_value"])
