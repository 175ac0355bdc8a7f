"""A published base with places, rungs and ambassadors, for tests of what is shown of them."""

import numpy as np
import pandas as pd

from services.analytics.calculations.standing.ladder import RUNGS
from services.analytics.calculations.standing.ranks import place_by_rank


def with_places(customers: pd.DataFrame, *, seed: int = 7) -> pd.DataFrame:
    """Place customers by rank, as if all their purchases were recent; rungs and scores are drawn."""
    dice = np.random.default_rng(seed)
    recent = customers.assign(purchase_count_730=customers["purchase_count"].astype("float64"))
    places = place_by_rank(recent)
    return recent.join(places).assign(
        ladder_rung=pd.Categorical(dice.choice(RUNGS, len(customers)), categories=RUNGS),
        ambassador_score=dice.random(len(customers)),
    )
