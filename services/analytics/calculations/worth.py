"""What all units of a base are worth: every column of value, and what was missing for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations import value
from services.analytics.calculations.margins import (
    Credibility,
    DealMargins,
    deal_margins,
    margin_per_purchase,
)
from services.analytics.calculations.orders import order_values
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchase_models.fitting import PurchaseFit
from services.analytics.calculations.purchases import Floats, Integers, Purchases, float_column


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


@dataclass(frozen=True, slots=True, eq=False)
class Worth:
    """What the units of a base are worth.

    Attributes
    ----------
    values
        The columns of value, indexed by unit.
    margins
        Of the won deals of units that are looked at.
    credibility
        How own and base margins were weighed.
    base_order_value
        Mean amount of a purchase of the base; base currency, NaN without one of known amount.
    data_gaps
        What was missing.
    """

    values: pd.DataFrame
    margins: DealMargins
    credibility: Credibility
    base_order_value: float
    data_gaps: DataGaps


def value_base(
    units: pd.DataFrame,
    deals: pd.DataFrame,
    purchases: Purchases,
    rhythm: pd.DataFrame,
    *,
    fit: PurchaseFit,
    parameters: Parameters,
) -> Worth:
    """Compute the values of all units; indexed like ``units``."""
    margins = deal_margins(deals, default_margin=parameters.value.default_margin)
    historic = value.historic_value(
        units, deals, margins=margins, purchases=purchases, parameters=parameters.value
    )
    margin, credibility = margin_per_purchase(
        units,
        deals,
        margins=margins,
        purchases=purchases,
        parameters=parameters.value,
        spend_parameters=parameters.spend,
    )
    orders = order_values(deals, purchases=purchases, parameters=parameters.value)
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
        return of_all_units(values, bought, len(units))

    values = pd.DataFrame(
        {
            "contribution": historic.contribution,
            "contribution_730": historic.recent_contribution,
            "service_cost": float_column(units, "service_cost").copy(),
            "historic_value": historic.historic_value,
            "valued_purchase_count": orders.valued_purchase_count,
            "margin_per_purchase": margin,
            "order_value": orders.order_value,
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
    return Worth(values, margins, credibility, orders.base_order_value, gaps)


def of_all_units(values: Floats | Integers, bought: Integers, unit_count: int) -> Floats:
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
