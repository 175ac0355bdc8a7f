"""What can be backtested: anything that forecasts, and the purchase models among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from services.analytics.calculations.backtest.origins import Origin
from services.analytics.calculations.estimation import maximize_likelihood
from services.analytics.calculations.expectation import expected_purchases_of_ratio
from services.analytics.calculations.likelihood import Family, group_histories
from services.analytics.calculations.orders import order_values
from services.analytics.calculations.parameters import Parameters, PurchaseModel
from services.analytics.calculations.purchases import Floats, Integers


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

    def forecast(origin: Origin) -> Forecast:
        purchases = origin.purchases
        x, t_x, age = (
            purchases.repeat_count.astype(np.float64),
            purchases.recency_days,
            purchases.age_days,
        )
        prior = parameters.prior
        model, _, _ = maximize_likelihood(
            group_histories(x, t_x, age),
            family=family,
            start=prior.model,
            log_bound=prior.log_bound,
            log_standard_deviation=prior.log_standard_deviation,
        )
        alive = alive_probability(x, t_x, age, model=model, family=family)
        buying = -np.expm1(-(model.r + x) * np.log1p(origin.horizon_days / (model.alpha + age)))
        expected = alive * _expected_if_alive(
            x, age, model=model, family=family, horizon_days=origin.horizon_days
        )
        orders = order_values(origin.known.deals, purchases=purchases, parameters=parameters.value)
        return Forecast(alive * buying, expected, expected * orders.order_value)

    return Forecaster(family, forecast)


def alive_probability(
    repeat_count: Floats,
    recency_days: Floats,
    age_days: Floats,
    *,
    model: PurchaseModel,
    family: Family,
) -> Floats:
    r"""Tell how likely units are still customers; 1 for a one-time buyer of the BG/NBD.

    :math:`1 / (1 + \frac{a}{b + y - 1}(\frac{\alpha + T}{\alpha + t_x})^{r + x})` after ``y``
    chances to drop out: ``x + 1`` in the MBG/NBD, ``x`` in the BG/NBD. Sources: domain
    specification 2.1; Fader, Hardie, Lee (2005).
    """
    chances = repeat_count + (1.0 if family == "mbg_nbd" else 0.0)
    silence = (model.r + repeat_count) * np.log1p(
        (age_days - recency_days) / (model.alpha + recency_days)
    )
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        odds = model.a / (model.b + chances - 1) * np.exp(silence)
    alive: Floats = np.where(chances > 0, 1 / (1 + odds), 1.0)
    return alive


def _expected_if_alive(
    repeat_count: Floats,
    age_days: Floats,
    *,
    model: PurchaseModel,
    family: Family,
    horizon_days: int,
) -> Floats:
    """Expect purchases of units alive; computed once for each distinct ``x`` and ``T``."""
    if family == "bg_nbd":
        # One chance to drop out less: the posterior of the dropout is Beta(a, b + x).
        model = replace(model, b=model.b - 1)
    repeats, repeat_index = np.unique(repeat_count, return_inverse=True)
    ages, age_index = np.unique(age_days, return_inverse=True)
    expected = np.empty(len(repeat_count))
    order: Integers = np.argsort(repeat_index, kind="stable")
    edges = np.searchsorted(repeat_index[order], np.arange(len(repeats) + 1))
    ratio = horizon_days / (model.alpha + ages)
    for number in range(len(repeats)):
        rows = order[edges[number] : edges[number + 1]]
        used, place = np.unique(age_index[rows], return_inverse=True)
        values = expected_purchases_of_ratio(repeats[number : number + 1], ratio[used], model=model)
        expected[rows] = values[0, place]
    return expected
