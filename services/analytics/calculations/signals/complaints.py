"""C-COMPLAINT: complaints that are open or were turned down lately."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Booleans, Floats
from services.analytics.calculations.signals.by_unit import (
    Signal,
    ages,
    are,
    join_by_unit,
    shown_by,
    units_of,
)


@dataclass(frozen=True, slots=True)
class ComplaintParameters:
    """What complaints weigh (domain specification 4, 11).

    Attributes
    ----------
    weights
        Strength of an overdue complaint of severity 1, 2 and 3; share; default 0.4, 0.7 and 1.
    target_days
        When complaints of severity 1, 2 and 3 are to be settled; days; default 14, 7 and 2.
    severity_unknown
        Severity of a complaint that nobody has judged; 1 to 3; default 1 (our own: the handler
        sets it, and none is made worse than somebody said).
    strength_when_new
        Share of its weight that a complaint has on its first day; share; default 0.5.
    rejected_share, rejected_half_life_days, rejected_window_days
        What a rejected complaint weighs, by how much that fades, and when it ends; share, days,
        days; defaults 0.5, 90 and 180.
    """

    weights: tuple[float, float, float] = (0.4, 0.7, 1.0)
    target_days: tuple[float, float, float] = (14.0, 7.0, 2.0)
    severity_unknown: int = 1
    strength_when_new: float = 0.5
    rejected_share: float = 0.5
    rejected_half_life_days: float = 90.0
    rejected_window_days: int = 180


def complaint_strengths(
    severity: Floats,
    age: Floats,
    since_settled: Floats,
    is_rejected: Booleans,
    *,
    parameters: ComplaintParameters,
) -> Floats:
    """Return the strength of each complaint; shape (complaints,).

    Parameters
    ----------
    severity
        1 to 3, NaN unknown.
    age, since_settled
        Days since it was made and since it was settled; NaN while it is open.

    Notes
    -----
    Open: ``w_sev * min(1, 0.5 + 0.5 * age / SLA)``. Rejected within 180 days:
    ``0.5 * w_sev * 2^(-days / 90)``. Settled otherwise: 0. Source: domain specification 4.
    """
    known = np.where(np.isnan(severity), parameters.severity_unknown, severity)
    place = np.clip(known, 1, 3).astype(np.int64) - 1
    weight, target = (
        np.array(each)[place] for each in (parameters.weights, parameters.target_days)
    )
    start = parameters.strength_when_new
    is_open = np.isnan(since_settled)
    is_fresh = is_rejected & (since_settled < parameters.rejected_window_days)
    fading = np.exp2(-np.where(is_open, 0.0, since_settled) / parameters.rejected_half_life_days)
    when_open = weight * np.minimum(1.0, start + (1 - start) * age / target)
    when_rejected = np.where(is_fresh, parameters.rejected_share * weight * fading, 0.0)
    return np.where(is_open, when_open, when_rejected)


def unresolved_complaint(
    interactions: pd.DataFrame, *, unit_count: int, as_of_day: int, parameters: ComplaintParameters
) -> Signal:
    """Return the signal: strengths of the complaints joined, 0 without any.

    Parameters
    ----------
    interactions
        Frame of events: ``unit``, ``day``, ``kind``, ``severity``, ``settled_day``, ``resolution``,
        ``interaction_id``.

    Source: domain specification 4.
    """
    rows = np.flatnonzero(are(interactions["kind"], "complaint"))
    complaints = interactions.iloc[rows]
    strengths = complaint_strengths(
        complaints["severity"].to_numpy(dtype=np.float64),
        ages(complaints, as_of_day).astype(np.float64),
        as_of_day - complaints["settled_day"].to_numpy(dtype=np.float64),
        are(complaints["resolution"], "rejected"),
        parameters=parameters,
    )
    strength = join_by_unit(units_of(complaints), strengths, unit_count)
    telling = np.flatnonzero(strengths > 0)
    evidence = shown_by(strength, complaints, telling, strengths[telling])
    return Signal(strength, evidence)
