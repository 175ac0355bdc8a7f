"""In which way a unit is new: to us, to a category, to a variant, or lost to a competitor."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Booleans, Floats, Integers
from services.analytics.calculations.standing.counting import (
    are_among,
    common_codes,
    count_units,
    distinct,
    is_true,
    units_of,
    within,
    words_are,
)

KINDS: Final = (
    *("new_to_company", "new_to_product", "new_variant_same_category"),
    *("first_time_buyer", "diverted"),
)
_TEXTS: Final = [
    " ".join(kind for place, kind in enumerate(KINDS) if bits >> place & 1)
    for bits in range(1, 2 ** len(KINDS))
]
NEED: Final = "need"
GROWTH: Final = "household_growth"


def find_newness(
    state: pd.Series,
    *,
    has_won_deal: Booleans,
    has_previous_supplier: Booleans,
    competitor_loss: Floats,
    interactions: pd.DataFrame,
    interest: pd.DataFrame,
    purchased_categories: pd.DataFrame,
    as_of_day: int,
) -> pd.Series:
    """Find every kind of newness that holds for a unit.

    Parameters
    ----------
    state
        Lifecycle state of each unit; excluded and terminated ones are new in no way.
    has_won_deal, has_previous_supplier
        Whether a deal was ever won, and whether a supplier before us is recorded; shape (units,).
    competitor_loss
        Strength of the signal, NaN unknown; shape (units,).
    interactions
        ``unit``, ``day``, ``kind``, ``names_competitor``, ``event_type``.
    interest
        ``unit``, ``day``, ``category`` and ``kind`` (open_deal, offer, need).
    purchased_categories
        ``unit``, ``day``, ``category`` of the lines of won deals.
    as_of_day
        The day looked from; days since 1970-01-01.

    Returns
    -------
    pandas.Series
        Ids of the catalogue's ``newness_types`` with a space between them, missing where none holds;
        a category, indexed like ``state``. Source: domain specification 2.3.
    """
    count = len(state)
    is_gone = state.isin(("excluded", "terminated")).to_numpy(dtype=np.bool_)
    is_lapsed = (state == "lapsed").to_numpy(dtype=np.bool_, na_value=False)
    happened = within(interactions, as_of_day=as_of_day)

    def any_of(rows: Booleans) -> Booleans:
        return count_units(interactions, happened & rows, unit_count=count) > 0

    left = any_of(
        words_are(interactions, "kind", "cancellation") & is_true(interactions, "names_competitor")
    )
    grew = any_of(words_are(interactions, "event_type", GROWTH))
    is_product, is_variant, owns = _interests(
        interest, purchased_categories, unit_count=count, as_of_day=as_of_day
    )
    is_first = ~has_won_deal
    holds = {
        "new_to_company": is_first & has_previous_supplier,
        "new_to_product": is_product,
        "new_variant_same_category": is_variant | (grew & owns),
        "first_time_buyer": is_first,
        "diverted": is_lapsed & (left | (competitor_loss > 0)),
    }
    bits = np.zeros(count, dtype=np.int8)
    for place, kind in enumerate(KINDS):
        bits |= (holds[kind] & ~is_gone).astype(np.int8) << place
    return pd.Series(
        pd.Categorical.from_codes(bits - 1, categories=pd.Index(_TEXTS)), index=state.index
    )


def _interests(
    interest: pd.DataFrame, purchased: pd.DataFrame, *, unit_count: int, as_of_day: int
) -> tuple[Booleans, Booleans, Booleans]:
    """Tell who is interested in a category never bought, who in another variant, who owns any."""
    (wanted, owned), number = common_codes(interest["category"], purchased["category"])
    asks = within(interest, as_of_day=as_of_day) & (wanted >= 0)
    has = within(purchased, as_of_day=as_of_day) & (owned >= 0)
    pairs = distinct(units_of(purchased)[has] * number + owned[has])
    unit = units_of(interest)[asks]
    is_owned = are_among(unit * number + wanted[asks], pairs)
    is_need = words_are(interest, "kind", NEED)[asks]

    def flags(units: Integers) -> Booleans:
        return np.bincount(units, minlength=unit_count) > 0

    owners = pairs // max(number, 1)
    return flags(unit[~is_owned]), flags(unit[is_owned & is_need]), flags(owners)
