"""The stacked model in backtests: it learns from what was known before an origin, signals included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import pandas as pd

from services.analytics.calculations.backtest.forecasters import Forecast, Forecaster
from services.analytics.calculations.backtest.origins import Known, Origin
from services.analytics.calculations.churn.features import Observation, features_at
from services.analytics.calculations.churn.stacked import ChurnModel
from services.analytics.calculations.churn.training import fitted_model, train
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchases import Integers, summarize_purchases
from services.analytics.calculations.signals.columns import signal_columns
from services.analytics.calculations.signals.whole_base import (
    collect_signal_statistics,
    estimate_signal_base,
)

StackAt: TypeAlias = Callable[[Origin], tuple[ChurnModel, Observation]]
"""Learns the stacked model from what was known at an origin, and gives that, too."""


def stack_at(parameters: Parameters) -> StackAt:
    """Return what learns the stacked model at origins, for their horizon; the last one is kept."""

    @lru_cache(maxsize=1)
    def learned(origin: Origin) -> tuple[ChurnModel, Observation]:
        ids = pd.Index(origin.known.units["unit_id"])
        here = replace(parameters.churn, horizon_days=origin.horizon_days)
        today = observe_known(origin.known, ids, parameters=parameters)
        model = train(
            today,
            lambda day: observe_known(origin.earlier(day), ids, parameters=parameters),
            model=fitted_model(today.purchases, parameters),
            parameters=parameters,
            churn=here,
        )
        return model, today

    return learned


def stacked_forecaster(stack: StackAt, *, parameters: Parameters) -> Forecaster:
    """Make the forecaster of the stacked model, or of what it falls back to."""

    def forecast(origin: Origin) -> Forecast:
        model, today = stack(origin)
        features = features_at(
            today,
            base=model.base,
            rhythm=parameters.rhythm,
            parameters=parameters.churn,
        )
        found = model.forecast(features, float(origin.horizon_days))
        return Forecast(found.purchase, found.count, found.spend)

    return Forecaster("stacked", forecast)


def observe_known(known: Known, ids: pd.Index, *, parameters: Parameters) -> Observation:
    """Tell what was known on a day of units numbered as on a later one, by that day's lights.

    Parameters
    ----------
    known
        Of the day; units that are not among the later ones are left out.
    ids
        ``unit_id`` of the later units, in the order of their numbers.
    parameters
        Signals measure rhythms by the purchase model of that day, and take from the base what it
        said then.
    """
    place = ids.get_indexer(pd.Index(known.units["unit_id"]))
    unit = place[known.deals["unit"].to_numpy(dtype=np.int64)]
    deals = known.deals.assign(unit=unit).loc[unit >= 0]
    observation = Observation(
        summarize_purchases(deals, unit_count=len(ids), as_of_day=known.day), deals
    )
    if known.events is None:
        return observation
    return replace(observation, signals=_signals(known, place, len(ids), parameters))


def _signals(
    known: Known, place: Integers, unit_count: int, parameters: Parameters
) -> pd.DataFrame:
    purchases = summarize_purchases(known.deals, unit_count=len(known.units), as_of_day=known.day)
    statistics = collect_signal_statistics(known.events, purchases, as_of_day=known.day)
    found = signal_columns(
        known.events,
        purchases,
        known.deals,
        model=fitted_model(purchases, parameters),
        as_of_day=known.day,
        base=estimate_signal_base(statistics, parameters=parameters.signals.burst),
        parameters=parameters.signals,
    )
    is_here = np.flatnonzero(place >= 0)
    return (
        found.filter(like="signal_")
        .drop(columns="signal_evidence")
        .take(is_here)
        .set_axis(place[is_here])
        .reindex(np.arange(unit_count))
    )
