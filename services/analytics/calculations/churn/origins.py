"""The days of the past that are learned from, and what came after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations.churn.features import FeatureBase, Observation
from services.analytics.calculations.churn.parameters import ChurnParameters
from services.analytics.calculations.churn.targets import Forecasts, Outcome, plain_forecasts
from services.analytics.calculations.parameters import Family
from services.analytics.calculations.purchase_models.model import PurchaseModel
from services.analytics.calculations.purchases import Floats

_FEWEST_DAYS = 14


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Customers of an origin, looked at with one horizon each.

    Attributes
    ----------
    features
        As known at the origin; one row per customer.
    horizon_days
        How far each is looked ahead; shape (customers,).
    plain
        What the purchase model of the origin says.
    actual
        What came.
    """

    features: pd.DataFrame
    horizon_days: Floats
    plain: Forecasts
    actual: Outcome


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """A day of the past with its customers.

    Attributes
    ----------
    day
        Days since 1970-01-01.
    known_days
        Days after it of which is known what came.
    base
        What the features of that day are told against.
    own, common
        The customers with their own horizons, and with the one of decisions, both at most the days
        known.
    models
        Purchase models fitted on the day by family: the running one, and rivals where it is judged.
    """

    day: int
    known_days: int
    base: FeatureBase
    own: Rows
    common: Rows
    models: Mapping[Family, PurchaseModel]


def days_back(
    first_day: int, as_of_day: int, *, horizon_days: int, parameters: ChurnParameters
) -> tuple[int, ...]:
    """Choose how many days to look back for each origin, fewest first; none in a short history.

    Evenly from a horizon (or the nearest share of the history) to the farthest of both limits; and
    the same day of a year ago, if enough came before it, as the season returns.
    """
    history = as_of_day - first_day
    nearest = min(float(horizon_days), parameters.nearest_share * history)
    farthest = min(parameters.farthest_horizons * horizon_days, parameters.farthest_share * history)
    if nearest < _FEWEST_DAYS:
        return ()
    back = np.linspace(nearest, max(farthest, nearest), parameters.origin_count)
    year = parameters.season_days
    if back[-1] < year <= parameters.season_share * history:
        back = np.append(back, year)
    return tuple(int(days) for days in np.unique(np.rint(back).astype(np.int64)))


def look_ahead(
    features: pd.DataFrame,
    horizon_days: Floats,
    *,
    base: FeatureBase,
    day: int,
    today: Observation,
) -> Rows:
    """Tell what was forecast of the customers of a day, and what came of them by today.

    Parameters
    ----------
    features
        As known on the day; units numbered as today.
    horizon_days
        Of each customer; at most the days until today; shape (customers,).
    base
        Of that day.
    day
        The origin.
    today
        What is known now.
    """
    plain = plain_forecasts(features, horizon_days, model=base.model)
    purchases = today.purchases
    unit_count = len(purchases.purchase_count)
    units = features.index.to_numpy()
    until = np.full(unit_count, -1.0)
    until[units] = day + horizon_days
    bought = today.deals["day"].to_numpy(dtype=np.float64)[purchases.deal_rows]
    bought = bought[purchases.starts]
    unit = purchases.purchase_unit
    is_in_window = (bought > day) & (bought <= until[unit])
    count = np.bincount(unit[is_in_window], minlength=unit_count)[units].astype(np.float64)
    return Rows(features, horizon_days, plain, Outcome((count > 0) * 1.0, count))


def independent_origins(origins: tuple[Origin, ...]) -> float:
    """Count how many origins that do not overlap these amount to: days covered by mean horizon."""
    if not origins:
        return 0.0
    lengths = [float(origin.common.horizon_days.max(initial=1.0)) for origin in origins]
    covered, reached = 0.0, -np.inf
    for origin, length in sorted(zip(origins, lengths, strict=True), key=lambda pair: pair[0].day):
        start = max(float(origin.day), reached)
        covered += max(origin.day + length - start, 0.0)
        reached = max(reached, origin.day + length)
    return covered / float(np.mean(lengths))
