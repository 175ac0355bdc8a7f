"""What units have been worth and are expected to be worth; no rhythm and no phases here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations.expectation import tabulate_expected_purchases
from services.analytics.calculations.parameters import (
    DAYS_PER_MONTH,
    PurchaseModel,
    ValueParameters,
)
from services.analytics.calculations.purchases import Booleans, Floats, Integers, Purchases
from services.analytics.calculations.purchases import float_column as column


_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class DealMargins:
    """What each won deal earned.

    Attributes
    ----------
    margin
        Base currency; NaN where the amount is unknown, such deals are left out of every value.
    is_cost_estimated
        Whether the margin rests on the default margin instead of a known cost.
    """

    margin: Floats
    is_cost_estimated: Booleans


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


@dataclass(frozen=True, slots=True)
class Credibility:
    """How much a unit's own margins count against those of the base.

    Attributes
    ----------
    base_purchase_contribution
        ``mu0``: mean contribution per purchase of the base, base currency.
    credibility
        ``k``: purchases the base mean counts for.
    within_variance, between_variance
        Of margins within and between units, base currency squared; NaN where not estimated.
    lowest_margin, highest_margin
        Where single margins are capped, base currency; NaN without margins.
    """

    base_purchase_contribution: float
    credibility: float
    within_variance: float
    between_variance: float
    lowest_margin: float
    highest_margin: float


@dataclass(frozen=True, slots=True, eq=False)
class LifetimeValue:
    """What units that have bought are expected to bring; shape (units that have bought,).

    Attributes
    ----------
    expected_purchases
        Purchases within the decision horizon, weighed with the probability to be alive.
    alive_decision, alive_tier
        Discounted contribution within the decision and the tier horizon if alive, base currency.
    decision, tier
        The same, weighed with the probability to be alive.
    """

    expected_purchases: Floats
    alive_decision: Floats
    decision: Floats
    alive_tier: Floats
    tier: Floats


def deal_margins(deals: pd.DataFrame, *, default_margin: float) -> DealMargins:
    """Compute the margin of each won deal.

    Parameters
    ----------
    deals
        ``amount``, ``list_amount``, ``cost``, ``refund``, ``cost_recovered``, ``written_off`` (base
        currency) and ``discount_pct`` (percent); NaN is unknown, for the last three: none.
    default_margin
        Share of the list amount, where the cost is unknown.

    Notes
    -----
    ``amount - refund - cost + cost_recovered - written_off``; an unknown cost is
    ``list_amount * (1 - default_margin)``, an unknown list amount ``amount / (1 - discount)``, or
    the amount where the discount is unknown or total. Source: domain specification 3.1.
    """
    amount, cost = column(deals, "amount"), column(deals, "cost")
    margin = amount - cost
    rows = np.flatnonzero(np.isnan(cost))
    if len(rows):
        listed = column(deals, "list_amount")[rows]
        paid_share = 1 - column(deals, "discount_pct")[rows] / 100
        paid_share[~(paid_share > 0)] = 1.0
        listed = np.where(np.isnan(listed), amount[rows] / paid_share, listed)
        margin[rows] = amount[rows] - listed * (1 - default_margin)
    for name, sign in (("refund", -1.0), ("cost_recovered", 1.0), ("written_off", -1.0)):
        values = column(deals, name)
        known = np.flatnonzero(values == values)
        if len(known) == len(values):
            margin += sign * values
        elif len(known):
            margin[known] += sign * values[known]
    is_estimated = np.zeros(len(margin), dtype=np.bool_)
    is_estimated[rows] = ~np.isnan(amount[rows])
    return DealMargins(margin, is_estimated)


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
        np.nan_to_num(column(units, name), nan=0.0)
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


def margin_per_purchase(
    units: pd.DataFrame,
    deals: pd.DataFrame,
    *,
    margins: DealMargins,
    purchases: Purchases,
    parameters: ValueParameters,
) -> tuple[Floats, Credibility]:
    """Weigh each unit's own contribution per purchase with that of the base.

    Parameters
    ----------
    units
        ``service_cost`` (base currency; unknown is none), in the order of the surrogate.
    deals
        ``unit`` of every won deal.
    margins
        Of those deals; capped at percentiles of the margins of all purchases first.
    purchases
        Of those units.
    parameters
        Percentiles, limits and what holds before any data.

    Returns
    -------
    tuple
        Contribution per purchase in base currency, shape (units,), NaN without a purchase; and how
        it was weighed.

    Notes
    -----
    ``(k mu0 + S) / (k + n)`` with ``S`` the contribution and ``n`` the purchases of the unit,
    deals of unknown amount left out of both. Source: domain specification 3.2.
    """
    count = len(units)
    unit = deals["unit"].to_numpy(dtype=np.int64)
    earned = margins.margin[purchases.deal_rows]
    lowest, highest = _caps(earned, parameters)
    merged_unit, merged = _merged_margins(purchases, np.clip(earned, lowest, highest))
    number = np.bincount(merged_unit, minlength=count).astype(np.float64)
    total = np.bincount(merged_unit, weights=merged, minlength=count)
    is_known = number > 0
    credibility, within, between = parameters.credibility_default, np.nan, np.nan
    if int((number >= 2).sum()) >= parameters.credibility_from_repeat_buyers:
        within, between = within_and_between_variance(merged, number, total)
        credibility = credibility_factor(within, between, parameters=parameters)
    if len(purchases.deal_rows) < len(unit):
        rest = np.ones(len(unit), dtype=np.bool_)
        rest[purchases.deal_rows] = False
        rest &= ~np.isnan(margins.margin)
        capped = np.clip(margins.margin[rest], lowest, highest)
        total = total + np.bincount(unit[rest], weights=capped, minlength=count)
    own = np.where(is_known, total - np.nan_to_num(column(units, "service_cost"), nan=0.0), 0.0)
    base = parameters.base_purchase_contribution
    if is_known.any():
        base = float(own.sum() / number.sum())
    value = credible_margin(
        own, number, base_purchase_contribution=base, credibility=credibility
    )
    value[~purchases.has_purchase] = np.nan
    return value, Credibility(base, credibility, within, between, lowest, highest)


def credible_margin(
    contribution: Floats,
    purchase_count: Floats,
    *,
    base_purchase_contribution: float,
    credibility: float,
) -> Floats:
    """Weigh own and base contribution per purchase: ``(k mu0 + S) / (k + n)``.

    Contributions in base currency, shape (units,). Source: domain specification 3.2.
    """
    weighed: Floats = (credibility * base_purchase_contribution + contribution) / (
        credibility + purchase_count
    )
    return weighed


def within_and_between_variance(margin: Floats, number: Floats, total: Floats) -> tuple[float, float]:
    r"""Estimate the variance of margins within and between units (Buehlmann-Straub).

    Parameters
    ----------
    margin
        Of each purchase, base currency; shape (purchases,).
    number, total
        Purchases and sum of margins of each unit; shape (units,).

    Returns
    -------
    tuple
        :math:`s^2 = \sum_i \sum_j (m_{ij} - \bar m_i)^2 / (N - G)` and
        :math:`(\sum_i n_i (\bar m_i - \bar m)^2 - (G - 1) s^2) / (N - \sum_i n_i^2 / N)`, which may
        be negative; base currency squared; NaN where a denominator is 0. Source: domain
        specification 3.2.
    """
    purchases, groups = float(number.sum()), int((number > 0).sum())
    overall = float(total.sum()) / purchases
    apart = float(number @ (total / np.maximum(number, 1.0) - overall) ** 2)
    deviation = margin - overall
    spread = purchases - float(number @ number) / purchases
    if purchases <= groups or spread <= 0:
        return np.nan, np.nan
    within = max(float(deviation @ deviation) - apart, 0.0) / (purchases - groups)
    between = (apart - (groups - 1) * within) / spread
    return within, between if abs(between) > _ROUNDING * overall**2 else 0.0


def credibility_factor(within: float, between: float, *, parameters: ValueParameters) -> float:
    """Divide the variances, within limits: the upper one where units do not differ at all.

    Source: domain specification 3.2.
    """
    if not between > 0:
        return parameters.credibility_max
    ratio = within / between
    return float(min(max(ratio, parameters.credibility_min), parameters.credibility_max))


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
    table = tabulate_expected_purchases(
        repeat_count, age_days, model=model, months=max(decision, tier)
    )
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

    _, expected_purchases = weighed(decision, 0.0)
    alive_decision, expected_decision = weighed(decision, rate)
    alive_tier, expected_tier = weighed(tier, rate)
    return LifetimeValue(
        expected_purchases,
        alive_decision * margin,
        expected_decision * margin,
        alive_tier * margin,
        expected_tier * margin,
    )


def expected_new_value(
    source: Integers,
    first_year_contribution: Floats,
    age_days: Floats,
    *,
    parameters: ValueParameters,
) -> Floats:
    """Expect what a new customer of each unit's source brings in the first year.

    Parameters
    ----------
    source
        Code of the campaign each unit came from, -1 for none or unknown; shape (units,).
    first_year_contribution
        Base currency, NaN for units that are no customers; shape (units,).
    age_days
        Days since the first purchase; shape (units,).
    parameters
        Weight and value of the base mean.

    Returns
    -------
    numpy.ndarray
        ``(20 * base mean + sum) / (20 + count)`` over the customers of the source, base currency;
        shape (units,). Only customers whose first year is over count, unless there are none.
        Source: domain specification 3.2.
    """
    counted = ~np.isnan(first_year_contribution)
    is_over = counted & (age_days >= parameters.first_year_days)
    if is_over.any():
        counted = is_over
    group, value = source[counted] + 1, first_year_contribution[counted]
    base = float(value.mean()) if len(value) else parameters.base_new_value
    groups = int(source.max(initial=-1)) + 2
    number = np.bincount(group, minlength=groups)
    total = np.bincount(group, weights=value, minlength=groups)
    weight = parameters.new_value_weight
    by_source: Floats = (weight * base + total) / (weight + number)
    return by_source[source + 1]


def _caps(earned: Floats, parameters: ValueParameters) -> tuple[float, float]:
    """Find the margins at the capping percentiles, themselves in the data: few are never capped."""
    is_known = ~np.isnan(earned)
    known = earned.copy() if is_known.all() else earned[is_known]
    if not len(known):
        return np.nan, np.nan
    last = len(known) - 1
    low = int(np.floor(last * parameters.lowest_percentile / 100))
    high = int(np.ceil(last * parameters.highest_percentile / 100))
    known.partition((low, high))
    return float(known[low]), float(known[high])


def _merged_margins(purchases: Purchases, earned: Floats) -> tuple[Integers, Floats]:
    """Add up the margins within each purchase; purchases of unknown margin are left out."""
    unit = purchases.purchase_unit
    known = ~np.isnan(earned)
    is_known = known.all()
    if len(purchases.starts) < len(earned):
        if not is_known:
            earned = np.where(known, earned, 0.0)
            known = np.logical_or.reduceat(known, purchases.starts)
        earned = np.add.reduceat(earned, purchases.starts)
    if is_known:
        return unit, earned
    return unit[known], earned[known]
