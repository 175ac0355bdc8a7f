"""Naive forecasts without any model; one that does not beat them is not worth its trouble."""

from __future__ import annotations

from typing import Final

import numpy as np

from services.analytics.calculations.backtest import measures
from services.analytics.calculations.backtest.forecasters import Forecast, Forecaster
from services.analytics.calculations.backtest.origins import Origin, bought
from services.analytics.calculations.purchases import Floats, summarize_purchases

_BINS = 10
_TIE_BREAK = 1e-9


def _same_as_last_period(origin: Origin) -> Forecast:
    """What a customer bought in the last period will be bought again; certainly or not at all."""
    count, spend = _bought_since(origin, origin.day - origin.horizon_days)
    return Forecast((count > 0).astype(np.float64), count, spend)


def _recency(origin: Origin) -> Forecast:
    """Who was silent as long one period ago tells who will buy; the longer, the less likely."""
    silence = (origin.day - origin.purchases.last_day).astype(np.float64)
    before, came, mean_count, mean_spend = _period_before(origin)
    if not len(came):
        # No period to learn from: the rank alone, from nearly 1 to nearly 0.
        probability = (measures.mean_ranks(-silence) - 0.5) / max(len(silence), 1)
    else:
        table = measures.reliability(before, came, bins=_BINS)
        falling = np.minimum.accumulate(table["observed"].to_numpy())
        probability = np.interp(silence, table["predicted"].to_numpy(), falling)
    # Ties of the flat parts keep the order of their silences.
    probability = np.clip(probability - _TIE_BREAK * silence, 0.0, 1.0)
    share = came.mean() if len(came) else np.nan
    scale = probability / share if share else np.full(len(silence), np.nan)
    return Forecast(probability, scale * mean_count, scale * mean_spend)


def _base_rate(origin: Origin) -> Forecast:
    """Everybody alike: as often and as much as the customers of one period ago have bought since."""
    _, came, mean_count, mean_spend = _period_before(origin)
    share = came.mean() if len(came) else np.nan
    return Forecast(
        *(np.full(origin.customer_count, each) for each in (share, mean_count, mean_spend))
    )


def _all_zero(origin: Origin) -> Forecast:
    """Nobody buys anything any more."""
    nothing = np.zeros(origin.customer_count)
    return Forecast(nothing, nothing, nothing)


YARDSTICKS: Final = tuple(
    Forecaster(name, forecast, is_yardstick=True)
    for name, forecast in (
        ("same_as_last_period", _same_as_last_period),
        ("recency", _recency),
        ("base_rate", _base_rate),
        ("all_zero", _all_zero),
    )
)


def _bought_since(origin: Origin, day: int) -> tuple[Floats, Floats]:
    deals = origin.known.deals
    recent = deals.loc[deals["day"].to_numpy(dtype=np.int64) > day]
    return bought(recent, unit_count=origin.customer_count)


def _period_before(origin: Origin) -> tuple[Floats, Floats, float, float]:
    """Look at the customers of one period earlier: their silence then, and who bought since.

    Returns silence in days and whether they bought, and their mean purchases and spend.
    """
    start = origin.day - origin.horizon_days
    deals = origin.known.deals
    earlier = deals.loc[deals["day"].to_numpy(dtype=np.int64) <= start]
    then = summarize_purchases(earlier, unit_count=origin.customer_count, as_of_day=start)
    was_customer = then.has_purchase
    count, spend = (values[was_customer] for values in _bought_since(origin, start))
    if not len(count):
        return count, count, np.nan, np.nan
    silence = (start - then.last_day[was_customer]).astype(np.float64)
    known_spend = spend[~np.isnan(spend)]
    return (
        silence,
        (count > 0).astype(np.float64),
        float(count.mean()),
        float(known_spend.mean()) if len(known_spend) else np.nan,
    )
