"""Conditions that ask of the product offered: each product of a unit has its own answer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from services.analytics.calculations.next_products.choosing import UPGRADE
from services.analytics.calculations.recommendations.candidates import StrategyParameters
from services.analytics.calculations.recommendations.product_conditions import (
    OF_PRODUCTS,
    product_conditions,
)
from tests.analytics.calculations.event_frames import Row, events
from tests.analytics.calculations.test_next_products import TODAY, products
from tests.analytics.calculations.test_recommendations import (
    FREE,
    one,
    ruled_out,
    steps_of,
    stronger,
)

TWO: dict[str, Any] = {
    "product1": 4.0,
    "product1_probability": 0.1,
    "product1_margin": 2_000.0,
    "product1_flags": 0.0,
    "product2": 7.0,
    "product2_probability": 0.1,
    "product2_margin": 1_000.0,
    "product2_flags": 0.0,
}
DEVELOPING: dict[str, Any] = {"state": "developing", "phase": "development", **TWO}


def answers(offered: list[tuple[float, float]], **rows: list[Row]) -> dict[str, list[Any]]:
    """Answer for the first two products of units; product 1 is replaced by 2."""
    listed = products(
        4,
        category=np.array([0, 1, -1, 1]),
        replacement_days=np.array([100.0, 100.0, np.nan, np.nan]),
        successor=np.array([-1, 2, -1, -1]),
    )
    first, second = zip(*offered, strict=True)
    frame = pd.DataFrame({"product1": first, "product2": second, "product3": math.nan})
    found = product_conditions(
        frame,
        events(**rows),
        products=listed,
        as_of_day=TODAY,
        parameters=StrategyParameters(),
    )
    assert list(found) == [f"product{n}_{name}" for n in (1, 2, 3) for name in OF_PRODUCTS]
    return {
        str(name): [None if pd.isna(each) else bool(each) for each in found[name]] for name in found
    }


def test_terms_conflict_with_those_for_the_same_product_alone() -> None:
    terms: list[Row] = [
        {"unit": 0, "product": 1, "is_quote": True},
        {"unit": 1, "product": 1, "is_quote": False},
        {"unit": 2, "product": -1, "is_quote": True},
        {"unit": 3, "product": -1, "is_quote": False},
        {"unit": 4, "product": 2, "is_quote": False},
        {"unit": 4, "product": 2, "is_quote": True},
    ]
    units = [(1.0, 2.0)] * 5 + [(2.0, math.nan)]
    found = answers(units, live_terms=terms)
    assert found["product1_no_conflicting_offer"] == [False, None, False, None, True, True]
    assert found["product2_no_conflicting_offer"] == [True, True, False, None, False, None]
    assert found["product3_no_conflicting_offer"] == [None] * 6


def test_a_refusal_holds_for_180_days_and_for_its_product_alone() -> None:
    declined: list[Row] = [
        {"unit": 0, "product": 1, "day": TODAY - 179},
        {"unit": 1, "product": 1, "day": TODAY - 180},
        {"unit": 2, "product": -1, "day": TODAY},
        {"unit": 3, "product": 3, "day": TODAY},
    ]
    found = answers([(1.0, 2.0)] * 4, declined_products=declined)
    assert found["product1_recently_declined"] == [True, False, True, False]
    assert found["product2_recently_declined"] == [False, False, True, False]


def test_what_was_just_bought_is_of_the_same_category_or_replaced_by_it() -> None:
    bought: list[Row] = [
        {"unit": 0, "product": 0, "day": TODAY - 49},
        {"unit": 1, "product": 0, "day": TODAY - 50},
        {"unit": 2, "product": 1, "day": TODAY - 49},
        {"unit": 3, "product": 3, "day": TODAY},
        {"unit": 4, "product": 2, "day": TODAY},
    ]
    units = [(0.0, 3.0), (0.0, 3.0), (2.0, 3.0), (3.0, 2.0), (2.0, 0.0)]
    found = answers(units, bought_products=bought)
    # Of a product without a usual time of replacement nothing can be told.
    assert found["product1_recent_purchase_same_product"] == [True, False, True, False, False]
    assert found["product2_recent_purchase_same_product"] == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("facts", "offered"),
    [
        ({}, 4.0),
        ({"product1_no_conflicting_offer": False, "product2_no_conflicting_offer": True}, 7.0),
        ({"product1_no_conflicting_offer": None, "product2_no_conflicting_offer": True}, 7.0),
        ({"product1_recently_declined": True, "product2_recently_declined": False}, 7.0),
    ],
)
def test_a_step_offers_the_best_product_that_nothing_forbids(
    facts: dict[str, Any], offered: float
) -> None:
    options = stronger(cross_sell_offer=0.5)
    of_unit = {**FREE, **{name.removeprefix("product1_"): facts[name] for name in list(facts)[:1]}}
    found = one(**DEVELOPING | of_unit | facts, options=options)
    assert found["instrument_id"] == "cross_sell_offer"
    assert found["step1_product"] == offered


@pytest.mark.parametrize(
    ("condition", "answer", "why"),
    [
        ("no_conflicting_offer", False, "not_met"),
        ("no_conflicting_offer", None, "unknown"),
        ("recently_declined", True, "holds"),
    ],
)
def test_a_step_is_ruled_out_where_every_product_is_forbidden(
    condition: str, answer: bool | None, why: str
) -> None:
    options = stronger(cross_sell_offer=0.5)
    both = {f"product{number}_{condition}": answer for number in (1, 2)}
    found = one(**{**DEVELOPING, **FREE, **both}, options=options)
    assert "cross_sell_offer" not in {name for _, name, _ in steps_of(found)}
    assert ruled_out(found, options=options)["cross_sell_offer"] == (why, condition)


def test_a_step_that_names_no_product_is_judged_for_the_customer() -> None:
    options = stronger(future_purchase_discount=0.5)
    facts: dict[str, Any] = {"phase": "development", "satisfaction_difference": 0.0}
    facts |= {"order_value": 100.0, **FREE}
    barred = one(**facts | {"no_conflicting_offer": False}, options=options)
    assert ruled_out(barred, options=options)["future_purchase_discount"] == (
        "not_met",
        "no_conflicting_offer",
    )
    named = TWO | {"product1_no_conflicting_offer": False, "product2_no_conflicting_offer": True}
    found = one(**facts | named | {"no_conflicting_offer": False}, options=options)
    ranks = {name: rank for rank, (_, name, _) in enumerate(steps_of(found), start=1)}
    assert found[f"step{ranks['future_purchase_discount']}_product"] == 7.0


def test_nothing_newer_is_sold_to_whom_has_just_bought_its_like() -> None:
    facts = {**DEVELOPING, **FREE, "product1_flags": float(UPGRADE), "need_voiced": True}
    options = stronger(upsell_offer=0.5)
    assert one(**facts, options=options)["instrument_id"] == "upsell_offer"
    found = one(**facts, product1_recent_purchase_same_product=True, options=options)
    assert ruled_out(found, options=options)["upsell_offer"] == (
        "holds",
        "recent_purchase_same_product",
    )
