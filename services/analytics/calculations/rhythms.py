"""The rhythm of all units of a part, contracts included."""

from __future__ import annotations

import numpy as np
import pandas as pd

from services.analytics.calculations.parameters import RhythmParameters
from services.analytics.calculations.purchase_models.fitting import PurchaseFit
from services.analytics.calculations.purchase_models.rhythm import score_rhythm
from services.analytics.calculations.purchases import Floats, Integers, Purchases


def score_purchases(
    units: pd.DataFrame, purchases: Purchases, *, fit: PurchaseFit, parameters: RhythmParameters
) -> pd.DataFrame:
    """Score the rhythm of the units that have bought; indexed by unit.

    An active contract overrides silence: its baseline churn is that of contracts. Source: domain
    specification 2.1, 2.3.
    """
    rhythm = score_rhythm(
        purchases.repeat_count.astype(np.float64),
        purchases.recency_days,
        purchases.age_days,
        model=fit.model,
        parameters=parameters,
    )
    bought = np.flatnonzero(purchases.has_purchase)
    contract = units["has_active_contract"].to_numpy(dtype=np.bool_, na_value=False)[bought]
    if contract.any():
        rhythm["baseline_churn_probability"] = np.where(
            contract,
            parameters.contract_churn_probability,
            rhythm["baseline_churn_probability"],
        )
    rhythm.index = pd.Index(bought, name="unit")
    return rhythm


def baseline_churn(
    units: pd.DataFrame, purchases: Purchases, *, fit: PurchaseFit, parameters: RhythmParameters
) -> Floats:
    """Give ``p0`` of all units, NaN without a purchase; shape (units,)."""
    rhythm = score_purchases(units, purchases, fit=fit, parameters=parameters)
    values = rhythm["baseline_churn_probability"].to_numpy()
    return of_all_units(values, rhythm.index.to_numpy(), len(units))


def of_all_units(values: Floats | Integers, bought: Integers, unit_count: int) -> Floats:
    """Put values of the units that have bought among all units, NaN elsewhere."""
    if len(bought) == unit_count:
        return values.astype(np.float64, copy=False)
    spread = np.full(unit_count, np.nan)
    spread[bought] = values
    return spread
