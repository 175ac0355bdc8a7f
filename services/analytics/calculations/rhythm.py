"""How a unit's silence compares with its own purchase rhythm: the closed forms of the MBG/NBD."""

from __future__ import annotations

import numpy as np
import pandas as pd

from services.analytics.calculations.parameters import PurchaseModel, RhythmParameters
from services.analytics.calculations.purchases import Floats

RHYTHM_COLUMNS = (
    "interpurchase_days",
    "median_gap_days",
    "gap_days",
    "gap_rank",
    "alive_probability",
    "vitality",
    "churn_horizon_days",
    "baseline_churn_probability",
    "reference_churn_probability",
)


def score_rhythm(
    repeat_count: Floats,
    recency_days: Floats,
    age_days: Floats,
    *,
    model: PurchaseModel,
    parameters: RhythmParameters,
) -> pd.DataFrame:
    r"""Score the rhythm of units that have bought at least once.

    Parameters
    ----------
    repeat_count, recency_days, age_days
        ``x``, ``t_x`` and ``T`` (days), all of one shape (units,), ``0 <= t_x <= T``.
    model
        The purchase model in days.
    parameters
        Limits of the churn horizon.

    Returns
    -------
    pandas.DataFrame
        `RHYTHM_COLUMNS`, in the order of the input.

    Notes
    -----
    With :math:`E = (r + x)\ln\frac{\alpha + T}{\alpha + t_x}` and :math:`k = a / (b + x)`:
    gap rank :math:`1 - e^{-E}`, P(alive) :math:`1 / (1 + k e^E)`, vitality
    :math:`(1 + k) / (1 + k e^E)`, P(a purchase in H, if alive)
    :math:`1 - (1 + H / (\alpha + T))^{-(r + x)}`. Everything in logarithms, so that neither a span
    of decades nor thousands of purchases overflow. Source: domain specification 2.1.
    """
    shape = model.r + repeat_count
    scale = model.alpha + recency_days
    dropout_odds = model.a / (model.b + repeat_count)
    silence = shape * np.log1p((age_days - recency_days) / scale)
    with np.errstate(over="ignore"):
        dead_odds = dropout_odds * np.exp(silence)
    alive = 1 / (1 + dead_odds)
    interpurchase = scale / shape
    horizon = np.clip(
        parameters.horizon_interpurchase_times * interpurchase,
        parameters.horizon_min_days,
        parameters.horizon_max_days,
    )
    buying = -np.expm1(-shape * np.log1p(horizon / (model.alpha + age_days)))
    buying_after_purchase = -np.expm1(-shape * np.log1p(horizon / scale))
    return pd.DataFrame(
        {
            "interpurchase_days": interpurchase,
            "median_gap_days": scale * np.expm1(np.log(2) / shape),
            "gap_days": age_days - recency_days,
            "gap_rank": -np.expm1(-silence),
            "alive_probability": alive,
            "vitality": (1 + dropout_odds) / (1 + dead_odds),
            "churn_horizon_days": horizon,
            "baseline_churn_probability": 1 - alive * buying,
            "reference_churn_probability": 1 - buying_after_purchase / (1 + dropout_odds),
        },
        copy=False,
    )
