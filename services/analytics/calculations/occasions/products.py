"""Events that products make which a unit has bought: opened, to be replaced, to be serviced."""

from __future__ import annotations

import numpy as np
import pandas as pd

from services.analytics.calculations.occasions.records import Records
from services.analytics.calculations.purchases import Booleans, Integers, float_column


def opened_products(bought: pd.DataFrame) -> Records:
    """Return the purchases by which a unit got a product that it had never bought before."""
    first = bought.groupby(_pairs(bought), sort=False)["day"].transform("min")
    return Records.of(bought, _are_equal(bought["day"], first), day="day", record_id="deal_id")


def due_replacements(bought: pd.DataFrame) -> Records:
    """Return the last purchases of products, on the day on which their usual life ends.

    Only of products with a successor, and as long as it has not been bought since.
    """
    pair = _pairs(bought)
    last = bought.groupby(pair, sort=False)["day"].transform("max")
    successor = bought["successor"].to_numpy(dtype=np.int64)
    life = float_column(bought, "replacement_days")
    is_due = _are_equal(bought["day"], last) & ~np.isnan(life) & (successor >= 0)
    rows = np.flatnonzero(is_due)
    owned = last.to_numpy(dtype=np.int64)
    since = pd.Series(owned).groupby(pair, sort=False).first()
    next_pair = _numbered(bought["unit"], successor, _count(bought))[rows]
    got = since.reindex(next_pair).to_numpy(dtype=np.float64)
    rows = rows[~(got >= owned[rows])]
    found = Records.of(bought, _at(rows, len(bought)), day="day", record_id="deal_id")
    return Records(found.unit, found.day + life[rows].astype(np.int64), found.ids)


def due_services(bought: pd.DataFrame, services: Records) -> Records:
    """Return the last service of each unit, or the purchase since, on the day the next one is due.

    Parameters
    ----------
    bought
        What was bought: the events `opened_products`.
    services
        Service requests that were settled, the newest of each unit.
    """
    last = bought.groupby(_pairs(bought), sort=False)["day"].transform("max")
    interval = float_column(bought, "service_interval_days")
    rows = np.flatnonzero(_are_equal(bought["day"], last) & ~np.isnan(interval))
    found = Records.of(bought, _at(rows, len(bought)), day="day", record_id="deal_id")
    days = interval[rows].astype(np.int64)
    place = np.searchsorted(services.unit, found.unit)
    place = np.minimum(place, max(len(services.unit) - 1, 0))
    is_serviced = np.zeros(len(rows), dtype=np.bool_)
    if len(services.unit):
        is_serviced = (services.unit[place] == found.unit) & (services.day[place] > found.day)
    serviced, bare = np.flatnonzero(is_serviced), np.flatnonzero(~is_serviced)
    own, by_service = found.take(bare), services.take(place[serviced])
    return Records.joined(
        [
            Records(own.unit, own.day + days[bare], own.ids),
            Records(by_service.unit, by_service.day + days[serviced], by_service.ids),
        ]
    )


def _count(bought: pd.DataFrame) -> int:
    if not len(bought):
        return 1
    return int(max(bought["product"].max(), bought["successor"].max())) + 1


def _numbered(unit: pd.Series, product: Integers, count: int) -> Integers:
    numbers: Integers = unit.to_numpy(dtype=np.int64) * count + product
    return numbers


def _pairs(bought: pd.DataFrame) -> Integers:
    """Number the pairs of unit and product."""
    product = bought["product"].to_numpy(dtype=np.int64)
    return _numbered(bought["unit"], product, _count(bought))


def _are_equal(left: pd.Series, right: pd.Series) -> Booleans:
    return np.asarray(left.to_numpy() == right.to_numpy(), dtype=np.bool_)


def _at(rows: Integers, count: int) -> Booleans:
    where = np.zeros(count, dtype=np.bool_)
    where[rows] = True
    return where
