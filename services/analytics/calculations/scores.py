"""Scores units with what was estimated from the base; no unit's scores depend on another unit."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from services.analytics.calculations import phases, strategies
from services.analytics.calculations.candidates import StrategyOptions, StrategyParameters
from services.analytics.calculations.estimates import Estimates
from services.analytics.calculations.hunting import find_deal_hunters
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchase_models.fitting import PurchaseFit, confidence_of
from services.analytics.calculations.purchase_models.rhythm import RHYTHM_COLUMNS, score_rhythm
from services.analytics.calculations.purchases import Purchases
from services.analytics.calculations.statistics import Observed
from services.analytics.calculations.worth import of_all_units, value_units

CONFIDENCES: Final = ("high", "medium", "low")


def score(
    observed: Observed,
    *,
    estimates: Estimates,
    parameters: Parameters,
    options: StrategyOptions | None = None,
) -> pd.DataFrame:
    """Compute every number of some units; indexed like them.

    Parameters
    ----------
    observed
        What is observed of the units.
    estimates
        What holds for the base, from this day or an earlier one.
    parameters
        Those of the domain specification, or others.
    options
        What can be recommended; without it the recommendation columns are missing.
    """
    units, purchases = observed.units, observed.purchases
    fit = estimates.purchase_fit
    rhythm = score_purchases(units, purchases, fit=fit, parameters=parameters)
    values = value_units(observed, rhythm, estimates=estimates, parameters=parameters)
    customers = assemble(units, purchases, rhythm, values, fit=fit, parameters=parameters)
    if options is None:
        return customers
    weighing = StrategyParameters(
        base_margin=estimates.margins.weighing.base_mean, base_order_value=estimates.orders.base_mean
    )
    hunters = find_deal_hunters(
        observed.deals, margins=observed.margins, purchases=purchases, parameters=weighing
    )
    recommended = strategies.recommend(
        customers, units.assign(deal_hunter=hunters), options=options, parameters=weighing
    )
    return pd.concat([customers, recommended], axis=1)


def score_purchases(
    units: pd.DataFrame, purchases: Purchases, *, fit: PurchaseFit, parameters: Parameters
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
        parameters=parameters.rhythm,
    )
    bought = np.flatnonzero(purchases.has_purchase)
    contract = units["has_active_contract"].to_numpy(dtype=np.bool_, na_value=False)[bought]
    if contract.any():
        rhythm["baseline_churn_probability"] = np.where(
            contract,
            parameters.rhythm.contract_churn_probability,
            rhythm["baseline_churn_probability"],
        )
    rhythm.index = pd.Index(bought, name="unit")
    return rhythm


def assemble(
    units: pd.DataFrame,
    purchases: Purchases,
    rhythm: pd.DataFrame,
    values: pd.DataFrame,
    *,
    fit: PurchaseFit,
    parameters: Parameters,
) -> pd.DataFrame:
    """Assign phases and lead stages and put every column in its place; indexed like ``units``."""
    bought = rhythm.index.to_numpy()
    scores = {
        name: of_all_units(rhythm[name].to_numpy(), bought, len(units)) for name in RHYTHM_COLUMNS
    }
    churn = scores["baseline_churn_probability"]
    phase = phases.assign_phases(
        units,
        purchase_count=purchases.purchase_count,
        vitality=scores["vitality"],
        churn_probability=churn,
        reference_churn_probability=scores["reference_churn_probability"],
        thresholds=parameters.phases,
    )
    is_lead = (phase["state"] == "lead").to_numpy()
    high, low = confidence_of(
        purchases.purchase_count, basis=fit.basis, parameters=parameters.rhythm
    )
    # One confidence for all scores is that of the least known one: here a value without an amount.
    low |= values["valued_purchase_count"].to_numpy() == 0
    confidence = np.where(low, 2, np.where(high, 0, 1)).astype(np.int8)
    own = {str(name): column for name, column in values.items()}
    is_cost_estimated = own.pop("is_cost_estimated")
    new_value = np.where(is_lead, own.pop("expected_new_value"), np.nan)
    return pd.DataFrame(
        {
            "state": phase["state"],
            "phase": phase["phase"],
            "phase_rule": phase["phase_rule"],
            "lead_stage": phases.assign_lead_stages(units, is_lead=is_lead),
            "purchase_count": purchases.purchase_count,
            "repeat_count": np.maximum(purchases.purchase_count - 1, 0),
            "recency_days": of_all_units(purchases.recency_days, bought, len(units)),
            "age_days": of_all_units(purchases.age_days, bought, len(units)),
            "first_purchase_day": of_all_units(purchases.first_day[bought], bought, len(units)),
            "last_purchase_day": of_all_units(purchases.last_day[bought], bought, len(units)),
            **scores,
            "churn_probability": churn,
            **own,
            "expected_new_value": new_value,
            "value_at_risk": churn * own["clv_alive_365"],
            "confidence": pd.Categorical.from_codes(confidence, categories=pd.Index(CONFIDENCES)),
            "is_cost_estimated": is_cost_estimated,
        },
        index=units.index,
        copy=False,
    )
