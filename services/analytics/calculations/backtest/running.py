"""The whole backtest of a base: every forecaster at every origin, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from services.analytics.calculations.backtest.comparison import (
    Comparison,
    ForecasterAccuracy,
    StatesOf,
    compare_with_yardsticks,
    measure_forecast,
)
from services.analytics.calculations.backtest.forecasters import Forecaster
from services.analytics.calculations.backtest.origins import (
    BacktestParameters,
    HistoryTooShort,
    Known,
    KnownAt,
    Outcome,
    check_origins,
    choose_horizon,
    choose_origins,
    history_of,
    origin_at,
    outcome_of,
    sample_share,
    sampled,
)
from services.analytics.calculations.backtest.verdict import Finding, day_of, judge, too_little
from services.analytics.calculations.backtest.yardsticks import YARDSTICKS


@dataclass(frozen=True, slots=True)
class OriginResult:
    """What was found looking back from one day.

    Attributes
    ----------
    day
        The origin, days since 1970-01-01.
    customer_count, buyer_count
        Customers that were forecast, and those that bought within the horizon.
    purchase_count, spend
        What they bought; spend in base currency, NaN unknown.
    forecasters
        Models first, then yardsticks; empty where there was too little data to measure.
    comparisons
        The chosen forecaster against the best yardsticks.
    """

    day: int
    customer_count: int
    buyer_count: int
    purchase_count: float
    spend: float
    forecasters: tuple[ForecasterAccuracy, ...]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class Backtest:
    """How the forecasts of a base did on its own past.

    Attributes
    ----------
    horizon_days
        Days forecast from each origin.
    first_day, end_day
        First purchase and end of the history, days since 1970-01-01.
    chosen
        The forecaster that the verdict is about.
    sample_share
        Share of the customers that were looked at.
    origins
        Newest first; empty where the history is too short.
    verdict
        About the newest origin, the headline first.
    """

    horizon_days: int
    first_day: int
    end_day: int
    chosen: str
    sample_share: float
    origins: tuple[OriginResult, ...]
    verdict: tuple[Finding, ...]


def run_backtest(
    known_at: KnownAt,
    *,
    as_of_day: int,
    forecasters: Sequence[Forecaster],
    chosen: str,
    currency: str,
    states_of: StatesOf | None = None,
    horizon_days: int | None = None,
    origin_days: Sequence[int] = (),
    parameters: BacktestParameters | None = None,
) -> Backtest:
    """Forecast from days of the past with what was known then, and compare with what came.

    Parameters
    ----------
    known_at
        Gives what was known of the base at the end of a day.
    as_of_day
        The day of which the outcomes are known, days since 1970-01-01.
    forecasters
        The models; the yardsticks are always beside them.
    chosen
        Name of the one that the verdict is about.
    currency
        Base currency, for the notice that no amount is known in it.
    states_of
        Gives the lifecycle states at an origin; without it nothing is said by phase.
    horizon_days
        Days to forecast; chosen by the length of the history unless given.
    origin_days
        Days to look back from; the newest that fit unless given.

    Raises
    ------
    HistoryTooShort
        There are too few days of purchases for one origin.
    OriginOutside
        A day of ``origin_days`` does not fit.
    """
    parameters = parameters or BacktestParameters()
    everything = known_at(as_of_day)
    share = sample_share(everything, size=parameters.sample_size)
    later = sampled(everything, share)
    del everything
    first, end = history_of(later, horizon_days=horizon_days or parameters.horizon_days)
    horizon = horizon_days or choose_horizon(first, end, parameters=parameters)
    days = tuple(sorted(set(origin_days), reverse=True))
    if days:
        check_origins(days, first, end, horizon_days=horizon)
    else:
        days = choose_origins(first, end, horizon_days=horizon, count=parameters.origin_count)
    origins = tuple(
        _look_back(
            known_at,
            later,
            day=day,
            horizon_days=horizon,
            share=share,
            forecasters=(*forecasters, *YARDSTICKS),
            chosen=chosen,
            states_of=states_of,
            parameters=parameters,
        )
        for day in days
    )
    notices: list[Finding] = []
    if end < as_of_day:
        ends = {"last": day_of(end), "as_of": day_of(as_of_day)}
        notices.append(Finding("V_DATA_ENDS", "caution", ends))
    if share < 1:
        notices.append(Finding("V_SAMPLED", "note", {"share": share}))
    verdict = (*_verdict(origins, chosen, horizon, currency, parameters), *notices)
    return Backtest(horizon, first, end, chosen, share, origins, verdict)


def without_history(
    error: HistoryTooShort, *, as_of_day: int, chosen: str, parameters: BacktestParameters
) -> Backtest:
    """Say that there is nothing to compare yet, in place of a backtest."""
    params = {"history": error.history_days, "needed": error.needed_days}
    return Backtest(
        parameters.horizon_days,
        as_of_day - error.history_days,
        as_of_day,
        chosen,
        1.0,
        (),
        (Finding("V_HISTORY_SHORT", "caution", params),),
    )


def _look_back(
    known_at: KnownAt,
    later: Known,
    *,
    day: int,
    horizon_days: int,
    share: float,
    forecasters: Iterable[Forecaster],
    chosen: str,
    states_of: StatesOf | None,
    parameters: BacktestParameters,
) -> OriginResult:
    origin = origin_at(known_at, day, horizon_days=horizon_days, share=share)
    outcome = outcome_of(origin, later)
    counts = _counts(outcome)
    customers, buyers, *_ = counts
    little = too_little(
        origin_day=day,
        horizon_days=horizon_days,
        customers=customers,
        buyers=buyers,
        parameters=parameters,
    )
    if little is not None:
        return OriginResult(day, *counts, (), ())
    states = states_of(origin) if states_of is not None else ()
    forecasts, measured = {}, []
    for forecaster in forecasters:
        forecast = forecaster.forecast(origin)
        measured.append(measure_forecast(forecaster, forecast, outcome, states))
        if forecaster.is_yardstick or forecaster.name == chosen:
            forecasts[forecaster.name] = forecast
    own = forecasts.pop(chosen)
    comparisons = compare_with_yardsticks(own, forecasts, outcome, parameters=parameters)
    return OriginResult(day, *counts, tuple(measured), comparisons)


def _counts(outcome: Outcome) -> tuple[int, int, float, float]:
    is_known = ~np.isnan(outcome.has_purchase)
    spend = outcome.spend[~np.isnan(outcome.spend)]
    return (
        int(is_known.sum()),
        int(outcome.has_purchase[is_known].sum()),
        float(outcome.purchase_count[is_known].sum()),
        float(spend.sum()) if len(spend) else float("nan"),
    )


def _verdict(
    origins: tuple[OriginResult, ...],
    chosen: str,
    horizon: int,
    currency: str,
    parameters: BacktestParameters,
) -> Iterator[Finding]:
    newest = origins[0]
    little = too_little(
        origin_day=newest.day,
        horizon_days=horizon,
        customers=newest.customer_count,
        buyers=newest.buyer_count,
        parameters=parameters,
    )
    if little is not None:
        yield little
        return
    found = {item.forecaster: item for item in newest.forecasters}
    headline, *more = judge(
        found[chosen], found["all_zero"], newest.comparisons, parameters=parameters
    )
    yield headline
    yield Finding(
        "V_LOOKED_BACK",
        "note",
        {
            "origin": day_of(newest.day),
            "horizon": horizon,
            "customers": newest.customer_count,
            "buyers": newest.buyer_count,
        },
    )
    yield from more
    if np.isnan(found[chosen].accuracy.revenue_ratio):
        yield Finding("V_NO_AMOUNTS", "caution", {"currency": currency})
