"""How much more often those succeeded who were treated: uplift, its interval, the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist
from typing import Literal, Self

from services.analytics.calculations.feedback.parameters import FeedbackParameters
from services.analytics.calculations.purchases import Booleans

_NORMAL = NormalDist()
Verdict = Literal["too_few", "effective", "harmful", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Counts:
    """Successes ``k`` among ``n`` people, treated (1) and held out (0)."""

    k1: int
    n1: int
    k0: int
    n0: int

    @property
    def treated(self) -> float:
        """Rate of the treated; NaN without any."""
        return self.k1 / self.n1 if self.n1 else float("nan")

    @property
    def control(self) -> float:
        """Rate of those held out; NaN without any."""
        return self.k0 / self.n0 if self.n0 else float("nan")

    @property
    def variance(self) -> float:
        """Variance of the difference of the rates: the sum of both binomial ones."""
        return (
            self.treated * (1 - self.treated) / self.n1
            + self.control * (1 - self.control) / self.n0
        )

    @classmethod
    def of(cls, success: Booleans, is_treated: Booleans) -> Self:
        """Count people by arm."""
        return cls(
            int(success[is_treated].sum()),
            int(is_treated.sum()),
            int(success[~is_treated].sum()),
            int((~is_treated).sum()),
        )

    def padded(self) -> Counts:
        """Add a success and a failure to each arm, so that an empty one teaches nothing surprising."""
        return self + Counts(1, 2, 1, 2)

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.k1 + other.k1, self.n1 + other.n1, self.k0 + other.k0, self.n0 + other.n0
        )


@dataclass(frozen=True, slots=True)
class Uplift:
    """The difference of two rates, probability, with its interval; NaN while an arm is empty."""

    uplift: float
    low: float
    high: float
    verdict: Verdict


def wilson_interval(successes: int, people: int, *, confidence: float) -> tuple[float, float]:
    """Bound a rate.

    Source: Wilson (1927), Probable inference, JASA 22.
    """
    z = _NORMAL.inv_cdf(0.5 + confidence / 2)
    rate, n = successes / people, float(people)
    middle = rate + z * z / (2 * n)
    half = z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    whole = 1 + z * z / n
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)


def rate_uplift(counts: Counts, *, parameters: FeedbackParameters) -> Uplift:
    """Compare the rates of both arms.

    Returns
    -------
    Uplift
        Treated less control rate with Newcombe's interval, made of the two Wilson intervals.

    Sources: domain specification 7 (`F-UPLIFT`); Newcombe (1998), Statistics in Medicine 17, method
    10.
    """
    if not counts.n1 or not counts.n0:
        return Uplift(float("nan"), float("nan"), float("nan"), "too_few")
    (low1, high1), (low0, high0) = (
        wilson_interval(k, n, confidence=parameters.confidence)
        for k, n in ((counts.k1, counts.n1), (counts.k0, counts.n0))
    )
    treated, control = counts.treated, counts.control
    uplift = treated - control
    low = uplift - sqrt((treated - low1) ** 2 + (high0 - control) ** 2)
    high = uplift + sqrt((high1 - treated) ** 2 + (control - low0) ** 2)
    return Uplift(uplift, low, high, _verdict(counts, low, high, parameters))


def _verdict(counts: Counts, low: float, high: float, parameters: FeedbackParameters) -> Verdict:
    is_small = min(counts.n1, counts.n0) < parameters.smallest_arm
    if is_small or counts.k1 + counts.k0 < parameters.fewest_successes:
        return "too_few"
    return verdict_of(low, high)


def verdict_of(low: float, high: float) -> Verdict:
    """Judge an interval: on which side of zero it lies as a whole."""
    if low > 0:
        return "effective"
    return "harmful" if high < 0 else "inconclusive"


@dataclass(frozen=True, slots=True)
class SampleSize:
    """How many people an experiment needs.

    Attributes
    ----------
    per_arm
        In each of two arms of the same size.
    treated, control
        With the share held out that was asked for.
    """

    per_arm: int
    treated: int
    control: int


def sample_size(
    base_rate: float,
    effect: float,
    *,
    power: float = 0.80,
    holdout_share: float = 0.5,
    confidence: float = 0.95,
) -> SampleSize:
    """Say how many people it takes to see an effect.

    Parameters
    ----------
    base_rate
        Success rate without treatment; probability.
    effect
        The smallest rise, or fall, worth seeing; probability; not 0.
    power
        Chance to see it if it is there; probability.
    holdout_share
        Share of all people held out; between 0 and 1.

    Raises
    ------
    ValueError
        If the rate with the effect is no probability, or there is no effect.

    Notes
    -----
    ``(z_{1-a/2} + z_power)**2 * (p1 q1 / share_1 + p0 q0 / share_0) / effect**2`` people in all, so
    ``(p1 q1 + p0 q0)`` instead of the bracket in each of two equal arms. Source: domain
    specification 7 (planning helper, F4); Fleiss (1981), Statistical Methods for Rates, 3.
    """
    treated_rate = base_rate + effect
    if not effect or not 0 <= treated_rate <= 1:
        raise ValueError("the rate with the effect is to be another probability")
    z = _NORMAL.inv_cdf(0.5 + confidence / 2) + _NORMAL.inv_cdf(power)
    spreads = treated_rate * (1 - treated_rate), base_rate * (1 - base_rate)
    scale = (z / effect) ** 2
    in_all = scale * (spreads[0] / (1 - holdout_share) + spreads[1] / holdout_share)
    return SampleSize(
        ceil(scale * sum(spreads)),
        ceil(in_all * (1 - holdout_share)),
        ceil(in_all * holdout_share),
    )
