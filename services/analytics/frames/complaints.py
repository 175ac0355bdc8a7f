"""Which open complaint of each unit is to be taken up first."""

from __future__ import annotations

from typing import Final

import numpy as np

from services.analytics.calculations.signals.complaints import ComplaintParameters
from services.analytics.frames.arrays import Floats, Integers, floats_of
from services.analytics.frames.clock import Clock
from services.analytics.frames.contacts import Contacts
from services.analytics.frames.interactions import Interactions
from services.analytics.mirror.snapshot import Snapshot

_RULES: Final = ComplaintParameters()


def urgent_complaints(
    snapshot: Snapshot, interactions: Interactions, contacts: Contacts, clock: Clock
) -> tuple[Integers, Floats, Floats]:
    """Return row, severity and last day of the open complaint that is the gravest of each unit.

    Of several equally grave ones the oldest; the row is -1 and the others NaN without one. It is to be
    settled within 14, 7 or 2 days by its severity, whoever complains. Source: domain specification 4,
    6.9.
    """
    found = np.full(contacts.unit_count, -1)
    severity, due_day = np.full((2, contacts.unit_count), np.nan)
    rows = np.flatnonzero(interactions.open_cases(clock, "complaint"))
    if not len(rows):
        return found, severity, due_day
    told = floats_of(snapshot.read("interactions", ["severity"], where=rows), "severity")
    told = np.where(np.isnan(told), _RULES.severity_unknown, told)
    # The first one is put last and stays.
    order = np.lexsort((rows, interactions.occurred[rows], -told))[::-1]
    unit = interactions.unit[rows[order]]
    found[unit] = rows[order]
    severity[unit] = told[order]
    target = np.array(_RULES.target_days)[told[order].astype(np.int64) - 1]
    due_day[unit] = clock.days(interactions.occurred[rows[order]]) + target
    return found, severity, due_day
