"""E-CAP: how often a person was addressed of late, and when it may be addressed again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.analytics.calculations.purchases import Booleans, Integers
from services.analytics.calculations.reach.parameters import ReachParameters
from services.analytics.calculations.signals.by_unit import places_within


@dataclass(frozen=True, slots=True, eq=False)
class Pressure:
    """How often people were addressed; shape (people,).

    Attributes
    ----------
    used, cap
        Touches in the window, and how many there may be; counts.
    allowed
        Whether another touch is allowed today.
    wait_days
        Days until it is; 0 if it is today.
    """

    used: Integers
    cap: Integers
    allowed: Booleans
    wait_days: Integers


def contact_pressure(
    person: Integers,
    age_days: Integers,
    *,
    cap: Integers,
    is_unanswered: Booleans,
    parameters: ReachParameters,
) -> Pressure:
    """Count the marketing touches of people and say when the next one is possible.

    Parameters
    ----------
    person, age_days
        Of each touch: row of its person, and how many days ago; in any order. Older ones than the
        window may be among them.
    cap
        Touches in the window that the style of each person allows; count, shape (people,).
    is_unanswered
        Whether the last touches of each person stayed unanswered; shape (people,).

    Raises
    ------
    ValueError
        A touch lies ahead.

    Notes
    -----
    Four in 30 days, two if the style is brief; halved, not below one, if the last three stayed
    unanswered; three days between two. A touch counts up to an age of 30 days, so the one that has
    to leave the window does so at 31. Source: domain specification 6.4.
    """
    if len(age_days) and age_days.min() < 0:
        raise ValueError("a touch lies ahead")
    cap = np.where(is_unanswered, np.maximum(cap // 2, 1), cap)
    counts = age_days <= parameters.pressure_window_days
    person, age_days = person[counts], age_days[counts]
    order = np.lexsort((age_days, person))
    person, age_days = person[order], age_days[order]
    place = places_within(person)
    used = np.bincount(person, minlength=len(cap))
    wait = np.zeros(len(cap), dtype=np.int64)
    is_newest = place == 0
    wait[person[is_newest]] = np.maximum(parameters.gap_days - age_days[is_newest], 0)
    leaves = place == cap[person] - 1
    until = parameters.pressure_window_days + 1 - age_days[leaves]
    wait[person[leaves]] = np.maximum(wait[person[leaves]], until)
    return Pressure(used, cap, wait == 0, wait)


def unanswered_of_late(
    person: Integers,
    at: Integers,
    is_answered: Booleans,
    *,
    turned_at: Integers,
    parameters: ReachParameters,
) -> Booleans:
    """Tell of whom the last touches (three) all stayed unanswered; shape (people,).

    Parameters
    ----------
    person, at, is_answered
        Of each touch: row of its person, any instant, and whether it was answered.
    turned_at
        When each person last turned to us by itself, on the same clock: that answers what came
        before; shape (people,).

    Notes
    -----
    With fewer touches nobody is. Source: domain specification 6.4.
    """
    order = np.lexsort((-at, person))
    person, at, is_answered = person[order], at[order], is_answered[order]
    place = places_within(person)
    is_answered = is_answered | (at < turned_at[person])
    last = place < parameters.unanswered_touches
    missing = np.bincount(person[last & ~is_answered], minlength=len(turned_at))
    return np.asarray(missing >= parameters.unanswered_touches, dtype=np.bool_)
