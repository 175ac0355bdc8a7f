"""E-TRIAGE: in which order complaints are taken up, by proportionate effort."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Booleans, Floats, float_column
from services.analytics.calculations.signals.complaints import ComplaintParameters

TRIAGED: Final = (
    *("state", "complaint_severity", "churn_probability", "clv_alive_1095"),
    "has_profiling_objection",
)
"""The columns that priorities are made of."""
_SEVERITY, _CHURN, _VALUE = 0.5, 0.3, 0.2
_ENDED: Final = ("excluded", "terminated")


def triage(customers: pd.DataFrame, *, parameters: ComplaintParameters | None = None) -> Floats:
    """Order the complaints of a base: `TRIAGED` of every unit; NaN where none is open.

    The value is placed among the running relationships. Of whom nothing may be computed, or nothing
    is known, the severity alone counts.
    """
    state = customers["state"]
    is_running = ~state.isin(_ENDED).to_numpy(dtype=np.bool_)
    objects = customers["has_profiling_objection"].to_numpy(dtype=np.bool_, na_value=False)
    value = np.where(is_running & ~objects, float_column(customers, "clv_alive_1095"), np.nan)
    churn = np.where(objects, np.nan, float_column(customers, "churn_probability"))
    severity = float_column(customers, "complaint_severity")
    return complaint_priorities(
        severity,
        churn,
        value_percentiles(value, wanted=~np.isnan(severity)),
        parameters=parameters or ComplaintParameters(),
    )


def complaint_priorities(
    severity: Floats,
    churn_probability: Floats,
    value_percentile: Floats,
    *,
    parameters: ComplaintParameters,
) -> Floats:
    r"""Weigh complaints against each other; no unit, 0 to 1, NaN without a severity.

    Parameters
    ----------
    severity
        1 to 3, as the handler set it; shape (units,).
    churn_probability, value_percentile
        Probability, and share of units of lower value; NaN unknown counts as nothing.

    Notes
    -----
    :math:`0.5\,w_{sev} + 0.3\,p_{churn} + 0.2\,percentile` with the weights of the complaint signal.
    It orders the queue alone: until when a complaint is to be settled goes by its severity, whatever
    the customer is worth. Source: domain specification 6.9.
    """
    weights = np.array([*parameters.weights, np.nan])
    place = np.where(np.isnan(severity), len(parameters.weights), np.nan_to_num(severity) - 1)
    priority: Floats = (
        _SEVERITY * weights[place.astype(np.int64)]
        + _CHURN * np.nan_to_num(churn_probability)
        + _VALUE * np.nan_to_num(value_percentile)
    )
    return priority


def value_percentiles(value: Floats, *, wanted: Booleans) -> Floats:
    """Return the share of known values that are strictly lower; NaN where unknown or not wanted."""
    known = np.sort(value[~np.isnan(value)])
    share = np.full(len(value), np.nan)
    rows = np.flatnonzero(wanted & ~np.isnan(value))
    if len(known):
        share[rows] = np.searchsorted(known, value[rows], side="left") / len(known)
    return share
