"""What is observed of some units, and the statistics of it that the estimates rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from services.analytics.calculations.credibility import DealValues
from services.analytics.calculations.events import Events
from services.analytics.calculations.margins import DealMargins, Earnings, deal_margins
from services.analytics.calculations.new_customers import SourceStatistics
from services.analytics.calculations.next_products.products import Products
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchase_models.histories import (
    Histories,
    group_histories,
    merge_histories,
)
from services.analytics.calculations.purchases import (
    Purchases,
    float_column,
    summarize_purchases,
)
from services.analytics.calculations.signals.whole_base import (
    SignalStatistics,
    collect_signal_statistics,
)
from services.analytics.calculations.standing.ambassadors import (
    AcquisitionCosts,
    collect_acquisition_costs,
)
from services.analytics.calculations.value import HistoricValue, historic_value


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What is observed of some units on a day; nothing here depends on any other unit.

    Attributes
    ----------
    units, deals
        Frames of the units and of their won deals; excluded units have none.
    events
        What has happened to the units besides.
    purchases, margins, earnings, amounts, historic
        What the deals say.
    reach
        Who may be reached, how and how often; one row per unit, in the order of ``units``. None
        where nobody asked.
    products
        All products of the base, which events name by their place.
    """

    units: pd.DataFrame
    deals: pd.DataFrame
    events: Events
    purchases: Purchases
    margins: DealMargins
    earnings: Earnings
    amounts: DealValues
    historic: HistoricValue
    products: Products
    reach: pd.DataFrame | None = None


def observe(
    units: pd.DataFrame,
    deals: pd.DataFrame,
    events: Events,
    *,
    as_of_day: int,
    parameters: Parameters,
    reach: pd.DataFrame | None = None,
    products: Products | None = None,
) -> Observed:
    """Read what deals say of units.

    Parameters
    ----------
    units
        One row per unit, indexed by the surrogate ``unit`` (0 to n - 1), in any order.
    deals
        One row per won deal known as of the day, in any order; quickest ordered by unit and day.
    events
        What has happened to the units besides.
    as_of_day
        The day looked from, days since 1970-01-01 in the business time zone.
    parameters
        Margins and windows.
    reach
        Who may be reached, how and how often; indexed like ``units``.
    products
        All products of the base; none unless given.

    Raises
    ------
    ValueError
        If a deal lies after ``as_of_day``.
    """
    if not units.index.is_monotonic_increasing:
        units = units.sort_index()
    deals = _without_excluded(units, deals)
    purchases = summarize_purchases(deals, unit_count=len(units), as_of_day=as_of_day)
    margins = deal_margins(deals, default_margin=parameters.value.default_margin)
    return Observed(
        units,
        deals,
        events,
        purchases,
        margins,
        Earnings.of(units, deals, margins=margins, purchases=purchases),
        DealValues.of(float_column(deals, "amount"), purchases),
        historic_value(
            units, deals, margins=margins, purchases=purchases, parameters=parameters.value
        ),
        products or Products.none(),
        None if reach is None else reach.reindex(units.index),
    )


def _without_excluded(units: pd.DataFrame, deals: pd.DataFrame) -> pd.DataFrame:
    """Leave out the deals of units that were erased or merged: they are not to be looked at."""
    is_excluded = units["is_excluded"].to_numpy(dtype=np.bool_, na_value=False)
    if not is_excluded.any():
        return deals
    included: pd.DataFrame = deals.loc[~is_excluded[deals["unit"].to_numpy(dtype=np.int64)]]
    return included


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """What the estimates of a base need of a part of it; the statistics of all parts join.

    Attributes
    ----------
    histories
        ``x``, ``t_x`` and ``T`` (days) of the units that have bought, equal ones grouped.
    earnings, amounts
        Margins and amounts of purchases.
    sources
        What new customers brought, by source.
    signals
        What the signals take from the base.
    acquisition_costs
        What it cost to win referred and other customers.
    """

    histories: Histories
    earnings: Earnings
    amounts: DealValues
    sources: SourceStatistics
    signals: SignalStatistics
    acquisition_costs: AcquisitionCosts

    @classmethod
    def of(cls, observed: Observed, *, parameters: Parameters) -> Self:
        """Take the statistics of a part of a base."""
        purchases, units = observed.purchases, observed.units
        return cls(
            group_histories(purchases.repeat_count, purchases.recency_days, purchases.age_days),
            observed.earnings,
            observed.amounts,
            SourceStatistics.of(
                units["source_campaign_id"],
                observed.historic.first_year_contribution,
                (purchases.as_of_day - purchases.first_day).astype(np.float64),
                parameters=parameters.value,
            ),
            collect_signal_statistics(observed.events, purchases, as_of_day=purchases.as_of_day),
            collect_acquisition_costs(
                float_column(units, "acquisition_cost"),
                has_bought=purchases.has_purchase,
                is_referred=units["is_referred"].to_numpy(dtype=np.bool_, na_value=False),
            ),
        )

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Put the statistics of parts together; no unit may be in two of them.

        Raises
        ------
        ValueError
            There is no part.
        """
        if len(parts) == 1:
            return parts[0]
        return cls(
            merge_histories([part.histories for part in parts]),
            Earnings.join([part.earnings for part in parts]),
            DealValues.join([part.amounts for part in parts]),
            SourceStatistics.join([part.sources for part in parts]),
            sum((part.signals for part in parts), SignalStatistics()),
            sum((part.acquisition_costs for part in parts), AcquisitionCosts()),
        )
