"""What units are worth: every column of value, and what was missing for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations import value
from services.analytics.calculations.estimates import Estimates
from services.analytics.calculations.margins import margin_per_purchase
from services.analytics.calculations.new_customers import expected_new_value
from services.analytics.calculations.orders import order_values
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchases import Floats, Integers, float_column
from services.analytics.calculations.statistics import Observed


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


def value_units(
    observed: Observed, rhythm: pd.DataFrame, *, estimates: Estimates, parameters: Parameters
) -> pd.DataFrame:
    """Compute the columns of value of all units, indexed like them.

    Parameters
    ----------
    observed
        Purchases, margins and what was earned.
    rhythm
        Rhythm of the units that have bought, indexed by unit.
    estimates
        What holds for the whole base.
    parameters
        Horizons and discount rate.
    """
    units, purchases, historic = observed.units, observed.purchases, observed.historic
    margin = margin_per_purchase(
        observed.earnings, has_purchase=purchases.has_purchase, estimate=estimates.margins
    )
    orders = order_values(
        observed.amounts, has_purchase=purchases.has_purchase, credibility=estimates.orders
    )
    bought = rhythm.index.to_numpy()
    lifetime = value.lifetime_value(
        purchases.repeat_count.astype(np.float64),
        purchases.age_days,
        rhythm["alive_probability"].to_numpy(),
        margin[bought],
        model=estimates.purchase_fit.model,
        parameters=parameters.value,
        contract_days=_contract_days(units, as_of_day=purchases.as_of_day)[bought],
    )

    def spread(values: Floats) -> Floats:
        return of_all_units(values, bought, len(units))

    return pd.DataFrame(
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
            "expected_new_value": expected_new_value(
                units["source_campaign_id"], estimates.new_values
            ),
            "is_cost_estimated": historic.is_cost_estimated,
        },
        index=units.index,
        copy=False,
    )


def count_gaps(observed: Observed) -> DataGaps:
    """Count what was missing."""
    is_unknown = np.isnan(float_column(observed.units, "acquisition_cost"))
    margins, historic = observed.margins, observed.historic
    return DataGaps(
        deals_without_amount=int(np.isnan(margins.margin).sum()),
        deals_with_estimated_cost=int(margins.is_cost_estimated.sum()),
        units_with_estimated_cost=int(historic.is_cost_estimated.sum()),
        units_without_acquisition_cost=int((is_unknown & ~np.isnan(historic.contribution)).sum()),
    )


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
