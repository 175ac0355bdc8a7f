"""Everything that is estimated from the whole base, as plain numbers; units are scored with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add

import numpy as np
import pandas as pd

from services.analytics.calculations.churn.stacked import ChurnModel
from services.analytics.calculations.contracts.history import (
    ContractStatistics,
    collect_contract_statistics,
)
from services.analytics.calculations.contracts.model import ContractModel, estimate_contracts
from services.analytics.calculations.contracts.scoring import score_contracts
from services.analytics.calculations.contracts.signals import Hearing, without_endings
from services.analytics.calculations.credibility import Credibility
from services.analytics.calculations.margins import MarginEstimate, estimate_margins
from services.analytics.calculations.new_customers import NewValues, estimate_new_values
from services.analytics.calculations.next_products.model import AffinityModel
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
from services.analytics.calculations.signals.whole_base import SignalBase, estimate_signal_base
from services.analytics.calculations.standing.ambassadors import (
    ReferralBase,
    estimate_referral_base,
)
from services.analytics.calculations.statistics import Observed, Statistics
from services.analytics.calculations.tier_floor import estimate_tier_floor


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
    churn
        What the base's own past says of purchases to come; None if nobody asked it.
    tier_floor
        Least value of tiers A and B; base currency, contribution of three years if alive.
    affinities
        What products go with each other.
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
    churn: ChurnModel | None = None
    tier_floor: float = float("nan")
    affinities: AffinityModel = field(default_factory=AffinityModel.none)


def estimate(statistics: Statistics, *, as_of_day: int, parameters: Parameters) -> Estimates:
    """Estimate what holds for a base from the statistics of all its parts.

    Contracts and how signals are combined need these estimates: see `estimate_with_signals`.
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
        ContractModel(),
        CombinationModel(dict(parameters.combination.weights)),
    )


def estimate_with_signals(
    estimates: Estimates, parts: Sequence[Observed], *, parameters: Parameters
) -> Estimates:
    """Add what signals are needed for, from some parts of the base or all of it.

    That is how likely contracts are not renewed, and how rhythm and signals are combined where there
    is no such contract.
    """
    if not parts:
        return estimates
    contracts = estimate_contracts(
        [contract_statistics(each, estimates.signals, parameters=parameters) for each in parts],
        parameters=parameters.contracts,
        combination=parameters.combination,
    )
    estimates = replace(estimates, contracts=contracts)
    statistics = []
    floor = float("nan")
    for number, observed in enumerate(parts):
        told = read_behavior(observed, estimates, parameters=parameters)
        if number == 0:
            floor = estimate_tier_floor(
                observed, told.rhythm, estimates=estimates, parameters=parameters
            )
        baseline = told.baseline_churn.copy()
        if contracts.survival is not None:
            baseline[told.contracts.index] = np.nan
        statistics.append(
            collect_combination_statistics(
                baseline, strengths_of(told.signals), parameters=parameters.combination
            )
        )
    combination = fit_combination(reduce(add, statistics), parameters=parameters.combination)
    return replace(estimates, combination=combination, tier_floor=floor)


def contract_statistics(
    observed: Observed, base: SignalBase, *, parameters: Parameters
) -> ContractStatistics:
    """Collect what a part of a base says of its contracts, and what was to be heard meanwhile."""
    hearing = Hearing(
        observed.events,
        observed.deals[["unit", "day"]],
        len(observed.units),
        base,
        without_endings(parameters.signals),
        parameters.combination,
    )
    return collect_contract_statistics(
        observed.units,
        observed.events,
        as_of_day=observed.purchases.as_of_day,
        parameters=parameters.contracts,
        hearing=hearing,
    )


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
        parameters=parameters.signals
        if estimates.contracts.survival is None
        else without_endings(parameters.signals),
    )
    baseline = rhythm["baseline_churn_probability"].to_numpy()
    return Behavior(
        contracts,
        rhythm,
        signals,
        of_all_units(baseline, rhythm.index.to_numpy(), len(observed.units)),
    )
