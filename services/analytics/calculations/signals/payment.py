"""C-PAY: the customer pays later than before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Floats, Integers
from services.analytics.calculations.signals.by_unit import (
    Signal,
    count_by_unit,
    newest_first,
    places_within,
    ratio,
    shown_by,
    sum_by_unit,
    units_of,
)


@dataclass(frozen=True, slots=True)
class PaymentParameters:
    """How payments of late are compared with those before (domain specification 4).

    Attributes
    ----------
    recent_invoices, from_earlier_invoices
        Invoices of late, and how many there must be before for these to count; count; defaults 3
        and 2; with fewer, being on time is taken as usual.
    days_of_full_strength
        By how much the delay has to grow for the full strength; days; default 30.
    """

    recent_invoices: int = 3
    from_earlier_invoices: int = 2
    days_of_full_strength: float = 30.0


def payment_strength(
    unit: Integers, place: Integers, late: Floats, *, unit_count: int, parameters: PaymentParameters
) -> Floats:
    """Return how much the delay has grown; shape (units,), NaN with too few invoices.

    Parameters
    ----------
    unit, place, late
        Unit of each invoice, its place counted from the newest of the unit, and days late.

    Notes
    -----
    ``clip((mean of last 3 - mean of earlier) / 30)``. Source: domain specification 4.
    """
    is_recent = place < parameters.recent_invoices
    count = count_by_unit(unit, unit_count)
    recent, earlier = (
        ratio(
            sum_by_unit(unit[rows], late[rows], unit_count), count_by_unit(unit[rows], unit_count)
        )
        for rows in (is_recent, ~is_recent)
    )
    is_usual_known = count - parameters.recent_invoices >= parameters.from_earlier_invoices
    growth = recent - np.where(is_usual_known, earlier, 0.0)
    strength = np.clip(growth / parameters.days_of_full_strength, 0.0, 1.0)
    return np.where(count >= parameters.recent_invoices, strength, np.nan)


def payment_delay(
    invoices: pd.DataFrame, *, unit_count: int, as_of_day: int, parameters: PaymentParameters
) -> Signal:
    """Return the signal, of invoices that are paid or due; NaN with fewer than three.

    Parameters
    ----------
    invoices
        Frame of events: ``unit``, ``due_day``, ``paid_day``, ``is_complained_of``, ``deal_id``.

    Notes
    -----
    Days late are ``max(0, paid or as of - due)``; invoices of complaints that are open or justified
    are left out. Source: domain specification 4.
    """
    due = invoices["due_day"].to_numpy(dtype=np.int64)
    paid = invoices["paid_day"].to_numpy(dtype=np.float64)
    counts = ~np.isnan(paid) | (due <= as_of_day)
    counts &= ~invoices["is_complained_of"].to_numpy(dtype=np.bool_)
    rows = np.flatnonzero(counts)
    unit, due, paid = units_of(invoices, rows), due[rows], paid[rows]
    order = newest_first(unit, due, invoices["deal_id"].array, rows)
    rows, unit, due, paid = rows[order], unit[order], due[order], paid[order]
    late = np.maximum(np.where(np.isnan(paid), as_of_day, paid) - due, 0.0)
    place = places_within(unit)
    strength = payment_strength(unit, place, late, unit_count=unit_count, parameters=parameters)
    recent = place < parameters.recent_invoices
    return Signal(strength, shown_by(strength, invoices, rows[recent], late[recent]))
