"""How near forecasts came to what happened: ranking, probabilities, counts and money; no models.

Every measure takes what was forecast and what came, shape (customers,), in any order. Customers of
whom one of both is unknown (NaN) are left out; a measure that cannot be told is NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from services.analytics.calculations.purchases import Floats

Measure: TypeAlias = Callable[[Floats, Floats], float]

_SMALLEST_PROBABILITY = 1e-15
RELIABILITY_COLUMNS = ("customer_count", "predicted", "observed")


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of two forecasts in one measure, with its bootstrap interval.

    Attributes
    ----------
    difference
        The measure of the first less that of the second, in the unit of the measure.
    low, high
        Limits of the interval; NaN without customers.
    """

    difference: float
    low: float
    high: float


def area_under_curve(prediction: ArrayLike, outcome: ArrayLike) -> float:
    r"""Tell how often one with the outcome was ranked above one without; a tie counts half.

    Parameters
    ----------
    prediction
        Any number that is larger where the outcome is likelier.
    outcome
        1 where it came, 0 where it did not.

    Returns
    -------
    float
        :math:`(R_1 - n_1(n_1 + 1)/2) / (n_1 n_0)` with the sum :math:`R_1` of the mean ranks of
        those with the outcome; 0.5 is chance; NaN unless both outcomes are there.

    Source: Mann, Whitney (1947).
    """
    predicted, came = _known(prediction, outcome)
    with_outcome = float(came.sum())
    without = len(came) - with_outcome
    if not with_outcome or not without:
        return float("nan")
    rank_sum = float(mean_ranks(predicted) @ came)
    return (rank_sum - with_outcome * (with_outcome + 1) / 2) / (with_outcome * without)


def brier_score(probability: ArrayLike, outcome: ArrayLike) -> float:
    r"""Average the squared error of probabilities: :math:`\frac1n\sum (p - y)^2`; 0 is perfect.

    Source: Brier (1950).
    """
    predicted, came = _known(probability, outcome)
    return _mean((predicted - came) ** 2)


def log_loss(probability: ArrayLike, outcome: ArrayLike) -> float:
    r"""Average the surprise: :math:`-\frac1n\sum y\ln p + (1 - y)\ln(1 - p)`; 0 is perfect.

    Probabilities are kept 1e-15 from 0 and 1, so that one wrong certainty is dear but finite.
    """
    predicted, came = _known(probability, outcome)
    predicted = np.clip(predicted, _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY)
    return _mean(-(came * np.log(predicted) + (1 - came) * np.log1p(-predicted)))


def reliability(probability: ArrayLike, outcome: ArrayLike, *, bins: int = 10) -> pd.DataFrame:
    """Compare forecast and observed in bins of equally many customers, least likely first.

    Parameters
    ----------
    probability
        The forecast; expected counts or amounts will do as well.
    outcome
        What came, in the same unit.
    bins
        Number of bins; fewer if there are fewer customers.

    Returns
    -------
    pandas.DataFrame
        `RELIABILITY_COLUMNS`, indexed by ``bin`` from 1: customers, mean forecast, mean outcome.

    Notes
    -----
    Customers of equal forecast share their mean outcome before they are divided, so that the order
    of the rows decides nothing.
    """
    predicted, came = _known(probability, outcome)
    predicted, shared = _shared_by_equals(predicted, came)
    count = min(bins, len(predicted))
    edges = np.arange(count + 1) * len(predicted) // max(count, 1)
    sizes = np.diff(edges)
    return pd.DataFrame(
        {
            "customer_count": sizes,
            "predicted": np.add.reduceat(predicted, edges[:-1]) / sizes if count else predicted,
            "observed": np.add.reduceat(shared, edges[:-1]) / sizes if count else shared,
        },
        index=pd.RangeIndex(1, count + 1, name="bin"),
    )


def expected_calibration_error(
    probability: ArrayLike, outcome: ArrayLike, *, bins: int = 10
) -> float:
    r"""Average how far forecast and observed shares are apart: :math:`\sum \frac{n_b}{n}|p_b - y_b|`.

    Over bins of equally many customers. Source: Naeini, Cooper, Hauskrecht (2015), with bins of
    equal counts.
    """
    table = reliability(probability, outcome, bins=bins)
    if table.empty:
        return float("nan")
    gap = (table["predicted"] - table["observed"]).abs()
    return float((gap * table["customer_count"]).sum() / table["customer_count"].sum())


def mean_absolute_error(prediction: ArrayLike, actual: ArrayLike) -> float:
    """Average the absolute error, in the unit of what is forecast.

    The median of a forecast has a smaller one than its mean by construction: compare means only.
    """
    predicted, came = _known(prediction, actual)
    return _mean(np.abs(predicted - came))


def rank_correlation(prediction: ArrayLike, actual: ArrayLike) -> float:
    """Correlate the mean ranks of forecast and actual; NaN if all of either are equal.

    Source: Spearman (1904).
    """
    predicted, came = _known(prediction, actual)
    if len(came) < 2:
        return float("nan")
    first, second = (mean_ranks(values) - (len(came) + 1) / 2 for values in (predicted, came))
    scale = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / scale if scale else float("nan")


