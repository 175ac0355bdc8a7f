"""Sums the customers of a version by phase and state, and shows the sums in a language."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.customers.operations import money, state_label
from services.analytics.publication import Publication
from shared.values import wire_instant

_SUMMED = ("historic_value", "clv_365", "clv_1095", "value_at_risk")


def summarize(customers: pd.DataFrame) -> dict[str, Any]:
    """Return counts and sums in base currency, over all customers and by phase and state."""
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
    # fsum-like exactness is not needed, but the order of rows must not show: sums are rounded.
    sums = {name: float(np.nansum(group[name].to_numpy(dtype=np.float64))) for name in _SUMMED}
    mean = float(known.mean()) if len(known) else None
    return {"customer_count": len(group), **sums, "mean_churn_probability": mean}


def show(publication: Publication, *, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    """Return the summary of a version as the wire shows it."""
    version, currency = publication.version, publication.currency
    stored = version["summary"]

    def amounts(sums: Mapping[str, Any]) -> dict[str, Any]:
        return {**sums, **{name: money(sums[name], currency) for name in _SUMMED}}

    return {
        **publication.about(),
        "crm_read_at": wire_instant(version["crm_read_at"]),
        "total": amounts(stored["total"]),
        "phases": [
            {"phase": phase, "label": catalogue.entry("phases", phase).name(language)}
            | amounts(sums)
            for phase, sums in stored["phases"].items()
        ],
        "states": [
            {"state": state, "label": state_label(state, catalogue, language)} | amounts(sums)
            for state, sums in stored["states"].items()
        ],
        "model": version["model"],
        "data_gaps": [
            {"code": code, "count": count} for code, count in version["data_gaps"].items() if count
        ],
    }
