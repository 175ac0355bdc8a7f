"""The list of products: what calculations take of them, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.analytics.calculations.next_products.products import Products
from services.analytics.frames.arrays import (
    Floats,
    Words,
    booleans_of,
    floats_of,
    minor_per_unit,
    places_of,
)
from services.analytics.frames.json_lists import read_entries
from services.analytics.mirror.snapshot import Snapshot

_COLUMNS = [
    *("id", "key", "category", "list_price_minor", "list_price_currency", "unit_cost_minor"),
    *("unit_cost_currency", "complements", "successor_id", "is_repeatable", "is_sample"),
    *("is_for_sale", "replacement_days"),
]


@dataclass(frozen=True, slots=True)
class ProductName:
    """What a product is called, which is no datum of a person; its place in a list is its number."""

    id: str
    key: str
    name: str


def read_product_names(snapshot: Snapshot) -> list[ProductName]:
    """Return what the products are called, in the order of their ids; by its key one without a name."""
    table = by_id(snapshot, ["id", "key", "name"])
    return [
        ProductName(row["id"], row["key"], row["name"] or row["key"]) for row in table.to_pylist()
    ]


def read_products(snapshot: Snapshot, *, base_currency: str) -> Products:
    """Return the products in the order of their ids.

    An amount in another currency is unknown: products have no rate.
    """
    table = by_id(snapshot, _COLUMNS)
    keys = table.column("key").combine_chunks()
    price, cost = (
        _amounts(table, name, base_currency=base_currency) for name in ("list_price", "unit_cost")
    )
    places, entries = read_entries(table.column("complements").fill_null("[]"), pa.string())
    other = places_of(pa.chunked_array([entries]), keys)
    is_known = (other >= 0) & (other != places)
    category = Words.of(table.column("category"))
    successor = places_of(table.column("successor_id"), keys)
    return Products(
        ids=tuple(table.column("id").to_pylist()),
        price=price,
        cost=cost,
        is_for_sale=booleans_of(table, "is_for_sale") & ~booleans_of(table, "is_sample"),
        is_repeatable=booleans_of(table, "is_repeatable"),
        replacement_days=floats_of(table, "replacement_days"),
        successor=np.where(successor == np.arange(len(keys)), -1, successor),
        complement_of=places[is_known],
        complement=other[is_known],
        category=category.codes,
        categories=tuple(category.words),
    )


def by_id(snapshot: Snapshot, columns: list[str]) -> pa.Table:
    """Read products in the order of their ids, which is that of their places."""
    table = snapshot.read("products", columns)
    return table.take(pc.sort_indices(table.column("id"))).combine_chunks()


def _amounts(table: pa.Table, name: str, *, base_currency: str) -> Floats:
    currency = Words.of(table.column(f"{name}_currency"))
    amount = floats_of(table, f"{name}_minor") / minor_per_unit(currency)
    return np.where(currency.are(base_currency), amount, np.nan)
