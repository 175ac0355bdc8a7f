"""What deals earned, and what a purchase of each unit is believed to earn; no lifetimes here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations.credibility import (
    capping_limits,
    credible_mean,
    estimate_credibility,
    merge_purchases,
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
    margin_variance
        Of single margins around the mean of all, base currency squared; NaN with fewer than two.
    spend
        The gamma-gamma model that takes the place of credibility, or why it does not; None where
        it was not asked for.
    """

    base_purchase_contribution: float
    credibility: float
    within_variance: float
    between_variance: float
    lowest_margin: float
    highest_margin: float
    margin_variance: float = np.nan
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


def margin_per_purchase(
    units: pd.DataFrame,
    deals: pd.DataFrame,
    *,
    margins: DealMargins,
    purchases: Purchases,
    parameters: ValueParameters,
    spend_parameters: SpendParameters | None = None,
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
    spend_parameters
        What margins must be like where ``gamma_gamma`` is the margin model.

    Returns
    -------
    tuple
        Contribution per purchase in base currency, shape (units,), NaN without a purchase; and how
        it was weighed.

    Notes
    -----
    ``(k mu0 + S) / (k + n)`` with ``S`` the contribution and ``n`` the purchases of the unit,
    deals of unknown amount left out of both: a unit without any of known amount has the mean of the
    base. Source: domain specification 3.2. With the gamma-gamma model, where the margins allow it,
    the mean of that model takes its place, but for units whose contribution is not positive.
    """
    count = len(units)
    unit = deals["unit"].to_numpy(dtype=np.int64)
    earned = margins.margin[purchases.deal_rows]
    lowest, highest = capping_limits(earned, parameters=parameters)
    merged_unit, merged = merge_purchases(purchases, np.clip(earned, lowest, highest))
    number = np.bincount(merged_unit, minlength=count).astype(np.float64)
    total = np.bincount(merged_unit, weights=merged, minlength=count).astype(np.float64, copy=False)
    is_known = number > 0
    credibility, within, between = estimate_credibility(
        merged, number, total, parameters=parameters
    )
    if len(purchases.deal_rows) < len(unit):
        rest = np.ones(len(unit), dtype=np.bool_)
        rest[purchases.deal_rows] = False
        rest &= ~np.isnan(margins.margin)
        capped = np.clip(margins.margin[rest], lowest, highest)
        total = total + np.bincount(unit[rest], weights=capped, minlength=count)
    own = np.where(
        is_known, total - np.nan_to_num(float_column(units, "service_cost"), nan=0.0), 0.0
    )
    base = parameters.base_purchase_contribution
    if is_known.any():
        base = float(own.sum() / number.sum())
    value = credible_mean(own, number, base_mean=base, credibility=credibility)
    spend = None
    if parameters.margin_model == "gamma_gamma":
        spend = fit_spending(
            group_spending(number, own), parameters=spend_parameters or SpendParameters()
        )
        if spend.model is not None:
            value = np.where(own > 0, spend.model.mean_margin(number, own), value)
    value[~purchases.has_purchase] = np.nan
    variance = float(merged.var(ddof=1)) if len(merged) > 1 else np.nan
    return value, Credibility(base, credibility, within, between, lowest, highest, variance, spend)


def margin_spread(
    purchase_count: Floats, margin: Floats, *, credibility: Credibility
) -> MarginSpread:
    r"""Tell how margins vary around what is expected of each unit.

    Parameters
    ----------
    purchase_count
        Purchases ``n`` of known value; shape (units,).
    margin
        Contribution expected per purchase, base currency; shape (units,).
    credibility
        How the margin was weighed.

    Notes
    -----
    With the variance within units :math:`s^2`, what is believed of a unit's own mean has the
    variance :math:`s^2 / (k + n)` (Buehlmann). Before :math:`s^2` can be estimated it is the share
    ``k / (k + 1)`` of the variance of all margins. NaN without two purchases in the base.
    """
    can_be_negative = bool(credibility.lowest_margin < 0)
    spend = credibility.spend
    if spend is not None and spend.model is not None:
        of_unit, of_purchase = spend.model.variances(purchase_count, margin)
        return MarginSpread(of_unit, of_purchase, can_be_negative)
    weight = credibility.credibility
    within = credibility.within_variance
    if np.isnan(within):
        within = credibility.margin_variance * weight / (weight + 1)
    return MarginSpread(within / (weight + purchase_count), within, can_be_negative)
