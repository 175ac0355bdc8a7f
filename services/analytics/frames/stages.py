"""When deals were won and how far the open ones were, by their stage and its history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from services.analytics.frames.arrays import NEVER, Booleans, Integers, Words, instants_of
from services.analytics.frames.clock import Clock
from services.analytics.frames.json_lists import read_lists
from services.analytics.mirror.snapshot import Snapshot

_CLOSED = ("won", "lost")
_QUOTED = ("proposal", "negotiation")
_QUALIFIED = ("qualified", *_QUOTED)
_ENTRY = pa.struct(
    [
        ("stage", pa.string()),
        ("kind", pa.string()),
        ("entered_at", pa.timestamp("us", tz="UTC")),
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """Where each deal stood at the end of the day.

    Attributes
    ----------
    won_at, lost_at
        When it was won or lost; NEVER if it was not so on the day.
    is_open
        Whether it had begun and was neither won nor lost.
    stage
        The stage that it was in while open; empty for others, and where nobody recorded it.
    is_qualified
        Whether it was open and qualified or further.
    is_quoted
        Whether it was open and terms were on the table: in proposal or negotiation.
    """

    won_at: Integers
    lost_at: Integers
    is_open: Booleans
    stage: Words
    is_qualified: Booleans
    is_quoted: Booleans


def stages_on(snapshot: Snapshot, table: pa.Table, opened: Integers, clock: Clock) -> Stages:
    """Tell where each deal stood.

    Of a deal that is closed now and was by the day, `closed_at` says all. Only of the others the
    history is read: the last stage entered by the day counts, but not one closed later.
    """
    kind, closed = Words.of(table.column("stage_kind")), instants_of(table, "closed_at")
    is_begun, is_closed = opened < clock.end, kind.are(*_CLOSED)
    is_settled = is_begun & is_closed & (closed < clock.end)
    won_at = np.where(is_settled & kind.are("won"), closed, NEVER)
    lost_at = np.where(is_settled & kind.are("lost"), closed, NEVER)
    is_qualified, is_quoted = np.zeros((2, len(won_at)), dtype=np.bool_)
    unsettled = is_begun & ~is_settled
    is_open = unsettled & ~(is_closed & (closed == NEVER))
    stage = Words(np.full(len(won_at), -1), [])
    if unsettled.any():
        history = snapshot.read("deals", ["stage_history"], where=unsettled)
        deal, entries = read_lists(history.column("stage_history"), _ENTRY)
        entered, entry = instants_of(entries, "entered_at"), Words.of(entries.column("stage"))
        rows = np.flatnonzero(unsettled)[deal]
        entered_kind = Words.of(entries.column("kind"))
        is_closed_later = (closed[rows] != NEVER) & entered_kind.are(*_CLOSED)
        counts = np.flatnonzero((entered < clock.end) & ~is_closed_later)
        counts = counts[np.lexsort((entered[counts], rows[counts]))]
        last = counts[np.append(rows[counts][1:] != rows[counts][:-1], True)[: len(counts)]]
        for word, closed_at in (("won", won_at), ("lost", lost_at)):
            is_such = last[entered_kind.are(word)[last]]
            closed_at[rows[is_such]] = entered[is_such]
        is_open[rows[last]] = ~entered_kind.are(*_CLOSED)[last]
        stage.codes[rows[last]] = entry.codes[last]
        stage = Words(np.where(is_open, stage.codes, -1), entry.words)
        is_qualified[rows[last]] = entry.are(*_QUALIFIED)[last]
        is_quoted[rows[last]] = entry.are(*_QUOTED)[last]
    return Stages(won_at, lost_at, is_open, stage, is_qualified, is_quoted)
