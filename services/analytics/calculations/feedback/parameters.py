"""How experiments are run and judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

FEATURES = ("churn_probability", "clv_365", "purchase_count", "gap_days")
"""What a person is known by when it is assigned; responders are told by these."""
_WINDOWS = MappingProxyType({"acquisition": 60, "development": 90, "winback": 120})


@dataclass(frozen=True, slots=True)
class FeedbackParameters:
    """How experiments are run and judged.

    Attributes
    ----------
    window_days
        How long an outcome is waited for, by phase; days; defaults 60 in acquisition, 90 in
        development, 120 in win-back (domain specification 7).
    prior_window_days
        Window in retention while the customer's own horizon is unknown; days; default 90 (the prior
        time between purchases, domain specification 11).
    longest_window_days
        What a customer's own horizon is cut at, so that an experiment ends; days; default 365 (our
        choice).
    confidence
        Of every interval; probability; default 0.95 (domain specification 7).
    smallest_arm
        People that each arm needs for a verdict; count; default 30 (domain specification 7).
    fewest_successes
        Successes that both arms together need for one; count; default 10 (domain specification 7).
    permutations
        Redrawn arms that an interval of money rests on; count; default 999 (our choice: ends of the
        interval then vary by about 1 % of its width).
    fading_per_month
        What the variance of a belief is multiplied by for each month without a result; no unit;
        default 1.02 (domain specification 7).
    responder_share
        Share of the people who should respond most, in which a model of responders has to hold;
        share; default 1/3 (issue 5: the top third).
    """

    window_days: Mapping[str, int] = field(default_factory=lambda: _WINDOWS)
    prior_window_days: int = 90
    longest_window_days: int = 365
    confidence: float = 0.95
    smallest_arm: int = 30
    fewest_successes: int = 10
    permutations: int = 999
    fading_per_month: float = 1.02
    responder_share: float = 1 / 3
