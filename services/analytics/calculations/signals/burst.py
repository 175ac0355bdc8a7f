"""C-BURST: far more complaints and requests than usual."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import gammainc

from services.analytics.calculations.purchases import Booleans, Floats
from services.analytics.calculations.signals.by_unit import (
    Signal,
    ages,
    are,
    count_by_unit,
    shown_by,
    units_of,
)


@dataclass(frozen=True, slots=True)
class BurstParameters:
    """What many requests are (domain specification 4).

    Attributes
    ----------
    window_days, earlier_days
        Window of late, and the time before it that shows what is usual; days; defaults 30 and 365.
    from_requests
        Requests in the window from which they can be many; count; default 2.
    digits_of_full_strength
        How many zeros the chance of so many must have for the full strength; count; default 3.
    requests_per_year
        Mean of the base before any data; count per year; default 2.
    requests_per_year_weight
        Years of customers that this mean counts for (our own); years; default 50.
    """

    window_days: int = 30
    earlier_days: int = 365
    from_requests: int = 2
    digits_of_full_strength: float = 3.0
    requests_per_year: float = 2.0
    requests_per_year_weight: float = 50.0


def burst_strength(
    recent: Floats, earlier: Floats, *, requests_per_year: float, parameters: BurstParameters
) -> Floats:
    """Return how surprising so many requests are; shape of the input.

    Parameters
    ----------
    recent, earlier
        Requests in the window and in the year before it; count.
    requests_per_year
        ``m0``: mean of the base; count per year, > 0.

    Notes
    -----
    ``mu = 30 * (n_prev365 + 1) / (365 + 365 / m0)``; with at least 2 of them
    ``clip(-log10(P(X >= n)) / 3)``, ``X`` Poisson. Source: domain specification 4.
    """
    year = parameters.earlier_days
    expected = parameters.window_days * (earlier + 1) / (year + year / requests_per_year)
    chance = gammainc(np.maximum(recent, 1.0), expected)
    with np.errstate(divide="ignore"):
        strength = np.clip(-np.log10(chance) / parameters.digits_of_full_strength, 0.0, 1.0)
    return np.where(recent >= parameters.from_requests, strength, 0.0)


def are_requests(interactions: pd.DataFrame) -> Booleans:
    """Tell which interactions are complaints or service requests."""
    return are(interactions["kind"], "complaint", "service_request")


def support_burst(
    interactions: pd.DataFrame,
    *,
    requests_per_year: float,
    unit_count: int,
    as_of_day: int,
    parameters: BurstParameters,
) -> Signal:
    """Return the signal; 0 for a unit without requests.

    Parameters
    ----------
    interactions
        Frame of events: ``unit``, ``day``, ``kind``, ``interaction_id``.

    Source: domain specification 4.
    """
    rows = np.flatnonzero(are_requests(interactions))
    age = ages(interactions, as_of_day)[rows]
    unit = units_of(interactions, rows)
    is_recent = age < parameters.window_days
    is_earlier = ~is_recent & (age < parameters.window_days + parameters.earlier_days)
    strength = burst_strength(
        count_by_unit(unit[is_recent], unit_count),
        count_by_unit(unit[is_earlier], unit_count),
        requests_per_year=requests_per_year,
        parameters=parameters,
    )
    recent = rows[is_recent]
    evidence = shown_by(strength, interactions, recent, -age[is_recent])
    return Signal(strength, evidence)
