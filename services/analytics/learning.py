"""Learns from a base's own past: what was known on earlier days is read from the mirror again."""

from __future__ import annotations

import pandas as pd

from services.analytics.backtesting import known_at
from services.analytics.calculations.backtest.origins import sample_share, sampled
from services.analytics.calculations.churn.features import Observation
from services.analytics.calculations.churn.forecaster import observe_known
from services.analytics.calculations.churn.stacked import ChurnModel
from services.analytics.calculations.churn.training import train
from services.analytics.calculations.estimates import Estimates
from services.analytics.computing import Rules
from services.analytics.mirror.snapshot import Snapshot


def learn_churn(sample: Snapshot, rules: Rules, estimates: Estimates) -> ChurnModel:
    """Train the stacked model on a sample of the units, looked at on days of their past.

    Raises
    ------
    MirrorCorrupt
        What is read is damaged.
    """
    parameters, known_on = rules.parameters, known_at(sample, rules)
    today = known_on(rules.as_of_day)
    share = sample_share(today, size=parameters.churn.sample_size)
    today = sampled(today, share)
    ids = pd.Index(today.units["unit_id"])

    def earlier(day: int) -> Observation:
        return observe_known(sampled(known_on(day), share), ids, parameters=parameters)

    return train(
        observe_known(today, ids, parameters=parameters),
        earlier,
        model=estimates.purchase_fit.model,
        parameters=parameters,
        churn=parameters.churn,
    )
