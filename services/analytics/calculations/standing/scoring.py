"""The standing of each unit by its own records alone; places among the others are in `ranks`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from services.analytics.calculations.events import Events
from services.analytics.calculations.purchases import Floats, Purchases, float_column
from services.analytics.calculations.standing.ambassadors import ambassador_scores, count_acts
from services.analytics.calculations.standing.counting import (
    count_units,
    is_true,
    units_of,
    within,
)
from services.analytics.calculations.standing.ladder import assign_rungs
from services.analytics.calculations.standing.motives import find_motives
from services.analytics.calculations.standing.newness import find_newness
from services.analytics.calculations.standing.parameters import StandingParameters


def score_standing(
    units: pd.DataFrame,
    customers: pd.DataFrame,
    deals: pd.DataFrame,
    events: Events,
    *,
    purchases: Purchases,
    parameters: StandingParameters | None = None,
) -> pd.DataFrame:
    """Find rung, ambassador score, newness and motive of each unit of a partition.

    Parameters
    ----------
    units
        ``purchase_motive``, ``has_previous_supplier``, ``is_innovation_partner``, in the order of
        the surrogate.
    customers
        ``state``, ``purchase_count``, ``nps``, ``satisfaction_difference``, ``sentiment_level``,
        ``signal_competitor_loss`` of the same units in the same order.
    deals, purchases
        Won deals (``unit``, ``day``, ``discount_pct``, ``amount``, ``list_amount``) and the
        purchases they make.
    events
        Of the same units.
    parameters
        Those of the domain specification unless given.

    Returns
    -------
    pandas.DataFrame
        ``purchase_count_730`` (float64), ``ladder_rung``, ``ambassador_score``, ``newness_ids``,
        ``motive``, ``motive_basis``, indexed like ``customers``. Source: domain specification 2.3,
        3.3, 3.4.
    """
    parameters = parameters or StandingParameters()
    count, as_of_day = len(units), purchases.as_of_day
    happened = within(events.interactions, as_of_day=as_of_day)
    is_inbound = happened & is_true(events.interactions, "is_inbound")
    acts = count_acts(
        events.interactions,
        events.referrals,
        unit_count=count,
        as_of_day=as_of_day,
        parameters=parameters.ambassadors,
    )
    motives = find_motives(
        units["purchase_motive"],
        won_reasons=events.won_reasons,
        purchased_categories=events.purchased_categories,
        deals=deals,
        purchases=purchases,
        parameters=parameters.motives,
    )
    newness = find_newness(
        customers["state"],
        has_won_deal=np.bincount(units_of(deals), minlength=count) > 0,
        has_previous_supplier=is_true(units, "has_previous_supplier"),
        competitor_loss=float_column(customers, "signal_competitor_loss"),
        interactions=events.interactions,
        interest=events.interest,
        purchased_categories=events.purchased_categories,
        as_of_day=as_of_day,
    )
    rung = assign_rungs(
        customers,
        has_written=count_units(events.interactions, is_inbound, unit_count=count) > 0,
        act_count=acts.total,
        is_named_partner=is_true(units, "is_innovation_partner"),
        parameters=parameters.ladder,
    )
    score = ambassador_scores(
        float_column(customers, "nps"), acts, parameters=parameters.ambassadors
    )
    return pd.DataFrame(
        {
            "purchase_count_730": count_recent_purchases(
                deals, purchases, days=parameters.recent_days
            ),
            "ladder_rung": rung.array,
            "ambassador_score": score,
            "newness_ids": newness.array,
            "motive": motives["motive"].array,
            "motive_basis": motives["motive_basis"].array,
        },
        index=customers.index,
    )


def count_recent_purchases(deals: pd.DataFrame, purchases: Purchases, *, days: int) -> Floats:
    """Count the purchases of a window that ends with the day; NaN of units that never bought.

    ``deals`` are those the purchases are made of, with their ``day``. Source: domain specification
    3.5.
    """
    day = deals["day"].to_numpy(dtype=np.int64)[purchases.deal_rows[purchases.starts]]
    is_recent = day > purchases.as_of_day - days
    count = len(purchases.purchase_count)
    number = np.bincount(purchases.purchase_unit[is_recent], minlength=count)
    return np.where(purchases.has_purchase, number.astype(np.float64), np.nan)