def gini(prediction: ArrayLike, actual: ArrayLike) -> float:
    r"""Tell how far a forecast separates those who bring much from those who bring little.

    Parameters
    ----------
    prediction
        By which customers are ordered.
    actual
        What each brought, any unit that adds up.

    Returns
    -------
    float
        Twice the area between the concentration curve of ``actual`` in the order of ``prediction``
        and the diagonal: :math:`\frac{2\sum_i R_i y_i}{n\sum_i y_i} - \frac{n + 1}{n}` with mean
        ranks :math:`R_i`; 0 is chance; NaN unless the total is positive.
    """
    predicted, came = _known(prediction, actual)
    total, number = float(came.sum()), len(came)
    if not total > 0:
        return float("nan")
    return 2 * float(mean_ranks(predicted) @ came) / (number * total) - (number + 1) / number


def normalized_gini(prediction: ArrayLike, actual: ArrayLike) -> float:
    """Divide the Gini of a forecast by that of a perfect one; NaN if all brought the same."""
    predicted, came = _known(prediction, actual)
    best = gini(came, came)
    return gini(predicted, came) / best if best > 0 else float("nan")


def top_share(prediction: ArrayLike, actual: ArrayLike, *, share: float = 0.1) -> float:
    """Tell what part of the total came from those ranked on top.

    Parameters
    ----------
    prediction
        By which customers are ordered.
    actual
        What each brought, any unit that adds up.
    share
        How many are on top, of all customers; of those equal at the edge each counts in part.

    Returns
    -------
    float
        Share of the total; NaN unless the total is positive.
    """
    predicted, came = _known(prediction, actual)
    total = float(came.sum())
    if not total > 0:
        return float("nan")
    _, shared = _shared_by_equals(predicted, came)
    number = len(shared) * share
    whole = int(number)
    top = shared[::-1]
    part = (number - whole) * top[whole] if whole < len(top) else 0.0
    return (float(top[:whole].sum()) + float(part)) / total


def lift(prediction: ArrayLike, actual: ArrayLike, *, share: float = 0.1) -> float:
    """Divide the mean of those ranked on top by the mean of all; 1 is chance."""
    return top_share(prediction, actual, share=share) / share


def total_ratio(prediction: ArrayLike, actual: ArrayLike) -> float:
    """Divide the forecast total by what came; 1 is right, above it too much was promised."""
    predicted, came = _known(prediction, actual)
    total = float(came.sum())
    return float(predicted.sum()) / total if total else float("nan")


def bootstrap_difference(
    first: ArrayLike,
    second: ArrayLike,
    actual: ArrayLike,
    *,
    measure: Measure,
    seed: int,
    repetitions: int = 500,
    level: float = 0.95,
    draw_size: int = 5_000,
) -> Difference:
    """Compare two forecasts of the same customers, with an interval for the difference.

    Parameters
    ----------
    first, second
        The forecasts.
    actual
        What came.
    measure
        Any of this module, given forecast and actual.
    seed
        Of the draws; equal seeds give equal intervals for customers in equal order.
    repetitions
        How often customers are drawn with replacement; both forecasts are measured on the same
        draw, so that what they share cancels out.
    level
        Share of the draws between the limits.
    draw_size
        Customers of a draw, all if they are fewer. Of n customers m are drawn and deviations scaled
        by the root of m/n, so that the time does not grow with the base.

    Sources: Efron (1979), percentile interval of paired draws; Bickel, Goetze, van Zwet (1997) for
    m out of n.
    """
    one, other, came = _known(first, second, actual)
    if not len(came):
        return Difference(*(float("nan"),) * 3)
    draws, size = np.random.default_rng(seed), min(draw_size, len(came))
    differences = np.empty(repetitions)
    for repetition in range(repetitions):
        rows = draws.integers(len(came), size=size)
        drawn = came[rows]
        differences[repetition] = measure(one[rows], drawn) - measure(other[rows], drawn)
    tail = (1 - level) / 2
    known = differences[~np.isnan(differences)]
    limits = np.quantile(known, [tail, 1 - tail]) if len(known) else np.full(2, np.nan)
    found = float(measure(one, came) - measure(other, came))
    low, high = found + (limits - found) * np.sqrt(size / len(came))
    return Difference(found, float(low), float(high))


def _known(*columns: ArrayLike) -> tuple[Floats, ...]:
    """Read columns as float64 and leave out the customers that any of them does not know.

    Raises
    ------
    ValueError
        They are not of one shape (customers,).
    """
    arrays = tuple(np.asarray(column, dtype=np.float64) for column in columns)
    if any(array.shape != arrays[0].shape or array.ndim != 1 for array in arrays):
        raise ValueError("forecast and actual need one number for each customer")
    unknown = np.logical_or.reduce([np.isnan(array) for array in arrays])
    return tuple(array[~unknown] for array in arrays) if unknown.any() else arrays


def mean_ranks(values: Floats) -> Floats:
    """Rank from 1, equal values by their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks


def _shared_by_equals(prediction: Floats, actual: Floats) -> tuple[Floats, Floats]:
    """Order by forecast, and give customers of equal forecast their mean actual."""
    distinct, place, counts = np.unique(prediction, return_inverse=True, return_counts=True)
    mean = np.bincount(place, weights=actual, minlength=len(distinct)) / np.maximum(counts, 1)
    return np.repeat(distinct, counts), np.repeat(mean, counts)


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
