"""Which open complaint and which request of a data subject each unit waits for longest, or worst."""

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
) -> tuple[Integers, Floats, Floats, Integers]:
    """Return row, severity and last day of the open complaint that is the gravest of each unit.

    Of several equally grave ones the oldest; the row is -1 and the others NaN without one. The last
    array counts the open ones. It is to be
    settled within 14, 7 or 2 days by its severity, whoever complains. Source: domain specification 4,
    6.9.
    """
    found = np.full(contacts.unit_count, -1)
    severity, due_day = np.full((2, contacts.unit_count), np.nan)
    rows = np.flatnonzero(interactions.open_cases(clock, "complaint"))
    count = np.bincount(interactions.unit[rows], minlength=contacts.unit_count)
    if not len(rows):
        return found, severity, due_day, count
    told = floats_of(snapshot.read("interactions", ["severity"], where=rows), "severity")
    told = np.where(np.isnan(told), _RULES.severity_unknown, told)
    # The first one is put last and stays.
    order = np.lexsort((rows, interactions.occurred[rows], -told))[::-1]
    unit = interactions.unit[rows[order]]
    found[unit] = rows[order]
    severity[unit] = told[order]
    target = np.array(_RULES.target_days)[told[order].astype(np.int64) - 1]
    due_day[unit] = clock.days(interactions.occurred[rows[order]]) + target
    return found, severity, due_day, count


def urgent_requests(
    interactions: Interactions, contacts: Contacts, clock: Clock
) -> tuple[Integers, Floats]:
    """Return row and last day of the oldest open request of a data subject of each unit.

    The row is -1 and the day NaN without one. It is to be answered within a month of its receipt:
    by the same date of the next month, or the last one of a shorter month. Source: GDPR, article
    12(3); Regulation (EEC, Euratom) No 1182/71, article 3(2)(c).
    """
    found, due_day = np.full(contacts.unit_count, -1), np.full(contacts.unit_count, np.nan)
    rows = np.flatnonzero(interactions.privacy_requests(clock))
    if not len(rows):
        return found, due_day
    # The first one is put last and stays.
    rows = rows[np.lexsort((rows, interactions.occurred[rows]))[::-1]]
    unit = interactions.unit[rows]
    found[unit] = rows
    due_day[unit] = _a_month_after(clock.days(interactions.occurred[rows]))
    return found, due_day


def _a_month_after(days: Integers) -> Integers:
    received = days.astype("datetime64[D]")
    month = received.astype("datetime64[M]")
    day_of_month = (received - month.astype("datetime64[D]")).astype(np.int64)
    first, last = ((month + step).astype("datetime64[D]").astype(np.int64) for step in (1, 2))
    due: Integers = np.minimum(first + day_of_month, last - 1)
    return due
