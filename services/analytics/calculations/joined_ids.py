"""Several ids of a unit as one text."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Booleans


def joined_ids(holds: Mapping[str, Booleans]) -> pd.Categorical[str]:
    """Write the ids that hold for each unit as one text; missing where none does."""
    names = list(holds)
    bits = np.zeros(len(holds[names[0]]), dtype=np.int16)
    for place, name in enumerate(names):
        bits |= holds[name].astype(np.int16) << place
    texts = [
        " ".join(name for place, name in enumerate(names) if number >> place & 1)
        for number in range(1, 2 ** len(names))
    ]
    return pd.Categorical.from_codes(bits - 1, categories=pd.Index(texts))
