"""From contracts to relationships: one renewal after another is one, until a contract ends for good."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Booleans, Floats, Integers, float_column

_DAYS_APART = 10_000_000
"""More than days can lie between two dates; puts units one behind the other on one axis."""


@dataclass(frozen=True, slots=True, eq=False)
class Relationships:
    """The contracts of units as known on a day, and the relationships that they make up.

    Attributes
    ----------
    start_day, end_day
        Of each contract, ordered by unit and start; days since 1970-01-01; shape (contracts,).
    over_day
        When it ended or was cancelled, whichever came first; days, shape (contracts,).
    amount
        Net; base currency, NaN unknown; shape (contracts,).
    relationship
        The relationship of each contract, ascending; shape (contracts,).
    unit
        Of each relationship, ascending; shape (relationships,).
    first_day, last_day
        When the first contract of a relationship began and the last is over; days, shape
        (relationships,).
    has_ended
        Whether it is known to have ended: cancelled, or not renewed within the days of grace; shape
        (relationships,).
    """

    start_day: Integers
    end_day: Integers
    over_day: Integers
    amount: Floats
    relationship: Integers
    unit: Integers
    first_day: Integers
    last_day: Integers
    has_ended: Booleans

    def take(self, chosen: Booleans) -> Relationships:
        """Return some of the relationships."""
        place = np.cumsum(chosen) - 1
        rows = np.flatnonzero(chosen[self.relationship])
        return Relationships(
            self.start_day[rows],
            self.end_day[rows],
            self.over_day[rows],
            self.amount[rows],
            place[self.relationship[rows]],
            self.unit[chosen],
            self.first_day[chosen],
            self.last_day[chosen],
            self.has_ended[chosen],
        )


def read_relationships(
    contracts: pd.DataFrame, *, as_of_day: int, grace_days: int
) -> Relationships:
    """Put the contracts of each unit together to relationships.

    Parameters
    ----------
    contracts
        Frame of events: ``unit``, ``start_day``, ``end_day``, ``cancelled_day``, ``amount``; in any
        order. What began later than the day is left out, as is what ended before it began.
    as_of_day
        The day looked from, days since 1970-01-01.
    grace_days
        A contract that begins at most so long after the others are over goes on with them.

    Notes
    -----
    A relationship has ended once it is over by the day and either a cancellation ended it or the
    days of grace have passed. What is over without a cancellation and within the days of grace may
    still be renewed: nothing is known of it but that it lasted until then.
    """
    unit, start = _integers(contracts, "unit"), _integers(contracts, "start_day")
    end, amount = _integers(contracts, "end_day"), float_column(contracts, "amount")
    cancelled = float_column(contracts, "cancelled_day")
    cancelled = np.where(cancelled <= as_of_day, cancelled, np.inf)
    over = np.minimum(end, cancelled).astype(np.int64)
    order = np.lexsort((amount, over, end, start, unit))
    order = order[((start <= as_of_day) & (end > start))[order]]
    unit, start, end, over = unit[order], start[order], end[order], over[order]
    is_cancelled = cancelled[order] <= end
    last_so_far = np.maximum.accumulate(unit * _DAYS_APART + over)
    begins = np.ones(len(unit), dtype=np.bool_)
    begins[1:] = unit[1:] * _DAYS_APART + start[1:] > last_so_far[:-1] + grace_days
    begins[1:] |= unit[1:] != unit[:-1]
    relationship = np.cumsum(begins) - 1
    starts = np.flatnonzero(begins)
    if not len(starts):
        last, by_cancellation = over[starts], is_cancelled[starts]
    else:
        last = np.maximum.reduceat(over, starts)
        ends_it = is_cancelled & (over == last[relationship])
        by_cancellation = np.logical_or.reduceat(ends_it, starts)
    settled_day = last + np.where(by_cancellation, 0, grace_days)
    return Relationships(
        start,
        end,
        over,
        amount[order],
        relationship,
        unit[starts],
        start[starts],
        last,
        settled_day <= as_of_day,
    )


def relationships_of(relationships: Relationships, unit: Integers, day: Integers) -> Integers:
    """Find the relationship that each contract belongs to, by its unit and the day it began.

    Returns
    -------
    numpy.ndarray
        -1 where there is none; shape of ``unit``.
    """
    begun = relationships.unit * _DAYS_APART + relationships.first_day
    place = np.searchsorted(begun, unit * _DAYS_APART + day, side="right") - 1
    if not len(begun):
        return place
    return np.where(relationships.unit[place] == unit, place, -1)


def count_endings(relationships: Relationships, *, as_of_day: int) -> tuple[int, int]:
    """Count contracts that have reached their end, and those of them that were not renewed.

    What is over within the days of grace is not counted yet. Source: domain specification 2.3.
    """
    owner = relationships.relationship
    is_last = relationships.over_day == relationships.last_day[owner]
    is_settled = ~is_last | relationships.has_ended[owner]
    has_ended = is_settled & (relationships.end_day <= as_of_day)
    return int(has_ended.sum()), int((has_ended & is_last).sum())


def _integers(frame: pd.DataFrame, name: str) -> Integers:
    return frame[name].to_numpy(dtype=np.int64)
