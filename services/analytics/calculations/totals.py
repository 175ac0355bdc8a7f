"""Counts and sums over all customers of a base, by phase and by state."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final

import numpy as np
import pandas as pd

SUMMED: Final = ("historic_value", "clv_365", "clv_1095", "value_at_risk")


def total_customers(customers: pd.DataFrame) -> dict[str, Any]:
    """Count and sum the customers of a report.

    Parameters
    ----------
    customers
        ``phase``, ``state``, ``churn_probability`` and `SUMMED`, indexed by unit.

    Returns
    -------
    dict
        ``total``, ``phases`` and ``states``: each with ``customer_count``, the sums in base currency
        (unknown values left out) and ``mean_churn_probability`` (None if none is known).
    """
    return {
        "total": _sums(customers),
        "phases": _groups(customers, "phase"),
        "states": _groups(customers, "state"),
    }


def _groups(customers: pd.DataFrame, name: str) -> dict[str, Any]:
    groups: dict[Hashable, pd.DataFrame] = dict(
        iter(customers.groupby(name, observed=True, sort=True))
    )
    return {str(key): _sums(group) for key, group in groups.items()}


def _sums(group: pd.DataFrame) -> dict[str, Any]:
    churn = group["churn_probability"].to_numpy(dtype=np.float64, na_value=np.nan)
    known = churn[~np.isnan(churn)]
    sums = {name: float(np.nansum(group[name].to_numpy(dtype=np.float64))) for name in SUMMED}
    mean = float(known.mean()) if len(known) else None
    return {"customer_count": len(group), **sums, "mean_churn_probability": mean}
