"""Why units buy: the declared motive, or one inferred from reasons and from what they bought."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Booleans, Floats, Integers, Purchases
from services.analytics.calculations.standing.counting import (
    common_codes,
    distinct,
    units_of,
    within,
)
from services.analytics.calculations.standing.discounts import discounted_purchases
from services.analytics.calculations.standing.parameters import MotiveParameters

MOTIVE_OF_REASON: Final = {
    "price": "advantage_price",
    "product": "advantage_offer",
    "service": "advantage_service",
    "proximity": "advantage_proximity",
    "assortment": "advantage_assortment",
    "brand": "brand_image",
}
"""What a reason of a won deal says of the motive; timing, trust and other reasons say nothing."""
MOTIVES: Final = (
    *("monopoly", "advantage_price", "advantage_offer", "advantage_service"),
    *("advantage_proximity", "advantage_assortment", "brand_image", "habit", "familiarity"),
    "unknown",
)
BASES: Final = ("declared", "inferred", "unknown")
_UNKNOWN: Final = MOTIVES.index("unknown")


def find_motives(
    declared: pd.Series,
    *,
    won_reasons: pd.DataFrame,
    purchased_categories: pd.DataFrame,
    deals: pd.DataFrame,
    purchases: Purchases,
    parameters: MotiveParameters,
) -> pd.DataFrame:
    """Find the motive of each unit and what it rests on.

    Parameters
    ----------
    declared
        Declared motive of each unit, missing or ``unknown`` without one.
    won_reasons
        ``unit``, ``day``, ``won_reason``.
    purchased_categories
        ``unit``, ``day``, ``category`` of the lines of won deals.
    deals, purchases
        Won deals (``discount_pct``, ``amount``, ``list_amount``) and the purchases they make.
    parameters
        How much is needed to infer one.

    Returns
    -------
    pandas.DataFrame
        ``motive`` and ``motive_basis`` (declared, inferred, unknown); categories, indexed like
        ``declared``.

    Notes
    -----
    Declared first; then at least 2 recorded reasons of which one makes up half or more (of two such
    the one that comes first in the catalogue); then with 4 purchases or more: 60 % discounted is
    price, 3 categories are assortment, 10 % discounted at most with 80 % of the purchases in one
    category is habit. A discount that nobody knows of speaks neither for price nor for habit.
    Source: domain specification 2.3.
    """
    known = pd.Index(MOTIVES)
    said = pd.Categorical(declared.astype("object"), categories=known).codes.astype(np.int64)
    is_declared = (said >= 0) & (said != _UNKNOWN)
    by_reason = _from_reasons(
        won_reasons,
        unit_count=len(declared),
        as_of_day=purchases.as_of_day,
        parameters=parameters,
    )
    by_buying = _from_buying(purchased_categories, deals, purchases, parameters)
    inferred = np.where(by_reason >= 0, by_reason, by_buying)
    code = np.where(is_declared, said, np.where(inferred >= 0, inferred, _UNKNOWN))
    basis = np.where(is_declared, 0, np.where(inferred >= 0, 1, 2))
    return pd.DataFrame(
        {
            "motive": pd.Categorical.from_codes(code.astype(np.int8), categories=known),
            "motive_basis": pd.Categorical.from_codes(
                basis.astype(np.int8), categories=pd.Index(BASES)
            ),
        },
        index=declared.index,
    )


def _from_reasons(
    won_reasons: pd.DataFrame, *, unit_count: int, as_of_day: int, parameters: MotiveParameters
) -> Integers:
    """Find the motive that the recorded reasons agree on, -1 without one."""
    motive = np.full(unit_count, -1)
    reason = won_reasons["won_reason"].astype("category").cat
    told = np.append([_place(word) for word in reason.categories], -1).astype(np.int64)
    codes = reason.codes.to_numpy()
    counted = within(won_reasons, as_of_day=as_of_day) & (codes >= 0)
    unit, told = units_of(won_reasons)[counted], told[codes[counted]]
    total = np.bincount(unit, minlength=unit_count)
    needed = np.maximum(parameters.reason_share * total, 1)
    is_enough = total >= parameters.from_reasons
    # From last to first, so that of two halves the first in the catalogue stays.
    for place in sorted(map(_place, MOTIVE_OF_REASON), reverse=True):
        number = np.bincount(unit[told == place], minlength=unit_count)
        motive[is_enough & (number >= needed)] = place
    return motive


def _place(reason: str) -> int:
    """Return the place of what a reason says in `MOTIVES`, -1 if it says nothing."""
    motive = MOTIVE_OF_REASON.get(reason)
    return -1 if motive is None else MOTIVES.index(motive)


def _from_buying(
    purchased: pd.DataFrame,
    deals: pd.DataFrame,
    purchases: Purchases,
    parameters: MotiveParameters,
) -> Integers:
    """Find the motive that buying itself tells, -1 without one."""
    count = len(purchases.purchase_count)
    number = np.maximum(purchases.purchase_count, 1).astype(np.float64)
    certain, possible = (
        np.bincount(purchases.purchase_unit[rows], minlength=count) / number
        for rows in discounted_purchases(deals, purchases)
    )
    categories, most = _categories(purchased, unit_count=count, as_of_day=purchases.as_of_day)
    rules: tuple[tuple[str, Booleans], ...] = (
        ("advantage_price", certain >= parameters.price_discounted_share),
        ("advantage_assortment", categories >= parameters.assortment_from_categories),
        (
            "habit",
            (possible <= parameters.habit_discounted_share)
            & (most / number >= parameters.habit_category_share),
        ),
    )
    told = np.select(
        [holds for _, holds in rules], [MOTIVES.index(name) for name, _ in rules], default=-1
    )
    return np.where(purchases.purchase_count >= parameters.from_purchases, told, -1)


def _categories(
    purchased: pd.DataFrame, *, unit_count: int, as_of_day: int
) -> tuple[Integers, Floats]:
    """Count the categories each unit has bought from, and the days with its most frequent one."""
    (codes,), number = common_codes(purchased["category"])
    rows = within(purchased, as_of_day=as_of_day) & (codes >= 0)
    most = np.zeros(unit_count)
    if not rows.any():
        return np.zeros(unit_count, dtype=np.int64), most
    day = purchased["day"].to_numpy(dtype=np.int64)[rows]
    span = int(day.max() - day.min()) + 1
    pair = units_of(purchased)[rows] * number + codes[rows]
    # Sorting one number is several times faster than sorting by two columns.
    pair = distinct(pair * span + (day - day.min())) // span
    starts = np.flatnonzero(np.append(True, pair[1:] != pair[:-1]))
    unit, days = pair[starts] // number, np.diff(np.append(starts, len(pair)))
    np.maximum.at(most, unit, days.astype(np.float64))
    return np.bincount(unit, minlength=unit_count), most
