"""What may be offered to each unit: not what it owns, has declined, cannot afford or has no use for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations.next_products.owned import Owned
from services.analytics.calculations.next_products.parameters import NextProductParameters
from services.analytics.calculations.next_products.products import Products
from services.analytics.calculations.next_products.top import distinct
from services.analytics.calculations.purchases import Booleans, Floats, Integers, Purchases


@dataclass(frozen=True, slots=True, eq=False)
class Refused:
    """Pairs of a unit and a product that is not offered to it as a new one, ordered by unit.

    Attributes
    ----------
    unit, product
        Surrogate and place; shape (pairs,).
    starts
        Where the pairs of each unit begin, and where the last ones end; shape (units + 1,).
    """

    unit: Integers
    product: Integers
    starts: Integers


def price_limits(
    amounts: Floats, purchases: Purchases, *, parameters: NextProductParameters
) -> Floats:
    """Say above which price a product is too dear for each unit; infinite without a known order.

    Parameters
    ----------
    amounts
        Of the won deals, in the order of their frame; base currency, NaN unknown.
    purchases
        Of the units.

    Notes
    -----
    3 times the 75th percentile of the unit's orders, interpolated. Source: domain specification 6.6.
    """
    limit = np.full(len(purchases.purchase_count), np.inf)
    if not len(purchases.starts):
        return limit
    order = np.add.reduceat(amounts[purchases.deal_rows], purchases.starts)
    unit = purchases.purchase_unit
    is_known = ~np.isnan(order)
    unit, order = unit[is_known], order[is_known]
    order = order[np.lexsort((order, unit))]
    count = np.bincount(unit, minlength=len(limit))
    rows = np.flatnonzero(count)
    first = (np.cumsum(count) - count)[rows]
    at = 0.75 * (count[rows] - 1)
    below = np.floor(at).astype(np.int64)
    low, high = order[first + below], order[first + np.ceil(at).astype(np.int64)]
    limit[rows] = parameters.dear_factor * (low + (at - below) * (high - low))
    return limit


def declined_of_late(
    declined: pd.DataFrame, *, product_count: int, as_of_day: int, declined_days: int
) -> Integers:
    """Return ``unit * products + product`` of what was declined within the days, in order."""
    is_recent = declined["day"].to_numpy() > as_of_day - declined_days
    is_recent &= declined["product"].to_numpy() >= 0
    unit = declined["unit"].to_numpy(dtype=np.int64)[is_recent]
    return np.unique(unit * product_count + declined["product"].to_numpy()[is_recent])


def is_due(owned: Owned, products: Products, *, as_of_day: int) -> Booleans:
    """Tell of each owned product whether its time is over; not where no time is known."""
    days = products.replacement_days[owned.product]
    due: Booleans = as_of_day - owned.last_day >= days
    return due


def needed_successors(
    owned: Owned, needs: pd.DataFrame, products: Products, due: Booleans
) -> tuple[Integers, Booleans]:
    """Return the successor of each owned product, -1 for none, and whether it may be offered.

    A voiced need of the category or a due replacement calls for it. `needs` holds ``unit`` and
    ``category`` of needs that still count. Source: domain specification 6.6.
    """
    successor = products.successor[owned.product]
    category = products.category[successor]
    words = needs["category"].cat.categories
    code = pd.Index(products.categories).get_indexer(words)
    number = np.append(code, -1)[needs["category"].cat.codes.to_numpy()]
    count = len(products.categories)
    voiced = needs["unit"].to_numpy(dtype=np.int64)[number >= 0] * count + number[number >= 0]
    has_need = (category >= 0) & np.isin(owned.unit * count + category, voiced)
    return successor, due | has_need


def refused_products(
    owned: Owned,
    declined: Integers,
    successor: Integers,
    may_upgrade: Booleans,
    *,
    unit_count: int,
    product_count: int,
) -> Refused:
    """Gather what is not offered as new: owned, declined, or a successor nobody needs yet."""
    early = (successor >= 0) & ~may_upgrade
    wanted = owned.unit * product_count + successor
    keys = distinct(
        np.concatenate(
            [
                owned.unit * product_count + owned.product,
                declined,
                np.setdiff1d(
                    distinct(wanted[early]),
                    distinct(wanted[(successor >= 0) & may_upgrade]),
                    assume_unique=True,
                ),
            ]
        )
    )
    unit = keys // max(product_count, 1)
    starts = np.searchsorted(unit, np.arange(unit_count + 1))
    return Refused(unit, keys - unit * product_count, starts)
