"""C-SENT: mood of late, and how it has changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Floats, Integers
from services.analytics.calculations.signals.by_unit import (
    Signal,
    ages,
    count_by_unit,
    ratio,
    shown_by,
    sum_by_unit,
    units_of,
)


@dataclass(frozen=True, slots=True)
class SentimentParameters:
    """How moods become a level (domain specification 4).

    Attributes
    ----------
    half_life_days
        Age at which a mood counts half; days; default 45.
    window_days
        Age from which it does not count any more; days; default 180.
    compared_days
        How long ago the level is that the present one is compared with; days; default 90.
    from_records
        Moods in the window from which there is a level; count; default 2.
    trend_weight
        What a fall of the level counts against a negative level; no unit; default 0.5.
    """

    half_life_days: float = 45.0
    window_days: int = 180
    compared_days: int = 90
    from_records: int = 2
    trend_weight: float = 0.5


def mood_level(
    unit: Integers, age: Integers, mood: Floats, *, unit_count: int, parameters: SentimentParameters
) -> Floats:
    """Return the weighted mean of the moods; -1 to 1, shape (units,), NaN without any.

    Parameters
    ----------
    age
        Days before the day looked from; moods of negative age came later and do not count.
    mood
        -1 to 1.
    """
    counts = (age >= 0) & (age < parameters.window_days)
    weight = np.exp2(-age[counts] / parameters.half_life_days)
    return ratio(
        sum_by_unit(unit[counts], weight * mood[counts], unit_count),
        sum_by_unit(unit[counts], weight, unit_count),
    )


def negative_sentiment(
    interactions: pd.DataFrame, *, unit_count: int, as_of_day: int, parameters: SentimentParameters
) -> tuple[Signal, Floats]:
    """Return the signal and the level of the mood; the level is NaN with too few records, too.

    Parameters
    ----------
    interactions
        Frame of events: ``unit``, ``day``, ``sentiment``, ``interaction_id``.

    Notes
    -----
    ``clip(max(0, -L) + 0.5 * max(0, L_90_days_ago - L))``; a level of 90 days ago that nobody
    recorded is no fall. Source: domain specification 4.
    """
    mood = interactions["sentiment"].to_numpy(dtype=np.float64)
    age = ages(interactions, as_of_day)
    oldest = parameters.window_days + parameters.compared_days
    rows = np.flatnonzero(~np.isnan(mood) & (age < oldest))
    unit, age, mood = units_of(interactions, rows), age[rows], mood[rows]
    now, before = (
        mood_level(unit, age - ago, mood, unit_count=unit_count, parameters=parameters)
        for ago in (0, parameters.compared_days)
    )
    is_recent = age < parameters.window_days
    is_enough = count_by_unit(unit[is_recent], unit_count) >= parameters.from_records
    fall = np.fmax(before - now, 0.0)
    strength = np.clip(np.maximum(-now, 0.0) + parameters.trend_weight * fall, 0.0, 1.0)
    strength = np.where(is_enough, strength, np.nan)
    recent = rows[is_recent]
    weight = np.exp2(-age[is_recent] / parameters.half_life_days) * (1 - mood[is_recent])
    evidence = shown_by(strength, interactions, recent, weight)
    return Signal(strength, evidence), np.where(is_enough, now, np.nan)
