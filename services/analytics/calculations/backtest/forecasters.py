"""What can be backtested: anything that forecasts, and the purchase models among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from services.analytics.calculations.backtest.origins import Origin
from services.analytics.calculations.credibility import DealValues
from services.analytics.calculations.orders import estimate_orders, order_values
from services.analytics.calculations.parameters import Family, Parameters
from services.analytics.calculations.purchase_models.fitting import fit_purchase_model
from services.analytics.calculations.purchases import Floats, float_column


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """What is forecast for the horizon of an origin; shape (customers,), NaN where nothing is.

    Attributes
    ----------
    purchase_probability
        Of at least one purchase; churn is the opposite.
    expected_purchases
        Mean number of days with a purchase.
    expected_spend
        Mean net amount of these purchases, base currency.
    """

    purchase_probability: Floats
    expected_purchases: Floats
    expected_spend: Floats


@dataclass(frozen=True, slots=True)
class Forecaster:
    """A name, and a function that forecasts from what was known at an origin.

    Attributes
    ----------
    name
        An id of the catalogue's forecasters.
    forecast
        Given an origin, fits on what was known there and forecasts its customers.
    is_yardstick
        Whether it is naive: what a model has to beat.
    """

    name: str
    forecast: Callable[[Origin], Forecast]
    is_yardstick: bool = False


def purchase_model_forecaster(family: Family, *, parameters: Parameters) -> Forecaster:
    """Make the forecaster of a purchase model with credible order values.

    It fits with the prior of the running model. Source: domain specification 2.1, 2.2, 3.2, 6.2.
    """
    rhythm = replace(parameters.rhythm, family=family)

    def forecast(origin: Origin) -> Forecast:
        purchases = origin.purchases
        x = purchases.repeat_count.astype(np.float64)
        t_x, age = purchases.recency_days, purchases.age_days
        fit = fit_purchase_model(x, t_x, age, prior=parameters.prior, parameters=rhythm)
        horizon = float(origin.horizon_days)
        expected = fit.model.expected_purchases(x, t_x, age, horizon)
        amounts = DealValues.of(float_column(origin.known.deals, "amount"), purchases)
        orders = order_values(
            amounts,
            has_purchase=purchases.has_purchase,
            credibility=estimate_orders(amounts, parameters=parameters.value),
        )
        return Forecast(
            fit.model.purchase_probability(x, t_x, age, horizon),
            expected,
            expected * orders.order_value,
        )

    return Forecaster(family, forecast)
