"""C-LEAVE: the customer has cancelled, announced to leave, or lets a contract end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations.purchases import Floats, Integers
from services.analytics.calculations.signals.by_unit import Signal, ages, are, shown_by, units_of


@dataclass(frozen=True, slots=True)
class LeavingParameters:
    """What announcements to leave weigh (domain specification 4).

    Attributes
    ----------
    cancelled_strength, announced_strength, ending_strength
        Of a cancellation, of the tag leave_intent, and of a contract on its last day; share;
        defaults 1, 0.7 and 0.5.
    announced_days, ending_days
        How long an announcement counts, and how long before its end a contract does; days; defaults
        90 and 90.
    """

    cancelled_strength: float = 1.0
    announced_strength: float = 0.7
    ending_strength: float = 0.5
    announced_days: int = 90
    ending_days: int = 90


def leave_intent(
    interactions: pd.DataFrame,
    contracts: pd.DataFrame,
    open_deals: pd.DataFrame,
    *,
    last_purchase_day: Floats,
    unit_count: int,
    as_of_day: int,
    parameters: LeavingParameters,
) -> Signal:
    """Return the signal: the strongest announcement counts, 0 without any.

    Parameters
    ----------
    interactions
        Frame of events: ``unit``, ``day``, ``kind``, ``has_leave_intent``, ``effective_day``,
        ``interaction_id``.
    contracts
        Frame of events: ``unit``, ``start_day``, ``end_day``, ``cancelled_day``, ``deal_id``.
    open_deals
        Frame of events: ``unit``.
    last_purchase_day
        Of each unit; shape (units,), NaN without one.

    Notes
    -----
    Cancelled: 1; tag within 90 days: 0.7; a contract that ends within 90 days, with neither an open
    deal nor another contract that ends later: ``0.5 * (1 - days / 90)``. Who has bought after a
    cancellation had taken effect, or signed another contract after it, has not left. Source: domain
    specification 4; the return is that of rule 5 in 2.3.
    """
    sayings = _sayings(interactions, last_purchase_day, as_of_day, parameters)
    endings = _endings(contracts, open_deals, last_purchase_day, unit_count, as_of_day, parameters)
    records = pd.concat([sayings, endings], ignore_index=True)
    said = records["strength"].to_numpy(dtype=np.float64)
    strength = np.zeros(unit_count)
    np.maximum.at(strength, records["unit"].to_numpy(dtype=np.int64), said)
    rows = np.flatnonzero(said > 0)
    return Signal(strength, shown_by(strength, records, rows, said[rows]))


def _sayings(
    interactions: pd.DataFrame,
    last_purchase_day: Floats,
    as_of_day: int,
    parameters: LeavingParameters,
) -> pd.DataFrame:
    unit, age = units_of(interactions), ages(interactions, as_of_day)
    effective = interactions["effective_day"].to_numpy(dtype=np.float64)
    is_cancelled = are(interactions["kind"], "cancellation")
    is_cancelled &= ~(last_purchase_day[unit] > np.fmax(effective, as_of_day - age))
    is_said = interactions["has_leave_intent"].to_numpy(dtype=np.bool_)
    is_said = is_said & (age < parameters.announced_days)
    rows = np.flatnonzero(is_cancelled | is_said)
    strength = np.where(
        is_cancelled[rows], parameters.cancelled_strength, parameters.announced_strength
    )
    return _records(interactions, rows, strength, "interaction_id")


def _endings(
    contracts: pd.DataFrame,
    open_deals: pd.DataFrame,
    last_purchase_day: Floats,
    unit_count: int,
    as_of_day: int,
    parameters: LeavingParameters,
) -> pd.DataFrame:
    unit = units_of(contracts)
    end = contracts["end_day"].to_numpy(dtype=np.float64)
    cancelled = contracts["cancelled_day"].to_numpy(dtype=np.float64)
    begun = contracts["start_day"].to_numpy(dtype=np.int64)
    runs_on = np.isnan(cancelled)
    newest = np.full(unit_count, -np.inf)
    np.maximum.at(newest, unit[runs_on], begun[runs_on].astype(np.float64))
    has_left = ~(last_purchase_day[unit] > np.fmax(end, cancelled)) & ~(newest[unit] > cancelled)
    is_cancelled = ~np.isnan(cancelled) & has_left
    last_end = np.full(unit_count, -np.inf)
    np.maximum.at(last_end, unit[runs_on], end[runs_on])
    left = end - as_of_day
    is_ending = runs_on & (left > 0) & (left <= parameters.ending_days) & (end >= last_end[unit])
    is_renewing = np.zeros(unit_count, dtype=np.bool_)
    is_renewing[units_of(open_deals)] = True
    is_ending &= ~is_renewing[unit]
    ending = parameters.ending_strength * (1 - left / parameters.ending_days)
    strength = np.where(is_cancelled, parameters.cancelled_strength, ending)
    rows = np.flatnonzero(is_cancelled | is_ending)
    dated = contracts.assign(day=np.where(is_cancelled, cancelled, begun).astype(np.int64))
    return _records(dated, rows, strength[rows], "deal_id")


def _records(frame: pd.DataFrame, rows: Integers, strength: Floats, name: str) -> pd.DataFrame:
    chosen = frame.iloc[rows][["unit", "day", name]].rename(columns={name: "record_id"})
    return chosen.assign(strength=strength, is_deal=name == "deal_id")
