"""What is known of a customer on a day that tells of later purchases; unit-local given its base."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from services.analytics.calculations.churn.parameters import ChurnParameters
from services.analytics.calculations.credibility import (
    DealValues,
    capping_limits,
    credible_mean,
    estimate_credibility,
    given_back,
)
from services.analytics.calculations.parameters import RhythmParameters, ValueParameters
from services.analytics.calculations.purchase_models.model import PurchaseModel
from services.analytics.calculations.purchases import Floats, Integers, Purchases, float_column

HISTORY: Final = ("repeats", "entry", "regularity", "regular_silence", "recent")
MONEY: Final = ("order_value", "last_order")
SHAPES: Final = (*HISTORY, *MONEY)
"""Features that bend the purchase model; beside them stand its own level and the signals."""

PURCHASE_SIGNS: Final = {"regular_silence": -1, "recent": 1}
"""Features that silence alone moves, and where they may move purchases: never up with silence.

All others say when and what was bought, which does not change while a customer is silent.
"""

_SMALLEST: Final = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What was known of units on one day; later days number the same units alike.

    Attributes
    ----------
    purchases
        Of the units, as of the day.
    deals
        The frame they were summarized from: ``day`` and ``amount``.
    signals
        ``signal_<id>`` of each unit, in the order of their numbers; NaN is unknown; None if nobody
        computed any.
    """

    purchases: Purchases
    deals: pd.DataFrame
    signals: pd.DataFrame | None = None

    @property
    def day(self) -> int:
        """The day looked from, days since 1970-01-01."""
        return self.purchases.as_of_day


@dataclass(frozen=True, slots=True)
class FeatureBase:
    """What the features of units are told against: numbers of the whole base on a day.

    Attributes
    ----------
    model
        The purchase model in days.
    first_day
        The first purchase of the base that counts as the beginning; days since 1970-01-01.
    typical_gap_days
        A third of the median own horizon: what a usual gap between purchases is; the same for all
        origins of one training.
    mean_order, credibility, lowest_amount, highest_amount
        How amounts of purchases are weighed and capped (domain specification 3.2); base currency,
        NaN if no amount is known.
    given_back
        Amounts as they are by capped ones, in total: what capping takes from the total is given
        back to all; no unit.
    """

    model: PurchaseModel
    first_day: int
    typical_gap_days: float
    mean_order: float
    credibility: float
    lowest_amount: float
    highest_amount: float
    given_back: float


def estimate_feature_base(
    observation: Observation,
    *,
    model: PurchaseModel,
    rhythm: RhythmParameters,
    value: ValueParameters,
    like: FeatureBase | None = None,
) -> FeatureBase:
    """Find what features are told against on a day.

    Parameters
    ----------
    observation
        Of the whole base or a sample of it.
    model
        The purchase model of that day, in days.
    rhythm, value
        Limits of the own horizon; how amounts are weighed.
    like
        The base of the newest day, whose beginning and typical gap hold for earlier ones.
    """
    purchases = observation.purchases
    amounts = DealValues.of(float_column(observation.deals, "amount"), purchases)
    unit, paid = amounts.capped(-np.inf, np.inf)
    lowest, highest = capping_limits(paid, parameters=value)
    merged = np.clip(paid, lowest, highest)
    count = len(purchases.purchase_count)
    number = np.bincount(unit, minlength=count).astype(np.float64)
    total = np.bincount(unit, weights=merged, minlength=count).astype(np.float64, copy=False)
    credibility, _, _ = estimate_credibility(merged, number, total, parameters=value)
    mean_order = float(total.sum() / number.sum()) if len(merged) else np.nan
    if like is not None:
        first_day, gap = like.first_day, like.typical_gap_days
    else:
        bought = purchases.has_purchase
        first_day = int(purchases.first_day[bought].min()) if bought.any() else observation.day
        repeat = purchases.repeat_count.astype(np.float64)
        horizon = own_horizon(repeat, purchases.recency_days, model=model, rhythm=rhythm)
        gap = float(np.median(horizon)) if len(horizon) else rhythm.horizon_min_days
        gap /= rhythm.horizon_interpurchase_times
    share = given_back(float(paid.sum()), float(total.sum()), parameters=value)
    return FeatureBase(model, first_day, gap, mean_order, credibility, lowest, highest, share)


def own_horizon(
    repeat_count: Floats, recency_days: Floats, *, model: PurchaseModel, rhythm: RhythmParameters
) -> Floats:
    """Give each unit's churn horizon in days. Source: domain specification 2.1."""
    gap = (model.alpha + recency_days) / (model.r + repeat_count)
    return np.clip(
        rhythm.horizon_interpurchase_times * gap, rhythm.horizon_min_days, rhythm.horizon_max_days
    )


