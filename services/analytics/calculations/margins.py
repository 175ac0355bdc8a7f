"""What deals earned, and what a purchase of each unit is believed to earn; no lifetimes here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from services.analytics.calculations.credibility import (
    Credibility,
    DealValues,
    capping_limits,
    credible_mean,
    estimate_credibility,
    given_back,
)
from services.analytics.calculations.parameters import SpendParameters, ValueParameters
from services.analytics.calculations.purchase_models.intervals import MarginSpread
from services.analytics.calculations.purchase_models.spend import (
    SpendFit,
    fit_spending,
    group_spending,
)
from services.analytics.calculations.purchases import (
    Booleans,
    Floats,
    Integers,
    Purchases,
    float_column,
)


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
class Earnings:
    """What units earned deal by deal, all that is needed to weigh it; parts of a base join.

    Attributes
    ----------
    values
        Margins of the deals of purchases.
    refunded_unit, refunded_margin
        Unit and known margin of each deal refunded in full, which is no purchase; base currency.
    service_cost
        Of each unit, base currency, unknown is none; shape (units,).
    """

    values: DealValues
    refunded_unit: Integers
    refunded_margin: Floats
    service_cost: Floats

    @classmethod
    def of(
        cls, units: pd.DataFrame, deals: pd.DataFrame, *, margins: DealMargins, purchases: Purchases
    ) -> Self:
        """Read them from ``unit`` of every won deal and ``service_cost`` of every unit."""
        unit = deals["unit"].to_numpy(dtype=np.int64)
        is_rest = np.zeros(len(unit), dtype=np.bool_)
        if len(purchases.deal_rows) < len(unit):
            is_rest = ~np.isnan(margins.margin)
            is_rest[purchases.deal_rows] = False
        return cls(
            DealValues.of(margins.margin, purchases),
            unit[is_rest],
            margins.margin[is_rest],
            np.nan_to_num(float_column(units, "service_cost"), nan=0.0),
        )

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Put parts of a base behind each other."""
        firsts = np.cumsum([0, *(part.values.unit_count for part in parts)])
        units = zip(parts, firsts, strict=False)
        return cls(
            DealValues.join([part.values for part in parts]),
            np.concatenate([part.refunded_unit + first for part, first in units]),
            np.concatenate([part.refunded_margin for part in parts]),
            np.concatenate([part.service_cost for part in parts]),
        )

    def contributions(self, lowest: float, highest: float) -> Contributions:
        """Add up what each unit earned, single margins capped."""
        unit, merged = self.values.capped(lowest, highest)
        number, total = self.values.totals(unit, merged)
        own = total
        if len(self.refunded_unit):
            capped = np.clip(self.refunded_margin, lowest, highest)
            own = own + np.bincount(
                self.refunded_unit, weights=capped, minlength=self.values.unit_count
            )
        own = np.where(number > 0, own - self.service_cost, 0.0)
        return Contributions(own, number, total, merged)


@dataclass(frozen=True, slots=True, eq=False)
class Contributions:
    """``S`` and ``n`` of each unit, purchases of unknown amount left out; base currency.

    Attributes
    ----------
    own
        ``S``: margins less service cost; 0 without a purchase of known amount; shape (units,).
    number, total
        ``n``, and the sum of the margins of purchases; shape (units,).
    merged
        Margin of each purchase; shape (purchases of known amount,).
    """

    own: Floats
    number: Floats
    total: Floats
    merged: Floats


@dataclass(frozen=True, slots=True)
class MarginEstimate:
    """How a unit's margin per purchase follows from its own and the base's; estimated from the base.

    Attributes
    ----------
    weighing
        How own and base contribution are weighed.
    variance
        Of single margins around the mean of all, base currency squared; NaN with fewer than two.
    given_back
        What margins are multiplied by because single ones are capped; no unit.
    spend
        The gamma-gamma model that takes the place of credibility, or why it does not; None where
        it was not asked for.
    """

    weighing: Credibility
    variance: float
    given_back: float = 1.0
    spend: SpendFit | None = None


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
    amount, cost = float_column(deals, "amount"), float_column(deals, "cost")
    margin = amount - cost
    rows = np.flatnonzero(np.isnan(cost))
    if len(rows):
        listed = float_column(deals, "list_amount")[rows]
        paid_share = 1 - float_column(deals, "discount_pct")[rows] / 100
        paid_share[~(paid_share > 0)] = 1.0
        listed = np.where(np.isnan(listed), amount[rows] / paid_share, listed)
        margin[rows] = amount[rows] - listed * (1 - default_margin)
    for name, sign in (("refund", -1.0), ("cost_recovered", 1.0), ("written_off", -1.0)):
        values = float_column(deals, name)
        known = np.flatnonzero(values == values)
        if len(known) == len(values):
            margin += sign * values
        elif len(known):
            margin[known] += sign * values[known]
    is_estimated = np.zeros(len(margin), dtype=np.bool_)
    is_estimated[rows] = ~np.isnan(amount[rows])
    return DealMargins(margin, is_estimated)


