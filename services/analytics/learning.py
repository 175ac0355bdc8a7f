"""Learns from a base's own past: what was known on earlier days is read from the mirror again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from services.analytics.backtesting import known_at
from services.analytics.calculations.backtest.origins import Known, sample_share, sampled
from services.analytics.calculations.churn.features import Observation
from services.analytics.calculations.churn.forecaster import numbered_alike
from services.analytics.calculations.churn.stacked import ChurnModel
from services.analytics.calculations.churn.training import train
from services.analytics.calculations.estimates import Estimates
from services.analytics.calculations.purchases import summarize_purchases
from services.analytics.calculations.signals.columns import signal_columns
from services.analytics.computing import Rules
from services.analytics.mirror.snapshot import Snapshot


def learn_churn(sample: Snapshot, rules: Rules, estimates: Estimates) -> ChurnModel:
    """Train the stacked model on a sample of the units, looked at on days of their past.

    Raises
    ------
    MirrorCorrupt
        What is read is damaged.
    """

    known_on = known_at(sample, rules)
    today = known_on(rules.as_of_day)
    share = sample_share(today, size=rules.parameters.churn.sample_size)
    today = sampled(today, share)
    ids = pd.Index(today.units["unit_id"])

    def observation(known: Known) -> Observation:
        return _observation(known, ids, rules, estimates)

    return train(
        observation(today),
        lambda day: observation(sampled(known_on(day), share)),
        model=estimates.purchase_fit.model,
        parameters=rules.parameters,
        churn=rules.parameters.churn,
    )


def _observation(known: Known, ids: pd.Index, rules: Rules, estimates: Estimates) -> Observation:
    """Give what was known of the units of today, signals included, numbered like them."""
    count = len(known.units)
    purchases = summarize_purchases(known.deals, unit_count=count, as_of_day=known.day)
    signals = signal_columns(
        known.events,
        purchases,
        known.deals,
        model=estimates.purchase_fit.model,
        as_of_day=known.day,
        base=estimates.signals,
        parameters=rules.parameters.signals,
    )
    place = ids.get_indexer(pd.Index(known.units["unit_id"]))
    is_here = np.flatnonzero(place >= 0)
    alike = (
        signals.filter(like="signal_")
        .drop(columns="signal_evidence")
        .take(is_here)
        .set_axis(place[is_here])
        .reindex(np.arange(len(ids)))
    )
    return replace(numbered_alike(known, ids), signals=alike)
