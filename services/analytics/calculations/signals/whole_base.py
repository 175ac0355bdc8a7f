"""What signals take from the whole base: additive statistics of its parts, and their estimate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from services.analytics.calculations.events import Events, known_on
from services.analytics.calculations.purchases import Purchases
from services.analytics.calculations.signals.burst import BurstParameters, are_requests
from services.analytics.calculations.signals.by_unit import ages, units_of

_YEAR_DAYS = 365
_PRECISION = 2


@dataclass(frozen=True, slots=True)
class SignalBase:
    """What the base says where a unit says nothing; the defaults hold before any data.

    Attributes
    ----------
    median_expectation
        Median expectation of the base by dimension of satisfaction; points of 10; a dimension that
        nobody ever told an expectation of is missing.
    requests_per_year
        ``m0``: complaints and service requests of a customer; count per year; default 2.

    Source: domain specification 4.
    """

    median_expectation: Mapping[str, float] = field(default_factory=dict)
    requests_per_year: float = 2.0


@dataclass(frozen=True, slots=True)
class SignalStatistics:
    """What one part of the base adds to the estimate; parts are added up.

    Attributes
    ----------
    expectations
        How often each expectation (points of 10, two decimals) was told, by dimension.
    request_count
        Complaints and service requests of customers within the last year.
    customer_years
        Years within the last one that the customers were customers.
    """

    expectations: Mapping[str, Mapping[float, int]] = field(default_factory=dict)
    request_count: int = 0
    customer_years: float = 0.0

    def __add__(self, other: SignalStatistics) -> SignalStatistics:
        expectations = {name: Counter(counts) for name, counts in self.expectations.items()}
        for name, counts in other.expectations.items():
            expectations.setdefault(name, Counter()).update(counts)
        return SignalStatistics(
            {name: dict(counts) for name, counts in expectations.items()},
            self.request_count + other.request_count,
            self.customer_years + other.customer_years,
        )


def collect_signal_statistics(
    events: Events, purchases: Purchases, *, as_of_day: int
) -> SignalStatistics:
    """Collect what a part of the base says; what came later than the day counts as not happened."""
    events = known_on(events, as_of_day)
    told = events.ratings.loc[events.ratings["expectation"].notna(), ["dimension", "expectation"]]
    expectations: dict[str, dict[float, int]] = {}
    for name, values in told.groupby("dimension", observed=True)["expectation"]:
        points, counts = np.unique(values.to_numpy().round(_PRECISION), return_counts=True)
        expectations[str(name)] = dict(zip(points.tolist(), counts.tolist(), strict=True))
    is_request = are_requests(events.interactions)
    is_request &= ages(events.interactions, as_of_day) < _YEAR_DAYS
    is_request &= purchases.has_purchase[units_of(events.interactions)]
    years = np.minimum(purchases.age_days + 1, _YEAR_DAYS) / _YEAR_DAYS
    return SignalStatistics(expectations, int(is_request.sum()), float(years.sum()))


def estimate_signal_base(
    statistics: SignalStatistics, *, parameters: BurstParameters | None = None
) -> SignalBase:
    """Estimate what signals take from the base.

    Notes
    -----
    ``m0 = (2 * 50 + requests) / (50 + years of customers)``: before any data it is the default,
    many customers drown it. Source: domain specification 4.
    """
    parameters = parameters or BurstParameters()
    weight = parameters.requests_per_year_weight
    requests = parameters.requests_per_year * weight + statistics.request_count
    medians = {
        name: _median(counts) for name, counts in sorted(statistics.expectations.items()) if counts
    }
    return SignalBase(medians, requests / (weight + statistics.customer_years))


def _median(counts: Mapping[float, int]) -> float:
    """Return the median of values told so and so often; between the two middle ones their mean."""
    values = np.array(sorted(counts))
    upto = np.cumsum([counts[value] for value in values.tolist()])
    total = int(upto[-1])
    middle = np.searchsorted(upto, [(total - 1) // 2, total // 2], side="right")
    return float(values[middle].mean())
