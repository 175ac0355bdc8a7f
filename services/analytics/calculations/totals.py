"""Counts and sums over all customers of a base, by phase and by state."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Booleans

SUMMED: Final = ("historic_value", "clv_365", "clv_1095", "value_at_risk")


def total_customers(
    customers: pd.DataFrame,
    unconverted: pd.DataFrame,
    *,
    fewest: int = 5,
) -> dict[str, Any]:
    """Count and sum the customers of a report.

    Parameters
    ----------
    customers
        ``unit_id``, ``phase``, ``state``, ``churn_probability``, `SUMMED` and
        ``has_profiling_objection``.
    unconverted
        ``unit_id``, ``currency`` and ``amount_minor`` of each won deal that has no rate to base
        currency, in minor units of its own.
    fewest
        How many who object to profiling it takes until they are in the total: they are listed without
        scores, and the total less the others would tell theirs; no phase and no state holds them;
        count; default 5 (domain specification 9, 10).

    Returns
    -------
    dict
        ``total``, ``phases`` and ``states``: each with ``customer_count``, the sums in base currency
        (unknown values left out), ``mean_churn_probability`` (None if none is known) and
        ``other_currencies``: what is in none of the sums, a list of ``currency``, ``deal_count`` and
        ``amount_minor``, as sums never mix currencies.
    """
    objects = customers["has_profiling_objection"].to_numpy(dtype=np.bool_, na_value=False)
    listed, of_listed = _without(customers, unconverted, objects)
    counted, of_counted = customers, unconverted
    if 0 < objects.sum() < fewest:
        counted, of_counted = listed, of_listed
    return {
        "total": _sums(counted, of_counted),
        "phases": _groups(listed, of_listed, "phase"),
        "states": _groups(listed, of_listed, "state"),
    }


def _without(
    customers: pd.DataFrame, unconverted: pd.DataFrame, is_left_out: Booleans
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Leave out some customers and their deals."""
    if not is_left_out.any():
        return customers, unconverted
    ids = customers["unit_id"].to_numpy(dtype=object)[is_left_out]
    return customers.loc[~is_left_out], unconverted.loc[~unconverted["unit_id"].isin(ids)]


def _groups(customers: pd.DataFrame, unconverted: pd.DataFrame, name: str) -> dict[str, Any]:
    groups: dict[Hashable, pd.DataFrame] = dict(
        iter(customers.groupby(name, observed=True, sort=True))
    )
    owner = np.zeros(0, dtype=object)
    if len(unconverted):
        word = customers.set_index("unit_id")[name].astype(object)
        owner = word.reindex(unconverted["unit_id"]).to_numpy()
    return {str(key): _sums(group, unconverted[owner == key]) for key, group in groups.items()}


def _by_currency(unconverted: pd.DataFrame) -> list[dict[str, Any]]:
    amounts = unconverted.groupby("currency", sort=True)["amount_minor"]
    return [
        {"currency": str(currency), "deal_count": len(each), "amount_minor": float(each.sum())}
        for currency, each in amounts
    ]


def _sums(group: pd.DataFrame, unconverted: pd.DataFrame) -> dict[str, Any]:
    churn = group["churn_probability"].to_numpy(dtype=np.float64, na_value=np.nan)
    known = churn[~np.isnan(churn)]
    sums = {name: float(np.nansum(group[name].to_numpy(dtype=np.float64))) for name in SUMMED}
    mean = float(known.mean()) if len(known) else None
    return {
        "customer_count": len(group),
        **sums,
        "mean_churn_probability": mean,
        "other_currencies": _by_currency(unconverted),
    }
