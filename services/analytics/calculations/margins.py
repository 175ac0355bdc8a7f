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
)
from services.analytics.calculations.parameters import ValueParameters
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


def estimate_margins(earnings: Earnings, *, parameters: ValueParameters) -> Credibility:
    """Estimate from a base how much a unit's own contribution per purchase counts.

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
    return Credibility(base, factor, within, between, lowest, highest)


def margin_per_purchase(
    earnings: Earnings, *, has_purchase: Booleans, credibility: Credibility
) -> Floats:
    """Weigh each unit's own contribution per purchase with that of the base.

    Parameters
    ----------
    earnings
        Of the units.
    has_purchase
        Whether each unit has bought; shape (units,).
    credibility
        Estimated from the base.

    Returns
    -------
    numpy.ndarray
        Base currency, shape (units,), NaN without a purchase.

    Notes
    -----
    ``(k mu0 + S) / (k + n)`` with ``S`` the contribution and ``n`` the purchases of the unit,
    deals of unknown amount left out of both: a unit without any of known amount has the mean of the
    base. Source: domain specification 3.2.
    """
    found = earnings.contributions(credibility.lowest, credibility.highest)
    value = credible_mean(
        found.own,
        found.number,
        base_mean=credibility.base_mean,
        credibility=credibility.credibility,
    )
    value[~has_purchase] = np.nan
    return value
