"""The lifetime values of units with their errors and 90 % intervals, for any purchase model."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from scipy.special import ndtri

from services.analytics.calculations.learned_value import Bend
from services.analytics.calculations.parameters import ValueParameters
from services.analytics.calculations.purchase_models.fitting import PurchaseFit
from services.analytics.calculations.purchase_models.intervals import (
    COVERAGE,
    MarginSpread,
    parameter_variance,
    value_interval,
)
from services.analytics.calculations.purchase_models.model import PurchaseModel
from services.analytics.calculations.purchases import Floats
from services.analytics.calculations.value import lifetime_value

INTERVAL_COLUMNS: Final = (
    "clv_365_low",
    "clv_365_high",
    "clv_365_standard_error",
    "clv_1095_low",
    "clv_1095_high",
    "clv_optimistic_365",
)


def value_intervals(
    repeat_count: Floats,
    recency_days: Floats,
    age_days: Floats,
    margin: Floats,
    *,
    margin_spread: MarginSpread,
    fit: PurchaseFit,
    parameters: ValueParameters,
    contract_days: Floats | None = None,
    alive_at_most: Floats | None = None,
    bend: Bend | None = None,
) -> pd.DataFrame:
    """Tell how far the lifetime values of units that have bought may be off.

    Parameters
    ----------
    repeat_count, recency_days, age_days
        ``x``, ``t_x`` and ``T`` (days); shape (units,).
    margin, margin_spread
        Contribution expected per purchase, base currency, and how it varies.
    fit
        The purchase model in days, with its covariance.
    parameters
        Horizons and discount rate.
    contract_days
        As in `lifetime_value`.
    alive_at_most
        What is known besides purchases limits P(alive) to; shape (units,).
    bend
        How the stacked model bends what is expected; not at all unless given.

    Returns
    -------
    pandas.DataFrame
        `INTERVAL_COLUMNS`, base currency, in the order of the input. An interval holds the chance
        of what is bought and what it brings, and the errors of the purchase model and of the unit's
        margin (`purchase_models.intervals.PARTS`). ``clv_optimistic_365`` is the value if certainly
        alive, with the margin at the upper end of its own 90 % interval (domain specification 5).
    """

    def purchases(model: PurchaseModel) -> Floats:
        alive = model.alive_probability(repeat_count, recency_days, age_days)
        if alive_at_most is not None:
            alive = np.minimum(alive, alive_at_most)
        lifetime = lifetime_value(
            repeat_count,
            age_days,
            alive,
            np.ones(len(margin)),
            model=model,
            parameters=parameters,
            contract_days=contract_days,
        )
        return np.stack([lifetime.decision, lifetime.tier])

    expected, variances = purchases(fit.model), parameter_variance(purchases, fit=fit)
    horizons = (parameters.decision_months, parameters.tier_months)
    ahead = fit.model.tabulate(repeat_count, age_days, months=max(horizons))
    alive_purchases = [
        ahead.within(months=months, discount_rate=parameters.discount_rate) for months in horizons
    ]
    alive = expected / np.stack(alive_purchases)
    if bend is not None:
        bent = bend.weight * alive_purchases[0] - expected[0]
        expected = np.where(bend.is_bent, expected + bent, expected)
        variances = np.where(bend.is_bent, variances * bend.factor**2, variances)
        alive = np.where(bend.is_bent, bend.alive, alive)
    decision, tier = (
        value_interval(
            expected[place],
            margin,
            margin_spread=margin_spread,
            alive=alive[place],
            ahead=ahead,
            months=months,
            discount_rate=parameters.discount_rate,
            from_parameters=variances[place],
        )
        for place, months in enumerate(horizons)
    )
    upper = margin + ndtri((1 + COVERAGE) / 2) * np.sqrt(margin_spread.of_unit)
    optimistic = alive_purchases[0]
    if bend is not None:
        optimistic = np.where(bend.is_bent, expected[0] / bend.alive, optimistic)
    return pd.DataFrame(
        {
            "clv_365_low": decision.low,
            "clv_365_high": decision.high,
            "clv_365_standard_error": decision.standard_error,
            "clv_1095_low": tier.low,
            "clv_1095_high": tier.high,
            "clv_optimistic_365": upper * optimistic,
        },
        copy=False,
    )
