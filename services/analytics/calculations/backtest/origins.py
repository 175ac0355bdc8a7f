"""Rolling origins: what was known of a base on a day, and what came in the days after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import (
    Booleans,
    Floats,
    Integers,
    Purchases,
    float_column,
    is_refunded_in_full,
    summarize_purchases,
)

_HASHES = 2.0**64


@dataclass(frozen=True, slots=True)
class BacktestParameters:
    """How a base's own past is asked.

    Attributes
    ----------
    horizon_days
        Days that are forecast; default 180 (domain specification 2.3), but at most a third of the
        history.
    horizon_min_days
        Days below which a forecast is not worth asking for; default 30 (2.1, churn horizon).
    origin_count
        Origins, one horizon apart, as far as the history reaches; default 2.
    sample_size
        Customers looked at, about; more are chosen by a hash of their ids; default 50,000, where
        the error of a share is a quarter of a point.
    customers_needed, buyers_needed
        Customers at an origin, and those of them that bought afterwards (and that did not), below
        which nothing is measured; count; defaults 50 and 30, where the error of an area under the
        curve is about a twentieth.
    phase_customers_needed
        Customers in a phase below which its share says nothing; count; default 20.
    calibration_limit
        Mean distance of forecast and observed shares from which probabilities are said to be off;
        probability; default 0.03.
    total_limit, revenue_limit
        How far totals may be from what came; share; defaults 0.20 and 0.25 (2.3, 3.5).
    repetitions
        Draws of the bootstrap; count; default 200.
    seed
        Of these draws; default 1.
    """

    horizon_days: int = 180
    horizon_min_days: int = 30
    origin_count: int = 2
    sample_size: int = 50_000
    customers_needed: int = 50
    buyers_needed: int = 30
    phase_customers_needed: int = 20
    calibration_limit: float = 0.03
    total_limit: float = 0.20
    revenue_limit: float = 0.25
    repetitions: int = 200
    seed: int = 1


class HistoryTooShort(ValueError):
    """There are not enough days of purchases to look back from one and compare."""

    def __init__(self, history_days: int, needed_days: int) -> None:
        """The days from the first purchase to the end, and how many it would take."""
        super().__init__(f"{history_days} days of purchases; {needed_days} are needed")
        self.history_days, self.needed_days = history_days, needed_days


class OriginOutside(ValueError):
    """A day was asked for that has no purchases before it, or no whole horizon after it."""

    def __init__(self, day: int, first_day: int, last_day: int) -> None:
        """The day, and the first and the last that would do; days since 1970-01-01."""
        super().__init__(f"{day} does not lie in [{first_day}, {last_day}]")
        self.day, self.first_day, self.last_day = day, first_day, last_day


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What was known of a base at the end of one day; nothing later is in it.

    Attributes
    ----------
    day
        Days since 1970-01-01.
    units
        Indexed by ``unit``, 0 to n - 1; ``unit_id`` and what the forecasters ask for.
    deals
        Won deals of these units, as in the dictionary of columns.
    events
        A dataclass of frames with a column ``unit``; None if nobody asks for it.
    """

    day: int
    units: pd.DataFrame
    deals: pd.DataFrame
    events: Any = None

    def of(self, rows: Integers) -> Known:
        """Keep some units and what belongs to them; they are numbered anew in the order given."""
        number = np.full(len(self.units), -1, dtype=np.int64)
        number[rows] = np.arange(len(rows))
        units = self.units.iloc[rows].set_axis(pd.RangeIndex(len(rows), name="unit"))
        events = self.events
        if events is not None:
            frames = {item.name: getattr(events, item.name) for item in fields(events)}
            events = replace(
                events, **{name: _renumbered(frame, number) for name, frame in frames.items()}
            )
        return Known(self.day, units, _renumbered(self.deals, number), events)


