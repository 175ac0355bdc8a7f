"""Months of relationships by contract, from which survival is learned; parts of a base join."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.analytics.calculations.contracts.covariates import (
    DAYS_PER_MONTH,
    ContractedProducts,
    Covariates,
    covariates_on,
    distinct,
    read_products,
)
from services.analytics.calculations.contracts.parameters import MONTH_DAYS, ContractParameters
from services.analytics.calculations.contracts.relationships import (
    Relationships,
    count_endings,
    read_relationships,
)
from services.analytics.calculations.contracts.signals import HEARD, Hearing
from services.analytics.calculations.events import Events
from services.analytics.calculations.purchases import Booleans, Floats, Integers

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Months of units with a running contract, and whether the relationship ended in them.

    Attributes
    ----------
    unit_hash
        Hash of the id of the unit; shape (months,).
    month
        How many months of 30 days before the day, 0 the last one; shape (months,).
    covariates
        Known at the beginning of the month, or of the relationship if it began within.
    left_days
        From the end of the month to the end of the term, negative if that lies within; days, shape
        (months,).
    exposure_months
        How much of the month was seen; months of 365/12 days, shape (months,).
    has_ended
        Shape (months,).
    signals
        What was to be heard at the beginning of the month (`contracts.signals`); shape (months,
        signals).
    """

    unit_hash: Hashes
    month: Integers
    covariates: Covariates
    left_days: Floats
    exposure_months: Floats
    has_ended: Booleans
    signals: Floats

    def __len__(self) -> int:
        return len(self.month)

    def take(self, rows: Any) -> History:
        """Return some months: their places, or a flag for each."""
        places = np.arange(len(self))[rows]
        return History(
            self.unit_hash[places],
            self.month[places],
            self.covariates.take(places),
            self.left_days[places],
            self.exposure_months[places],
            self.has_ended[places],
            self.signals[places],
        )

    @classmethod
    def join(cls, parts: Sequence[History]) -> History:
        """Put months one below the other."""
        return cls(
            np.concatenate([np.zeros(0, dtype=np.uint64), *(each.unit_hash for each in parts)]),
            np.concatenate([np.zeros(0, dtype=np.int64), *(each.month for each in parts)]),
            Covariates.join([each.covariates for each in parts]),
            np.concatenate([np.zeros(0), *(each.left_days for each in parts)]),
            np.concatenate([np.zeros(0), *(each.exposure_months for each in parts)]),
            np.concatenate([np.zeros(0, dtype=np.bool_), *(each.has_ended for each in parts)]),
            np.concatenate([np.zeros((0, len(HEARD))), *(each.signals for each in parts)]),
        )

    def of_units(self, at_most: int) -> History:
        """Keep the units whose hashes are smallest: a sample that no order or part changes."""
        hashes = distinct(self.unit_hash)
        if len(hashes) <= at_most:
            return self
        return self.take(self.unit_hash < hashes[at_most])


@dataclass(frozen=True, slots=True, eq=False)
class ContractStatistics:
    """What a part of a base says of its contracts.

    Attributes
    ----------
    ended_count, not_renewed_count
        Contracts that have reached their end, and those of them that were not renewed; count.
    history
        Months of the units, or of a sample of them.
    """

    ended_count: int
    not_renewed_count: int
    history: History

    @classmethod
    def join(cls, parts: Sequence[Self], *, parameters: ContractParameters) -> Self:
        """Put the statistics of parts together; no unit may be in two of them."""
        history = History.join([part.history for part in parts])
        return cls(
            sum(part.ended_count for part in parts),
            sum(part.not_renewed_count for part in parts),
            history.of_units(parameters.history_units),
        )


def collect_contract_statistics(
    units: pd.DataFrame,
    events: Events,
    *,
    as_of_day: int,
    parameters: ContractParameters,
    hearing: Hearing | None = None,
) -> ContractStatistics:
    """Collect what a part of a base says of its contracts.

    Parameters
    ----------
    units
        Indexed by the surrogate ``unit`` (0 to n - 1), ascending: ``unit_id``, ``is_excluded``.
    events
        ``contracts`` and ``contract_products``; what came later than the day counts as not
        happened.
    as_of_day
        The day looked from, days since 1970-01-01.
    hearing
        What was to be heard of these units; nothing unless given.

    Notes
    -----
    Time is cut into months of 30 days back from the day. A unit is in a month if its relationship
    runs when the month begins, or begins within; it has left if the relationship ends within. So
    relationships that began long ago enter late, and those that still run are censored. Source:
    discrete-time survival with delayed entry.
    """
    relationships = read_relationships(
        events.contracts, as_of_day=as_of_day, grace_days=parameters.grace_days
    )
    is_excluded = units["is_excluded"].to_numpy(dtype=np.bool_, na_value=False)
    if is_excluded.any():
        relationships = relationships.take(~is_excluded[relationships.unit])
    ended, not_renewed = count_endings(relationships, as_of_day=as_of_day)
    first_day = as_of_day - parameters.history_months * MONTH_DAYS
    relationships = relationships.take(relationships.last_day > first_day)
    unit_ids = units["unit_id"].to_numpy(dtype=object)[relationships.unit]
    unit_hash: Hashes = pd.util.hash_array(unit_ids, categorize=False)
    hashes = distinct(unit_hash)
    if len(hashes) > parameters.history_units:
        is_sampled = unit_hash < hashes[parameters.history_units]
        relationships, unit_hash = relationships.take(is_sampled), unit_hash[is_sampled]
    products = read_products(events.contract_products, relationships, as_of_day=as_of_day)
    listen = _listener(hearing, relationships.unit)
    months = [
        _month(relationships, products, unit_hash, month, as_of_day, listen)
        for month in range(parameters.history_months if len(unit_hash) else 0)
    ]
    return ContractStatistics(ended, not_renewed, History.join(months))


def _listener(hearing: Hearing | None, unit: Integers) -> Callable[[int], Floats]:
    """Return what listens to the units of relationships on a day."""
    if hearing is None or hearing.is_silent:
        return lambda _: np.zeros((len(unit), len(HEARD)))
    units, place = np.unique(unit, return_inverse=True)
    near = hearing.restricted(units)
    return lambda day: near.on(day)[place]


def _month(
    relationships: Relationships,
    products: ContractedProducts,
    unit_hash: Hashes,
    month: int,
    as_of_day: int,
    listen: Callable[[int], Floats],
) -> History:
    last = as_of_day - month * MONTH_DAYS
    entry = np.maximum(relationships.first_day, last - MONTH_DAYS)
    is_there = (entry < last) & (relationships.last_day > entry)
    day = np.where(is_there, entry, np.iinfo(np.int64).max)
    running, covariates = covariates_on(relationships, products, day)
    over = relationships.last_day[running]
    is_over = over <= last
    has_ended = is_over & relationships.has_ended[running]
    seen_until = np.where(is_over & ~has_ended, over, last)
    return History(
        unit_hash[running],
        np.full(len(running), month),
        covariates,
        covariates.end_day - last,
        (seen_until - entry[running]) / DAYS_PER_MONTH,
        has_ended,
        listen(last - MONTH_DAYS)[running],
    )
