"""What is believed of the effect of an instrument in a phase, and how results change it."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from services.analytics.calculations.feedback.parameters import FeedbackParameters
from services.analytics.calculations.feedback.rates import Counts

DAYS_PER_MONTH = 365.25 / 12


@dataclass(frozen=True, slots=True)
class Belief:
    """A normal belief about an effect: mean and standard deviation; probability."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a result made of a belief.

    Attributes
    ----------
    before
        The belief that the result met, faded.
    after
        The belief with the result.
    data_weight
        Weight of the result in the new mean; share.
    """

    before: Belief
    after: Belief
    data_weight: float


def faded(belief: Belief, *, days: float, parameters: FeedbackParameters) -> Belief:
    """Let a belief grow less certain with the days since its last result.

    Source: domain specification 7 (`F-LEARN`): its variance is multiplied by 1.02 per month.
    """
    months = max(days, 0.0) / DAYS_PER_MONTH
    return Belief(belief.mean, belief.sd * sqrt(parameters.fading_per_month**months))


def learn(belief: Belief, counts: Counts) -> Lesson:
    """Weigh a belief with the result of an experiment by their precisions.

    Notes
    -----
    The estimate is the difference of the rates, its variance the sum of both binomial variances, one
    success and one failure added to each arm, so that an empty arm teaches nothing surprising.
    Source: domain specification 7 (`F-LEARN`, F5).
    """
    padded = counts.padded()
    estimate = padded.treated - padded.control
    prior_variance = belief.sd**2
    weight = prior_variance / (prior_variance + padded.variance)
    after = Belief(
        belief.mean + weight * (estimate - belief.mean), sqrt((1 - weight) * prior_variance)
    )
    return Lesson(belief, after, weight)
