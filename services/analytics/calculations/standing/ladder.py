"""The rung of the loyalty ladder that each unit stands on."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Booleans, Integers, float_column
from services.analytics.calculations.standing.parameters import LadderParameters

RUNGS: Final = ("suspect", "prospect", "customer", "client", "supporter", "advocate", "partner")
_INACTIVE: Final = ("lapsed", "terminated")


def assign_rungs(
    customers: pd.DataFrame,
    *,
    has_written: Booleans,
    act_count: Integers,
    is_named_partner: Booleans,
    parameters: LadderParameters,
) -> pd.Series:
    """Find the rung of each unit; missing for excluded units.

    Parameters
    ----------
    customers
        ``state``, ``purchase_count``, ``nps`` (0 to 10), ``satisfaction_difference`` (D, points) and
        ``sentiment_level`` (-1 to 1); NaN unknown.
    has_written
        Whether anything ever came in from the unit; shape (units,).
    act_count
        Referrals, positive public posts and ideas within their window; shape (units,).
    is_named_partner
        Whether a person named the unit a partner (flag ``innovation_partner``); shape (units,).
    parameters
        Where a rung ends.

    Notes
    -----
    A client who is named a partner by a person is one whatever the attitude; acts make one only of
    those who are positive. Source: domain specification 3.4.
    """
    state = customers["state"]
    count = float_column(customers, "purchase_count")
    is_positive = (
        (float_column(customers, "nps") >= parameters.positive_nps)
        | (float_column(customers, "satisfaction_difference") >= parameters.positive_difference)
        | (float_column(customers, "sentiment_level") >= parameters.positive_sentiment)
    )
    has_bought = count > 0
    is_inactive = state.isin(_INACTIVE).to_numpy(dtype=np.bool_)
    is_many = act_count >= parameters.partner_from_acts
    rules = (
        (state == "excluded").to_numpy(dtype=np.bool_, na_value=False),
        ~has_bought & ~has_written,
        ~has_bought,
        (count < parameters.client_from_purchases) | is_inactive,
        is_named_partner | (is_positive & is_many),
        is_positive & (act_count > 0),
        is_positive,
    )
    rungs = ("", "suspect", "prospect", "customer", "partner", "advocate", "supporter")
    places = [RUNGS.index(rung) if rung else -1 for rung in rungs]
    code = np.select(rules, places, default=RUNGS.index("client"))
    return pd.Series(
        pd.Categorical.from_codes(code.astype(np.int8), categories=pd.Index(RUNGS)),
        index=customers.index,
    )
