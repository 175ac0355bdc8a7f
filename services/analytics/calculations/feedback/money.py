"""How much more the treated contributed per person: Welch's interval, and one that keeps its level."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import sqrt

import numpy as np
from scipy.stats import t as student

from services.analytics.calculations.feedback.parameters import FeedbackParameters
from services.analytics.calculations.purchases import Booleans, Floats

_BISECTIONS = 30
_NUMBERS_AT_ONCE = 1_000_000
_FARTHEST_ERRORS = 50.0
"""How far from the estimate an end of an interval is looked for; standard errors."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean, standard deviation and number of contributions; base currency per person."""

    mean: float
    sd: float
    count: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of means with its interval; base currency per person, NaN where unknown."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Balance:
    """What a difference comes to.

    Attributes
    ----------
    incremental
        Contribution that would not have come without treatment; base currency.
    net
        Less the cost; base currency.
    roi
        Net over cost; no unit, NaN without cost.
    """

    incremental: float
    net: float
    roi: float


def welch_difference(treated: Moments, control: Moments, *, confidence: float) -> Difference:
    """Compare two means with Welch's interval.

    It takes means for normal; of skewed spend with a small control group it tells too often of an
    effect that is none (see `permuted_difference`). Source: domain specification 7 (F3).
    """
    if min(treated.count, control.count) < 2:
        return Difference(treated.mean - control.mean, float("nan"), float("nan"))
    parts = [arm.sd**2 / arm.count for arm in (treated, control)]
    variance = sum(parts)
    estimate = treated.mean - control.mean
    if variance <= 0:
        return Difference(estimate, estimate, estimate)
    freedom = variance**2 / sum(
        part**2 / (arm.count - 1) for part, arm in zip(parts, (treated, control), strict=True)
    )
    half = float(student.ppf(0.5 + confidence / 2, freedom)) * sqrt(variance)
    return Difference(estimate, estimate - half, estimate + half)


def balance(per_person: float, *, treated: int, cost: float) -> Balance:
    """Say what a difference per person comes to. Source: domain specification 7 (F3)."""
    incremental = per_person * treated
    net = incremental - cost
    return Balance(incremental, net, net / cost if cost > 0 else float("nan"))


def moments(values: Floats) -> Moments:
    """Sum contributions up; the standard deviation of fewer than two is NaN."""
    count = len(values)
    return Moments(
        float(values.mean()) if count else float("nan"),
        float(values.std(ddof=1)) if count > 1 else float("nan"),
        count,
    )


def permuted_difference(
    contribution: Floats,
    is_treated: Booleans,
    *,
    forecast: Floats,
    seed: int,
    parameters: FeedbackParameters,
) -> Difference:
    r"""Compare the contributions of both arms by drawing the arms anew.

    Parameters
    ----------
    contribution
        Of each person within its window; base currency, shape (people,).
    is_treated
        Whether each person was in the treated arm; shape (people,).
    forecast
        What was expected of each person when it was assigned; base currency, NaN unknown; shape
        (people,). It takes out what could be foretold and so narrows the interval; a bad one does
        no harm.
    seed
        Of the draws; the same seed gives the same interval.

    Returns
    -------
    Difference
        NaN bounds while an arm has fewer than two people.

    Notes
    -----
    A difference :math:`\tau` is in the interval if the arms as they were do not stand out among
    arms drawn anew, given that everybody in the treated arm contributed :math:`\tau` more:
    ``y - tau z`` is regressed on the forecast over everybody, the residuals of both arms are
    compared by Welch's statistic, and of `permutations` draws at most half the error may lie
    beyond on either side. Without any effect that is exact however skewed contributions are;
    dividing by the standard error keeps it right where an effect changes the spread. The regression
    does not know the arms, so it is the same for every draw. Sources: Janssen (1997), Studentized
    permutation tests for non-i.i.d. hypotheses, Statistics & Probability Letters 36; Chung and
    Romano (2013), Exact and asymptotically robust permutation tests, Annals of Statistics 41; Deng
    et al. (2013), Improving the sensitivity of online controlled experiments (CUPED), WSDM.
    """
    treated_count = int(is_treated.sum())
    control_count = len(is_treated) - treated_count
    if min(treated_count, control_count) < 2:
        arms = [moments(contribution[rows]).mean for rows in (is_treated, ~is_treated)]
        return Difference(arms[0] - arms[1], float("nan"), float("nan"))
    treatment = is_treated.astype(np.float64)
    outcome, arm = (_unforetold(values, forecast) for values in (contribution, treatment))
    draws = _Draws.of(outcome, arm, is_treated, permutations=parameters.permutations, seed=seed)
    estimate = draws.estimate()
    spread = abs(_welch_error(outcome - estimate * arm, is_treated))
    if spread <= 0:
        return Difference(estimate, estimate, estimate)
    tail = (1 - parameters.confidence) / 2
    return Difference(
        estimate,
        _end(partial(draws.share_above, sign=1.0), estimate, -spread, tail),
        _end(partial(draws.share_above, sign=-1.0), estimate, spread, tail),
    )


