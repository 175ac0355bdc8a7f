"""Ranks the steps of units: those allowed by expected value, and those ruled out beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.analytics.calculations.purchases import Booleans, Floats
from services.analytics.calculations.recommendations.barriers import FREE, HOLDOUT, barrier_of
from services.analytics.calculations.recommendations.candidates import (
    RULED_OUT,
    STEPS,
    StrategyOptions,
    StrategyParameters,
)
from services.analytics.calculations.recommendations.facts import Codes, Facts
from services.analytics.calculations.recommendations.trials import OpenTo, open_to
from services.analytics.calculations.recommendations.valuation import Option, Rows, best_way

Matrix: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.int16]
_NO_TERMS = -9
_NEVER = np.zeros(0, dtype=np.bool_)
_FIRST = 1e12
"""More than any step is worth; base currency."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Steps of units, the best first; shape (ranks, units).

    Attributes
    ----------
    option
        Number of the candidate; -1 for none.
    value
        Expected value; base currency, minus infinity for none.
    channel, product
        Places of channel and product; -1 for none.
    event
        Place of the event that called for it; -1 for none.
    barrier
        What rules it out; `FREE` for nothing.
    """

    option: Places
    value: Matrix
    channel: Places
    product: Places
    event: Places
    barrier: Places

    @classmethod
    def none(cls, ranks: int, count: int) -> Ranked:
        """Start with no step for anyone."""

        def codes() -> Places:
            return np.full((ranks, count), -1, dtype=np.int16)

        value = np.full((ranks, count), -np.inf)
        return cls(codes(), value, codes(), codes(), codes(), codes())

    def put(self, rows: Rows, other: Ranked) -> None:
        """Take over what was ranked of some units."""
        for name in self.__slots__:
            getattr(self, name)[:, rows] = getattr(other, name)

    def offer(
        self,
        place: int,
        option: Option,
        value: Floats,
        channel: Codes,
        product: Codes,
        barrier: Codes | int,
    ) -> None:
        """Take a step over in this place where it is better than what is there."""
        better = value > self.value[place]
        for target, source in (
            (self.value, value),
            (self.option, option.number),
            (self.channel, channel),
            (self.product, product),
            (self.event, -1 if option.event is None else option.event),
            (self.barrier, barrier),
        ):
            np.copyto(target[place], source, where=better, casting="same_kind")

    def best(
        self, ranks: int, *, least: float, terms: Booleans, first: int | None = None
    ) -> Ranked:
        """Pick the best of all places for each unit, as many as there are from a value on.

        Those with the barrier `first` come before all others.

        Of places with `terms` one product gets one: two sets of terms for it would contradict each
        other, and terms without a product hold for every product.
        """
        found = Ranked.none(ranks, self.value.shape[1])
        if not len(self.value):
            return found
        left, units = (
            np.where(self.value >= least, self.value, -np.inf),
            np.arange(self.value.shape[1]),
        )
        if first is not None:
            left[self.barrier == first] += _FIRST
        for rank in range(min(ranks, len(left))):
            place = np.argmax(left, axis=0)
            is_one = left[place, units] > -np.inf
            for name in self.__slots__:
                target = getattr(found, name)[rank]
                np.copyto(target, getattr(self, name)[place, units], where=is_one)
            left[place, units] = -np.inf
            picked = np.where(is_one & terms[place], found.product[rank], _NO_TERMS)
            clashes = (self.product == picked) | (self.product < 0) | (picked < 0)
            left[terms[:, None] & (picked > _NO_TERMS) & clashes] = -np.inf
        return found


def rank_steps(
    allowed: Sequence[Option],
    facts: Facts,
    *,
    options: StrategyOptions,
    parameters: StrategyParameters,
) -> tuple[Ranked, Ranked, OpenTo]:
    """Rank the steps of units in one situation: allowed ones that bring something, and ruled-out ones.

    With them comes to whom the steps of experiments are open.

    An instrument counts once, under the strategy where it brings most; of equal values the first in
    the list wins. Ruled out is what no strategy allows; what an experiment holds out is named first, so
    that it is not cut off by steps that tempt more.
    """
    places = {
        instrument: place
        for place, instrument in enumerate(
            dict.fromkeys(option.candidate.instrument_id for option in allowed)
        )
    }
    allowed = [
        option
        for option in allowed
        if option.event is None or facts.events.get(option.event, _NEVER).any()
    ]
    free, barred = (Ranked.none(len(places), len(facts)) for _ in range(2))
    for option in allowed:
        place = places[option.candidate.instrument_id]
        way = best_way(option, facts, options=options, parameters=parameters)
        barrier = barrier_of(option, facts, way, options=options)
        if barrier is None:
            free.offer(place, option, way.value, way.channel, way.product, FREE)
            continue
        is_free = barrier == FREE
        value = np.where(is_free, way.value, np.nan)
        free.offer(place, option, value, way.channel, way.product, FREE)
        value = np.where(is_free, np.nan, way.value)
        barred.offer(place, option, value, way.channel, way.product, barrier)
    np.copyto(barred.value, -np.inf, where=free.option >= 0)
    terms = np.zeros(len(places), dtype=np.bool_)
    for option in allowed:
        candidate = option.candidate
        has_terms = bool(candidate.incentive_share or candidate.incentive_amount)
        terms[places[candidate.instrument_id]] |= has_terms
    least = parameters.least_value
    return (
        free.best(STEPS, least=least, terms=terms),
        barred.best(RULED_OUT, least=least, terms=np.zeros_like(terms), first=HOLDOUT),
        open_to(allowed, facts, options=options, parameters=parameters),
    )
