"""The won deals in base currency, and what deals say about units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from services.analytics.frames.arrays import (
    NEVER,
    Booleans,
    Floats,
    Integers,
    Words,
    floats_of,
    instants_of,
    latest_of,
    minor_per_unit,
    strings_of,
)
from services.analytics.frames.clock import Clock
from services.analytics.frames.contacts import Contacts
from services.analytics.frames.dictionary import DEALS
from services.analytics.frames.gaps import Gap, gap_of
from services.analytics.frames.stages import Stages, stages_on
from services.analytics.mirror.snapshot import Snapshot

_AMOUNTS = ("amount", "list_amount", "cost", "refund", "cost_recovered", "written_off")
_AFTER_A_REFUND = ("refund", "cost_recovered", "written_off")
_COLUMNS = [
    *("id", "contact_id", "stage_kind", "currency", "discount_pct", "fx_rate"),
    *(f"{name}_minor" for name in _AMOUNTS),
    *("opened_at", "closed_at", "refunded_at", "contract_end_at", "contract_cancelled_at"),
]


@dataclass(frozen=True, slots=True, eq=False)
class Deals:
    """The won deals, and what deals say about units; instants are -NEVER where there is none.

    A rhythm needs no exchange rate: a deal in a foreign currency without one is a purchase of
    unknown amounts. Only if it was refunded in full is it left out, being no purchase and of no
    value that could be told (domain specification 1).

    `unit`, `opened`, `stages`, `is_purchase` (won and not refunded in full) and `base_per_minor` (base
    currency for one minor unit, NaN unknown) are of every deal in the mirror, in its order.
    """

    unit: Integers
    opened: Integers
    stages: Stages
    is_purchase: Booleans
    base_per_minor: Floats
    frame: pd.DataFrame
    unconverted: pd.DataFrame
    evidence: dict[str, Any]
    has_open_qualified: Booleans
    has_quote: Booleans
    last_opened: Integers
    last_won: Integers
    cancelled_at: Integers
    contract_end_day: Floats
    without_fx_rate_count: Integers

    @classmethod
    def read(
        cls,
        snapshot: Snapshot,
        contacts: Contacts,
        clock: Clock,
        base_currency: str,
        gaps: dict[str, Gap],
    ) -> Deals:
        table = snapshot.read("deals", _COLUMNS, words=["stage_kind", "currency"])
        unit = contacts.units_of("deals", table.column("contact_id"))
        is_known = unit >= 0
        opened = instants_of(table, "opened_at")
        stages = stages_on(snapshot, table, opened, clock)
        won_at, is_won = stages.won_at, stages.won_at != NEVER
        per_unit, rate = _rates(table, base_currency)
        has_no_rate = is_won & is_known & np.isnan(rate)
        gaps["deals_of_unknown_contacts"] = gap_of(snapshot, "deals", unit, is_won & ~is_known)
        gaps["deals_without_fx_rate"] = gap_of(snapshot, "deals", unit, has_no_rate)
        is_refunded = _is_refunded_in_full(table, clock)
        is_shown = is_won & is_known & ~(has_no_rate & is_refunded)
        frame = _deal_frame(table, np.flatnonzero(is_shown), unit, won_at, clock, per_unit, rate)
        counted = np.flatnonzero(is_won & is_known)
        cancelled_at, contract_end_day = _contracts(table, counted, unit, contacts, clock)
        begun = np.flatnonzero(is_known & (opened < clock.end))
        return cls(
            unit,
            opened,
            stages,
            is_won & is_known & ~is_refunded,
            rate / per_unit,
            frame,
            _unconverted(table, np.flatnonzero(has_no_rate & is_shown), unit),
            _evidence(frame, contacts.unit_count),
            contacts.flags(unit, stages.is_qualified & is_known),
            contacts.flags(unit, stages.is_quoted & is_known),
            latest_of(opened[begun], unit[begun], contacts.unit_count),
            latest_of(won_at[counted], unit[counted], contacts.unit_count),
            cancelled_at,
            contract_end_day,
            np.bincount(unit[has_no_rate], minlength=contacts.unit_count),
        )


def _rates(table: pa.Table, base_currency: str) -> tuple[Floats, Floats]:
    """Return minor units per unit, and base currency per unit, of each deal; NaN unknown."""
    currency = Words.of(table.column("currency"))
    per_unit = minor_per_unit(currency)
    rate = floats_of(table, "fx_rate")
    rate[~(rate > 0)] = np.nan
    rate[currency.are(base_currency)] = 1.0
    # A deal without any amount has no currency, and nothing that a rate is needed for.
    is_empty = currency.codes < 0
    if is_empty.any():
        for name in _AMOUNTS:
            is_empty &= np.isnan(floats_of(table, f"{name}_minor"))
        per_unit[is_empty] = rate[is_empty] = 1.0
    return per_unit, rate


def _is_refunded_later(table: pa.Table, clock: Clock) -> Booleans:
    refunded = instants_of(table, "refunded_at")
    is_later: Booleans = (refunded >= clock.end) & (refunded != NEVER)
    return is_later


def _is_refunded_in_full(table: pa.Table, clock: Clock) -> Booleans:
    """Tell which deals were paid back entirely by the day; in their own currency, no rate needed."""
    refund = floats_of(table, "refund_minor")
    is_whole: Booleans = (refund > 0) & (refund >= floats_of(table, "amount_minor"))
    return is_whole & ~_is_refunded_later(table, clock)


def _deal_frame(
    table: pa.Table,
    rows: Integers,
    unit: Integers,
    won_at: Integers,
    clock: Clock,
    per_unit: Floats,
    rate: Floats,
) -> pd.DataFrame:
    is_refunded_later = _is_refunded_later(table, clock)[rows]
    columns: dict[str, Any] = {"unit": unit[rows], "day": clock.days(won_at[rows])}
    columns["day"] = columns["day"].astype(np.int32)
    for name in _AMOUNTS:
        columns[name] = (floats_of(table, f"{name}_minor") / per_unit * rate)[rows]
        if name in _AFTER_A_REFUND:
            columns[name][is_refunded_later] = np.nan
    columns["discount_pct"] = floats_of(table, "discount_pct")[rows]
    columns["deal_id"] = strings_of(table.column("id").take(pa.array(rows)))
    return pd.DataFrame({column.name: columns[column.name] for column in DEALS}, copy=False)


def _unconverted(table: pa.Table, rows: Integers, unit: Integers) -> pd.DataFrame:
    """Return the amounts that cannot be told in base currency, each in its own."""
    currency = strings_of(table.column("currency").take(pa.array(rows)).cast(pa.string()))
    amount = floats_of(table, "amount_minor")[rows]
    return pd.DataFrame({"unit": unit[rows], "currency": currency, "amount_minor": amount})


def _contracts(
    table: pa.Table, rows: Integers, unit: Integers, contacts: Contacts, clock: Clock
) -> tuple[Integers, Floats]:
    """Return when a cancelled contract of each unit ended, and the last end of those that run."""
    ends = instants_of(table, "contract_end_at")[rows]
    cancelled = instants_of(table, "contract_cancelled_at")[rows]
    unit = unit[rows]
    is_cancelled = cancelled < clock.end
    over = np.where(
        is_cancelled, np.maximum(np.where(ends == NEVER, -NEVER, ends), cancelled), NEVER
    )
    is_over = over < clock.end
    runs = ~is_cancelled & (ends >= clock.end) & (ends != NEVER)
    end_day = np.full(contacts.unit_count, -np.inf)
    np.maximum.at(end_day, unit[runs], clock.days(ends[runs]).astype(np.float64))
    end_day[np.isneginf(end_day)] = np.nan
    return latest_of(over[is_over], unit[is_over], contacts.unit_count), end_day


def _evidence(deals: pd.DataFrame, unit_count: int) -> dict[str, Any]:
    """Find the first and the last deal of each unit; of several on a day the one of lowest id."""
    unit, day = deals["unit"].to_numpy(), deals["day"].to_numpy().astype(np.int64)
    ids = deals["deal_id"].array
    found = {}
    for name, days in (("first_deal_id", day), ("last_deal_id", -day)):
        lowest = np.full(unit_count, NEVER)
        np.minimum.at(lowest, unit, days)
        rows = np.flatnonzero(days == lowest[unit])
        is_one_of_several = np.bincount(unit[rows], minlength=unit_count)[unit[rows]] > 1
        several = rows[is_one_of_several]
        several = several[ids.take(several).argsort()[::-1]]  # the last one that is put stays
        row = np.full(unit_count, -1)
        row[unit[rows]] = rows
        row[unit[several]] = several
        found[name] = ids.take(row, allow_fill=True)
    return found