def _unforetold(values: Floats, forecast: Floats) -> Floats:
    """Return what a regression on the forecast over everybody leaves of values."""
    is_known = ~np.isnan(forecast)
    mean = float(forecast[is_known].mean()) if is_known.any() else 0.0
    centered = np.where(is_known, forecast, mean) - mean
    variance = float(centered @ centered)
    slope = float(centered @ values) / variance if variance > 0 else 0.0
    rest: Floats = values - slope * centered
    return rest


def _welch_error(values: Floats, is_treated: Booleans) -> float:
    arms = values[is_treated], values[~is_treated]
    return sqrt(sum(float(each.var(ddof=1)) / len(each) for each in arms))


@dataclass(frozen=True, slots=True, eq=False)
class _Draws:
    """Sums over a control arm as it was (first) and as it was drawn anew, and over everybody.

    The columns of `control` are those of `whole`: outcome, arm, and their squares and product.
    """

    control: Floats
    whole: Floats
    counts: tuple[int, int]

    @classmethod
    def of(
        cls, outcome: Floats, arm: Floats, is_treated: Booleans, *, permutations: int, seed: int
    ) -> _Draws:
        columns = np.column_stack([outcome, arm, outcome**2, arm**2, outcome * arm])
        whole, people = columns.sum(axis=0), len(outcome)
        control_count = int((~is_treated).sum())
        # The smaller arm is drawn, the other one is the rest.
        fewer = min(control_count, people - control_count)
        dice, step = np.random.default_rng(seed), max(1, _NUMBERS_AT_ONCE // people)
        sums = [columns[~is_treated].sum(axis=0)[None]]
        for start in range(0, permutations, step):
            numbers = dice.random((min(step, permutations - start), people))
            drawn = np.argpartition(numbers, fewer - 1, axis=1)[:, :fewer]
            found = columns[drawn].sum(axis=1)
            sums.append(found if fewer == control_count else whole - found)
        return cls(np.concatenate(sums), whole, (people - control_count, control_count))

    def estimate(self) -> float:
        """Return the difference that leaves none between the arms as they were."""
        treated, control = self.whole - self.control[0], self.control[0]
        gap = treated / self.counts[0] - control / self.counts[1]
        return float(gap[0] / gap[1])

    def share_above(self, difference: float, *, sign: float) -> float:
        """Return the share of the arms in which the treated stand out at least as far upwards.

        `sign` of -1: downwards.
        """
        statistics = sign * self._statistics(difference)
        return float((statistics >= statistics[0] - 1e-9 * abs(statistics[0])).mean())

    def _statistics(self, difference: float) -> Floats:
        """Return Welch's statistic of ``outcome - difference * arm`` for each drawing of the arms."""
        means, errors = [], []
        for sums, count in zip((self.whole - self.control, self.control), self.counts, strict=True):
            total = sums[:, 0] - difference * sums[:, 1]
            squares = sums[:, 2] + difference**2 * sums[:, 3] - 2 * difference * sums[:, 4]
            mean = total / count
            means.append(mean)
            errors.append(np.maximum(squares - count * mean**2, 0.0) / (count * (count - 1)))
        error = np.sqrt(errors[0] + errors[1])
        statistics: Floats = (means[0] - means[1]) / np.maximum(error, 1e-300)
        return statistics


def _end(share_above: partial[float], estimate: float, spread: float, tail: float) -> float:
    """Find how far from the estimate the arms begin to stand out; `spread` says in which direction."""
    near, far = estimate, estimate + _FARTHEST_ERRORS * spread
    for _ in range(_BISECTIONS):
        middle = (near + far) / 2
        if share_above(middle) > tail:
            near = middle
        else:
            far = middle
    return (near + far) / 2
