"""The whole calculation of one base on one day: frames in, one frame and a model card out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from services.analytics.calculations import phases, strategies, value
from services.analytics.calculations.candidates import StrategyOptions
from services.analytics.calculations.estimation import (
    PurchaseFit,
    confidence_of,
    fit_purchase_model,
)
from services.analytics.calculations.margins import Credibility, deal_margins, margin_per_purchase
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchases import (
    Floats,
    Integers,
    Purchases,
    float_column,
    summarize_purchases,
)
from services.analytics.calculations.rhythm import RHYTHM_COLUMNS, score_rhythm

CONFIDENCES: Final = ("high", "medium", "low")


@dataclass(frozen=True, slots=True)
class DataGaps:
    """What was missing in the data and therefore estimated, taken as none or left out; counts.

    Attributes
    ----------
    deals_without_amount
        Won deals of unknown amount in base currency, left out of every value.
    deals_with_estimated_cost, units_with_estimated_cost
        Won deals whose cost was estimated, and the units they belong to.
    units_without_acquisition_cost
        Units with a won deal whose acquisition cost is unknown and was taken as none.
    """

    deals_without_amount: int
    deals_with_estimated_cost: int
    units_with_estimated_cost: int
    units_without_acquisition_cost: int


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
    values, credibility, gaps = value_base(
        units, included, purchases, rhythm, fit=fit, parameters=parameters
    )
    customers = assemble(units, purchases, rhythm, values, fit=fit, parameters=parameters)
    if options is not None:
        recommended = strategies.recommend(customers, units, options=options)
        customers = pd.concat([customers, recommended], axis=1)
    card = ModelCard(
        as_of_day=as_of_day,
        parameters=parameters,
        purchase_fit=fit,
        credibility=credibility,
        unit_count=len(units),
        customer_count=int(purchases.has_purchase.sum()),
        deal_count=len(deals),
        purchase_count=len(purchases.starts),
        repeat_buyer_count=int((purchases.purchase_count > 1).sum()),
        data_gaps=gaps,
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


def value_base(
    units: pd.DataFrame,
    deals: pd.DataFrame,
    purchases: Purchases,
    rhythm: pd.DataFrame,
    *,
    fit: PurchaseFit,
    parameters: Parameters,
) -> tuple[pd.DataFrame, Credibility, DataGaps]:
    """Compute the values of all units; indexed like ``units``."""
    margins = deal_margins(deals, default_margin=parameters.value.default_margin)
    historic = value.historic_value(
        units, deals, margins=margins, purchases=purchases, parameters=parameters.value
    )
    margin, credibility = margin_per_purchase(
        units, deals, margins=margins, purchases=purchases, parameters=parameters.value
    )
    bought = rhythm.index.to_numpy()
    lifetime = value.lifetime_value(
        purchases.repeat_count.astype(np.float64),
        purchases.age_days,
        rhythm["alive_probability"].to_numpy(),
        margin[bought],
        model=fit.model,
        parameters=parameters.value,
        contract_days=_contract_days(units, as_of_day=purchases.as_of_day)[bought],
    )
    new_value = value.expected_new_value(
        _source_codes(units["source_campaign_id"]),
        historic.first_year_contribution,
        (purchases.as_of_day - purchases.first_day).astype(np.float64),
        parameters=parameters.value,
    )

    def spread(values: Floats) -> Floats:
        return _of_all_units(values, bought, len(units))

    values = pd.DataFrame(
        {
            "contribution": historic.contribution,
            "contribution_730": historic.recent_contribution,
            "service_cost": float_column(units, "service_cost").copy(),
            "historic_value": historic.historic_value,
            "margin_per_purchase": margin,
            "expected_purchases_365": spread(lifetime.expected_purchases),
            "clv_alive_365": spread(lifetime.alive_decision),
            "clv_365": spread(lifetime.decision),
            "clv_alive_1095": spread(lifetime.alive_tier),
            "clv_1095": spread(lifetime.tier),
            "expected_new_value": new_value,
            "is_cost_estimated": historic.is_cost_estimated,
        },
        index=units.index,
        copy=False,
    )
    is_unknown = np.isnan(float_column(units, "acquisition_cost"))
    gaps = DataGaps(
        deals_without_amount=int(np.isnan(margins.margin).sum()),
        deals_with_estimated_cost=int(margins.is_cost_estimated.sum()),
        units_with_estimated_cost=int(historic.is_cost_estimated.sum()),
        units_without_acquisition_cost=int((is_unknown & ~np.isnan(historic.contribution)).sum()),
    )
    return values, credibility, gaps


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
        name: _of_all_units(rhythm[name].to_numpy(), bought, len(units)) for name in RHYTHM_COLUMNS
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
            "recency_days": _of_all_units(purchases.recency_days, bought, len(units)),
            "age_days": _of_all_units(purchases.age_days, bought, len(units)),
            "first_purchase_day": _of_all_units(purchases.first_day[bought], bought, len(units)),
            "last_purchase_day": _of_all_units(purchases.last_day[bought], bought, len(units)),
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


def _of_all_units(values: Floats | Integers, bought: Integers, unit_count: int) -> Floats:
    """Put values of the units that have bought among all units, NaN elsewhere."""
    if len(bought) == unit_count:
        return values.astype(np.float64, copy=False)
    spread = np.full(unit_count, np.nan)
    spread[bought] = values
    return spread


def _contract_days(units: pd.DataFrame, *, as_of_day: int) -> Floats:
    """Count the days each active contract still runs; infinite without a known end."""
    is_active = units["has_active_contract"].to_numpy(dtype=np.bool_, na_value=False)
    days = np.zeros(len(units))
    if is_active.any():
        left = np.maximum(float_column(units, "contract_end_day")[is_active] - as_of_day, 0.0)
        days[is_active] = np.where(np.isnan(left), np.inf, left)
    return days


def _source_codes(source: pd.Series) -> Integers:
    """Number the sources, -1 for none; the numbers carry no meaning."""
    if isinstance(source.dtype, pd.CategoricalDtype):
        return np.asarray(source.cat.codes, dtype=np.int64)
    codes: Integers = pd.factorize(source)[0].astype(np.int64)
    return codes
