"""The whole calculation of one base on one day in one piece: frames in, one frame out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from services.analytics.calculations.churn.stacked import ChurnModel
from services.analytics.calculations.estimates import Estimates, estimate, estimate_with_signals
from services.analytics.calculations.events import Events
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.recommendations.candidates import StrategyOptions
from services.analytics.calculations.scores import score
from services.analytics.calculations.statistics import Statistics, observe


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """The numbers of all units, indexed by ``unit``, and what they rest on."""

    customers: pd.DataFrame
    estimates: Estimates


def calculate(
    units: pd.DataFrame,
    deals: pd.DataFrame,
    events: Events | None = None,
    *,
    as_of_day: int,
    parameters: Parameters | None = None,
    estimates: Estimates | None = None,
    churn: ChurnModel | None = None,
    options: StrategyOptions | None = None,
) -> Report:
    """Compute every number of a base as of one day.

    Parameters
    ----------
    units
        One row per unit, indexed by the surrogate ``unit`` (0 to n - 1), in any order.
    deals
        One row per won deal known as of the day, in any order; quickest ordered by unit and day.
    events
        What has happened to the units besides; nothing unless given.
    as_of_day
        The day looked from, days since 1970-01-01 in the business time zone.
    parameters
        Those of the domain specification unless given.
    estimates
        Earlier ones to score with; made from these frames unless given.
    churn
        The stacked model to score with; that of the estimates unless given.
    options
        What can be recommended; without it the recommendation columns are missing.

    Raises
    ------
    ValueError
        If a deal lies after ``as_of_day``.
    """
    parameters = parameters or Parameters()
    observed = observe(
        units, deals, events or Events.empty(), as_of_day=as_of_day, parameters=parameters
    )
    if estimates is None:
        statistics = Statistics.of(observed, parameters=parameters)
        estimates = estimate(statistics, as_of_day=as_of_day, parameters=parameters)
        estimates = estimate_with_signals(estimates, [observed], parameters=parameters)
    if churn is not None:
        estimates = replace(estimates, churn=churn)
    customers = score(observed, estimates=estimates, parameters=parameters, options=options)
    return Report(customers, estimates)
