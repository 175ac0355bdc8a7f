"""The products of a base as arrays: what they earn, what replaces and completes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.analytics.calculations.purchases import Booleans, Floats, Integers

Places: TypeAlias = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Products:
    """All products, in the order of their ids; a place in this order is what a product is called.

    Attributes
    ----------
    ids
        Ids in the CRM.
    price, cost
        Net list price, and what one costs us; base currency, NaN unknown; shape (products,).
    is_for_sale
        Whether it can be bought and is no sample; shape (products,).
    is_repeatable
        Whether one buys it again; shape (products,).
    replacement_days
        After how many days it is usually replaced; NaN unknown; shape (products,).
    successor
        Place of the product that replaces it, -1 for none; shape (products,).
    complement_of, complement
        Places of a product and of one that goes with it; shape (pairs,).
    category
        Number of its category, -1 unknown; shape (products,).
    categories
        The categories by number.
    """

    ids: tuple[str, ...]
    price: Floats
    cost: Floats
    is_for_sale: Booleans
    is_repeatable: Booleans
    replacement_days: Floats
    successor: Integers
    complement_of: Integers
    complement: Integers
    category: Integers
    categories: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def none(cls) -> Self:
        """Return the products of a base that has none."""
        floats, flags, places = (
            np.zeros(0),
            np.zeros(0, dtype=np.bool_),
            np.zeros(0, dtype=np.int64),
        )
        return cls((), floats, floats, flags, flags, floats, places, places, places, places, ())

    def margin(self, *, default_margin: float) -> Floats:
        """Return what a sale leaves; base currency, NaN without a price; shape (products,).

        An unknown cost leaves the default share of the price. Source: domain specification 3.1, 6.6.
        """
        return np.where(np.isnan(self.cost), self.price * default_margin, self.price - self.cost)

    def worth(self, *, default_margin: float) -> Floats:
        """Return what a sale is taken to earn in a ranking; 0 where it earns nothing or cannot be.

        A product of unknown margin counts as the median of the known ones, 1 without any.
        """
        margin = self.margin(default_margin=default_margin)
        known = margin[margin > 0]
        middle = float(np.median(known)) if len(known) else 1.0
        worth = np.where(np.isnan(margin), middle, np.maximum(margin, 0.0))
        return np.where(self.is_for_sale, worth, 0.0)
