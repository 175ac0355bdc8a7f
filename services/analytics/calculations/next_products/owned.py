"""Who owns which products since when, from what was bought on which day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from services.analytics.calculations.next_products.top import distinct
from services.analytics.calculations.purchases import Integers


@dataclass(frozen=True, slots=True, eq=False)
class Owned:
    """Pairs of a unit and a product that it has bought, ordered by unit and product.

    Attributes
    ----------
    unit, product
        Surrogate of the unit, place of the product; shape (pairs,).
    starts
        Where the pairs of each unit begin, and where the last ones end; shape (units + 1,).
    day_count
        Days on which the unit bought it; shape (pairs,).
    last_day
        The last of them, days since 1970-01-01; shape (pairs,).
    later_days
        Days after the first of them on which the unit bought any product; shape (pairs,).
    recent_buyers
        Pairs of a unit and a day of the window before the day looked from; shape (products,).
    """

    unit: Integers
    product: Integers
    starts: Integers
    day_count: Integers
    last_day: Integers
    later_days: Integers
    recent_buyers: Integers

    @classmethod
    def of(
        cls,
        bought: pd.DataFrame,
        *,
        unit_count: int,
        product_count: int,
        as_of_day: int,
        recent_days: int,
    ) -> Self:
        """Gather pairs from rows of ``unit``, ``day`` and ``product``, in any order.

        Rows of one unit, day and product count once.
        """
        unit = bought["unit"].to_numpy(dtype=np.int64)
        day = bought["day"].to_numpy(dtype=np.int64)
        product = bought["product"].to_numpy(dtype=np.int64)
        first = int(day.min()) if len(day) else 0
        span = int(day.max()) - first + 1 if len(day) else 1
        pair_days = distinct((unit * product_count + product) * span + (day - first))
        pair, offset = np.divmod(pair_days, span)
        is_start = np.ones(len(pair), dtype=np.bool_)
        is_start[1:] = pair[1:] != pair[:-1]
        starts = np.flatnonzero(is_start)
        day_count = np.diff(starts, append=len(pair))
        key = pair[starts]
        owner = key // max(product_count, 1)
        unit_days = distinct(unit * span + (day - first))
        past = np.searchsorted(unit_days, np.arange(unit_count + 1) * span)
        own = np.searchsorted(unit_days, owner * span + offset[starts], side="right")
        recent = (offset + first) > as_of_day - recent_days
        return cls(
            owner,
            key - owner * product_count,
            np.searchsorted(owner, np.arange(unit_count + 1)),
            day_count,
            offset[starts + day_count - 1] + first,
            past[owner + 1] - own,
            np.bincount(pair[recent] % max(product_count, 1), minlength=product_count),
        )
