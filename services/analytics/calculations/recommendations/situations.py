"""Which candidates a unit has at all, by its phase, state and lead stage; none is valued here."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.analytics.calculations.phases import LEAD_STAGES, PHASES, STATES
from services.analytics.calculations.recommendations.candidates import (
    Candidate,
    Situation,
    StrategyOptions,
)
from services.analytics.calculations.recommendations.facts import codes_of
from services.analytics.calculations.recommendations.valuation import (
    Option,
    events_of,
    is_own_service,
)

_SELLING = frozenset({"price", "product"})


def situation_codes(customers: pd.DataFrame) -> NDArray[np.int64]:
    """Write phase, state and lead stage of every unit as one number."""
    code = codes_of(customers["phase"], PHASES).astype(np.int64) + 1
    code = code * 16 + codes_of(customers["state"], STATES) + 1
    return code * 16 + codes_of(customers["lead_stage"], LEAD_STAGES) + 1


def options_in(options: StrategyOptions, code: int) -> list[Option]:
    """List the candidates of a situation; an event adds what it calls for.

    A row of the situation table restricts the candidates to what it names, but not those that an
    event calls for. A paid service for something owned is offered when it is due, never out of the
    blue: what it earns is not known.
    """
    phase, state, stage = (
        names[place - 1] if place else None
        for names, place in (
            (PHASES, code // 256),
            (STATES, code // 16 % 16),
            (LEAD_STAGES, code % 16),
        )
    )
    rows = [row for row in options.situations if row.state == state]
    named = [row for row in rows if row.lead_stage in (None, stage)]
    allowed: list[Option] = []
    for number, candidate in enumerate(options.candidates):
        if candidate.phase != phase:
            continue
        is_pushing = state == "new" and candidate.instrument_type in _SELLING
        # Of equal values the first one wins: an event is told wherever it calls for the step.
        allowed += [
            Option(number, candidate, event=place, after_contact=is_pushing)
            for place in events_of(candidate, options)
        ]
        naming = [row for row in named if _is_named(candidate, row)]
        if (naming or not rows) and not is_own_service(candidate):
            motives = [row.motive for row in naming]
            motive = None if None in motives or not motives else motives[0]
            allowed.append(Option(number, candidate, motive, after_contact=is_pushing))
    return allowed


def _is_named(candidate: Candidate, row: Situation) -> bool:
    is_instrument = not row.instrument_ids or candidate.instrument_id in row.instrument_ids
    return candidate.strategy_id == row.strategy_id and is_instrument
