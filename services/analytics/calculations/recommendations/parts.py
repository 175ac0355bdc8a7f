"""The parts of the expected value of ranked steps, as columns."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.analytics.calculations.purchases import Booleans, Floats, float_column
from services.analytics.calculations.recommendations.candidates import (
    Candidate,
    StrategyOptions,
    StrategyParameters,
)
from services.analytics.calculations.recommendations.facts import Facts, Product
from services.analytics.calculations.recommendations.ranking import Ranked
from services.analytics.calculations.recommendations.valuation import (
    Rows,
    is_valued_by_product,
    match_of,
    weigh,
)
from services.analytics.calculations.signals.columns import SIGNALS

_WEIGHED: Final = (
    *("option", "channel", "product", "event", "signal", "quality", "fit"),
    *("value", "stake", "base_probability", "effect_probability"),
    *("contact_cost", "incentive_cost", "risk_cost"),
)
STEP_PARTS: Final = (*_WEIGHED, "until_day")
"""What is told of a step; the first five are numbers of what they name.

``until_day`` is the last day on which its event is open, days since 1970-01-01.
"""


def step_parts(
    steps: Ranked, facts: Facts, *, options: StrategyOptions, parameters: StrategyParameters
) -> dict[str, Floats]:
    """Value ranked steps once more, with their parts: columns ``step{rank}_{part}``.

    ``product`` is the number of the product among those of the base, ``signal`` that of the strongest
    answered signal, ``fit`` the factor of the effect; probabilities and base currency elsewhere.
    """
    columns: dict[str, Floats] = {}
    for rank in range(len(steps.option)):
        found = {part: np.full(len(facts), np.nan) for part in _WEIGHED}
        option = steps.option[rank]
        for number in np.flatnonzero(np.bincount(option[option >= 0])):
            rows = np.flatnonzero(option == number)
            parts = _parts(
                options.candidates[number],
                facts.take(rows),
                steps,
                (rank, rows),
                options=options,
                parameters=parameters,
            )
            for part, values in parts.items():
                found[part][rows] = values
            found["option"][rows] = number
        columns |= {f"step{rank + 1}_{part}": found[part] for part in _WEIGHED}
    return columns


def event_parts(
    events: NDArray[np.int16], units: pd.DataFrame, *, options: StrategyOptions
) -> dict[str, Any]:
    """Tell until when the events of steps are open, and by which record that of the first one is.

    Parameters
    ----------
    events
        Places of the events, -1 for none; shape (steps, units).
    units
        ``event_<id>`` and ``event_<id>_until_day``, as far as they are known.
    """
    until = np.full(events.shape, np.nan)
    record = np.full(events.shape[1], None, dtype=object)
    for place in np.unique(events[events >= 0]):
        name = f"event_{options.events[place].event_id}"
        for rank, of_rank in enumerate(events):
            rows = np.flatnonzero(of_rank == place)
            if f"{name}_until_day" in units:
                until[rank, rows] = float_column(units, f"{name}_until_day")[rows]
            if rank == 0:
                record[rows] = units[name].array.take(rows)
    columns = {f"step{rank + 1}_until_day": days for rank, days in enumerate(until)}
    return {**columns, "event_record_id": pd.array(record, dtype="str")}


def _parts(
    candidate: Candidate,
    facts: Facts,
    steps: Ranked,
    where: tuple[int, Rows],
    *,
    options: StrategyOptions,
    parameters: StrategyParameters,
) -> dict[str, Floats]:
    rank, rows = where
    channel, number = steps.channel[rank][rows], steps.product[rank][rows]
    qualities = facts.quality[candidate.purpose]
    quality = np.ones(len(rows))
    for place, values in qualities.items():
        quality = np.where(channel == place, values, quality)
    costs = np.array([*(each.unit_cost for each in options.channels), 0.0])
    cost = candidate.unit_cost + costs[channel]
    match = match_of(candidate, facts, options=options, parameters=parameters)
    parts = {
        **{part: np.full(len(rows), np.nan) for part in _WEIGHED},
        "channel": _or_none(channel),
        "event": _or_none(steps.event[rank][rows]),
        "signal": _strongest(candidate, facts),
        "quality": quality,
        "fit": np.clip(match * quality, parameters.fit_min, parameters.fit_max),
        "contact_cost": cost,
    }

    def put(of: Booleans, product: Product | None) -> None:
        """Value some units by what success is to them: that a product is bought, or that they stay."""
        gain = weigh(
            candidate,
            facts,
            quality=quality,
            match=match,
            cost=cost,
            product=product,
            parameters=parameters,
        )
        weighed = {
            "value": gain.value,
            "stake": facts.stake if product is None else product.margin,
            "base_probability": facts.base_probability if product is None else product.probability,
            "effect_probability": gain.effect_probability,
            "incentive_cost": np.broadcast_to(gain.incentive_cost, len(rows)),
            "risk_cost": gain.risk_cost,
        }
        for part, values in weighed.items():
            parts[part][of] = values[of]

    put(np.ones(len(rows), dtype=np.bool_), None)
    for place, product in enumerate(facts.products, start=1):
        of = number == place
        parts["product"][of] = product.place[of]
        if of.any() and is_valued_by_product(candidate):
            put(of, product)
    return parts


def _or_none(codes: np.ndarray) -> Floats:
    return np.where(codes < 0, np.nan, codes.astype(np.float64))


def _strongest(candidate: Candidate, facts: Facts) -> Floats:
    """Return the number of the strongest answered signal; NaN where none is raised."""
    names = [name for name in candidate.answers if name in facts.signals]
    if not names:
        return np.full(len(facts), np.nan)
    strengths = np.stack([facts.signals[name] for name in names])
    numbers = np.array([SIGNALS.index(name) for name in names], dtype=np.float64)
    return np.where(strengths.max(axis=0) > 0, numbers[np.argmax(strengths, axis=0)], np.nan)
