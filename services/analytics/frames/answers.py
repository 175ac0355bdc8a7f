"""Which messages of customers still wait for an answer."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from services.analytics.calculations.reach.parameters import ReachParameters
from services.analytics.frames.arrays import NEVER, Booleans, Integers, booleans_of
from services.analytics.frames.clock import Clock
from services.analytics.frames.contacts import Contacts
from services.analytics.frames.interactions import Interactions
from services.analytics.mirror.snapshot import Snapshot

_MESSAGES = ("email", "message", "social")
_TALKS = ("call", "chat", "meeting", "visit")
"""Both sides speak: whatever was open is taken as answered."""
_ANSWERS = (*_MESSAGES, *_TALKS, "offer")
_HAS_A_RULE = ("complaint", "service_request", "survey_response", "cancellation", *_TALKS)
"""Cases are settled by their own state, and talks were answered while they went on."""
_HOUR = 3_600_000_000


def unanswered_messages(
    snapshot: Snapshot,
    interactions: Interactions,
    contacts: Contacts,
    clock: Clock,
    parameters: ReachParameters,
) -> Integers:
    """Return for each unit the row of the message that has waited longest; -1 without one.

    That is an e-mail, a message, a post or anything public that came in, is older than 24 hours at
    the end of the day, and was followed by nothing that we sent to that contact or its organisation,
    nor by a talk. What we send for a campaign is no answer. Source: domain specification 6.1, step 1.
    """
    kind, occurred = interactions.kind, interactions.occurred
    start = clock.start_of_window(parameters.answer_window_days)
    recent = interactions.since(start)
    came_in = (
        recent & interactions.is_inbound & (occurred < clock.end - parameters.answer_hours * _HOUR)
    )
    asks = came_in & (
        kind.are(*_MESSAGES) | _is_public(snapshot, came_in & ~kind.are(*_HAS_A_RULE))
    )
    found = np.full(contacts.unit_count, -1)
    rows = np.flatnonzero(asks)
    if len(rows):
        answered = _answered_at(interactions, recent, len(contacts.ids))
        contact = interactions.contact[rows]
        house = contacts.unit_rows[interactions.unit[rows]]
        rows = rows[occurred[rows] > np.maximum(answered[contact], answered[house])]
    ids = snapshot.read("interactions", ["id"], where=rows).column("id").combine_chunks()
    order = pc.sort_indices(ids).to_numpy()
    order = order[np.lexsort((occurred[rows][order], interactions.unit[rows][order]))[::-1]]
    found[interactions.unit[rows][order]] = rows[order]  # the first one is put last and stays
    return found


def _is_public(snapshot: Snapshot, where: Booleans) -> Booleans:
    public = where.copy()
    if where.any():
        public[where] = booleans_of(
            snapshot.read("interactions", ["is_public"], where=where), "is_public"
        )
    return public


def _answered_at(interactions: Interactions, recent: Booleans, count: int) -> Integers:
    """Return when each contact last had an answer or a talk; far in the past if never."""
    kind, direction = interactions.kind, interactions.direction
    is_answer = kind.are(*_ANSWERS) & direction.are("outbound") | kind.are("offer")
    is_answer |= kind.are(*_TALKS) & ~direction.are("internal")
    rows = recent & is_answer
    answered = np.full(count, -NEVER)
    np.maximum.at(answered, interactions.contact[rows], interactions.occurred[rows])
    return answered
