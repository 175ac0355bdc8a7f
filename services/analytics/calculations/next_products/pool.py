"""The pairs that speak for products, as the base's list of products has them today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from services.analytics.calculations.next_products.model import AffinityModel, affinity
from services.analytics.calculations.next_products.parameters import NextProductParameters
from services.analytics.calculations.next_products.products import Products
from services.analytics.calculations.next_products.top import distinct
from services.analytics.calculations.purchases import Booleans, Floats, Integers


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """What the model knows of the products of today; new ones are owned by nobody yet.

    Attributes
    ----------
    key
        ``owned * products + other`` of each pair, ascending; shape (pairs,).
    pair_affinity
        Share of the owners of one that buy the other; shape (pairs,).
    strength
        How strongly one speaks for the other; shape (pairs,).
    is_complement
        Whether the other goes with the one; shape (pairs,).
    scored
        Strength, trend and worth of each pair that can be offered, multiplied; sparse, shape
        (products, products).
    scored_few
        The same, of each owned product the highest alone.
    share, recent, trend, repeat_rate
        Share of units that own each product, and those of the model; shape (products,).
    worth
        What a sale is taken to earn; base currency, 0 if it is not offered; shape (products,).
    new_level, repeat_level
        Those of the model.
    """

    key: Integers
    pair_affinity: Floats
    strength: Floats
    is_complement: Booleans
    scored: Any
    scored_few: Any
    share: Floats
    recent: Floats
    trend: Floats
    repeat_rate: Floats
    worth: Floats
    new_level: float
    repeat_level: float

    @classmethod
    def of(
        cls,
        model: AffinityModel,
        products: Products,
        *,
        default_margin: float,
        parameters: NextProductParameters,
    ) -> Self:
        """Find the products of the model among those of today, and add what goes with what.

        A complement or successor that is seldom owned together with its product speaks as strongly
        as a middling pair: somebody who knows the products has said so.
        """
        count, place = len(products), _places(model, products)
        row, column = place[model.owned], place[model.other]
        is_here = (row >= 0) & (column >= 0)
        key = (row * count + column)[is_here]
        pair_count = model.pair_count[is_here].astype(np.float64)
        strength = model.strength[is_here].astype(np.float64)
        middling = float(np.median(strength)) if len(strength) else 1.0
        told = distinct(_told(products))
        new = np.setdiff1d(told, key, assume_unique=True)
        key = np.concatenate([key, new])
        order = np.argsort(key)
        key = key[order]
        strength = np.concatenate([strength, np.zeros(len(new))])[order]
        strength[np.searchsorted(key, told)] = np.maximum(
            strength[np.searchsorted(key, told)], middling
        )
        owners, recent = (
            _spread(each, place, count) for each in (model.owner_count, model.recent_count)
        )
        trend = _spread(model.trend, place, count, empty=1.0)
        owned, other = np.divmod(key, max(count, 1))
        units = max(model.unit_count, 1)
        worth = products.worth(default_margin=default_margin)
        score = strength * (trend * worth)[other]
        is_offered = score > 0
        is_high = is_offered & _are_highest(owned, score, at_most=parameters.few_pairs)
        return cls(
            key,
            affinity(
                np.concatenate([pair_count, np.zeros(len(new))])[order],
                owners[owned],
                owners[other],
                unit_count=units,
                parameters=parameters,
            ),
            strength,
            np.isin(key, products.complement_of * count + products.complement),
            _by_owned(owned[is_offered], other[is_offered], score[is_offered], count),
            _by_owned(owned[is_high], other[is_high], score[is_high], count),
            owners / units,
            recent,
            trend,
            _spread(model.repeat_rate, place, count),
            worth,
            model.new_level,
            model.repeat_level,
        )

    def find(self, owned: Integers, other: Integers) -> Integers:
        """Return the place of each pair, -1 of those that are not kept."""
        key = owned * len(self.worth) + other
        place = np.minimum(np.searchsorted(self.key, key), max(len(self.key) - 1, 0))
        if not len(self.key):
            return np.full(len(key), -1, dtype=np.int64)
        return np.where(self.key[place] == key, place, -1)


def _places(model: AffinityModel, products: Products) -> Integers:
    """Return the place today of each product of the model, -1 of those that are no more."""
    if model.product_ids == products.ids:
        return np.arange(len(products))
    place = {product: number for number, product in enumerate(products.ids)}
    return np.array([place.get(product, -1) for product in model.product_ids], dtype=np.int64)


def _told(products: Products) -> Integers:
    """Return the keys of the pairs that the products themselves name."""
    count = len(products)
    replaced = np.flatnonzero(products.successor >= 0)
    return np.concatenate(
        [
            products.complement_of * count + products.complement,
            replaced * count + products.successor[replaced],
        ]
    )


def _by_owned(owned: Integers, other: Integers, score: Floats, count: int) -> Any:
    starts = np.searchsorted(owned, np.arange(count + 1))
    return sparse.csr_matrix((score.astype(np.float32), other, starts), shape=(count, count))


def _are_highest(owned: Integers, score: Floats, *, at_most: int) -> Booleans:
    """Tell which pairs are among those of most score of their owned product."""
    order = np.lexsort((-score, owned))
    is_start = np.diff(owned, prepend=-1) != 0
    first = np.flatnonzero(is_start)[np.cumsum(is_start) - 1]
    is_highest = np.empty(len(owned), dtype=np.bool_)
    is_highest[order] = np.arange(len(owned)) - first < at_most
    return is_highest


def _spread(values: NDArray[Any], place: Integers, count: int, *, empty: float = 0.0) -> Floats:
    found = np.full(count, empty)
    found[place[place >= 0]] = values[place >= 0]
    return found
