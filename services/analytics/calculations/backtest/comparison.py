"""Measures every forecaster at one origin: in all, by phase, by decile, and against yardsticks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import pandas as pd

from services.analytics.calculations.backtest import measures
from services.analytics.calculations.backtest.forecasters import Forecast, Forecaster
from services.analytics.calculations.backtest.measures import Measure
from services.analytics.calculations.backtest.origins import BacktestParameters, Origin, Outcome
from services.analytics.calculations.purchases import Booleans, Floats

Subject: TypeAlias = Literal["area_under_curve", "brier_score", "count_error", "normalized_gini"]
StatesOf: TypeAlias = Callable[[Origin], Sequence[str]]
"""Gives the lifecycle state of each customer of an origin, as the running version would."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How near one forecaster came; NaN where it cannot be told.

    Attributes
    ----------
    purchase_ratio, revenue_ratio
        Forecast total of purchases and of spend by what came; 1 is right.
    count_error
        Mean absolute error of the expected purchases; purchases.
    rank_correlation
        Of expected purchases and purchases.
    gini, normalized_gini
        Of spend in the order of the expected spend, and by that of a perfect forecast.
    top_decile_share, top_decile_lift
        Share of spend that came from the tenth with the highest expected spend, and its tenfold.
    area_under_curve, brier_score, log_loss, calibration_error
        Of the purchase probability; equally of churn as its opposite.
    """

    purchase_ratio: float
    revenue_ratio: float
    count_error: float
    rank_correlation: float
    gini: float
    normalized_gini: float
    top_decile_share: float
    top_decile_lift: float
    area_under_curve: float
    brier_score: float
    log_loss: float
    calibration_error: float


@dataclass(frozen=True, slots=True)
class Bin:
    """A tenth of the customers by what was forecast for them, least first: both means."""

    customer_count: int
    predicted: float
    observed: float


@dataclass(frozen=True, slots=True)
class PhaseAccuracy:
    """The customers that were in one state at the origin.

    Attributes
    ----------
    state
        Lifecycle state.
    customer_count
        Customers in it.
    purchase_probability, purchase_share
        Mean forecast, and the share that bought.
    expected_purchases, purchase_count, expected_spend, spend
        Totals forecast and come; spend in base currency.
    """

    state: str
    customer_count: int
    purchase_probability: float
    purchase_share: float
    expected_purchases: float
    purchase_count: float
    expected_spend: float
    spend: float


@dataclass(frozen=True, slots=True)
class ForecasterAccuracy:
    """All that is known of one forecaster at one origin.

    Attributes
    ----------
    forecaster
        Its name.
    is_yardstick
        Whether it is naive.
    accuracy
        Over all customers.
    reliability, purchase_deciles, spend_deciles
        Probability, purchases and spend by decile of the forecast.
    phases
        By state at the origin; empty where states were not asked for.
    """

    forecaster: str
    is_yardstick: bool
    accuracy: Accuracy
    reliability: tuple[Bin, ...]
    purchase_deciles: tuple[Bin, ...]
    spend_deciles: tuple[Bin, ...]
    phases: tuple[PhaseAccuracy, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A forecaster against the best yardstick in one measure.

    Attributes
    ----------
    measure
        Which.
    yardstick
        The one that came nearest in it.
    value, yardstick_value
        The measures of both.
    difference, low, high
        By how much the forecaster is better, positive for better, with its 95 % interval.
    result
        ``better``, ``worse`` or ``level``: better and worse if the interval leaves out zero.
    """

    measure: Subject
    yardstick: str
    value: float
    yardstick_value: float
    difference: float
    low: float
    high: float
    result: Literal["better", "level", "worse"]


@dataclass(frozen=True, slots=True)
class _Contest:
    """How a measure is taken from a forecast and an outcome; `sign` is -1 where less is better."""

    measure: Measure
    sign: int
    predicted: Callable[[Forecast], Floats]
    actual: Callable[[Outcome], Floats]
    yardsticks: tuple[str, ...]


_CONTESTS: Final[dict[Subject, _Contest]] = {
    "area_under_curve": _Contest(
        measures.area_under_curve,
        1,
        lambda forecast: forecast.purchase_probability,
        lambda outcome: outcome.has_purchase,
        ("recency", "same_as_last_period"),
    ),
    "brier_score": _Contest(
        measures.brier_score,
        -1,
        lambda forecast: forecast.purchase_probability,
        lambda outcome: outcome.has_purchase,
        ("base_rate", "recency", "same_as_last_period"),
    ),
    # Without all_zero: it is a median where most buy nothing, and here means are compared.
    "count_error": _Contest(
        measures.mean_absolute_error,
        -1,
        lambda forecast: forecast.expected_purchases,
        lambda outcome: outcome.purchase_count,
        ("same_as_last_period", "recency", "base_rate"),
    ),
    "normalized_gini": _Contest(
        measures.normalized_gini,
        1,
        lambda forecast: forecast.expected_spend,
        lambda outcome: outcome.spend,
        ("same_as_last_period", "recency"),
    ),
}


