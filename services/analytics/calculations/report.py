"""The whole calculation of one base on one day: frames in, one frame and a model card out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from services.analytics.calculations import phases, strategies
from services.analytics.calculations.candidates import StrategyOptions, StrategyParameters
from services.analytics.calculations.hunting import find_deal_hunters
from services.analytics.calculations.margins import Credibility
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchase_models.fitting import (
    PurchaseFit,
    confidence_of,
    fit_purchase_model,
)
from services.analytics.calculations.purchase_models.rhythm import RHYTHM_COLUMNS, score_rhythm
from services.analytics.calculations.purchases import (
    Purchases,
    summarize_purchases,
)
from services.analytics.calculations.worth import DataGaps, of_all_units, value_base

CONFIDENCES: Final = ("high", "medium", "low")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a version of the numbers rests on.

    Attributes
    ----------
    as_of_day
        The day looked from, days since 1970-01-01.
    parameters
        As given.
    purchase_fit
        The estimated purchase model, its likelihood and its basis.
    credibility
        ``mu0``, ``k`` and where margins were capped.
    base_order_value
        Mean amount of a purchase of the base; base currency, NaN without one of known amount.
    unit_count, customer_count, deal_count, purchase_count, repeat_buyer_count
        Units, units with a purchase, won deals, purchases, units with a second purchase; excluded
        units and their deals count among the units and deals only.
    data_gaps
        What was missing.
    """

    as_of_day: int
    parameters: Parameters
    purchase_fit: PurchaseFit
    credibility: Credibility
    base_order_value: float
    unit_count: int
    customer_count: int
    deal_count: int
    purchase_count: int
    repeat_buyer_count: int
    data_gaps: DataGaps


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """The numbers of all units, indexed by ``unit``, and what they rest on."""

    customers: pd.DataFrame
    card: ModelCard


def calculate(
    units: pd.DataFrame,
    deals: pd.DataFrame,
    *,
    as_of_day: int,
    parameters: Parameters | None = None,
    purchase_fit: PurchaseFit | None = None,
    options: StrategyOptions | None = None,
) -> Report:
    """Compute every number of a base as of one day.

    Parameters
    ----------
    units
        One row per unit, indexed by the surrogate ``unit`` (0 to n - 1), in any order.
    deals
        One row per won deal known as of the day, in any order; quickest ordered by unit and day.
    as_of_day
        The day looked from, days since 1970-01-01 in the business time zone.
    parameters
        Those of the domain specification unless given.
    purchase_fit
        An earlier estimate to score with, as the model needs fitting weekly only; estimated from
        these deals unless given.
    options
        What can be recommended; without it the recommendation columns are missing.

    Raises
    ------
    ValueError
        If a deal lies after ``as_of_day``.
    """
    parameters = parameters or Parameters()
    if not units.index.is_monotonic_increasing:
        units = units.sort_index()
    included = without_excluded(units, deals)
    purchases = summarize_purchases(included, unit_count=len(units), as_of_day=as_of_day)
    fit = purchase_fit or fit_base(purchases, parameters=parameters)
    rhythm = score_base(units, purchases, fit=fit, parameters=parameters)
    worth = value_base(units, included, purchases, rhythm, fit=fit, parameters=parameters)
    customers = assemble(units, purchases, rhythm, worth.values, fit=fit, parameters=parameters)
    if options is not None:
        weighing = StrategyParameters(
            base_margin=worth.credibility.base_purchase_contribution,
            base_order_value=worth.base_order_value,
        )
        hunters = find_deal_hunters(
            included, margins=worth.margins, purchases=purchases, parameters=weighing
        )
        recommended = strategies.recommend(
            customers, units.assign(deal_hunter=hunters), options=options, parameters=weighing
        )
        customers = pd.concat([customers, recommended], axis=1)
    card = ModelCard(
        as_of_day=as_of_day,
        parameters=parameters,
        purchase_fit=fit,
        credibility=worth.credibility,
        base_order_value=worth.base_order_value,
        unit_count=len(units),
        customer_count=int(purchases.has_purchase.sum()),
        deal_count=len(deals),
        purchase_count=len(purchases.starts),
        repeat_buyer_count=int((purchases.purchase_count > 1).sum()),
        data_gaps=worth.data_gaps,
    )
    return Report(customers, card)


def without_excluded(units: pd.DataFrame, deals: pd.DataFrame) -> pd.DataFrame:
    """Leave out the deals of units that were erased or merged: they are not to be looked at."""
    is_excluded = units["is_excluded"].to_numpy(dtype=np.bool_, na_value=False)
    if not is_excluded.any():
        return deals
    included: pd.DataFrame = deals.loc[~is_excluded[deals["unit"].to_numpy(dtype=np.int64)]]
    return included


def fit_base(purchases: Purchases, *, parameters: Parameters) -> PurchaseFit:
    """Estimate the purchase model of a base."""
    return fit_purchase_model(
        purchases.repeat_count,
        purchases.recency_days,
        purchases.age_days,
        prior=parameters.prior,
        parameters=parameters.rhythm,
    )


def score_base(
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