def estimate_margins(
    earnings: Earnings, *, parameters: ValueParameters, spend_parameters: SpendParameters
) -> MarginEstimate:
    """Estimate from a base how a unit's margin per purchase follows from its own and the base's.

    Before any data the configured contribution stands. Source: domain specification 3.2.
    """
    lowest, highest = capping_limits(earnings.values.value, parameters=parameters)
    found = earnings.contributions(lowest, highest)
    factor, within, between = estimate_credibility(
        found.merged, found.number, found.total, parameters=parameters
    )
    base = parameters.base_purchase_contribution
    if found.number.any():
        base = float(found.own.sum() / found.number.sum())
    spend = None
    if parameters.margin_model == "gamma_gamma":
        grouped = group_spending(found.number, found.own)
        spend = fit_spending(grouped, parameters=spend_parameters)
    variance = float(found.merged.var(ddof=1)) if len(found.merged) > 1 else np.nan
    _, every = earnings.values.capped(-np.inf, np.inf)
    return MarginEstimate(
        Credibility(base, factor, within, between, lowest, highest),
        variance,
        given_back(float(every.sum()), float(found.merged.sum()), parameters=parameters),
        spend,
    )


def margin_per_purchase(
    earnings: Earnings, *, has_purchase: Booleans, estimate: MarginEstimate
) -> Floats:
    """Weigh each unit's own contribution per purchase with that of the base.

    Parameters
    ----------
    earnings
        Of the units.
    has_purchase
        Whether each unit has bought; shape (units,).
    estimate
        Estimated from the base.

    Returns
    -------
    numpy.ndarray
        Base currency, shape (units,), NaN without a purchase.

    Notes
    -----
    ``(k mu0 + S) / (k + n)`` with ``S`` the contribution and ``n`` the purchases of the unit,
    deals of unknown amount left out of both: a unit without any of known amount has the mean of the
    base. Times ``given_back``: capped margins alone would forecast too little in total. Sources:
    domain specification 3.2; `credibility.given_back`. With the gamma-gamma model, where the margins allow it,
    the mean of that model takes its place, but for units whose contribution is not positive.
    """
    weighing = estimate.weighing
    found = earnings.contributions(weighing.lowest, weighing.highest)
    value = credible_mean(
        found.own,
        found.number,
        base_mean=weighing.base_mean,
        credibility=weighing.credibility,
    )
    spend = estimate.spend
    if spend is not None and spend.model is not None:
        value = np.where(found.own > 0, spend.model.mean_margin(found.number, found.own), value)
    value *= estimate.given_back
    value[~has_purchase] = np.nan
    return value


def margin_spread(
    purchase_count: Floats, margin: Floats, *, estimate: MarginEstimate
) -> MarginSpread:
    r"""Tell how margins vary around what is expected of each unit.

    Parameters
    ----------
    purchase_count
        Purchases ``n`` of known value; shape (units,).
    margin
        Contribution expected per purchase, base currency; shape (units,).
    estimate
        How the margin follows from own and base margins.

    Notes
    -----
    With the variance within units :math:`s^2`, what is believed of a unit's own mean has the
    variance :math:`s^2 / (k + n)` (Buehlmann). Before :math:`s^2` can be estimated it is the share
    ``k / (k + 1)`` of the variance of all margins; before there are two purchases, the square of the
    mean, as for an exponential distribution.
    """
    can_be_negative = bool(estimate.weighing.lowest < 0)
    spend = estimate.spend
    if spend is not None and spend.model is not None:
        of_unit, of_purchase = spend.model.variances(purchase_count, margin)
        return MarginSpread(of_unit, of_purchase, can_be_negative)
    weight = estimate.weighing.credibility
    within = estimate.weighing.within_variance
    if np.isnan(within):
        within = estimate.variance * weight / (weight + 1)
    if np.isnan(within):
        within = estimate.weighing.base_mean**2
    within *= estimate.given_back**2
    return MarginSpread(within / (weight + purchase_count), within, can_be_negative)
