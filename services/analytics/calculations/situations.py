"""Which candidates a unit has at all, by its phase, state and lead stage; none is valued here."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.analytics.calculations.candidates import Candidate, Situation, StrategyOptions
from services.analytics.calculations.facts import codes_of
from services.analytics.calculations.phases import LEAD_STAGES, PHASES, STATES
from services.analytics.calculations.valuation import Option


def situation_codes(customers: pd.DataFrame) -> NDArray[np.int64]:
    """Write phase, state and lead stage of every unit as one number."""
    code = codes_of(customers["phase"], PHASES).astype(np.int64) + 1
    code = code * 16 + codes_of(customers["state"], STATES) + 1
    return code * 16 + codes_of(customers["lead_stage"], LEAD_STAGES) + 1


def options_in(options: StrategyOptions, code: int) -> tuple[list[Option], bool]:
    """List the candidates of a situation, and tell whether product offers were left out."""
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
    allowed = []
    left_out = False
    for number, candidate in enumerate(options.candidates):
        naming = [row for row in named if _is_named(candidate, row)]
        if candidate.phase != phase or (rows and not naming):
            continue
        if candidate.instrument_type == "product" and phase != "winback":
            left_out = True
            continue
        motives = [row.motive for row in naming]
        motive = None if None in motives or not motives else motives[0]
        allowed.append(Option(number, candidate, motive))
    return allowed, left_out


def _is_named(candidate: Candidate, row: Situation) -> bool:
    is_instrument = not row.instrument_ids or candidate.instrument_id in row.instrument_ids
    return candidate.strategy_id == row.strategy_id and is_instrument
