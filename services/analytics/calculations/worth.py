"""What units are worth: every column of value."""

from __future__ import annotations

import numpy as np
import pandas as pd

from services.analytics.calculations import value
from services.analytics.calculations.estimates import Estimates
from services.analytics.calculations.learned_value import Learned, bend_of, bent_lifetime
from services.analytics.calculations.margins import margin_per_purchase, margin_spread
from services.analytics.calculations.new_customers import expected_new_value
from services.analytics.calculations.orders import order_values
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchases import Booleans, Floats, float_column
from services.analytics.calculations.rhythms import of_all_units
from services.analytics.calculations.statistics import Observed
from services.analytics.calculations.value_intervals import INTERVAL_COLUMNS, value_intervals


def value_units(
    observed: Observed,
    rhythm: pd.DataFrame,
    *,
    has_cancelled: Booleans,
    churn_probability: Floats,
    learned: Learned | None,
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
    has_cancelled
        Who has cancelled and not come back since; shape (units,).
    churn_probability
        With all that is known besides purchases; NaN without a purchase; shape (units,).
    learned
        What the stacked model says of the same units; none where it is not used.
    estimates
        What holds for the whole base.
    parameters
        Horizons and discount rate.

    Notes
    -----
    Where the stacked model forecast the base's own past better than the purchase model, it bends
    purchases and values of the first year (`learned_value`); ``rhythm_clv_365`` is what the purchase
    model alone says, and ``alive_probability`` holds what was learned; it is 1 under an active
    contract. Whoever has cancelled is a customer until the contract's end, and afterwards no more
    likely than the churn probability leaves: purchases do not tell of it, nor has the stacked model
    seen it. Source: domain specification 2.3, 3.2, 4.
    """
    units, purchases, historic = observed.units, observed.purchases, observed.historic
    margin = margin_per_purchase(
        observed.earnings, has_purchase=purchases.has_purchase, estimate=estimates.margins
    )
    orders = order_values(
        observed.amounts, has_purchase=purchases.has_purchase, credibility=estimates.orders
    )
    bought = rhythm.index.to_numpy()
    contract_days = _contract_days(units, observed.events.contracts, as_of_day=purchases.as_of_day)[
        bought
    ]
    has_contract = units["has_active_contract"].to_numpy(dtype=np.bool_, na_value=False)[bought]
    has_cancelled = has_cancelled[bought]
    repeat_count = purchases.repeat_count.astype(np.float64)
    alive_at_most = np.where(has_cancelled, 1 - churn_probability[bought], 1.0)
    alive_probability = np.minimum(rhythm["alive_probability"].to_numpy(), alive_at_most)
    lifetime = value.lifetime_value(
        repeat_count,
        purchases.age_days,
        alive_probability,
        margin[bought],
        model=estimates.purchase_fit.model,
        parameters=parameters.value,
        contract_days=contract_days,
    )
    rhythm_value, bend = lifetime.decision, None
    if learned is not None:
        is_free = ~has_contract & ~has_cancelled
        bend = bend_of(learned, lifetime, alive_probability, is_free=is_free)
        lifetime, alive_probability = bent_lifetime(lifetime, bend), bend.alive
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
        alive_at_most=alive_at_most,
        bend=bend,
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
            **{name: spread(intervals[name].to_numpy()) for name in INTERVAL_COLUMNS},
            "rhythm_clv_365": spread(rhythm_value),
            # Whoever has a contract is a customer, whatever the rhythm says of the time after it.
            "alive_probability": spread(np.where(has_contract, 1.0, alive_probability)),
            "expected_new_value": expected_new_value(
                units["source_campaign_id"], estimates.new_values
            ),
            "is_cost_estimated": historic.is_cost_estimated,
        },
        index=units.index,
        copy=False,
    )


def _contract_days(units: pd.DataFrame, contracts: pd.DataFrame, *, as_of_day: int) -> Floats:
    """Count the days each contract still runs, a cancelled one to its end; infinite without an end."""
    is_active = units["has_active_contract"].to_numpy(dtype=np.bool_, na_value=False)
    days = np.zeros(len(units))
    cancelled = contracts[contracts["cancelled_day"].notna()]
    left = cancelled["end_day"].to_numpy(dtype=np.float64) - as_of_day
    np.maximum.at(days, cancelled["unit"].to_numpy(dtype=np.int64), left)
    if is_active.any():
        left = np.maximum(float_column(units, "contract_end_day")[is_active] - as_of_day, 0.0)
        days[is_active] = np.where(np.isnan(left), np.inf, left)
    return days
