"""To whom the step of an experiment is open but for the experiment itself: whom it may take in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.analytics.calculations.feedback.known import Holdout
from services.analytics.calculations.purchases import Booleans
from services.analytics.calculations.recommendations.barriers import FREE, barrier_of
from services.analytics.calculations.recommendations.candidates import (
    StrategyOptions,
    StrategyParameters,
)
from services.analytics.calculations.recommendations.facts import Facts
from services.analytics.calculations.recommendations.valuation import Option, best_way

OpenTo: TypeAlias = NDArray[np.bool_]
"""Whether the step of each experiment is open to each unit; shape (experiments, units)."""


def open_to(
    allowed: Sequence[Option],
    facts: Facts,
    *,
    options: StrategyOptions,
    parameters: StrategyParameters,
) -> OpenTo:
    """Tell to whom the steps of experiments are open, by place of the experiment.

    That is who is recommended the step, or would be if the experiment held nobody out and steps that
    bring more did not come first. Which arm somebody is in says nothing of it: eligibility is decided
    before assignment. Source: domain specification 6.1 (filter, value), 7 (`F-HOLD`).
    """
    found = np.zeros((len(options.holdouts), len(facts)), dtype=np.bool_)
    for place, holdout in enumerate(options.holdouts):
        nobody = np.zeros(len(facts), dtype=np.bool_)
        untried = replace(facts, controls={**facts.controls, place: nobody})
        for option in _tried(allowed, holdout, options):
            way = best_way(option, untried, options=options, parameters=parameters)
            barrier = barrier_of(option, untried, way, options=options)
            brings = way.value >= parameters.least_value
            found[place] |= brings if barrier is None else brings & (barrier == FREE)
    return found


def _tried(
    allowed: Sequence[Option], holdout: Holdout, options: StrategyOptions
) -> Iterator[Option]:
    """Yield the options that are the step of an experiment, over the channel that it tries."""
    step = (holdout.phase, holdout.strategy_id, holdout.instrument_id)
    for option in allowed:
        candidate = option.candidate
        if (candidate.phase, candidate.strategy_id, candidate.instrument_id) != step:
            continue
        if holdout.channel_id is None:
            yield option
            continue
        channels = tuple(
            place
            for place in candidate.channels
            if options.channels[place].channel_id == holdout.channel_id
        )
        if channels:
            yield replace(option, candidate=replace(candidate, channels=channels))


def experiment_ids(opened: OpenTo, options: StrategyOptions) -> pd.Categorical:
    """Write the ids of the experiments that may take in each unit as one text; missing for none."""
    if not opened.any():
        return pd.Categorical.from_codes(
            np.full(opened.shape[1], -1, dtype=np.int16), categories=pd.Index([], dtype="str")
        )
    ids = [holdout.experiment_id for holdout in options.holdouts]
    kinds, codes = np.unique(opened, axis=1, return_inverse=True)
    texts = [" ".join(np.array(ids)[kind]) for kind in kinds.T]
    words = [text for text in texts if text]
    numbers = np.array([words.index(text) if text else -1 for text in texts], dtype=np.int16)
    return pd.Categorical.from_codes(
        numbers[codes.reshape(-1)], categories=pd.Index(words, dtype="str")
    )


def may_take_in(experiment_id: str, column: pd.Series) -> Booleans:
    """Tell whom an experiment may take in, by what `experiment_ids` wrote."""
    kinds = column.cat.categories
    is_named = np.array([*(experiment_id in text.split() for text in kinds), False], dtype=np.bool_)
    found: Booleans = is_named[column.cat.codes.to_numpy()]
    return found
