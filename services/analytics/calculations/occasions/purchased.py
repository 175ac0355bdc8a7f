"""Events that purchases make: the first one, its anniversary, a season, much spent, a broken rhythm."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from services.analytics.calculations.occasions.parameters import OccasionParameters
from services.analytics.calculations.occasions.records import Records
from services.analytics.calculations.purchases import (
    Floats,
    Integers,
    Purchases,
    float_column,
)

_EPOCH = date(1970, 1, 1)
_LONGEST = 20.0  # of the logarithm of a gap: beyond any time there is, and still a whole number
_PER_UNIT = 100
"""Revenue is added up in hundredths, as whole numbers: a sum depends on no other unit then."""
_LARGEST = 1e15
"""What counts of one deal, in hundredths: far above every level, and whole as a float."""


def first_purchases(deals: pd.DataFrame, purchases: Purchases, *, first_day: int) -> Records:
    """Return the first purchases of units, those since a day."""
    is_recent = purchases.has_purchase & (purchases.first_day >= first_day)
    return _firsts(deals, purchases, np.flatnonzero(is_recent))


def _firsts(deals: pd.DataFrame, purchases: Purchases, units: Integers) -> Records:
    first = np.cumsum(purchases.purchase_count) - purchases.purchase_count
    return deals_of(deals, purchases, first[units])


def deals_of(deals: pd.DataFrame, purchases: Purchases, chosen: Integers) -> Records:
    """Return the deals of some purchases; one with several deals that of lowest id."""
    ends = np.append(purchases.starts[1:], len(purchases.deal_rows))
    count = (ends - purchases.starts)[chosen]
    before = np.cumsum(count) - count
    rows = np.repeat(purchases.starts[chosen] - before, count) + np.arange(count.sum())
    rows = purchases.deal_rows[rows]
    return Records(
        deals["unit"].to_numpy()[rows].astype(np.int64),
        deals["day"].to_numpy()[rows].astype(np.int64),
        deals["deal_id"].array.take(rows),
    )


def anniversaries(deals: pd.DataFrame, purchases: Purchases, *, first_day: int) -> Records:
    """Return the first purchases of units on their latest anniversary, if that was since a day.

    That of 29 February is 1 March in other years.
    """
    today = _EPOCH + timedelta(days=purchases.as_of_day)
    units = np.flatnonzero(purchases.has_purchase)
    bought = purchases.first_day[units].astype("datetime64[D]")
    months = bought.astype("datetime64[M]")
    day = (bought - months).astype(np.int64)
    month = months.astype(np.int64) % 12

    def in_year(number: int) -> Integers:
        of_year = (np.datetime64(f"{number}-01", "M") + month).astype("datetime64[D]")
        found: Integers = of_year.astype(np.int64) + day
        return found

    latest = in_year(today.year)
    latest = np.where(latest <= purchases.as_of_day, latest, in_year(today.year - 1))
    is_one = (latest >= first_day) & (latest > purchases.first_day[units])
    on = np.zeros(len(purchases.purchase_count), dtype=np.int64)
    on[units] = latest
    found = _firsts(deals, purchases, units[is_one])
    return Records(found.unit, on[found.unit], found.ids)


def season_starts(
    deals: pd.DataFrame,
    purchases: Purchases,
    *,
    season_days: int,
    parameters: OccasionParameters,
) -> Records:
    """Return the newest purchases within the first days of this season, in an earlier year.

    Their day is that on which the season has begun this time.
    """
    today = _EPOCH + timedelta(days=purchases.as_of_day)
    begun = max(
        start
        for year in (today.year - 1, today.year)
        for start in (date(year, *each) for each in parameters.season_starts)
        if start <= today
    )
    start = (begun - _EPOCH).days
    if purchases.as_of_day - start >= season_days or not len(purchases.starts):
        return _none(deals)
    days = deals["day"].to_numpy(dtype=np.int64)[purchases.deal_rows[purchases.starts]]
    is_in_season = np.zeros(len(days), dtype=np.bool_)
    earliest = (_EPOCH + timedelta(days=int(days.min()))).year
    for year in range(earliest, begun.year):
        first = (date(year, begun.month, begun.day) - _EPOCH).days
        is_in_season |= (days >= first) & (days < first + season_days)
    found = deals_of(deals, purchases, np.flatnonzero(is_in_season))
    newest = found.newest(len(purchases.purchase_count))
    return Records(newest.unit, np.full(len(newest.unit), start), newest.ids)


def _none(deals: pd.DataFrame) -> Records:
    nothing = np.zeros(0, dtype=np.int64)
    return Records(nothing, nothing, deals["deal_id"].array[:0])


def spend_crossings(
    deals: pd.DataFrame,
    purchases: Purchases,
    *,
    first_day: int,
    parameters: OccasionParameters,
) -> Records:
    """Return the purchases since a day by which the revenue of a window reached the level.

    On the day before it was below it. An unknown amount counts as nothing, a refund is taken off.
    """
    if not len(purchases.starts):
        return _none(deals)
    rows = purchases.deal_rows
    net = np.nan_to_num(float_column(deals, "amount")) - np.nan_to_num(
        float_column(deals, "refund")
    )
    whole = np.rint(np.clip(net * _PER_UNIT, -_LARGEST, _LARGEST)).astype(np.int64)[rows]
    total = np.append(0, np.cumsum(np.add.reduceat(whole, purchases.starts)))
    unit = purchases.purchase_unit
    days = deals["day"].to_numpy(dtype=np.int64)[rows[purchases.starts]]
    chosen = np.flatnonzero(days >= first_day)
    earliest = int(days.min()) - parameters.spend_window_days - 1
    span = purchases.as_of_day - earliest + 1
    key = unit * span + (days - earliest)

    def before(day: Integers) -> Integers:
        """Return what was bought of the chosen units before a day, and of all units before them."""
        found: Integers = total[np.searchsorted(key, unit[chosen] * span + (day - earliest))]
        return found

    day, window = days[chosen], parameters.spend_window_days
    level = round(parameters.spend_level * _PER_UNIT)
    now = total[chosen + 1] - before(day - window + 1)
    then = total[chosen] - before(day - window)
    return deals_of(deals, purchases, chosen[(now >= level) & (then < level)])


def rhythm_breaks(
    deals: pd.DataFrame,
    purchases: Purchases,
    *,
    first_day: int,
    r: float,
    alpha: float,
    parameters: OccasionParameters,
) -> Records:
    """Return the last purchases after which the own rhythm broke, on the day of that, since a day.

    The gap rank is :math:`1 - (1 + g / (alpha + t_x))^{-(r + x)}` with the days of silence g
    (domain specification 2.1): the day is the first on which it reaches the given one.
    """
    shape: Floats = r + purchases.repeat_count.astype(np.float64)
    silence = -np.log1p(-parameters.rhythm_gap_rank) / shape
    gap = np.ceil((alpha + purchases.recency_days) * np.expm1(np.minimum(silence, _LONGEST)))
    bought = np.flatnonzero(purchases.has_purchase)
    broke = np.zeros(len(purchases.purchase_count), dtype=np.int64)
    broke[bought] = purchases.last_day[bought] + gap.astype(np.int64)
    is_broken = (broke[bought] >= first_day) & (broke[bought] <= purchases.as_of_day)
    last = np.cumsum(purchases.purchase_count) - 1
    found = deals_of(deals, purchases, last[bought[is_broken]])
    return Records(found.unit, broke[found.unit], found.ids)
