"""The rhythm of all units of a part, contracts included."""

from __future__ import annotations

import numpy as np
import pandas as pd

from services.analytics.calculations.parameters import RhythmParameters
from services.analytics.calculations.purchase_models.fitting import PurchaseFit
from services.analytics.calculations.purchase_models.rhythm import score_rhythm
from services.analytics.calculations.purchases import Floats, Integers, Purchases


def score_purchases(
    units: pd.DataFrame,
    purchases: Purchases,
    contracts: pd.DataFrame,
    *,
    fit: PurchaseFit,
    parameters: RhythmParameters,
) -> pd.DataFrame:
    """Score the rhythm of the units that have bought; indexed by unit.

    An active contract overrides silence: the baseline is the chance that it is not renewed, within
    its own horizon. ``contracts`` holds both (`contracts.scoring`) of the units with a running
    contract. Source: domain specification 2.1, 2.3, 4.
    """
    rhythm = score_rhythm(
        purchases.repeat_count.astype(np.float64),
        purchases.recency_days,
        purchases.age_days,
        model=fit.model,
        parameters=parameters,
    )
    bought = np.flatnonzero(purchases.has_purchase)
    rhythm.index = pd.Index(bought, name="unit")
    has_contract = units["has_active_contract"].to_numpy(dtype=np.bool_, na_value=False)[bought]
    if has_contract.any():
        known = contracts.reindex(rhythm.index[has_contract])
        end = known["contract_end_probability"].fillna(parameters.contract_churn_probability)
        rhythm.loc[has_contract, "baseline_churn_probability"] = end
        horizon = known["contract_horizon_days"].fillna(rhythm["churn_horizon_days"])
        rhythm.loc[has_contract, "churn_horizon_days"] = horizon
    return rhythm


def of_all_units(values: Floats | Integers, bought: Integers, unit_count: int) -> Floats:
    """Put values of the units that have bought among all units, NaN elsewhere."""
    if len(bought) == unit_count:
        return values.astype(np.float64, copy=False)
    spread = np.full(unit_count, np.nan)
    spread[bought] = values
    return spread
