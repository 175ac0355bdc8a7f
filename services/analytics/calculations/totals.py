"""Counts and sums over all customers of a base, by phase and by state."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
    word = customers[name].astype("category")
    sums = _sums_by(customers, word.cat.codes.to_numpy(), len(word.cat.categories))
    owner = np.zeros(0, dtype=object)
    if len(unconverted):
        of_unit = pd.Series(word.to_numpy(dtype=object), index=customers["unit_id"].to_numpy())
        owner = of_unit.reindex(unconverted["unit_id"]).to_numpy()
    return {
        str(each): found | {"other_currencies": _by_currency(unconverted[owner == each])}
        for each, found in zip(word.cat.categories, sums, strict=True)
        if found["customer_count"]
    }


def _by_currency(unconverted: pd.DataFrame) -> list[dict[str, Any]]:
    amounts = unconverted.groupby("currency", sort=True)["amount_minor"]
    return [
        {"currency": str(currency), "deal_count": len(each), "amount_minor": float(each.sum())}
        for currency, each in amounts
    ]


def _sums(customers: pd.DataFrame, unconverted: pd.DataFrame) -> dict[str, Any]:
    (sums,) = _sums_by(customers, np.zeros(len(customers), dtype=np.int8), 1)
    return sums | {"other_currencies": _by_currency(unconverted)}


def _sums_by(customers: pd.DataFrame, group: NDArray[Any], count: int) -> list[dict[str, Any]]:
    """Count and sum up the customers of each group, numbered from 0; those at -1 are in none."""
    is_in = group >= 0
    if not is_in.all():
        customers, group = customers.loc[is_in], group[is_in]
    number = np.bincount(group, minlength=count)
    totals, known = {}, number
    for name in (*SUMMED, "churn_probability"):
        values = customers[name].to_numpy(dtype=np.float64, na_value=np.nan)
        is_known = ~np.isnan(values)
        known = np.bincount(group[is_known], minlength=count)
        totals[name] = np.bincount(group[is_known], weights=values[is_known], minlength=count)
    churn = totals.pop("churn_probability")
    return [
        {
            "customer_count": int(number[place]),
            **{name: float(total[place]) for name, total in totals.items()},
            "mean_churn_probability": float(churn[place] / known[place]) if known[place] else None,
        }
        for place in range(count)
    ]
