"""What of purchases makes products an occasion: newly bought, at the end of their life, to be serviced."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from services.analytics.crm_client import SCHEMAS
from services.analytics.frames.arrays import Booleans, Floats, Integers, floats_of, places_of
from services.analytics.frames.product_categories import ProductCategories
from services.analytics.mirror.snapshot import Snapshot

_TERMS = ("successor_id", "replacement_days", "service_interval_days")


def opened_products(
    snapshot: Snapshot,
    products: ProductCategories,
    lines: pd.DataFrame,
    *,
    since_day: int,
) -> tuple[Integers, pd.DataFrame]:
    """Choose the lines that can be an occasion, with what is due when of their products.

    Those are the lines since a day, the earlier ones of the same unit and product, and all lines of
    products that are to be replaced or serviced and of their successors.

    Parameters
    ----------
    lines
        ``unit``, ``day`` and ``product`` (its place among the products) of lines of purchases.

    Returns
    -------
    tuple of array and DataFrame
        The places of the chosen lines, and their ``successor``, ``replacement_days`` and
        ``service_interval_days``.
    """
    successor, life, interval = _terms(snapshot, products)
    has_term = ~np.isnan(interval) | (~np.isnan(life) & (successor >= 0))
    followers = successor[has_term]
    has_term[followers[followers >= 0]] = True
    product = lines["product"].to_numpy()
    rows = np.flatnonzero(has_term[product] | _are_of_recent_pairs(lines, since_day))
    of = product[rows]
    return rows, pd.DataFrame(
        {
            "successor": successor[of].astype(np.int32),
            "replacement_days": life[of],
            "service_interval_days": interval[of],
        }
    )


def _are_of_recent_pairs(lines: pd.DataFrame, since_day: int) -> Booleans:
    unit, product = (lines[name].to_numpy(dtype=np.int64) for name in ("unit", "product"))
    chosen: Booleans = lines["day"].to_numpy() >= since_day
    if not chosen.any():
        return chosen
    has_recent = np.zeros(int(unit.max()) + 1, dtype=np.bool_)
    has_recent[unit[chosen]] = True
    earlier = np.flatnonzero(has_recent[unit] & ~chosen)
    pair = unit * (int(product.max()) + 1) + product
    chosen[earlier] = np.isin(pair[earlier], pair[chosen])
    return chosen


def _terms(snapshot: Snapshot, products: ProductCategories) -> tuple[Integers, Floats, Floats]:
    """Return successor, usual life and service interval by place of the product; none is -1 or NaN."""
    count = len(products.keys)
    known = [name for name in _TERMS if name in SCHEMAS["products"].names]
    table = snapshot.read("products", ["key", *known])
    place = places_of(pa.chunked_array([products.keys]), table.column("key").combine_chunks())

    def days(name: str) -> Floats:
        if name not in known:
            return np.full(count, np.nan)
        return np.append(floats_of(table, name), np.nan)[place]

    successor = np.full(count, -1)
    if "successor_id" in known:
        successor = places_of(table.column("successor_id").take(pa.array(place)), products.keys)
        successor[successor == np.arange(count)] = -1
    return successor, days("replacement_days"), days("service_interval_days")
