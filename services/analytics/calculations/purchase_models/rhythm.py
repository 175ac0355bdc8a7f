"""How a unit's silence compares with its own purchase rhythm, under any purchase model."""

from __future__ import annotations

import numpy as np
import pandas as pd

from services.analytics.calculations.parameters import RhythmParameters
from services.analytics.calculations.purchase_models.model import PurchaseModel
from services.analytics.calculations.purchases import Floats

RHYTHM_COLUMNS = (
    "interpurchase_days",
    "median_gap_days",
    "gap_days",
    "gap_rank",
    "alive_probability",
    "vitality",
    "purchase_vitality",
    "churn_horizon_days",
    "baseline_churn_probability",
    "reference_churn_probability",
)
_LONGEST = 100.0  # of the logarithm of a gap: beyond any time there is, and still a number


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
    With :math:`E = (r + x)\ln\frac{\alpha + T}{\alpha + t_x}`, which every family shares: gap rank
    :math:`1 - e^{-E}`; vitality is P(alive) over P(alive right after the last purchase), purchase
    vitality the same of P(at least one purchase in the churn horizon), which falls with silence
    also where nobody ever drops out; baseline churn is one minus the latter, the reference the same
    with :math:`T = t_x`. Everything in logarithms, so that neither a span of decades nor thousands
    of purchases overflow. Source: domain specification 2.1.
    """
    shape = model.r + repeat_count
    scale = model.alpha + recency_days
    silence = model.silence(repeat_count, recency_days, age_days)
    interpurchase = scale / shape
    horizon = np.clip(
        parameters.horizon_interpurchase_times * interpurchase,
        parameters.horizon_min_days,
        parameters.horizon_max_days,
    )
    alive = model.alive_probability(repeat_count, recency_days, age_days)
    alive_after_purchase = model.alive_probability(repeat_count, recency_days, recency_days)
    buying = model.buying_if_alive(repeat_count, age_days, horizon)
    buying_after_purchase = model.buying_if_alive(repeat_count, recency_days, horizon)
    bought_now = alive * buying
    bought_after_purchase = alive_after_purchase * buying_after_purchase
    return pd.DataFrame(
        {
            "interpurchase_days": interpurchase,
            "median_gap_days": scale * np.expm1(np.minimum(np.log(2) / shape, _LONGEST)),
            "gap_days": age_days - recency_days,
            "gap_rank": -np.expm1(-silence),
            "alive_probability": alive,
            "vitality": alive / alive_after_purchase,
            "purchase_vitality": bought_now / bought_after_purchase,
            "churn_horizon_days": horizon,
            "baseline_churn_probability": 1 - bought_now,
            "reference_churn_probability": 1 - bought_after_purchase,
        },
        copy=False,
    )
