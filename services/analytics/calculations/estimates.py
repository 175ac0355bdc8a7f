"""Everything that is estimated from the whole base, as plain numbers; units are scored with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from services.analytics.calculations.churn.stacked import ChurnModel
from services.analytics.calculations.contracts.model import ContractModel, estimate_contracts
from services.analytics.calculations.contracts.scoring import score_contracts
from services.analytics.calculations.contracts.signals import (
    collect_signal_months,
    fit_contract_signals,
)
from services.analytics.calculations.credibility import Credibility
from services.analytics.calculations.margins import MarginEstimate, estimate_margins
from services.analytics.calculations.new_customers import NewValues, estimate_new_values
from services.analytics.calculations.orders import estimate_orders
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchase_models.fitting import (
    PurchaseFit,
    fit_histories,
)
from services.analytics.calculations.purchases import Floats
from services.analytics.calculations.rhythms import of_all_units, score_purchases
from services.analytics.calculations.signals.columns import signal_columns
from services.analytics.calculations.signals.combination import (
    CombinationModel,
    collect_combination_statistics,
    fit_combination,
    strengths_of,
)
from services.analytics.calculations.signals.parameters import SignalParameters
from services.analytics.calculations.signals.whole_base import SignalBase, estimate_signal_base
from services.analytics.calculations.standing.ambassadors import (
    ReferralBase,
    estimate_referral_base,
)
from services.analytics.calculations.statistics import Observed, Statistics


@dataclass(frozen=True, slots=True)
class Estimates:
    """What holds for a whole base; kept for a while, as it changes slowly.

    Attributes
    ----------
    as_of_day
        The day it was estimated on, days since 1970-01-01.
    purchase_fit
        The purchase model, its likelihood and its basis.
    margins, orders
        How own and base margins, and own and base amounts, are weighed.
    new_values
        What a new customer brings.
    signals
        What signals take from the base.
    referrals
        What a referral saves.
    contracts
        How likely contracts are not renewed.
    combination
        How rhythm and signals make a churn probability.
    contract_combination
        The same of units under a contract, learned from relationships; None where it is not used.
    churn
        What the base's own past says of purchases to come; None if nobody asked it.
    """

    as_of_day: int
    purchase_fit: PurchaseFit
    margins: MarginEstimate
    orders: Credibility
    new_values: NewValues
    signals: SignalBase
    referrals: ReferralBase
    contracts: ContractModel
    combination: CombinationModel
    contract_combination: CombinationModel | None = None
    churn: ChurnModel | None = None


def estimate(statistics: Statistics, *, as_of_day: int, parameters: Parameters) -> Estimates:
    """Estimate what holds for a base from the statistics of all its parts.

    How signals are combined needs units scored with these estimates: see `estimate_combination`.
    """
    return Estimates(
        as_of_day,
        fit_histories(statistics.histories, prior=parameters.prior, parameters=parameters.rhythm),
        estimate_margins(
            statistics.earnings, parameters=parameters.value, spend_parameters=parameters.spend
        ),
        estimate_orders(statistics.amounts, parameters=parameters.value),
        estimate_new_values(statistics.sources, parameters=parameters.value),
        estimate_signal_base(statistics.signals, parameters=parameters.signals.burst),
        estimate_referral_base(statistics.acquisition_costs),
        estimate_contracts([statistics.contracts], parameters=parameters.contracts),
        CombinationModel(dict(parameters.combination.weights)),
    )


def estimate_combination(
    estimates: Estimates, parts: Iterable[Observed], *, parameters: Parameters
) -> Estimates:
    """Add how rhythm or contract and signals are combined, from some parts of the base or all."""
    total, months = None, []
    for observed in parts:
        told = read_behavior(observed, estimates, parameters=parameters)
        part = collect_combination_statistics(
            told.baseline_churn, strengths_of(told.signals), parameters=parameters.combination
        )
        total = part if total is None else total + part
        if estimates.contracts.survival is not None:
            months.append(
                collect_signal_months(
                    observed.units,
                    observed.deals,
                    observed.events,
                    survival=estimates.contracts.survival,
                    base=estimates.signals,
                    as_of_day=observed.purchases.as_of_day,
                    parameters=parameters.contracts,
                    signals=_signal_parameters(estimates.contracts, parameters.signals),
                )
            )
    if total is None:
        return estimates
    combination = fit_combination(total, parameters=parameters.combination)
    under_contract = fit_contract_signals(
        months, parameters=parameters.contracts, combination=parameters.combination
    )
    return replace(estimates, combination=combination, contract_combination=under_contract)


@dataclass(frozen=True, slots=True, eq=False)
class Behavior:
    """What units do, as far as their churn goes.

    Attributes
    ----------
    contracts
        Of the units with a running contract.
    rhythm
        Of the units that have bought, indexed by unit.
    signals
        Of all units.
    baseline_churn
        ``p0`` of all units, NaN without a purchase; shape (units,).
    """

    contracts: pd.DataFrame
    rhythm: pd.DataFrame
    signals: pd.DataFrame
    baseline_churn: Floats


def read_behavior(observed: Observed, estimates: Estimates, *, parameters: Parameters) -> Behavior:
    """Read contracts, rhythm and signals of units with what was estimated of the base."""
    purchases, fit = observed.purchases, estimates.purchase_fit
    contracts = score_contracts(
        observed.events,
        as_of_day=purchases.as_of_day,
        model=estimates.contracts,
        parameters=parameters.contracts,
    )
    rhythm = score_purchases(
        observed.units, purchases, contracts, fit=fit, parameters=parameters.rhythm
    )
    signals = signal_columns(
        observed.events,
        purchases,
        observed.deals,
        model=fit.model,
        as_of_day=purchases.as_of_day,
        base=estimates.signals,
        parameters=_signal_parameters(estimates.contracts, parameters.signals),
    )
    baseline = rhythm["baseline_churn_probability"].to_numpy()
    return Behavior(
        contracts,
        rhythm,
        signals,
        of_all_units(baseline, rhythm.index.to_numpy(), len(observed.units)),
    )


def _signal_parameters(contracts: ContractModel, parameters: SignalParameters) -> SignalParameters:
    """Leave the time that is left of a contract to the survival model, where there is one."""
    if contracts.survival is None:
        return parameters
    return replace(parameters, leaving=replace(parameters.leaving, ending_strength=0.0))
