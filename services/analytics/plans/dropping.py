"""Who is not put on a list any more, and why: what holds now decides, not what held for the plan."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
import pandas as pd

from services.analytics.calculations.feedback.known import Holdout
from services.analytics.calculations.reach.channels import unpack_barriers
from services.analytics.calculations.reach.parameters import BARRIERS
from services.analytics.ledger import Ledger
from services.analytics.plans.asking import ContactNow
from services.analytics.plans.options import StepOptions, Words, step_options

DropReason = Literal[
    "erased",
    "profiling_objection",
    "no_consent",
    "unreachable",
    "contact_cap",
    "control_group",
    "decided",
    "changed_since_refresh",
    "no_longer_recommended",
]
DROP_REASONS: Final[tuple[DropReason, ...]] = get_args(DropReason)
NOBODY_BARRED: Final[Mapping[str, DropReason]] = {}
Decision = tuple[str, str]
"""Unit and instrument of a decision."""
_OF_BARRIERS: Final[Mapping[str, DropReason]] = {
    "not_active": "unreachable",
    "no_address": "unreachable",
    "refused": "no_consent",
    "consent_pending": "no_consent",
    "no_consent": "no_consent",
}


@dataclass(frozen=True, slots=True, eq=False)
class NewestSteps:
    """The steps that the newest version recommends, to be looked up by customer.

    `cursor` is where the feed of the CRM stood when they were computed.
    """

    places: pd.Index
    options: StepOptions
    objecting: frozenset[str]
    erased: frozenset[str]
    cursor: str

    @classmethod
    def of(cls, ledger: Ledger, words: Words) -> NewestSteps:
        customers = ledger.customers
        objects = customers["has_profiling_objection"].to_numpy(dtype=np.bool_, na_value=False)
        return cls(
            pd.Index(customers["unit_id"]),
            step_options(ledger, words),
            frozenset(customers["unit_id"][objects]),
            ledger.erased,
            ledger.mark.cursor,
        )


def dropped(
    choices: Sequence[Mapping[str, Any]],
    newest: NewestSteps,
    *,
    barred: Mapping[str, DropReason] = NOBODY_BARRED,
    holdouts: Sequence[Holdout] = (),
    decided: Collection[Decision] = (),
) -> dict[str, DropReason]:
    """Return why whom of some choices of a plan is dropped.

    Parameters
    ----------
    choices
        ``unit_id``, ``strategy_id``, ``instrument_id``, ``channel``, ``product_id`` of each.
    newest
        What the newest version recommends.
    barred
        Whom the CRM tells something of that came after it, by id.
    holdouts
        Experiments that are not closed; nobody of their control groups gets what is tried.
    decided
        What was decided on and is not to be done again.
    """
    reasons: dict[str, DropReason] = {}
    places = newest.places.get_indexer(pd.Index([choice["unit_id"] for choice in choices]))
    controls = _controls(choices, holdouts)
    for choice, place in zip(choices, places.tolist(), strict=True):
        unit_id = choice["unit_id"]
        if place < 0 or unit_id in newest.erased:
            reasons[unit_id] = "erased"
        elif unit_id in newest.objecting:
            reasons[unit_id] = "profiling_objection"
        elif unit_id in barred:
            reasons[unit_id] = barred[unit_id]
        elif unit_id in controls:
            reasons[unit_id] = "control_group"
        elif (unit_id, choice["instrument_id"]) in decided:
            reasons[unit_id] = "decided"
        elif not _is_recommended(choice, newest.options, place):
            reasons[unit_id] = "no_longer_recommended"
    return reasons


def _controls(choices: Sequence[Mapping[str, Any]], holdouts: Sequence[Holdout]) -> set[str]:
    """Return who is held out of the instrument of the choice, in whichever phase it was made."""
    found = set[str]()
    for holdout in holdouts:
        tried = [choice["unit_id"] for choice in choices if holdout.tries(choice["instrument_id"])]
        is_control = holdout.holds_out(tried).tolist()
        found.update(unit_id for unit_id, held in zip(tried, is_control, strict=True) if held)
    return found


def told_now(
    choice: Mapping[str, Any], changed: Collection[str], contacts: Mapping[str, ContactNow]
) -> DropReason:
    """Return why a choice is dropped whose customer changed in the CRM since the last refresh.

    Parameters
    ----------
    choice
        With its ``channel``.
    changed
        Which contacts of the customer changed: itself, or the person who is addressed.
    contacts
        What the CRM says of them; who is missing is gone.
    """
    now = [contacts.get(contact_id) for contact_id in changed]
    if any(contact is None for contact in now):
        return "erased"
    if any(contact.objects for contact in now if contact is not None):
        return "profiling_objection"
    if any(choice["channel"] in contact.refused for contact in now if contact is not None):
        return "no_consent"
    return "changed_since_refresh"


def why_not(
    choice: Mapping[str, Any], row: Mapping[str, Any], channels: Sequence[str]
) -> DropReason:
    """Return why a step is not recommended any more, as far as it is about reaching the customer.

    Parameters
    ----------
    choice
        With its ``channel``.
    row
        ``channel_barriers`` and ``wait_days`` of the customer in the newest version.
    channels
        Ids of the addressable channels, in the order of the catalogue.
    """
    if choice["channel"] not in channels or row["channel_barriers"] is None:
        return "no_longer_recommended"
    packed = np.array([int(row["channel_barriers"])])
    (codes,) = unpack_barriers(packed, channel_count=len(channels))
    reason = _OF_BARRIERS.get(BARRIERS[int(codes[channels.index(choice["channel"])])])
    if reason is not None:
        return reason
    return "contact_cap" if row["wait_days"] else "no_longer_recommended"


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