def features_at(
    observation: Observation,
    *,
    base: FeatureBase,
    rhythm: RhythmParameters,
    parameters: ChurnParameters,
) -> pd.DataFrame:
    r"""Tell what is known of the units that have bought.

    Parameters
    ----------
    observation
        What was known on the day.
    base
        What it is told against.
    rhythm
        Limits of the own horizon.
    parameters
        Which signals, and how long purchases count as recent.

    Returns
    -------
    pandas.DataFrame
        float64, indexed by ``unit``: what the purchase model takes (``repeat_count``,
        ``recency_days``, ``age_days``, ``own_horizon_days``), ``mean_order`` (expected amount
        of a purchase, base currency), `SHAPES` and ``signal_<id>`` (0 where unknown: a
        term that is absent).

    Notes
    -----
    With gaps :math:`g` between purchases, typical gap :math:`\tau` and ``ipt`` of the purchase
    model: repeats :math:`\ln(1 + x)`; entry :math:`\ln(1 + d/\tau)` with the days :math:`d` from
    the first day of the base to the first purchase; regularity :math:`1 / (1 + c^2)` with the
    coefficient of variation :math:`c` of the gaps, drawn towards that of a Poisson process (1) as
    by two further gaps; regular silence: regularity times :math:`\ln((T - t_x)/ipt + 0.2)`; recent
    :math:`\ln(0.1 + \sum e^{-age/2\tau})`; order value and last order as logarithms against the
    mean of the base and the own mean. Sources: domain specification 2.1, 3.2; Platzer, Reutterer
    (2016) for regularity.
    """
    purchases = observation.purchases
    units = np.flatnonzero(purchases.has_purchase)
    x = purchases.repeat_count.astype(np.float64)
    t_x, age = purchases.recency_days, purchases.age_days
    model, typical = base.model, base.typical_gap_days
    gap = (model.alpha + t_x) / (model.r + x)
    starts = np.cumsum(x + 1).astype(np.int64) - (x + 1).astype(np.int64)
    regularity, recent = _timing(observation, starts, x, parameters.memory_gaps * typical)
    mean_order, last_order = _amounts(observation, base)
    scale = base.mean_order if base.mean_order > 0 else np.nan
    columns = {
        "repeat_count": x,
        "recency_days": t_x,
        "age_days": age,
        "own_horizon_days": own_horizon(x, t_x, model=model, rhythm=rhythm),
        "mean_order": mean_order * base.given_back,
        "repeats": np.log1p(x),
        "entry": np.log1p(np.maximum(purchases.first_day[units] - base.first_day, 0.0) / typical),
        "regularity": regularity,
        "regular_silence": regularity * np.log((age - t_x) / gap + 0.2),
        "recent": recent,
        "order_value": _log_ratio(mean_order, np.full(len(x), scale)),
        "last_order": _log_ratio(last_order + mean_order / 2, mean_order * 1.5),
    }
    for name, _ in parameters.signal_effects:
        column = f"signal_{name}"
        strength = np.zeros(len(units))
        if observation.signals is not None and column in observation.signals:
            strength = np.nan_to_num(float_column(observation.signals, column)[units], nan=0.0)
        columns[column] = strength
    return pd.DataFrame(columns, index=pd.Index(units, name="unit"), copy=False)


def _timing(
    observation: Observation, starts: Integers, repeat_count: Floats, memory_days: float
) -> tuple[Floats, Floats]:
    """Tell how evenly each unit buys, and how much of it was lately."""
    purchases = observation.purchases
    day = observation.deals["day"].to_numpy(dtype=np.float64)
    day = day[purchases.deal_rows[purchases.starts]]
    if not len(day):
        return np.empty(0), np.empty(0)
    gap = np.diff(day, prepend=day[0])
    gap[starts] = 0.0
    mean = np.add.reduceat(gap, starts) / np.maximum(repeat_count, 1.0)
    apart = gap - np.repeat(mean, repeat_count.astype(np.int64) + 1)
    apart[starts] = 0.0
    variance = np.add.reduceat(apart**2, starts) / np.maximum(repeat_count - 1, 1.0)
    variation = np.sqrt(variance) / np.maximum(mean, 1.0)
    several = repeat_count >= 2
    variation = np.where(several, (variation * (repeat_count - 1) + 2) / (repeat_count + 1), 1.0)
    weight = np.exp((day - observation.day) / memory_days)
    return 1 / (1 + variation**2), np.log(np.add.reduceat(weight, starts) + 0.1)


def _amounts(observation: Observation, base: FeatureBase) -> tuple[Floats, Floats]:
    """Give the credible amount of a purchase and the last known one; the mean where none is."""
    purchases = observation.purchases
    count = len(purchases.purchase_count)
    amounts = DealValues.of(float_column(observation.deals, "amount"), purchases)
    unit, merged = amounts.capped(-np.inf, np.inf)
    merged = np.clip(merged, base.lowest_amount, base.highest_amount)
    number = np.bincount(unit, minlength=count).astype(np.float64)
    total = np.bincount(unit, weights=merged, minlength=count).astype(np.float64, copy=False)
    bought = purchases.has_purchase
    mean = credible_mean(
        total[bought], number[bought], base_mean=base.mean_order, credibility=base.credibility
    )
    last = np.full(count, np.nan)
    last[unit] = merged  # in the order of unit and day, so that the last one stays
    return mean, np.where(np.isnan(last[bought]), mean, last[bought])


def _log_ratio(above: Floats, below: Floats) -> Floats:
    """Take the logarithm of a ratio of amounts within sense; 0 where it cannot be told."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.clip(above / below, _SMALLEST, 1 / _SMALLEST)
    ratio[~(below > 0)] = 1.0
    return np.log(np.nan_to_num(ratio, nan=1.0))
