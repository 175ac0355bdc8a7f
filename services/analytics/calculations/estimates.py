"""Everything that is estimated from the whole base, as plain numbers; units are scored with it."""

from __future__ import annotations

from dataclasses import dataclass

from services.analytics.calculations.credibility import Credibility
from services.analytics.calculations.margins import MarginEstimate, estimate_margins
from services.analytics.calculations.new_customers import NewValues, estimate_new_values
from services.analytics.calculations.orders import estimate_orders
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchase_models.fitting import PurchaseFit, fit_purchase_model
from services.analytics.calculations.statistics import Statistics


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
    """

    as_of_day: int
    purchase_fit: PurchaseFit
    margins: MarginEstimate
    orders: Credibility
    new_values: NewValues


def estimate(statistics: Statistics, *, as_of_day: int, parameters: Parameters) -> Estimates:
    """Estimate what holds for a base from the statistics of all its parts."""
    return Estimates(
        as_of_day,
        fit_purchase_model(
            statistics.repeat_count,
            statistics.recency_days,
            statistics.age_days,
            prior=parameters.prior,
            parameters=parameters.rhythm,
        ),
        estimate_margins(
            statistics.earnings, parameters=parameters.value, spend_parameters=parameters.spend
        ),
        estimate_orders(statistics.amounts, parameters=parameters.value),
        estimate_new_values(statistics.sources, parameters=parameters.value),
    )