KnownAt: TypeAlias = Callable[[int], Known]
"""Gives what was known at the end of a day (days since 1970-01-01)."""


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """The customers of a day from which is forecast: whoever had bought by then.

    Attributes
    ----------
    known
        Of these customers only.
    horizon_days
        The days after the origin that are forecast.
    purchases
        Of these customers by the day of the origin.
    earlier
        Gives what was known of the base's sample on an earlier day; a forecaster that learns from
        earlier origins asks it. A day after the origin is refused with a `ValueError`.
    """

    known: Known
    horizon_days: int
    purchases: Purchases
    earlier: KnownAt

    @property
    def day(self) -> int:
        """The day looked from, days since 1970-01-01."""
        return self.known.day

    @property
    def customer_count(self) -> int:
        """Customers that are forecast."""
        return len(self.known.units)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came within the horizon, in the order of the origin's customers.

    Attributes
    ----------
    has_purchase
        1 with a purchase, else 0; NaN if the customer is not known any more. Churn is the opposite,
        and never a matter of being alive. Source: domain specification 2.1.
    purchase_count
        Days with a purchase.
    spend
        Net amounts of these purchases, base currency; NaN if one of them is unknown.
    """

    has_purchase: Floats
    purchase_count: Floats
    spend: Floats


def history_of(known: Known, *, horizon_days: int) -> tuple[int, int]:
    """Find the first purchase day of a base and the day its history ends.

    It ends on the day looked from, but where nothing was bought for more than half a horizon on the
    last purchase day: then the records end there and not the customers.

    Raises
    ------
    HistoryTooShort
        There is no purchase.
    """
    days = known.deals["day"].to_numpy(dtype=np.int64)[~is_refunded_in_full(known.deals)]
    if not len(days):
        raise HistoryTooShort(0, 2 * horizon_days)
    first, last = int(days.min()), int(days.max())
    return first, known.day if known.day - last <= horizon_days // 2 else last


def choose_horizon(first_day: int, end_day: int, *, parameters: BacktestParameters) -> int:
    """Choose the days to forecast: the usual ones, at most a third of the history."""
    third = (end_day - first_day) // 3
    return max(min(parameters.horizon_days, third), parameters.horizon_min_days)


def choose_origins(
    first_day: int, end_day: int, *, horizon_days: int, count: int
) -> tuple[int, ...]:
    """Place origins one horizon apart, newest first; each has a horizon before and one after it.

    Raises
    ------
    HistoryTooShort
        Not even one fits.
    """
    newest, oldest = end_day - horizon_days, first_day + horizon_days
    if newest < oldest:
        raise HistoryTooShort(end_day - first_day, 2 * horizon_days)
    return tuple(range(newest, oldest - 1, -horizon_days))[:count]


def check_origins(
    days: tuple[int, ...], first_day: int, end_day: int, *, horizon_days: int
) -> None:
    """Refuse origins without a purchase before or a whole horizon after them.

    Raises
    ------
    HistoryTooShort
        No day would do.
    OriginOutside
        One of the days does not.
    """
    if end_day - horizon_days < first_day:
        raise HistoryTooShort(end_day - first_day, horizon_days)
    for day in days:
        if not first_day <= day <= end_day - horizon_days:
            raise OriginOutside(day, first_day, end_day - horizon_days)


def sample_share(known: Known, *, size: int) -> float:
    """Tell which share of the units is looked at, so that about `size` are customers."""
    refunded = is_refunded_in_full(known.deals)
    units = known.deals["unit"].to_numpy(dtype=np.int64)[~refunded]
    customers = int(np.count_nonzero(np.bincount(units, minlength=1)))
    return float(min(1.0, size / max(customers, 1)))


def sampled(known: Known, share: float) -> Known:
    """Keep the units that are not excluded and whose id hashes into a share of all.

    The same ids on every day and every machine.
    """
    is_kept = ~known.units["is_excluded"].to_numpy(dtype=np.bool_, na_value=False)
    if share < 1:
        ids = known.units["unit_id"].to_numpy(dtype=object)
        is_kept &= pd.util.hash_array(ids, categorize=False) < share * _HASHES
    return known if is_kept.all() else known.of(np.flatnonzero(is_kept))


def origin_at(known_at: KnownAt, day: int, *, horizon_days: int, share: float) -> Origin:
    """Take the customers of a day, and only what was known of them."""

    def earlier(before: int) -> Known:
        if before > day:
            raise ValueError("a forecast asks for what came after its origin")
        return sampled(known_at(before), share)

    known = earlier(day)
    all_purchases = summarize_purchases(known.deals, unit_count=len(known.units), as_of_day=day)
    # Ordered by id, so that the draws of a bootstrap do not depend on the order of the rows.
    customers = np.flatnonzero(all_purchases.has_purchase)
    ids = known.units["unit_id"].to_numpy(dtype=object)[customers]
    known = known.of(customers[np.argsort(ids)])
    purchases = summarize_purchases(known.deals, unit_count=len(known.units), as_of_day=day)
    return Origin(known, horizon_days, purchases, earlier)


def outcome_of(origin: Origin, later: Known) -> Outcome:
    """Look up what the customers of an origin bought within the horizon, as known later."""
    day = later.deals["day"].to_numpy(dtype=np.int64)
    is_in_window = (day > origin.day) & (day <= origin.day + origin.horizon_days)
    count, spend = bought(later.deals.loc[is_in_window], unit_count=len(later.units))
    place = pd.Index(later.units["unit_id"]).get_indexer(pd.Index(origin.known.units["unit_id"]))
    count, spend = (np.append(values, np.nan)[place] for values in (count, spend))
    has_purchase = np.where(np.isnan(count), np.nan, count > 0)
    return Outcome(has_purchase, count, spend)


def bought(deals: pd.DataFrame, *, unit_count: int) -> tuple[Floats, Floats]:
    """Count the purchases among deals and add up their amounts, of each unit; base currency.

    Deals refunded in full are no purchases; an unknown amount makes the sum unknown.
    """
    purchases = summarize_purchases(
        deals, unit_count=unit_count, as_of_day=int(deals["day"].max()) if len(deals) else 0
    )
    rows = purchases.deal_rows
    amount = float_column(deals, "amount")[rows]
    unit = deals["unit"].to_numpy(dtype=np.int64)[rows]
    spend = np.bincount(unit, weights=amount, minlength=unit_count).astype(np.float64, copy=False)
    return purchases.purchase_count.astype(np.float64), spend


def _renumbered(frame: pd.DataFrame, number: Integers) -> pd.DataFrame:
    """Keep the rows of units that have a number, and write it; also of units that are named."""
    columns = [name for name in ("unit", "referred_unit") if name in frame]
    numbers = {name: number[frame[name].to_numpy(dtype=np.int64)] for name in columns}
    is_kept: Booleans = np.logical_and.reduce([values >= 0 for values in numbers.values()])
    if is_kept.all():
        return frame.assign(**numbers)
    return frame.loc[is_kept].assign(**{name: values[is_kept] for name, values in numbers.items()})
