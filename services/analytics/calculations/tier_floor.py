"""From which value on a customer of the base counts as one of tier A or B, wherever it stands itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from services.analytics.calculations import value
from services.analytics.calculations.margins import margin_per_purchase
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.standing.parameters import RankParameters
from services.analytics.calculations.standing.ranks import TIERS, assign_tiers
from services.analytics.calculations.statistics import Observed

if TYPE_CHECKING:
    from services.analytics.calculations.estimates import Estimates


def estimate_tier_floor(
    observed: Observed, rhythm: pd.DataFrame, *, estimates: Estimates, parameters: Parameters
) -> float:
    """Find the least value of tiers A and B among some units of the base.

    A unit's tier is its place among all, which is known only when all are scored; what is recommended
    to it must not depend on others. So the border is estimated once, like everything else of the base.

    Parameters
    ----------
    observed
        Units of a part of the base.
    rhythm
        Of those that have bought, indexed by unit.

    Returns
    -------
    float
        Contribution of three years if alive; base currency; NaN where nobody has a value above 0.

    Notes
    -----
    Source: domain specification 3.5.
    """
    bought = rhythm.index.to_numpy()
    purchases = observed.purchases
    margin = margin_per_purchase(
        observed.earnings, has_purchase=purchases.has_purchase, estimate=estimates.margins
    )
    worth = value.lifetime_value(
        purchases.repeat_count.astype(np.float64),
        purchases.age_days,
        rhythm["alive_probability"].to_numpy(),
        margin[bought],
        model=estimates.purchase_fit.model,
        parameters=parameters.value,
        contract_days=np.zeros(len(bought)),
    ).alive_tier
    ids = observed.units["unit_id"].take(bought)
    tier = assign_tiers(worth, ids, parameters=RankParameters())
    is_high = (tier >= 0) & (tier < TIERS.index("C"))
    return float(worth[is_high].min()) if is_high.any() else float("nan")
