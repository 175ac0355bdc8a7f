"""Computes what the changes since the shown version change, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.analytics.calculations.estimates import Estimates
from services.analytics.calculations.purchases import Integers
from services.analytics.computing import (
    Computed,
    Part,
    Rules,
    compute_part,
    decided_by,
    joined_column,
    ordered_amounts,
    place,
    read_part,
)
from services.analytics.crm_client import Resource
from services.analytics.crm_reading import Reading
from services.analytics.frames.cases import case_marks, changed_units
from services.analytics.ledger import LEDGER_COLUMNS, Ledger
from services.analytics.mirror.touched import touched_contacts
from services.analytics.referrals import read_referrals
from services.analytics.tables import RANK_COLUMNS

_WORTH_FOLLOWING = 0.1
"""Share of the contacts up to which following changes is quicker than computing everything."""
_OF_ALL: tuple[Resource, ...] = ("products", "competitor-activities")
"""What the numbers of every customer may rest on."""
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
    if before is None or changed is None or any(changed.get(name) for name in _OF_ALL):
        return None
    judged = changed_units(ledger.cases, case_marks(rules.cases))
    judged |= {unit_id for unit_id, *_ in ledger.decided ^ decided_by(rules)}
    named = {**changed, "contacts": frozenset(changed.get("contacts", ())) | judged}
    contacts = touched_contacts(named, before=before, after=after)
    if len(contacts) > _WORTH_FOLLOWING * max(after.row_counts["contacts"], 1):
        return None
    referrals = read_referrals(after, rules.frames_of)
    old = read_part(before.restricted_to(contacts), rules)
    new = compute_part(after.restricted_to(contacts), rules, estimates, referrals=referrals)
    rows = _Rows.merged(ledger.customers["unit_id"], old.units, new.customers["unit_id"])
    base = place(_replaced(ledger, old, new, rows), rules, estimates, referrals=referrals)
    found = base.customers[list(_PLACED)].take(rows.scored).reset_index(drop=True)
    return Changes(
        pd.concat([new.customers, found], axis=1),
        _moved(ledger.customers, base.customers, rows),
        frozenset(old.units) - frozenset(new.customers["unit_id"]),
        base,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Where the customers after the changes come from, in the order of ids.

    Attributes
    ----------
    origin
        Row of each customer in the ledger, -1 of those who are not there.
    scored
        Places of those who were scored anew.
    """

    origin: Integers
    scored: Integers

    @classmethod
    def merged(cls, ledger_ids: pd.Series, old_ids: Sequence[str], new_ids: pd.Series) -> Self:
        """Merge ordered ids; the old ones leave the ledger, the new ones come into it."""
        ids, new = (each.to_numpy(dtype=object) for each in (ledger_ids, new_ids))
        old = np.array(old_ids, dtype=object)
        stays = np.ones(len(ids), dtype=np.bool_)
        for gone in (old, new):
            stays[_found(ids, gone)] = False
        kept = np.flatnonzero(stays)
        at = np.searchsorted(ids[kept], new)
        place = np.full(len(new), -1)
        is_known = np.isin(new, ids[_found(ids, new)])
        place[is_known] = _found(ids, new)
        return cls(np.insert(kept, at, place), at + np.arange(len(new)))

    def kept(self) -> Integers:
        """Places of those who were not scored anew."""
        is_kept = np.ones(len(self.origin), dtype=np.bool_)
        is_kept[self.scored] = False
        return np.flatnonzero(is_kept)

    def column(self, before: pd.Series, new: pd.Series) -> pd.Series:
        """Put a column of the ledger and that of the new rows together."""
        if isinstance(before.dtype, np.dtype) and before.dtype == new.dtype and len(before):
            values = before.to_numpy()[self.origin]
            values[self.scored] = new.to_numpy()
            return pd.Series(values)
        if np.array_equal(self.origin, np.arange(len(before))) and before.name == "unit_id":
            return before
        if _are_words_of(new, before) and len(before):
            codes = before.cat.codes.to_numpy()[self.origin]
            codes[self.scored] = new.cat.set_categories(before.cat.categories).cat.codes
            words = pd.Categorical.from_codes(codes, categories=before.cat.categories)
            return pd.Series(words)
        source = np.where(self.origin < 0, 0, self.origin)
        source[self.scored] = len(before) + np.arange(len(new))
        return joined_column([before, new]).take(source).reset_index(drop=True)


def _are_words_of(new: pd.Series, before: pd.Series) -> bool:
    """Tell whether both are categories, and those of the new ones are known before."""
    kinds = [each.dtype for each in (new, before)]
    return all(isinstance(kind, pd.CategoricalDtype) for kind in kinds) and bool(
        new.cat.categories.isin(before.cat.categories).all()
    )


def _found(ids: Any, wanted: Any) -> Integers:
    """Return the places of those of the wanted ids that are among ascending ones."""
    if not len(ids):
        return np.zeros(0, dtype=np.int64)
    place = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    found: Integers = place[ids[place] == wanted]
    return found


def _replaced(ledger: Ledger, old: Part, new: Computed, rows: _Rows) -> Computed:
    """Put the new rows in the place of the old ones, in the order of ids."""
    customers = pd.DataFrame(
        {
            name: rows.column(ledger.customers[name], new.customers[name])
            for name in LEDGER_COLUMNS
            if name not in RANK_COLUMNS
        },
        copy=False,
    )
    gone = {*old.units, *new.customers["unit_id"]}
    others = ledger.unconverted.loc[~ledger.unconverted["unit_id"].isin(gone)]
    return Computed(
        customers,
        ordered_amounts(pd.concat([others, new.unconverted])),
        (ledger.erased - gone) | new.erased,
        ledger.quality - old.quality + new.quality,
    )


def _moved(before: pd.DataFrame, after: pd.DataFrame, rows: _Rows) -> pd.DataFrame:
    """Find the customers that were not scored anew and yet have another rank."""
    places = rows.kept()
    earlier = rows.origin[places]
    moved = np.zeros(len(places), dtype=np.bool_)
    for name in RANK_COLUMNS:
        old, new = _numbers(before[name], after[name])
        moved |= old[earlier] != new[places]
    return after[["unit_id", *RANK_COLUMNS]].take(places[moved])


def _numbers(before: pd.Series, after: pd.Series) -> tuple[NDArray[Any], NDArray[Any]]:
    """Write ranks as numbers that compare, the unknown one as -1."""
    if isinstance(after.dtype, pd.CategoricalDtype):
        words = after.cat.categories
        known = before if before.cat.categories.equals(words) else before.cat.set_categories(words)
        return known.cat.codes.to_numpy(), after.cat.codes.to_numpy()
    return (
        np.nan_to_num(before.to_numpy(np.float64), nan=-1.0),
        np.nan_to_num(after.to_numpy(np.float64), nan=-1.0),
    )
