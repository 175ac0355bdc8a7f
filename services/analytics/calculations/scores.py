"""Scores units with what was estimated from the base; no unit's scores depend on another unit."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from services.analytics.calculations import phases
from services.analytics.calculations.churn.features import Observation, features_at
from services.analytics.calculations.churn.stacked import ChurnModel
from services.analytics.calculations.contracts.signals import contract_churn
from services.analytics.calculations.estimates import Behavior, Estimates, read_behavior
from services.analytics.calculations.learned_value import Learned
from services.analytics.calculations.next_products.scoring import next_products
from services.analytics.calculations.occasions.finding import find_occasions
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchase_models.fitting import PurchaseFit, confidence_of
from services.analytics.calculations.purchase_models.rhythm import RHYTHM_COLUMNS
from services.analytics.calculations.purchases import Purchases, float_column
from services.analytics.calculations.recommendations.candidates import (
    StrategyOptions,
    StrategyParameters,
)
from services.analytics.calculations.recommendations.facts import Decided
from services.analytics.calculations.recommendations.hunting import find_deal_hunters
from services.analytics.calculations.recommendations.product_conditions import (
    product_conditions,
)
from services.analytics.calculations.recommendations.recommending import recommend
from services.analytics.calculations.rhythms import of_all_units
from services.analytics.calculations.signals.columns import SIGNALS
from services.analytics.calculations.signals.combination import churn_columns
from services.analytics.calculations.standing.scoring import score_standing
from services.analytics.calculations.statistics import Observed
from services.analytics.calculations.termination import decide_termination
from services.analytics.calculations.termination_facts import (
    CASE_FACTS,
    termination_evidence,
    termination_facts,
)
from services.analytics.calculations.worth import value_units

CONFIDENCES: Final = ("high", "medium", "low")
FORECAST_PREFIXES: Final = (
    "churn_",
    "clv_",
    "rhythm_clv_",
    "expected_purchases_",
    "value_at_risk",
)
"""Of an ended relationship nothing is forecast."""
CHURN_BASES: Final = ("rhythm", "signals", "stacked", "contract")


def score(
    observed: Observed,
    *,
    estimates: Estimates,
    parameters: Parameters,
    options: StrategyOptions | None = None,
    decided: Decided | None = None,
) -> pd.DataFrame:
    """Compute every number of some units but their ranks; indexed like them.

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
    decided
        Units for which an instrument was decided on already.
    """
    units, purchases, fit = observed.units, observed.purchases, estimates.purchase_fit
    told = read_behavior(observed, estimates, parameters=parameters)
    rhythm, signals = told.rhythm, told.signals
    units = units.assign(
        leave_intent=signals["signal_leave_intent"],
        competitor_loss=signals["signal_competitor_loss"],
    )
    features = stacked_features(observed, signals, model=estimates.churn, parameters=parameters)
    churn = score_churn(observed, told, features, estimates=estimates, parameters=parameters)
    learned = None
    if estimates.churn is not None and features is not None:
        stays = 1 - churn["churn_probability"].to_numpy()[features.index]
        learned = Learned(estimates.churn, features, stays)
    leaving = parameters.signals.leaving.cancelled_strength
    values = value_units(
        observed,
        rhythm,
        has_cancelled=(signals["signal_leave_intent"] >= leaving).to_numpy(),
        churn_probability=churn["churn_probability"].to_numpy(),
        learned=learned,
        estimates=estimates,
        parameters=parameters,
    )
    customers = assemble(
        units, purchases, rhythm, churn, values, signals, fit=fit, parameters=parameters
    )
    standing = score_standing(
        units,
        customers,
        observed.deals,
        observed.events,
        purchases=purchases,
        parameters=parameters.standing,
    )
    beside = [
        told.contracts.reindex(customers.index),
        standing,
        score_termination(observed, customers, parameters=parameters),
    ]
    offered = None
    if len(observed.products):
        offered = next_products(
            observed.events,
            customers,
            float_column(observed.deals, "amount"),
            purchases=purchases,
            products=observed.products,
            model=estimates.affinities,
            default_margin=parameters.value.default_margin,
            parameters=parameters.next_products,
        )
        beside.append(offered)
    if options is not None:
        weighing = StrategyParameters(
            base_margin=estimates.margins.weighing.base_mean,
            base_order_value=estimates.orders.base_mean,
            tier_floor=estimates.tier_floor,
            least_value=parameters.smallest_amount,
        )
        hunters = find_deal_hunters(
            observed.deals, margins=observed.margins, purchases=purchases, parameters=weighing
        )
        answered = answer_conditions(units.assign(deal_hunter=hunters), observed.reach, signals)
        occasions = find_occasions(
            observed, options.events, model=fit.model, parameters=parameters.occasions
        )
        known = [answered, occasions]
        if offered is not None:
            of_products = product_conditions(
                offered,
                observed.events,
                products=observed.products,
                as_of_day=purchases.as_of_day,
                parameters=weighing,
            )
            known.append(of_products)
        recommended = recommend(
            pd.concat([customers, *beside], axis=1),
            pd.concat(known, axis=1),
            options=options,
            parameters=weighing,
            decided=decided,
        )
        beside.append(recommended)
    return pd.concat([customers, *beside], axis=1)


def answer_conditions(
    units: pd.DataFrame,
    reach: pd.DataFrame | None,
    signals: pd.DataFrame,
) -> pd.DataFrame:
    """Give units what is known of how they may be reached, and the conditions that signals answer.

    A gap between perception and expectation names the customer's problem as a record does
    (catalogue, condition ``leave_reason_known``).
    """
    if "leave_reason_known" in units:
        has_gap = signals["satisfaction_difference"] < 0
        units = units.assign(leave_reason_known=units["leave_reason_known"] | has_gap)
    if reach is None:
        return units
    told = [name for name in reach if name not in units]
    return pd.concat([units, reach[told]], axis=1)


def stacked_features(
    observed: Observed, signals: pd.DataFrame, *, model: ChurnModel | None, parameters: Parameters
) -> pd.DataFrame | None:
    """Give what the stacked model takes of who has bought; none where the model is not used."""
    if model is None or model.basis != "stacked":
        return None
    return features_at(
        Observation(observed.purchases, observed.deals, signals),
        base=model.base,
        rhythm=parameters.rhythm,
        parameters=parameters.churn,
    )


def score_churn(
    observed: Observed,
    told: Behavior,
    features: pd.DataFrame | None,
    *,
    estimates: Estimates,
    parameters: Parameters,
) -> pd.DataFrame:
    """Give the churn probability of units, what each part adds, and what it rests on.

    Under a contract: contract and signals. Else the stacked model, where it forecast the base's own
    past better, or rhythm and signals. Source: domain specification 4.
    """
    baseline = told.baseline_churn
    churn = churn_columns(
        baseline, told.signals, model=estimates.combination, parameters=parameters.combination
    )
    has_contract = observed.units["has_active_contract"].to_numpy(dtype=np.bool_, na_value=False)
    # A running contract has its own chance of an end, whatever the silence.
    churn.loc[has_contract, "churn_part_inactivity"] = np.nan
    survival, under = estimates.contracts.survival, told.contracts.index
    if survival is not None and len(under):
        ending = contract_churn(
            baseline[under],
            told.signals.loc[under],
            survival=survival,
            parameters=parameters.combination,
        )
        for name, values in ending.items():
            churn.loc[under, name] = values
    churn = churn.assign(churn_part_history=np.nan, churn_part_money=np.nan)
    basis = np.where(has_contract, CHURN_BASES.index("contract"), CHURN_BASES.index("signals"))
    basis[np.isnan(baseline)] = -1
    if estimates.churn is not None and features is not None:
        found = stacked_churn(features, told.signals, model=estimates.churn)
        rows = found.index[~has_contract[found.index]]
        churn.loc[rows, list(found)] = found.loc[rows]
        basis[rows] = CHURN_BASES.index("stacked")
    churn["churn_basis"] = pd.Categorical.from_codes(
        basis.astype(np.int8), categories=pd.Index(CHURN_BASES)
    )
    return churn


def stacked_churn(
    features: pd.DataFrame, signals: pd.DataFrame, *, model: ChurnModel
) -> pd.DataFrame:
    """Give probability and parts of the stacked model within the own horizons, of who has bought."""
    horizon = features["own_horizon_days"].to_numpy()
    parts = model.contributions(features, horizon)
    for name in (f"churn_part_{signal}" for signal in SIGNALS):
        if name in parts:
            strength = signals[f"signal_{name.removeprefix('churn_part_')}"]
            parts[name] = parts[name].where(strength.reindex(parts.index).notna())
    return parts.assign(
        churn_probability=1 - model.probability(features, horizon), churn_part_inactivity=np.nan
    )


def score_termination(
    observed: Observed, customers: pd.DataFrame, *, parameters: Parameters
) -> pd.DataFrame:
    """Find signals, blocks and the step that they allow; nothing here recommends an end."""
    facts = termination_facts(
        observed.units,
        customers,
        observed.deals,
        observed.events,
        purchases=observed.purchases,
        margins=observed.margins,
        parameters=parameters.termination,
        cases=observed.units.reindex(columns=list(CASE_FACTS)),
    )
    found = decide_termination(
        facts, as_of_day=observed.purchases.as_of_day, parameters=parameters.termination
    )
    evidence = termination_evidence(
        facts,
        observed.deals,
        observed.events,
        purchases=observed.purchases,
        margins=observed.margins,
        parameters=parameters.termination,
    )
    return found.assign(termination_evidence=evidence)


def assemble(
    units: pd.DataFrame,
    purchases: Purchases,
    rhythm: pd.DataFrame,
    churn: pd.DataFrame,
    values: pd.DataFrame,
    signals: pd.DataFrame,
    *,
    fit: PurchaseFit,
    parameters: Parameters,
) -> pd.DataFrame:
    """Assign phases and lead stages and put every column in its place; indexed like ``units``."""
    bought = rhythm.index.to_numpy()
    scores = {
        name: of_all_units(rhythm[name].to_numpy(), bought, len(units)) for name in RHYTHM_COLUMNS
    }
    probability = churn["churn_probability"].to_numpy()
    phase = phases.assign_phases(
        units,
        purchase_count=purchases.purchase_count,
        vitality=scores["purchase_vitality"],
        churn_probability=probability,
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
    customers = pd.DataFrame(
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
            **{str(name): column.array for name, column in churn.items()},
            **{str(name): column.array for name, column in signals.items()},
            # Among them the chance to be alive, which takes the place of that of the rhythm.
            **own,
            "expected_new_value": new_value,
            "value_at_risk": probability * own["clv_alive_365"],
            "confidence": pd.Categorical.from_codes(confidence, categories=pd.Index(CONFIDENCES)),
            "is_cost_estimated": is_cost_estimated,
        },
        index=units.index,
        copy=False,
    )
    is_ended = (phase["state"] == "terminated").to_numpy()
    if is_ended.any():
        for name in map(str, customers):
            if name.startswith(FORECAST_PREFIXES):
                customers[name] = customers[name].mask(is_ended)
    return customers
