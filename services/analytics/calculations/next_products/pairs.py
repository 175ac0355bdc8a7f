"""How often products are owned together: counts of a part of a base, which join."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy import sparse

from services.analytics.calculations.next_products.owned import Owned
from services.analytics.calculations.purchases import Floats, Integers

_ONE = float(2**20)
_PRODUCTS_AT_ONCE = 512


@dataclass(frozen=True, slots=True, eq=False)
class PairStatistics:
    """Who bought what, counted over units.

    Attributes
    ----------
    product_ids
        The products, in the order of their places.
    unit_count
        Units that have bought any product.
    owner_count
        Units that have bought each; shape (products,).
    owner_weight
        The same, a unit of many products counting less; shape (products,).
    recent_count
        Units and days of the last time that it was bought on; shape (products,).
    repeat_count, later_count
        Purchases of it after the first, and all purchases of its owners after that; shape
        (products,).
    pairs
        Units that own both products (real part), and their weights (imaginary part); sparse, shape
        (products, products), without a product and itself.
    """

    product_ids: tuple[str, ...]
    unit_count: int
    owner_count: Integers
    owner_weight: Floats
    recent_count: Integers
    repeat_count: Integers
    later_count: Integers
    pairs: Any

    @classmethod
    def of(cls, owned: Owned, product_ids: tuple[str, ...]) -> Self:
        """Count a part of a base.

        Notes
        -----
        A unit of ``n`` products weighs ``1/sqrt(n)``: it says less of each pair. Rounded to
        multiples of 2^-20, so that sums do not depend on their order.
        """
        count = len(product_ids)
        sizes = np.diff(owned.starts)
        weight = np.rint(_ONE / np.sqrt(np.maximum(sizes, 1))) / _ONE

        def per_product(values: Any) -> Floats:
            weights = np.asarray(values, dtype=np.float64)
            return np.bincount(owned.product, weights=weights, minlength=count).astype(np.float64)

        return cls(
            product_ids,
            int((sizes > 0).sum()),
            np.bincount(owned.product, minlength=count),
            per_product(weight[owned.unit]),
            owned.recent_buyers,
            per_product(owned.day_count - 1).astype(np.int64),
            per_product(owned.later_days).astype(np.int64),
            _pairs(owned, weight, count),
        )

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Put the counts of parts together; all count the same products."""
        if len(parts) == 1:
            return parts[0]

        def total(name: str) -> Any:
            first, *others = (getattr(part, name) for part in parts)
            return sum(others, first)

        return cls(
            parts[0].product_ids,
            *(
                total(name)
                for name in (
                    *("unit_count", "owner_count", "owner_weight", "recent_count"),
                    *("repeat_count", "later_count", "pairs"),
                )
            ),
        )


def _pairs(owned: Owned, weight: Floats, count: int) -> Any:
    """Count pairs, some products at a time, as nearly every pair occurs before the end."""
    shape = (len(owned.starts) - 1, count)
    weighed = (1 + 1j * weight[owned.unit]).astype(np.complex128)
    values = sparse.csr_matrix((weighed, owned.product, owned.starts), shape=shape)
    ones = np.ones(len(owned.unit))
    by_product = sparse.csr_matrix((ones, owned.product, owned.starts), shape=shape).T.tocsr()
    if not len(owned.unit):
        nothing = np.zeros(0, dtype=np.int64)
        return sparse.csr_matrix((weighed, (nothing, nothing)), shape=(count, count))

    def blocks() -> Iterator[Any]:
        for start in range(0, count, _PRODUCTS_AT_ONCE):
            block = (by_product[start : start + _PRODUCTS_AT_ONCE] @ values).tocoo()
            is_other = block.row + start != block.col
            kept = (block.data[is_other], (block.row[is_other], block.col[is_other]))
            yield sparse.csr_matrix(kept, shape=block.shape)

    pairs = sparse.vstack(list(blocks()), format="csr")
    pairs.sort_indices()
    return pairs
