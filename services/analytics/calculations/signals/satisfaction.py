"""C-GAP: perception stays behind expectation, or the customer would not recommend us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Booleans, Floats, Integers
from services.analytics.calculations.signals.by_unit import (
    Rows,
    Signal,
    ages,
    are,
    newest_first,
    places_within,
    ratio,
    shown_by,
    sum_by_unit,
    units_of,
)

DIMENSIONS: Final = ("product", "peripheral", "ambience", "psychic")
"""Ids of the catalogue's `satisfaction_dimensions`."""


@dataclass(frozen=True, slots=True)
class SatisfactionParameters:
    """How answers to surveys are weighed (domain specification 4).

    Attributes
    ----------
    weights
        Weight of each dimension in the difference; share; default those of the catalogue, of which
        the ones answered are brought to 1.
    window_days
        How old an answer may be; days; default 365.
    gap_of_full_strength
        How far perception has to stay behind for the full strength; points of 10; default 4.
    recommending_from
        Willingness to recommend from which on there is no signal; points of 10; default 7.
    expectation_unknown
        Expectation where neither the unit nor the base ever told one; points of 10; default 7.
    """

    weights: Mapping[str, float] = field(
        default_factory=lambda: {"product": 0.4, "peripheral": 0.2, "ambience": 0.2, "psychic": 0.2}
    )
    window_days: int = 365
    gap_of_full_strength: float = 4.0
    recommending_from: float = 7.0
    expectation_unknown: float = 7.0


@dataclass(frozen=True, slots=True, eq=False)
class Satisfaction:
    """The signal, and what it is made of.

    Attributes
    ----------
    difference
        ``D``: perception less expectation; points, shape (units,), NaN without a rating.
    nps
        Willingness to recommend of late; 0 to 10, NaN without an answer.
    is_expectation_assumed
        Whether an expectation in ``D`` was taken from earlier answers or from others.
    gap_dimension
        Place among `DIMENSIONS` of the dimension that lies farthest below expectation; NaN if none.
    """

    signal: Signal
    difference: Floats
    nps: Floats
    is_expectation_assumed: Booleans
    gap_dimension: Floats


def satisfaction_gap(
    ratings: pd.DataFrame,
    interactions: pd.DataFrame,
    *,
    median_expectation: Mapping[str, float],
    unit_count: int,
    as_of_day: int,
    parameters: SatisfactionParameters,
) -> Satisfaction:
    """Return the signal and its parts.

    Parameters
    ----------
    ratings
        Frame of events: ``unit``, ``day``, ``dimension``, ``perception``, ``expectation``,
        ``interaction_id``.
    interactions
        Frame of events: ``unit``, ``day``, ``kind``, ``nps``, ``interaction_id``.
    median_expectation
        Median expectation of the base by dimension; points.

    Notes
    -----
    ``D = sum w * (P - E)`` over the latest rating of each dimension, weights brought to 1;
    ``max(clip(-D / 4), clip((7 - nps) / 7))``. Source: domain specification 4.
    """
    difference, is_assumed, dimension = _difference(
        ratings, median_expectation, unit_count, as_of_day, parameters
    )
    nps_rows = _latest_nps(interactions, as_of_day, parameters)
    nps = np.full(unit_count, np.nan)
    nps[units_of(interactions, nps_rows)] = interactions["nps"].to_numpy(np.float64)[nps_rows]
    strength = gap_strength(difference, nps, parameters=parameters)
    answers = are(interactions["kind"], "survey_response")
    age = ages(interactions, as_of_day)
    rows = np.flatnonzero(answers & (age < parameters.window_days))
    evidence = shown_by(strength, interactions, rows, -age[rows])
    return Satisfaction(Signal(strength, evidence), difference, nps, is_assumed, dimension)


def gap_strength(difference: Floats, nps: Floats, *, parameters: SatisfactionParameters) -> Floats:
    """Return the greater of what the difference and the recommendation say; NaN without both."""
    from_difference = np.clip(-difference / parameters.gap_of_full_strength, 0.0, 1.0)
    limit = parameters.recommending_from
    strength: Floats = np.fmax(from_difference, np.clip((limit - nps) / limit, 0.0, 1.0))
    return strength


def _difference(
    ratings: pd.DataFrame,
    median_expectation: Mapping[str, float],
    unit_count: int,
    as_of_day: int,
    parameters: SatisfactionParameters,
) -> tuple[Floats, Booleans, Floats]:
    dimensions = list(parameters.weights)
    named = ratings["dimension"].cat
    place = np.append(pd.Index(dimensions).get_indexer(named.categories), -1)[named.codes]
    perception = ratings["perception"].to_numpy(dtype=np.float64)
    rows = np.flatnonzero((place >= 0) & ~np.isnan(perception))
    key = units_of(ratings, rows) * len(dimensions) + place[rows]
    day = ratings["day"].to_numpy(dtype=np.int64)[rows]
    told = ratings["expectation"].to_numpy(dtype=np.float64)[rows]
    order = newest_first(key, day, ratings["interaction_id"].array, rows)
    own = _latest_told(key[order], told[order], unit_count * len(dimensions))
    latest = order[places_within(key[order]) == 0]
    latest = latest[as_of_day - day[latest] < parameters.window_days]
    key, expected = key[latest], told[latest]
    of_base = [median_expectation.get(name, parameters.expectation_unknown) for name in dimensions]
    dimension, unit = key % len(dimensions), key // len(dimensions)
    assumed = np.where(np.isnan(own[key]), np.array(of_base)[dimension], own[key])
    is_assumed = np.isnan(expected)
    gap = perception[rows][latest] - np.where(is_assumed, assumed, expected)
    weight = np.array(list(parameters.weights.values()))[dimension]
    difference = ratio(
        sum_by_unit(unit, weight * gap, unit_count), sum_by_unit(unit, weight, unit_count)
    )
    widest = np.full(unit_count, np.nan)
    # The widest gap comes last and stays.
    falling = np.flatnonzero(gap < 0)[np.argsort(-gap[gap < 0], kind="stable")]
    places = np.array([DIMENSIONS.index(name) for name in dimensions])
    widest[unit[falling]] = places[dimension[falling]]
    return difference, np.bincount(unit[is_assumed], minlength=unit_count) > 0, widest


def _latest_told(sorted_key: Integers, told: Floats, count: int) -> Floats:
    """Return the newest expectation that was told for each key; NaN if none ever was."""
    is_told = ~np.isnan(told)
    key, told = sorted_key[is_told], told[is_told]
    first = places_within(key) == 0
    own = np.full(count, np.nan)
    own[key[first]] = told[first]
    return own


def _latest_nps(
    interactions: pd.DataFrame, as_of_day: int, parameters: SatisfactionParameters
) -> Rows:
    age = ages(interactions, as_of_day)
    is_given = ~np.isnan(interactions["nps"].to_numpy(dtype=np.float64))
    rows = np.flatnonzero(is_given & (age < parameters.window_days))
    unit, ids = units_of(interactions, rows), interactions["interaction_id"].array
    return rows[newest_first(unit, -age[rows], ids, rows, at_most=1)]
