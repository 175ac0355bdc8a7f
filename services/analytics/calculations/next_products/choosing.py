"""Chooses products for each unit: new ones by what it owns, and those that it buys again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Final, Self

import numpy as np
from scipy import sparse

from services.analytics.calculations.events import Events
from services.analytics.calculations.next_products.offering import (
    Refused,
    declined_of_late,
    is_due,
    needed_successors,
    refused_products,
)
from services.analytics.calculations.next_products.owned import Owned
from services.analytics.calculations.next_products.parameters import NextProductParameters
from services.analytics.calculations.next_products.pool import Pool
from services.analytics.calculations.next_products.products import Products
from services.analytics.calculations.next_products.top import best_of_rows, ranges, spread
from services.analytics.calculations.purchases import Booleans, Floats, Integers

OBVIOUS, UPGRADE, REPEAT = 1, 2, 4
"""Bits that say what a product is to a unit: a complement, a successor of what it owns, bought before."""
_UNITS_AT_ONCE: Final = 512
_REASONS_AT_ONCE: Final = 32_768
_POPULAR: Final = 50


@dataclass(frozen=True, slots=True, eq=False)
class Situation:
    """What the units own and may be offered on the day.

    Attributes
    ----------
    owned
        What they have bought.
    refused
        What is not offered to them as new.
    declined
        ``unit * products + product`` of what they have declined of late, ascending.
    limit
        Price above which a product is too dear; base currency; shape (units,).
    due
        Whether the time of each owned product is over; shape (owned,).
    successor
        Place of what replaces each owned product, -1 for none; shape (owned,).
    as_of_day
        The day looked from, days since 1970-01-01.
    """

    owned: Owned
    refused: Refused
    declined: Integers
    limit: Floats
    due: Booleans
    successor: Integers
    as_of_day: int

    @classmethod
    def of(
        cls,
        events: Events,
        limit: Floats,
        *,
        as_of_day: int,
        products: Products,
        parameters: NextProductParameters,
    ) -> Self:
        """Read it from what was bought, declined and needed."""
        units, count, day = len(limit), len(products), as_of_day
        owned = Owned.of(
            events.bought_products,
            unit_count=units,
            product_count=count,
            as_of_day=day,
            recent_days=parameters.recent_days,
        )
        declined = declined_of_late(
            events.declined_products,
            product_count=count,
            as_of_day=day,
            declined_days=parameters.declined_days,
        )
        due = is_due(owned, products, as_of_day=day)
        interest = events.interest
        is_need = (interest["kind"] == "need") & (interest["day"] > day - parameters.need_days)
        successor, is_needed = needed_successors(owned, interest.loc[is_need], products, due)
        refused = refused_products(
            owned, declined, successor, is_needed, unit_count=units, product_count=count
        )
        return cls(owned, refused, declined, limit, due, successor, day)


@dataclass(frozen=True, slots=True, eq=False)
class Offers:
    """Products for each unit, the best first; shape (units, ranks).

    Attributes
    ----------
    product
        Place, -1 for none.
    affinity
        Share of those like the unit that buy it; NaN for none.
    chance
        That it is bought if anything is; probability; NaN for none.
    strength
        How much speaks for it against the others of its kind; 0 for none.
    owned
        Place of the owned product that speaks for it most, -1 for none.
    flags
        Bits.
    """

    product: Integers
    affinity: Floats
    chance: Floats
    strength: Floats
    owned: Integers
    flags: Integers

    def on_level(self, level: float) -> Self:
        """Bring strengths to the level of chances, so that kinds compare."""
        chance = np.minimum(level * self.affinity, 1.0)
        total = self.strength.sum(axis=1, keepdims=True)
        sum_of_chances = np.nan_to_num(chance).sum(axis=1, keepdims=True)
        strength = self.strength * (sum_of_chances / np.where(total > 0, total, 1.0))
        return replace(self, chance=chance, strength=strength)


def choose_products(
    situation: Situation,
    pool: Pool,
    products: Products,
    *,
    count: int,
    parameters: NextProductParameters,
) -> Offers:
    """Choose the products of most chance times worth for each unit, new or bought before."""
    new = new_products(situation, pool, products, count=count, parameters=parameters)
    again = repeated_products(situation, pool, products, count=count, parameters=parameters)
    kinds = [new.on_level(pool.new_level), again.on_level(pool.repeat_level)]
    columns = {
        field.name: np.hstack([getattr(kind, field.name) for kind in kinds])
        for field in fields(Offers)
    }
    score = columns["strength"] * spread(pool.worth, columns["product"], empty=0.0)
    best = np.argsort(-score, axis=1, kind="stable")[:, :count]
    return Offers(
        **{name: np.take_along_axis(values, best, axis=1) for name, values in columns.items()}
    )


def new_products(
    situation: Situation,
    pool: Pool,
    products: Products,
    *,
    count: int,
    parameters: NextProductParameters,
) -> Offers:
    """Choose products that a unit does not own; what most buy for one that owns nothing.

    Notes
    -----
    All owned products speak together, those bought of late more: an age of 120 days halves. The
    affinity is that of the owned product for which it is largest.
    """
    owned = situation.owned
    age = situation.as_of_day - owned.last_day
    says = (parameters.fading_days / (parameters.fading_days + age)).astype(np.float32)
    shape = (len(situation.limit), len(products))
    said = sparse.csr_matrix((says, owned.product, owned.starts), shape=shape)
    product = np.full((shape[0], count), -1, dtype=np.int64)
    strength = np.zeros((shape[0], count))
    is_small = np.diff(owned.starts) <= parameters.few_products
    for scored, of_them in ((pool.scored_few, is_small), (pool.scored, ~is_small)):
        units = np.flatnonzero(of_them & (np.diff(owned.starts) > 0))
        for first in range(0, len(units), _UNITS_AT_ONCE):
            block = units[first : first + _UNITS_AT_ONCE]
            found = said[block] @ scored
            row = np.repeat(np.arange(len(block)), np.diff(found.indptr))
            is_out = _is_out(situation, products, block, row, found.indices)
            scores = np.where(is_out, np.float32(0), found.data)
            best = best_of_rows(found.indptr.astype(np.int64), scores, count=count)
            product[block] = spread(found.indices, best, empty=-1)
            strength[block] = spread(scores, best, empty=0.0)
    strength /= np.maximum(spread(pool.worth, product, empty=1.0), 1e-300)
    nothing = np.flatnonzero(np.diff(owned.starts) == 0)
    product[nothing], strength[nothing] = _popular(situation, pool, products, nothing, count)
    affinity, by, flags = _reasons(situation, pool, product)
    return Offers(product, affinity, affinity, strength, by, flags)


def repeated_products(
    situation: Situation,
    pool: Pool,
    products: Products,
    *,
    count: int,
    parameters: NextProductParameters,
) -> Offers:
    """Choose products that a unit owns and buys again.

    Notes
    -----
    Strength is the number of days it was bought on times the root of how often all buy it of late;
    that forecast repeated products better than the own frequency (`bench`, next_products). What is
    replaced after some time is not offered before. The affinity is the share of the unit's later
    purchases that contained it, the share of all owners counting for 3 purchases.
    """
    owned = situation.owned
    item, unit = owned.product, owned.unit
    strength = owned.day_count * (pool.recent[item] + 0.5) ** parameters.repeat_power
    has_time = ~np.isnan(products.replacement_days[item])
    is_out = ~products.is_repeatable[item] | (has_time & ~situation.due)
    is_out |= products.price[item] > situation.limit[unit]
    is_out |= np.isin(unit * len(products) + item, situation.declined)
    strength[is_out] = 0.0
    best = best_of_rows(owned.starts, strength * pool.worth[item], count=count)
    prior = parameters.prior_purchases
    share = (owned.day_count - 1 + prior * pool.repeat_rate[item]) / (owned.later_days + prior)
    product, affinity = spread(item, best, empty=-1), spread(share, best)
    flags = np.where(best >= 0, REPEAT, 0)
    return Offers(product, affinity, affinity, spread(strength, best, empty=0.0), product, flags)


def _is_out(
    situation: Situation, products: Products, units: Integers, row: Integers, product: Integers
) -> Booleans:
    """Tell which products are not offered to some units; `row` is the place among `units`."""
    refused, count = situation.refused, len(products)
    sizes = refused.starts[units + 1] - refused.starts[units]
    pairs = ranges(refused.starts[units], sizes)
    is_refused = np.zeros(len(units) * count, dtype=np.bool_)
    is_refused[np.repeat(np.arange(len(units)) * count, sizes) + refused.product[pairs]] = True
    is_out: Booleans = is_refused[row * count + product]
    limit = situation.limit[units]
    if np.isfinite(limit).any():
        is_out |= products.price[product] > limit[row]
    return is_out


def _popular(
    situation: Situation, pool: Pool, products: Products, units: Integers, count: int
) -> tuple[Integers, Floats]:
    """Choose for units that own nothing what most buy, as far as it is worth it."""
    score = pool.share * pool.worth
    items = np.argsort(-score, kind="stable")[:_POPULAR]
    items = items[score[items] > 0]
    place = np.full(len(products), -1)
    place[items] = np.arange(len(items))
    declined_by, declined = np.divmod(situation.declined, max(len(products), 1))
    product, strength = np.full((len(units), count), -1), np.zeros((len(units), count))
    for first in range(0, len(units), _REASONS_AT_ONCE):
        block = units[first : first + _REASONS_AT_ONCE]
        is_free = ~(products.price[items] > situation.limit[block][:, None])
        is_here = np.isin(declined_by, block) & (place[declined] >= 0)
        rows = np.searchsorted(block, declined_by[is_here])
        is_free[rows, place[declined[is_here]]] = False
        rank = np.cumsum(is_free, axis=1)
        row, column = np.nonzero(is_free & (rank <= count))
        at = (row + first, rank[row, column] - 1)
        product[at], strength[at] = items[column], pool.share[items[column]]
    return product, strength


def _reasons(
    situation: Situation, pool: Pool, product: Integers
) -> tuple[Floats, Integers, Integers]:
    """Find for each new product the owned one of most affinity, the affinity, and the bits."""
    ranks = product.shape[1]
    affinity = np.where(product >= 0, spread(pool.share, product), np.nan).ravel()
    by, flags = np.full(affinity.shape, -1), np.zeros(affinity.shape, dtype=np.int64)
    for offers, places in _with_owned(situation.owned, product, ranks):
        item, other = situation.owned.product[places], product.ravel()[offers]
        pair = pool.find(item, other)
        is_kept = pair >= 0
        offers, places, item, pair = (each[is_kept] for each in (offers, places, item, pair))
        if not len(offers):
            continue
        starts = np.flatnonzero(np.diff(offers, prepend=-1))
        size = np.diff(starts, append=len(offers))
        most = np.maximum.reduceat(pool.pair_affinity[pair], starts)
        is_most = pool.pair_affinity[pair] == np.repeat(most, size)
        first = np.minimum.reduceat(np.where(is_most, np.arange(len(offers)), len(offers)), starts)
        told = offers[starts]
        affinity[told], by[told] = most, item[first]
        is_obvious = np.logical_or.reduceat(pool.is_complement[pair], starts)
        is_upgrade = situation.successor[places] == product.ravel()[offers]
        flags[told] = OBVIOUS * is_obvious + UPGRADE * np.logical_or.reduceat(is_upgrade, starts)
    shape = product.shape
    return affinity.reshape(shape), by.reshape(shape), flags.reshape(shape)


def _with_owned(owned: Owned, product: Integers, ranks: int) -> Iterator[tuple[Integers, Integers]]:
    """Yield places of offers, each repeated for every pair that its unit owns, with those pairs."""
    sizes = np.diff(owned.starts)
    for first in range(0, len(product), _REASONS_AT_ONCE):
        block = product[first : first + _REASONS_AT_ONCE]
        offers = np.flatnonzero(block.ravel() >= 0) + first * ranks
        unit = offers // ranks
        yield np.repeat(offers, sizes[unit]), ranges(owned.starts[unit], sizes[unit])
