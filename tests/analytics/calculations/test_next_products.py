"""Next products: the worked example, what is never offered, and what must not change the choice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.calculations.next_products.choosing import (
    OBVIOUS,
    REPEAT,
    UPGRADE,
    Situation,
    new_products,
    repeated_products,
)
from services.analytics.calculations.next_products.levels import with_levels
from services.analytics.calculations.next_products.model import (
    AffinityModel,
    affinity_document,
    estimate_affinities,
    read_affinity_model,
)
from services.analytics.calculations.next_products.offering import price_limits
from services.analytics.calculations.next_products.owned import Owned
from services.analytics.calculations.next_products.pairs import PairStatistics
from services.analytics.calculations.next_products.parameters import NextProductParameters
from services.analytics.calculations.next_products.pool import Pool
from services.analytics.calculations.next_products.products import Products
from services.analytics.calculations.next_products.scoring import PRODUCT_COLUMNS, next_products
from services.analytics.calculations.purchases import summarize_purchases
from tests.analytics.calculations.event_frames import events, frame

TODAY = 20_000
PARAMETERS = NextProductParameters()
Bought = Sequence[tuple[int, int, int]]
"""Unit, days ago, product."""


def products(count: int, **columns: Any) -> Products:
    """Make products of 100 that cost 60, all for sale and bought again, with nothing else known."""
    unknown = np.full(count, np.nan)
    nowhere, none = np.full(count, -1), np.zeros(0, dtype=np.int64)
    plain: dict[str, Any] = {
        "ids": tuple(f"p{number}" for number in range(count)),
        "price": np.full(count, 100.0),
        "cost": np.full(count, 60.0),
        "is_for_sale": np.ones(count, dtype=np.bool_),
        "is_repeatable": np.ones(count, dtype=np.bool_),
        "replacement_days": unknown,
        "successor": nowhere,
        "complement_of": none,
        "complement": none,
        "category": nowhere,
        "categories": (),
    }
    return Products(**{**plain, **columns})


def rows(bought: Bought) -> pd.DataFrame:
    return frame(
        "bought_products",
        [{"unit": unit, "day": TODAY - ago, "product": product} for unit, ago, product in bought],
    )


def model_of(bought: Bought, listed: Products, *, units: int) -> AffinityModel:
    return estimate_affinities(counted(bought, listed, units=units), parameters=PARAMETERS)


def counted(bought: Bought, listed: Products, *, units: int) -> PairStatistics:
    owned = Owned.of(
        rows(bought),
        unit_count=units,
        product_count=len(listed),
        as_of_day=TODAY,
        recent_days=PARAMETERS.recent_days,
    )
    return PairStatistics.of(owned, listed.ids)


def score(
    bought: Bought,
    listed: Products,
    model: AffinityModel | None = None,
    *,
    units: int,
    amounts: Sequence[float] = (),
    churn: float = 0.25,
    state: str = "retained",
    **others: Any,
) -> pd.DataFrame:
    """Find the next products; every unit has bought for the amounts, each on a day of its own."""
    known = replace(events(**others), bought_products=rows(bought))
    deals = pd.DataFrame(
        {
            "unit": np.repeat(np.arange(units), len(amounts)),
            "day": np.tile(TODAY - np.arange(len(amounts)), units),
            "amount": np.tile(np.array(amounts, dtype=np.float64), units),
            "refund": np.nan,
        }
    )
    customers = pd.DataFrame({"state": state, "churn_probability": churn}, index=range(units))
    return next_products(
        known,
        customers,
        deals["amount"].to_numpy(),
        purchases=summarize_purchases(deals, unit_count=units, as_of_day=TODAY),
        products=listed,
        model=model_of(bought, listed, units=units) if model is None else model,
        default_margin=0.35,
        parameters=PARAMETERS,
    )


def offered(found: pd.DataFrame, unit: int) -> dict[int, dict[str, float]]:
    """Return what a unit is offered by product, in order."""
    row: dict[str, float] = found.loc[unit].to_dict()  # type: ignore[assignment]
    return {
        int(row[f"product{rank}"]): {
            name.removeprefix(at): value for name, value in row.items() if name.startswith(at)
        }
        for rank, at in ((rank, f"product{rank}_") for rank in (1, 2, 3))
        if not np.isnan(row[f"product{rank}"])
    }


PAINT, CANVAS, EASEL, INSURANCE, BRUSH = range(5)
MARGINS = {CANVAS: 8.0, EASEL: 30.0, INSURANCE: 25.0}


def painters() -> list[tuple[int, int, int]]:
    """Let 200 units buy as worked example E5 counts them; unit 39 owns paint alone."""
    bought = [(unit, 10, PAINT) for unit in range(40)]
    bought += [(unit, 10, CANVAS) for unit in (*range(22), *range(40, 68))]
    bought += [(unit, 10, EASEL) for unit in (*range(22, 28), *range(70, 76))]
    bought += [(unit, 10, INSURANCE) for unit in (28, *range(80, 109))]
    return bought + [(unit, 10, BRUSH) for unit in range(68, 200)]


def test_worked_example_e5() -> None:
    price = np.array([10.0, 8.0, 30.0, 25.0, 1.0])
    sold = np.array([True, True, True, True, False])
    listed = products(5, price=price, cost=np.zeros(5), is_for_sale=sold)
    bought = painters()
    model = model_of(bought, listed, units=200)
    situation = Situation.of(
        replace(events(), bought_products=rows(bought)),
        np.full(200, np.inf),
        as_of_day=TODAY,
        products=listed,
        parameters=PARAMETERS,
    )
    pool = Pool.of(model, listed, default_margin=0.35, parameters=PARAMETERS)
    found = new_products(situation, pool, listed, count=3, parameters=PARAMETERS)
    affinity = dict(zip(found.product[39].tolist(), found.affinity[39].tolist(), strict=True))
    assert affinity == pytest.approx({EASEL: 0.132, CANVAS: 0.49, INSURANCE: 0.05}, abs=5e-5)
    scores = {product: share * MARGINS[product] for product, share in affinity.items()}
    assert scores == pytest.approx({EASEL: 3.96, CANVAS: 3.92, INSURANCE: 1.25}, abs=5e-5)
    assert found.product[39].tolist() == [EASEL, CANVAS, INSURANCE]
    assert found.owned[39].tolist() == [PAINT] * 3


def test_the_chance_is_affinity_times_the_chance_to_buy_anything() -> None:
    found = offered(score(painters(), products(5), units=200, churn=0.25), 39)
    assert found[CANVAS]["affinity"] == pytest.approx(0.49)
    assert found[CANVAS]["probability"] == pytest.approx(0.49 * 0.75)
    assert (found[CANVAS]["price"], found[CANVAS]["margin"]) == (100, 40)


def test_units_that_own_nothing_are_offered_what_most_own() -> None:
    bought = painters()
    found = score(bought, products(5), units=201, state="lead", churn=np.nan)
    assert list(offered(found, 200)) == [BRUSH, CANVAS, PAINT]
    brush = offered(found, 200)[BRUSH]
    assert brush["affinity"] == pytest.approx(132 / 200)
    assert brush["probability"] == pytest.approx(0.05 * 132 / 200)
    assert np.isnan(brush["owned"])
    # What has been declined or is too dear is left out for them, too.
    declined = [{"unit": 200, "day": TODAY, "product": BRUSH}]
    found = score(bought, products(5), units=201, declined_products=declined)
    assert list(offered(found, 200)) == [CANVAS, PAINT, INSURANCE]
    dear = products(5, price=np.array([1.0, 1.0, 1.0, 1.0, 9e9]), cost=np.zeros(5))
    assert BRUSH not in offered(score(bought, dear, units=201, amounts=[10.0]), 200)


@pytest.mark.parametrize("state", ["terminated", "excluded"])
def test_ended_relationships_are_offered_nothing(state: str) -> None:
    assert score(painters(), products(5), units=200, state=state).isna().all(axis=None)


@pytest.mark.parametrize(
    ("product", "case"),
    [
        (PAINT, {"is_repeatable": np.zeros(5, dtype=np.bool_)}),
        (PAINT, {"replacement_days": np.full(5, 11.0)}),
        (CANVAS, {"is_for_sale": np.array([1, 0, 1, 1, 1], dtype=np.bool_)}),
        (CANVAS, {"price": np.array([10.0, 301.0, 10.0, 10.0, 10.0]), "cost": np.zeros(5)}),
        (CANVAS, {"cost": np.array([60.0, 100.0, 60.0, 60.0, 60.0])}),
    ],
    ids=["owned", "not due", "out of sale", "too dear", "earns nothing"],
)
def test_what_is_of_no_use_is_not_offered(product: int, case: dict[str, Any]) -> None:
    bought = painters() + [(39, ago, PAINT) for ago in (50, 40, 30, 20)]
    plain = offered(score(bought, products(5), units=200, amounts=[100.0] * 4), 39)
    left = offered(score(bought, products(5, **case), units=200, amounts=[100.0] * 4), 39)
    assert product in plain and product not in left and left


def test_a_declined_product_is_offered_again_after_180_days() -> None:
    for ago, is_offered in ((0, False), (179, False), (180, True)):
        declined = [{"unit": 39, "day": TODAY - ago, "product": CANVAS}]
        found = score(painters(), products(5), units=200, declined_products=declined)
        assert (CANVAS in offered(found, 39)) == is_offered
        assert CANVAS in offered(found, 38)


def test_the_limit_of_a_price_is_three_times_the_upper_quartile_of_orders() -> None:
    deals = pd.DataFrame(
        {"unit": [0] * 5 + [1] * 2, "day": [1, 2, 3, 4, 4, 1, 2], "refund": np.nan}
    )
    amounts = np.array([10.0, 20.0, 30.0, 15.0, 25.0, np.nan, np.nan])
    purchases = summarize_purchases(deals.assign(amount=amounts), unit_count=3, as_of_day=9)
    found = price_limits(amounts, purchases, parameters=PARAMETERS)
    # Two deals of a day are one order of 40; an unknown amount is no limit.
    assert found.tolist() == [3 * np.quantile([10, 20, 30, 40], 0.75), np.inf, np.inf]


def test_a_complement_is_obvious_and_offered_although_nobody_has_bought_both() -> None:
    told = {"complement_of": np.array([PAINT]), "complement": np.array([INSURANCE])}
    bought = [row for row in painters() if row[:1] != (28,)]
    found = offered(score(bought, products(5, **told), units=200), 39)
    assert found[INSURANCE]["flags"] == OBVIOUS and found[INSURANCE]["owned"] == PAINT
    assert found[CANVAS]["flags"] == 0


@pytest.mark.parametrize(
    ("case", "need", "is_offered"),
    [
        ({}, None, False),
        ({"replacement_days": np.array([10.0, *[np.nan] * 4])}, None, True),
        ({"replacement_days": np.array([11.0, *[np.nan] * 4])}, None, False),
        ({}, {"category": "art", "day": TODAY}, True),
        ({}, {"category": "art", "day": TODAY - 365}, False),
        ({}, {"category": "cars", "day": TODAY}, False),
    ],
)
def test_a_successor_needs_a_voiced_need_or_a_due_replacement(
    case: dict[str, Any], need: dict[str, Any] | None, is_offered: bool
) -> None:
    successor = np.array([CANVAS, -1, -1, -1, -1])
    listed = products(5, successor=successor, category=np.zeros(5, dtype=np.int64),
                      categories=("art",), **case)  # fmt: skip
    voiced = [] if need is None else [{"unit": 39, "kind": "need", **need}]
    found = offered(score(painters(), listed, units=200, interest=voiced), 39)
    assert (CANVAS in found) == is_offered
    if is_offered:
        assert found[CANVAS]["flags"] == UPGRADE


def test_repeated_products_are_told_by_the_own_later_purchases() -> None:
    # Unit 0 buys milk each time and salt once; the others buy milk once.
    bought = [(0, ago, 0) for ago in (40, 30, 20, 10)] + [(0, 40, 1)]
    bought += [(unit, 5, 0) for unit in range(1, 4)]
    model = model_of(bought, products(2), units=4)
    assert model.repeat_rate == pytest.approx([(3 + 10 * 3 / 6) / 13, (0 + 10 * 3 / 6) / 13])
    found = offered(score(bought, products(2), units=4), 0)
    assert list(found) == [0, 1]
    assert found[0]["affinity"] == pytest.approx((3 + 3 * model.repeat_rate[0]) / 6)
    assert found[1]["affinity"] == pytest.approx(3 * model.repeat_rate[1] / 6)
    assert (found[0]["flags"], found[0]["owned"]) == (REPEAT, 0)


def test_chances_are_on_the_level_of_what_came_of_such_products() -> None:
    # Every other month each unit buys one more product of its row of products: nobody all at once.
    bought = [
        (unit, 360 - 60 * step, (unit + step) % 30) for unit in range(300) for step in range(6)
    ]
    listed = products(30, is_repeatable=np.zeros(30, dtype=np.bool_))
    plain = model_of(bought, listed, units=300)
    model = with_levels(
        plain,
        rows(bought),
        unit_count=300,
        products=listed,
        as_of_day=TODAY,
        default_margin=0.35,
        parameters=PARAMETERS,
    )
    assert 0 < model.new_level < plain.new_level == 1
    before, after = (score(bought, listed, each, units=300) for each in (plain, model))
    ratio = after["product1_probability"] / before["product1_probability"]
    assert ratio.dropna().to_numpy() == pytest.approx(model.new_level)
    assert (after["product1_affinity"] == before["product1_affinity"]).all()


def test_a_model_is_read_as_it_was_written() -> None:
    model = replace(model_of(painters(), products(5), units=200), new_level=0.3)
    read = read_affinity_model(json.loads(json.dumps(affinity_document(model))))
    assert read == model != replace(model, new_level=0.4)
    with pytest.raises(ValueError, match="array"):
        read_affinity_model({**affinity_document(model), "trend": {"kind": "<f8", "zlib": "AAAA"}})


def test_products_are_found_by_id_when_the_list_has_changed_since() -> None:
    listed = products(5)
    model = model_of(painters(), listed, units=200)
    renamed = replace(listed, ids=("new", *listed.ids[:4]))  # brushes are no more
    later = [(unit, ago, product + 1) for unit, ago, product in painters() if product != BRUSH]
    found = offered(score(later, renamed, model, units=200), 39)
    assert found[CANVAS + 1]["affinity"] == pytest.approx(0.49)
    assert found[CANVAS + 1]["owned"] == PAINT + 1


@st.composite
def bases(draw: st.DrawFn) -> tuple[list[tuple[int, int, int]], Products, list[Any]]:
    units, count = draw(st.integers(2, 12)), draw(st.integers(2, 12))
    unit, product = st.integers(0, units - 1), st.integers(0, count - 1)
    bought = draw(st.lists(st.tuples(unit, st.integers(0, 400), product), min_size=1, max_size=60))
    flags = st.lists(st.booleans(), min_size=count, max_size=count)
    listed = products(
        count,
        is_for_sale=np.array(draw(flags)),
        is_repeatable=np.array(draw(flags)),
        successor=np.array(
            draw(st.lists(st.integers(-1, count - 1), min_size=count, max_size=count))
        ),
        complement_of=np.array(draw(st.lists(product, min_size=3, max_size=3))),
        complement=np.array(draw(st.lists(product, min_size=3, max_size=3))),
    )
    declined = draw(st.lists(st.tuples(unit, st.integers(0, 400), product), max_size=9))
    return bought, listed, [units, declined]


@settings(max_examples=60)
@given(base=bases())
def test_nothing_refused_is_offered_and_no_unit_depends_on_another(base: Any) -> None:
    bought, listed, (units, declines) = base
    declined = [{"unit": u, "day": TODAY - ago, "product": p} for u, ago, p in declines]
    model = model_of(bought, listed, units=units)
    found = score(bought, listed, model, units=units, declined_products=declined)
    assert list(found) == list(PRODUCT_COLUMNS)
    for unit in range(units):
        own = {product for u, _, product in bought if u == unit}
        lately = {product for u, ago, product in declines if u == unit and ago < 180}
        shown = offered(found, unit)
        assert not lately & shown.keys()
        for product, offer in shown.items():
            assert listed.is_for_sale[product]
            assert (product in own) == (offer["flags"] == REPEAT)
            assert product not in own or listed.is_repeatable[product]
            assert 0 <= offer["probability"] <= offer["affinity"] <= 1
    unit = units - 1
    alone = score(
        [(0, ago, product) for u, ago, product in bought if u == unit],
        listed,
        model,
        units=1,
        declined_products=[{**row, "unit": 0} for row in declined if row["unit"] == unit],
    )
    pd.testing.assert_frame_equal(
        alone.reset_index(drop=True), found.iloc[[unit]].reset_index(drop=True), check_exact=True
    )


@settings(max_examples=40)
@given(base=bases(), cut=st.integers(1, 11))
def test_counts_of_parts_join_to_those_of_the_whole(base: Any, cut: int) -> None:
    bought, listed, (units, _) = base
    parts = [
        [row for row in bought if row[0] < cut],
        [(unit - cut, ago, product) for unit, ago, product in bought if unit >= cut],
    ]
    joined = PairStatistics.join([counted(part, listed, units=units) for part in parts])
    whole = counted(bought, listed, units=units)
    found, expected = (estimate_affinities(each, parameters=PARAMETERS) for each in (joined, whole))
    assert found == expected


def test_the_weakest_pairs_are_left_out_where_there_are_too_many() -> None:
    statistics = counted(painters(), products(5), units=200)
    every = estimate_affinities(statistics, parameters=PARAMETERS)
    few = estimate_affinities(statistics, parameters=replace(PARAMETERS, pairs_at_most=4))
    assert 0 < len(few.strength) <= 4 < len(every.strength)
    assert few.strength.min() > np.sort(every.strength)[: -len(few.strength)].max()


def test_a_repeated_product_that_was_declined_is_not_offered() -> None:
    situation = Situation.of(
        replace(
            events(declined_products=[{"unit": 0, "day": TODAY, "product": 0}]),
            bought_products=rows([(0, 9, 0), (0, 5, 1)]),
        ),
        np.full(1, np.inf),
        as_of_day=TODAY,
        products=products(2),
        parameters=PARAMETERS,
    )
    model = model_of([(0, 9, 0), (0, 5, 1)], products(2), units=1)
    pool = Pool.of(model, products(2), default_margin=0.35, parameters=PARAMETERS)
    found = repeated_products(situation, pool, products(2), count=2, parameters=PARAMETERS)
    assert found.product.tolist() == [[1, -1]]
