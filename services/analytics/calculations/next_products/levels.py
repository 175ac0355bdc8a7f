"""What became of affinities: how often products named some time ago were bought since."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from services.analytics.calculations.events import Events
from services.analytics.calculations.next_products.choosing import (
    Offers,
    Situation,
    new_products,
    repeated_products,
)
from services.analytics.calculations.next_products.model import AffinityModel, estimate_affinities
from services.analytics.calculations.next_products.owned import Owned
from services.analytics.calculations.next_products.pairs import PairStatistics
from services.analytics.calculations.next_products.parameters import NextProductParameters
from services.analytics.calculations.next_products.pool import Pool
from services.analytics.calculations.next_products.products import Products
from services.analytics.calculations.next_products.top import distinct
from services.analytics.calculations.purchases import Booleans, Integers

_NAMED = 3


def with_levels(
    model: AffinityModel,
    bought: pd.DataFrame,
    *,
    unit_count: int,
    products: Products,
    as_of_day: int,
    default_margin: float,
    parameters: NextProductParameters,
) -> AffinityModel:
    """Look up in a base, or a part of it, how often new and repeated products came.

    Parameters
    ----------
    model
        What goes with what today; only its levels are replaced.
    bought
        ``unit``, ``day`` and ``product``.
    as_of_day
        The day looked from, days since 1970-01-01.

    Notes
    -----
    Everything is estimated as of 90 days before, three products of each kind are named for those who
    bought anything since, and what they bought is set against the affinities: ``(bought + 10) /
    (sum of affinities + 10)``. An affinity counts who ever bought both products, in any order; how
    many buy the other one next is less, and nobody can know it without looking.
    """
    day = as_of_day - parameters.level_days
    is_known = (bought["day"] <= day).to_numpy()
    known, later = bought.loc[is_known], bought.loc[~is_known]
    before, since = (distinct(rows["unit"].to_numpy(dtype=np.int64)) for rows in (known, later))
    units = np.intersect1d(before, since, assume_unique=True)
    if not len(units):
        return model
    owned = Owned.of(
        known,
        unit_count=unit_count,
        product_count=len(products),
        as_of_day=day,
        recent_days=parameters.recent_days,
    )
    counted = PairStatistics.of(owned, products.ids)
    earlier = estimate_affinities(counted, parameters=parameters)
    pool = Pool.of(earlier, products, default_margin=default_margin, parameters=parameters)
    step = max(1, len(units) // parameters.level_units)
    units = units[::step]
    situation = Situation.of(
        replace(Events.empty(), bought_products=_only(known, units)),
        np.full(len(units), np.inf),
        as_of_day=day,
        products=products,
        parameters=parameters,
    )
    came = _only(later, units)
    keys = distinct(came["unit"].to_numpy() * len(products) + came["product"].to_numpy())
    levels = [
        _level(choose(situation, pool, products, count=_NAMED, parameters=parameters), keys,
               len(products), parameters)
        for choose in (new_products, repeated_products)
    ]  # fmt: skip
    return replace(model, new_level=levels[0], repeat_level=levels[1])


def _only(rows: pd.DataFrame, units: Integers) -> pd.DataFrame:
    """Keep the rows of some units, which are numbered anew."""
    unit = rows["unit"].to_numpy()
    place = np.minimum(np.searchsorted(units, unit), len(units) - 1)
    is_one: Booleans = units[place] == unit
    return rows.loc[is_one].assign(unit=place[is_one])


def _level(
    offers: Offers, came: Integers, product_count: int, parameters: NextProductParameters
) -> float:
    is_named = offers.product >= 0
    unit, _ = np.nonzero(is_named)
    named = unit * product_count + offers.product[is_named]
    prior = parameters.level_prior
    hits = np.isin(named, came).sum()
    return float((hits + prior) / (offers.affinity[is_named].sum() + prior))
