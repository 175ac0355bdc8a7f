"""The result of an experiment whose windows have closed: in all, by tier, and who responded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations.feedback.money import (
    Balance,
    Difference,
    balance,
    moments,
    permuted_difference,
    welch_difference,
)
from services.analytics.calculations.feedback.parameters import FEATURES, FeedbackParameters
from services.analytics.calculations.feedback.rates import (
    Counts,
    Uplift,
    Verdict,
    rate_uplift,
    verdict_of,
)
from services.analytics.calculations.feedback.responders import Responders, find_responders
from services.analytics.calculations.purchases import Floats, float_column


@dataclass(frozen=True, slots=True)
class Row:
    """The result among some people, by the arm they were assigned to, treated or not.

    Attributes
    ----------
    tier
        The value tier they had when assigned; None for everybody.
    counts
        Successes and people of each arm.
    success
        Uplift with Newcombe's interval, and the verdict.
    contribution
        Difference of the contributions per person, by arms drawn anew.
    welch
        The same by Welch's interval, for comparison.
    means
        Contribution per person, treated and held out; base currency.
    cost
        Of treating; base currency.
    balance
        What the difference comes to for all treated.
    money_verdict
        Of the contribution; ``too_few`` where the rates are judged so.
    """

    tier: str | None
    counts: Counts
    success: Uplift
    contribution: Difference
    welch: Difference
    means: tuple[float, float]
    cost: float
    balance: Balance
    money_verdict: Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Rows: everybody first, then each tier; and who responded."""

    rows: Sequence[Row]
    responders: Responders

    @property
    def is_harmful(self) -> bool:
        """Whether success or contribution fell among everybody."""
        return "harmful" in (self.rows[0].success.verdict, self.rows[0].money_verdict)


def evaluate(
    outcomes: pd.DataFrame, *, incentive: float, seed: int, parameters: FeedbackParameters
) -> Evaluation:
    """Judge an experiment by the arms people were assigned to.

    Parameters
    ----------
    outcomes
        One row per person: ``is_treated``, ``has_succeeded``, ``contribution`` and
        ``expected_contribution`` (base currency within the window), ``tier`` and `FEATURES` as of
        the assignment; ``contact_cost`` of reaching it, and ``recorded_cost``, what treating it is
        known to have cost in all (base currency, NaN unknown), which counts instead of any assumption.
    incentive
        Assumed to be paid for each success; what lowers the amount of a deal is in its contribution
        already; base currency.
    seed
        Of all draws.

    Source: domain specification 7 (`F-UPLIFT`).
    """
    tiers = sorted({*outcomes["tier"].dropna()})
    groups = [(None, outcomes), *((tier, outcomes[outcomes["tier"] == tier]) for tier in tiers)]
    rows = [
        _row(tier, people, incentive=incentive, seed=seed, parameters=parameters)
        for tier, people in groups
    ]
    responders = find_responders(
        outcomes[list(FEATURES)].to_numpy(dtype=np.float64, na_value=np.nan),
        outcomes["has_succeeded"].to_numpy(dtype=np.bool_),
        outcomes["is_treated"].to_numpy(dtype=np.bool_),
        seed=seed,
        parameters=parameters,
    )
    return Evaluation(rows, responders)


def _row(
    tier: str | None,
    people: pd.DataFrame,
    *,
    incentive: float,
    seed: int,
    parameters: FeedbackParameters,
) -> Row:
    is_treated = people["is_treated"].to_numpy(dtype=np.bool_)
    success = people["has_succeeded"].to_numpy(dtype=np.bool_)
    contribution: Floats = float_column(people, "contribution")
    counts = Counts.of(success, is_treated)
    uplift = rate_uplift(counts, parameters=parameters)
    difference = permuted_difference(
        contribution,
        is_treated,
        forecast=float_column(people, "expected_contribution"),
        seed=seed,
        parameters=parameters,
    )
    treated, control = moments(contribution[is_treated]), moments(contribution[~is_treated])
    assumed = float_column(people, "contact_cost") + incentive * success
    recorded = float_column(people, "recorded_cost")
    cost = float(np.where(np.isnan(recorded), assumed, recorded)[is_treated].sum())
    is_judged = uplift.verdict != "too_few"
    return Row(
        tier,
        counts,
        uplift,
        difference,
        welch_difference(treated, control, confidence=parameters.confidence),
        (treated.mean, control.mean),
        cost,
        balance(difference.estimate, treated=counts.n1, cost=cost),
        verdict_of(difference.low, difference.high) if is_judged else "too_few",
    )
