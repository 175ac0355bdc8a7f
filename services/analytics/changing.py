"""Computes what the changes since the shown version change, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.analytics.calculations.estimates import Estimates
from services.analytics.computing import Computed, Rules, compute_part, joined_column, place
from services.analytics.crm_reading import Reading
from services.analytics.ledger import LEDGER_COLUMNS, Ledger
from services.analytics.mirror.touched import touched_contacts
from services.analytics.referrals import read_referrals
from services.analytics.tables import RANK_COLUMNS

_WORTH_FOLLOWING = 0.1
"""Share of the contacts up to which following changes is quicker than computing everything."""
_PLACED = (*RANK_COLUMNS, "referral_value")


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """What differs from the shown version.

    Attributes
    ----------
    changed
        Whole rows of the customers whose records changed.
    ranks
        ``unit_id`` and `RANK_COLUMNS` of further customers whose place among all moved.
    removed
        Ids of customers that are no more.
    base
        The whole base after the changes, as far as a ledger remembers it.
    """

    changed: pd.DataFrame
    ranks: pd.DataFrame
    removed: frozenset[str]
    base: Computed


def compute_changes(
    reading: Reading, ledger: Ledger, rules: Rules, estimates: Estimates
) -> Changes | None:
    """Score the units that changed records touch; None if everything has to be looked at.

    The numbers are those that computing everything gives, to the last digit: a unit's depend on
    its own records and the estimates alone, ranks and totals are made of all units in one order.
    """
    before, after, changed = reading.before, reading.snapshot, reading.changed
    if before is None or changed is None or changed.get("products"):
        return None
    contacts = touched_contacts(changed, before=before, after=after)
    if len(contacts) > _WORTH_FOLLOWING * max(after.row_counts["contacts"], 1):
        return None
    referrals = read_referrals(after, rules.frames_of)
    old, new = (
        compute_part(part.restricted_to(contacts), rules, estimates, referrals=referrals)
        for part in (before, after)
    )
    base = place(_replaced(ledger, old, new), rules, estimates, referrals=referrals)
    places = _places(base.customers["unit_id"], new.customers["unit_id"])
    found = base.customers[list(_PLACED)].take(places).reset_index(drop=True)
    return Changes(
        pd.concat([new.customers, found], axis=1),
        _moved(ledger.customers, base.customers, rescored=places),
        frozenset(old.customers["unit_id"]) - frozenset(new.customers["unit_id"]),
        base,
    )


def _replaced(ledger: Ledger, old: Computed, new: Computed) -> Computed:
    """Put the new rows in the place of the old ones, in the order of ids."""
    names = [name for name in LEDGER_COLUMNS if name not in RANK_COLUMNS]
    gone = [*old.customers["unit_id"], *new.customers["unit_id"]]
    customers = _without(ledger.customers[names], gone)
    joined = pd.DataFrame(
        {name: joined_column([customers[name], new.customers[name]]) for name in names}, copy=False
    )
    order = np.argsort(joined["unit_id"].to_numpy(dtype=object), kind="stable")
    unconverted = pd.concat([_without(ledger.unconverted, gone), new.unconverted])
    return Computed(
        joined.take(order).reset_index(drop=True),
        unconverted.sort_values(["unit_id", "currency", "amount_minor"], ignore_index=True),
        (ledger.erased - frozenset(gone)) | new.erased,
        ledger.quality - old.quality + new.quality,
    )


def _without(frame: pd.DataFrame, ids: Iterable[str]) -> pd.DataFrame:
    return frame.loc[~frame["unit_id"].isin(set(ids))]


def _places(ids: pd.Series, wanted: pd.Series) -> np.ndarray:
    return np.searchsorted(ids.to_numpy(dtype=object), wanted.to_numpy(dtype=object))


def _moved(before: pd.DataFrame, after: pd.DataFrame, *, rescored: np.ndarray) -> pd.DataFrame:
    """Find the customers that were not scored anew and yet have another rank."""
    is_other = np.ones(len(after), dtype=np.bool_)
    is_other[rescored] = False
    rows = np.flatnonzero(is_other)
    earlier = before.take(_places(before["unit_id"], after["unit_id"].take(rows)))
    moved = np.zeros(len(rows), dtype=np.bool_)
    for name in RANK_COLUMNS:
        old, new = (
            pd.Series(frame[name].array).astype(object).to_numpy()
            for frame in (earlier, after.take(rows))
        )
        moved |= ~((old == new) | (pd.isna(old) & pd.isna(new)))
    return after[["unit_id", *RANK_COLUMNS]].take(rows[moved])
