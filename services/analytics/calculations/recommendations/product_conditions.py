"""What conditions say of the products that could be offered: an answer for each unit and product."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from services.analytics.calculations.events import Events
from services.analytics.calculations.next_products.products import Products
from services.analytics.calculations.purchases import Booleans, Floats, Integers, float_column
from services.analytics.calculations.recommendations.candidates import StrategyParameters
from services.analytics.calculations.recommendations.facts import PRODUCTS

OF_PRODUCTS: Final = (
    "no_conflicting_offer",
    "recently_declined",
    "recent_purchase_same_product",
)
"""Conditions that ask of the product offered; ids of the catalogue."""


def product_conditions(
    offered: pd.DataFrame,
    events: Events,
    *,
    products: Products,
    as_of_day: int,
    parameters: StrategyParameters,
) -> pd.DataFrame:
    """Answer conditions for the products that could be offered to each unit.

    Parameters
    ----------
    offered
        ``product1`` to ``product3``: places among the products, NaN for none; the units in the
        order of their numbers.
    events
        ``live_terms``, ``declined_products`` and ``bought_products``.
    products
        All that there are.
    as_of_day
        Days since 1970-01-01.
    parameters
        Those of the domain specification, or others.

    Returns
    -------
    pandas.DataFrame
        ``product1_<condition>`` to ``product3_<condition>`` of `OF_PRODUCTS`, booleans, indexed like
        ``offered``; NA where it is not known, or where there is no product.

    Notes
    -----
    What was declined, offered or quoted without naming a product may be about any. A quote
    conflicts; whether an offer that nobody has decided on does is not known, as its terms are
    compared where a new one is made. Source: domain specification 6.5 and 6.6; catalogue,
    ``conditions``.
    """
    terms, declined = events.live_terms, events.declined_products
    is_quote = terms["is_quote"].to_numpy(dtype=np.bool_)
    is_recent = declined["day"].to_numpy() > as_of_day - parameters.declined_window_days
    quotes, offers, refusals = (
        _pairs(terms, is_quote),
        _pairs(terms, ~is_quote),
        _pairs(declined, is_recent),
    )
    young = _bought_lately(events, products, as_of_day, parameters)
    columns: dict[str, Any] = {}
    for number in range(1, PRODUCTS + 1):
        place = float_column(offered, f"product{number}")
        is_none = np.isnan(place)
        is_quoted = _are_about(quotes, place)
        may_conflict = _are_about(offers, place) & ~is_quoted
        answers = {
            "no_conflicting_offer": (~is_quoted, is_none | may_conflict),
            "recently_declined": (_are_about(refusals, place), is_none),
            "recent_purchase_same_product": (_are_alike(young, place, products), is_none),
        }
        for name in OF_PRODUCTS:
            holds, is_unknown = answers[name]
            columns[f"product{number}_{name}"] = pd.arrays.BooleanArray(
                holds & ~is_unknown, is_unknown
            )
    return pd.DataFrame(columns, index=offered.index, copy=False)


def _pairs(frame: pd.DataFrame, rows: Booleans) -> tuple[Integers, Integers]:
    unit, product = (frame[name].to_numpy(dtype=np.int64)[rows] for name in ("unit", "product"))
    return unit, product


def _bought_lately(
    events: Events, products: Products, as_of_day: int, parameters: StrategyParameters
) -> tuple[Integers, Integers]:
    """Return units and products of purchases that are far from being replaced."""
    bought = events.bought_products
    life = np.append(products.replacement_days, np.nan)[bought["product"].to_numpy()]
    age = as_of_day - bought["day"].to_numpy(dtype=np.int64)
    return _pairs(bought, age < parameters.young_share * life)


def _are_about(pairs: tuple[Integers, Integers], place: Floats) -> Booleans:
    """Tell for which units a pair names the product at this place, or none."""
    unit, product = pairs
    found = np.zeros(len(place), dtype=np.bool_)
    found[unit[(product < 0) | (product == place[unit])]] = True
    return found


def _are_alike(pairs: tuple[Integers, Integers], place: Floats, products: Products) -> Booleans:
    """Tell for which units a pair is of the category of this product, the same, or replaced by it."""
    unit, product = pairs
    found = np.zeros(len(place), dtype=np.bool_)
    other = np.nan_to_num(place[unit], nan=-1).astype(np.int64)
    category = np.append(products.category, -1)
    is_alike = (category[product] >= 0) & (category[product] == category[other])
    is_alike |= (product == other) | (products.successor[product] == other)
    found[unit[is_alike & (other >= 0)]] = True
    return found
