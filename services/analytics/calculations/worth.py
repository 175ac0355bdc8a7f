"""What units are worth: every column of value."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from services.analytics.calculations import value
from services.analytics.calculations.estimates import Estimates
from services.analytics.calculations.margins import margin_per_purchase, margin_spread
from services.analytics.calculations.new_customers import expected_new_value
from services.analytics.calculations.orders import order_values
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchases import Floats, float_column
from services.analytics.calculations.rhythms import of_all_units
from services.analytics.calculations.statistics import Observed
from services.analytics.calculations.value_intervals import INTERVAL_COLUMNS, value_intervals

_YEAR: Final = 365.0


def value_units(
    observed: Observed,
    rhythm: pd.DataFrame,
    features: pd.DataFrame | None,
    *,
    estimates: Estimates,
    parameters: Parameters,
) -> pd.DataFrame:
    """Compute the columns of value of all units, indexed like them.

    Parameters
    ----------
    observed
        Purchases, margins and what was earned.
    rhythm
        Rhythm of the units that have bought, indexed by unit.
    features
        What the stacked model takes of the same units; none where it is not used.
    estimates
        What holds for the whole base.
    parameters
        Horizons and discount rate.

    Notes
    -----
    Where the stacked model forecast the base's own past better than the purchase model, it bends
    purchases and values of the first year: ``learned_factor`` is what values are multiplied by.
    Later years and active contracts, of which it has seen nothing, stay as they are.
    """
    units, purchases, historic = observed.units, observed.purchases, observed.historic
    margin = margin_per_purchase(
        observed.earnings, has_purchase=purchases.has_purchase, estimate=estimates.margins
    )
    orders = order_values(
        observed.amounts, has_purchase=purchases.has_purchase, credibility=estimates.orders
    )
    bought = rhythm.index.to_numpy()
    contract_days = _contract_days(units, as_of_day=purchases.as_of_day)[bought]
    repeat_count = purchases.repeat_count.astype(np.float64)
    lifetime = value.lifetime_value(
        repeat_count,
        purchases.age_days,
        rhythm["alive_probability"].to_numpy(),
        margin[bought],
        model=estimates.purchase_fit.model,
        parameters=parameters.value,
        contract_days=contract_days,
    )
    intervals = value_intervals(
        repeat_count,
        purchases.recency_days,
        purchases.age_days,
        margin[bought],
        margin_spread=margin_spread(
            orders.valued_purchase_count[bought].astype(np.float64),
            margin[bought],
            estimate=estimates.margins,
        ),
        fit=estimates.purchase_fit,
        parameters=parameters.value,
        contract_days=contract_days,
    )

    times, factor = np.ones(len(bought)), np.ones(len(bought))
    if estimates.churn is not None and features is not None:
        expected, model = lifetime.expected_purchases, estimates.churn
        is_free = contract_days == 0
        times = np.where(is_free, model.factor("count", features, expected, _YEAR), 1.0)
        factor = np.where(is_free, model.factor("spend", features, expected, _YEAR), 1.0)
    lifetime, intervals = _bent(lifetime, intervals, times=times, factor=factor)

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
            **{name: spread(intervals[name].to_numpy()) for name in INTERVAL_COLUMNS},
            "learned_factor": spread(factor),
            "expected_new_value": expected_new_value(
                units["source_campaign_id"], estimates.new_values
            ),
            "is_cost_estimated": historic.is_cost_estimated,
        },
        index=units.index,
        copy=False,
    )


def _bent(
    lifetime: value.LifetimeValue, intervals: pd.DataFrame, *, times: Floats, factor: Floats
) -> tuple[value.LifetimeValue, pd.DataFrame]:
    """Multiply purchases and values of the first year; intervals keep their width by the value."""
    later = factor - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        tier_factor = 1 + later * lifetime.decision / lifetime.tier
    tier_factor = np.where(np.isfinite(tier_factor), tier_factor, factor)
    bent = value.LifetimeValue(
        lifetime.expected_purchases * times,
        lifetime.alive_decision * factor,
        lifetime.decision * factor,
        lifetime.alive_tier + later * lifetime.alive_decision,
        lifetime.tier + later * lifetime.decision,
    )
    of_tier = {"clv_1095_low", "clv_1095_high"}
    columns = {
        name: intervals[name] * (tier_factor if name in of_tier else factor)
        for name in INTERVAL_COLUMNS
    }
    return bent, pd.DataFrame(columns, copy=False)


def _contract_days(units: pd.DataFrame, *, as_of_day: int) -> Floats:
    """Count the days each active contract still runs; infinite without a known end."""
    is_active = units["has_active_contract"].to_numpy(dtype=np.bool_, na_value=False)
    days = np.zeros(len(units))
    if is_active.any():
        left = np.maximum(float_column(units, "contract_end_day")[is_active] - as_of_day, 0.0)
        days[is_active] = np.where(np.isnan(left), np.inf, left)
    return days