def measure_forecast(
    forecaster: Forecaster, forecast: Forecast, outcome: Outcome, states: Sequence[str]
) -> ForecasterAccuracy:
    """Take every measure of one forecaster; `states` are those of the customers, or none."""
    probability, came = forecast.purchase_probability, outcome.has_purchase
    purchases, count = forecast.expected_purchases, outcome.purchase_count
    spend, amount = forecast.expected_spend, outcome.spend
    accuracy = Accuracy(
        purchase_ratio=measures.total_ratio(purchases, count),
        revenue_ratio=measures.total_ratio(spend, amount),
        count_error=measures.mean_absolute_error(purchases, count),
        rank_correlation=measures.rank_correlation(purchases, count),
        gini=measures.gini(spend, amount),
        normalized_gini=measures.normalized_gini(spend, amount),
        top_decile_share=measures.top_share(spend, amount),
        top_decile_lift=measures.lift(spend, amount),
        area_under_curve=measures.area_under_curve(probability, came),
        brier_score=measures.brier_score(probability, came),
        log_loss=measures.log_loss(probability, came),
        calibration_error=measures.expected_calibration_error(probability, came),
    )
    return ForecasterAccuracy(
        forecaster.name,
        forecaster.is_yardstick,
        accuracy,
        _bins(probability, came),
        _bins(purchases, count),
        _bins(spend, amount),
        _by_phase(forecast, outcome, states),
    )


def compare_with_yardsticks(
    forecast: Forecast,
    yardsticks: dict[str, Forecast],
    outcome: Outcome,
    *,
    parameters: BacktestParameters,
) -> tuple[Comparison, ...]:
    """Compare one forecaster with the best yardstick in each measure that both have."""
    return tuple(
        comparison
        for subject in _CONTESTS
        if (comparison := _compare(subject, forecast, yardsticks, outcome, parameters)) is not None
    )


def _compare(
    subject: Subject,
    forecast: Forecast,
    yardsticks: dict[str, Forecast],
    outcome: Outcome,
    parameters: BacktestParameters,
) -> Comparison | None:
    contest = _CONTESTS[subject]
    actual, own = contest.actual(outcome), contest.predicted(forecast)
    value = contest.measure(own, actual)
    reached = {
        name: contest.measure(contest.predicted(yardsticks[name]), actual)
        for name in contest.yardsticks
        if name in yardsticks
    }
    known = {name: found for name, found in reached.items() if not np.isnan(found)}
    if np.isnan(value) or not known:
        return None
    best = max(known, key=lambda name: contest.sign * known[name])
    found = measures.bootstrap_difference(
        own,
        contest.predicted(yardsticks[best]),
        actual,
        measure=contest.measure,
        seed=parameters.seed,
        repetitions=parameters.repetitions,
    )
    difference = contest.sign * found.difference
    low, high = sorted((contest.sign * found.low, contest.sign * found.high))
    result: Literal["better", "level", "worse"] = "level"
    if low > 0:
        result = "better"
    elif high < 0:
        result = "worse"
    return Comparison(subject, best, value, known[best], difference, low, high, result)


def _bins(predicted: Floats, actual: Floats) -> tuple[Bin, ...]:
    table = measures.reliability(predicted, actual)
    return tuple(
        Bin(int(count), float(forecast), float(observed))
        for count, forecast, observed in table.itertuples(index=False)
    )


def _by_phase(
    forecast: Forecast, outcome: Outcome, states: Sequence[str]
) -> tuple[PhaseAccuracy, ...]:
    if not len(states):
        return ()
    codes, names = pd.factorize(np.asarray(states, dtype=object), sort=True)
    return tuple(
        _phase(str(name), codes == number, forecast, outcome) for number, name in enumerate(names)
    )


def _phase(state: str, is_in: Booleans, forecast: Forecast, outcome: Outcome) -> PhaseAccuracy:
    is_in = is_in & ~np.isnan(outcome.has_purchase)
    number = int(is_in.sum())
    return PhaseAccuracy(
        state,
        number,
        float(forecast.purchase_probability[is_in].mean()) if number else float("nan"),
        float(outcome.has_purchase[is_in].mean()) if number else float("nan"),
        float(forecast.expected_purchases[is_in].sum()),
        float(outcome.purchase_count[is_in].sum()),
        *_sums_of_both_known(forecast.expected_spend[is_in], outcome.spend[is_in]),
    )


def _sums_of_both_known(forecast: Floats, actual: Floats) -> tuple[float, float]:
    is_known = ~(np.isnan(forecast) | np.isnan(actual))
    if not is_known.any():
        return float("nan"), float("nan")
    return float(forecast[is_known].sum()), float(actual[is_known].sum())
