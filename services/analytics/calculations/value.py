"""What units have been worth and are expected to be worth; no margins and no rhythm here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations.margins import DealMargins
from services.analytics.calculations.parameters import DAYS_PER_MONTH, ValueParameters
from services.analytics.calculations.purchase_models.model import PurchaseModel
from services.analytics.calculations.purchases import (
    Booleans,
    Floats,
    Integers,
    Purchases,
    float_column,
)


@dataclass(frozen=True, slots=True, eq=False)
class HistoricValue:
    """What each unit has earned so far; shape (units,), base currency, NaN without a known deal.

    Attributes
    ----------
    contribution, recent_contribution
        Margins less service cost, of all time and of the recent window.
    historic_value
        Contribution less acquisition cost.
    first_year_contribution
        Contribution of the first year as a customer, service cost spread evenly over the time
        as a customer.
    is_cost_estimated
        Whether a margin of the unit rests on the default margin.
    """

    contribution: Floats
    recent_contribution: Floats
    historic_value: Floats
    first_year_contribution: Floats
    is_cost_estimated: Booleans


@dataclass(frozen=True, slots=True, eq=False)
class LifetimeValue:
    """What units that have bought are expected to bring; shape (units that have bought,).

    Attributes
    ----------
    alive_purchases, expected_purchases
        Purchases within the decision horizon, if alive and weighed with the probability of that.
    alive_decision, alive_tier
        Discounted contribution within the decision and the tier horizon if alive, base currency.
    decision, tier
        The same, weighed with the probability to be alive.
    """

    alive_purchases: Floats
    expected_purchases: Floats
    alive_decision: Floats
    decision: Floats
    alive_tier: Floats
    tier: Floats


def historic_value(
    units: pd.DataFrame,
    deals: pd.DataFrame,
    *,
    margins: DealMargins,
    purchases: Purchases,
    parameters: ValueParameters,
) -> HistoricValue:
    """Add up what each unit has earned.

    Parameters
    ----------
    units
        ``acquisition_cost``, ``service_cost``, ``service_cost_730`` (base currency; an unknown
        cost is none), in the order of the surrogate.
    deals
        ``unit`` and ``day`` of every won deal.
    margins
        Of those deals.
    purchases
        Of those units.
    parameters
        The windows.

    Notes
    -----
    ``contribution = sum(margin) - service cost``, ``historic_value = contribution - acquisition
    cost``; deals refunded in full count here, unlike among purchases. A recent contribution is 0
    less service cost, not unknown, for a unit that has bought but not recently. Source: domain
    specification 3.1, 3.2.
    """
    unit, day = deals["unit"].to_numpy(dtype=np.int64), deals["day"].to_numpy()
    earned = margins.margin
    count = len(units)
    known = ~np.isnan(earned)
    if not known.all():
        unit, day, earned = unit[known], day[known], earned[known]
    without_deal = np.ones(count, dtype=np.bool_)
    without_deal[unit] = False
    total = np.bincount(unit, weights=earned, minlength=count)
    oldest = purchases.as_of_day - parameters.contribution_window_days
    total_recent = np.bincount(unit, weights=earned * (day > oldest), minlength=count)
    until = (purchases.first_day + parameters.first_year_days).astype(day.dtype)
    total_early = np.bincount(unit, weights=earned * (day < until[unit]), minlength=count)
    service, service_recent, acquisition = (
        np.nan_to_num(float_column(units, name), nan=0.0)
        for name in ("service_cost", "service_cost_730", "acquisition_cost")
    )
    age = np.maximum(purchases.as_of_day - purchases.first_day, 1)
    early_share = np.minimum(parameters.first_year_days / age, 1.0)
    contribution = np.where(without_deal, np.nan, total - service)
    estimated = unit_of_estimates(deals, margins)
    return HistoricValue(
        contribution=contribution,
        recent_contribution=np.where(without_deal, np.nan, total_recent - service_recent),
        historic_value=contribution - acquisition,
        first_year_contribution=np.where(
            without_deal | ~purchases.has_purchase, np.nan, total_early - service * early_share
        ),
        is_cost_estimated=np.bincount(estimated, minlength=count) > 0,
    )


def unit_of_estimates(deals: pd.DataFrame, margins: DealMargins) -> Integers:
    """List the unit of every deal whose cost is estimated."""
    return deals["unit"].to_numpy(dtype=np.int64)[np.flatnonzero(margins.is_cost_estimated)]


def lifetime_value(
    repeat_count: Floats,
    age_days: Floats,
    alive_probability: Floats,
    margin: Floats,
    *,
    model: PurchaseModel,
    parameters: ValueParameters,
    contract_days: Floats | None = None,
) -> LifetimeValue:
    """Expect what units that have bought will bring.

    Parameters
    ----------
    repeat_count, age_days, alive_probability
        ``x``, ``T`` (days) and P(alive); shape (units,).
    margin
        Contribution per purchase, base currency; shape (units,).
    model
        The purchase model in days.
    parameters
        Horizons and discount rate.
    contract_days
        Days the active contract still runs, infinite if open-ended, 0 without one; shape (units,).

    Notes
    -----
    ``clv_alive(H)`` is the discounted increase of the expectation per month times the margin,
    ``clv(H) = P(alive) * clv_alive(H)``; in months that end within an active contract P(alive) is
    1. Source: domain specification 3.2.
    """
    decision, tier = parameters.decision_months, parameters.tier_months
    rate = parameters.discount_rate
    table = model.tabulate(repeat_count, age_days, months=max(decision, tier))
    certain = np.zeros(len(repeat_count), dtype=np.int64)
    if contract_days is not None:
        months = np.minimum(contract_days / DAYS_PER_MONTH, max(decision, tier))
        certain = np.floor(months).astype(np.int64)

    def weighed(horizon: int, discount_rate: float) -> tuple[Floats, Floats]:
        alive = table.within(months=horizon, discount_rate=discount_rate)
        expected = alive_probability * alive
        rows = np.flatnonzero(certain)
        sure = table.within_each(
            np.minimum(certain[rows], horizon), discount_rate=discount_rate, rows=rows
        )
        expected[rows] += (1 - alive_probability[rows]) * sure
        return alive, expected

    alive_purchases, expected_purchases = weighed(decision, 0.0)
    alive_decision, expected_decision = weighed(decision, rate)
    alive_tier, expected_tier = weighed(tier, rate)
    return LifetimeValue(
        alive_purchases,
        expected_purchases,
        alive_decision * margin,
        expected_decision * margin,
        alive_tier * margin,
        expected_tier * margin,
    )
