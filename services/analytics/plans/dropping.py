"""Who is not put on a list any more, and why: what is known in the newest version decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
import pandas as pd

from services.analytics.ledger import Ledger
from services.analytics.plans.options import StepOptions, Words, step_options

DropReason = Literal[
    "erased",
    "profiling_objection",
    "no_consent",
    "contact_cap",
    "control_group",
    "no_longer_recommended",
]
DROP_REASONS: Final[tuple[DropReason, ...]] = get_args(DropReason)
NOBODY_BARRED: Final[Mapping[str, DropReason]] = {}


@dataclass(frozen=True, slots=True, eq=False)
class NewestSteps:
    """The steps that the newest version recommends, to be looked up by customer."""

    places: pd.Index
    options: StepOptions
    objecting: frozenset[str]
    erased: frozenset[str]

    @classmethod
    def of(cls, ledger: Ledger, words: Words) -> NewestSteps:
        customers = ledger.customers
        objects = customers["has_profiling_objection"].to_numpy(dtype=np.bool_, na_value=False)
        return cls(
            pd.Index(customers["unit_id"]),
            step_options(ledger, words),
            frozenset(customers["unit_id"][objects]),
            ledger.erased,
        )


def dropped(
    choices: Sequence[Mapping[str, Any]],
    newest: NewestSteps,
    *,
    barred: Mapping[str, DropReason] = NOBODY_BARRED,
) -> dict[str, DropReason]:
    """Return why whom of some choices of a plan is dropped.

    Consent, contact pressure and control groups are looked at by every refresh before it recommends
    a step; so a step that the newest version does not recommend any more is not done either.

    Parameters
    ----------
    choices
        ``unit_id``, ``strategy_id``, ``instrument_id``, ``channel``, ``product_id`` of each.
    newest
        What the newest version recommends.
    barred
        Whom something is known of that came after it, by id.
    """
    reasons: dict[str, DropReason] = {}
    places = newest.places.get_indexer(pd.Index([choice["unit_id"] for choice in choices]))
    for choice, place in zip(choices, places.tolist(), strict=True):
        unit_id = choice["unit_id"]
        if place < 0 or unit_id in newest.erased:
            reasons[unit_id] = "erased"
        elif unit_id in newest.objecting:
            reasons[unit_id] = "profiling_objection"
        elif unit_id in barred:
            reasons[unit_id] = barred[unit_id]
        elif not _is_recommended(choice, newest.options, place):
            reasons[unit_id] = "no_longer_recommended"
    return reasons


def _is_recommended(choice: Mapping[str, Any], options: StepOptions, place: int) -> bool:
    wanted = tuple(
        choice[name] for name in ("strategy_id", "instrument_id", "channel", "product_id")
    )
    columns = (options.strategy, options.instrument, options.channel, options.product)
    for step in np.flatnonzero(options.value[place] > 0):
        codes = [int(column.codes[place, step]) for column in columns]
        found = tuple(
            None if code < 0 else column.words[code]
            for column, code in zip(columns, codes, strict=True)
        )
        if found == wanted:
            return True
    return False
