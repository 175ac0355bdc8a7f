"""Computes one customer anew from the mirror, as a refresh would, with some facts changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import Dialect

from services.analytics.calculations.estimates import Estimates
from services.analytics.calculations.what_if import changes, reaching
from services.analytics.calculations.what_if.known import Known
from services.analytics.catalogue.options import options_document
from services.analytics.computing import Rules, compute_frames
from services.analytics.customer_rows import customer_rows
from services.analytics.estimates_file import estimates_made_for, name_estimates, read_estimates
from services.analytics.frames.building import Frames
from services.analytics.mirror.checked import MirrorCorrupt
from services.analytics.mirror.snapshot import Snapshot
from services.analytics.mirror.touched import whole_units
from services.analytics.mirror.writer import Mirror
from services.analytics.packing import unpack
from services.analytics.referrals import read_referrals
from services.analytics.tables import NUMBER_COLUMNS, SLOTS
from services.analytics.what_if.schemas import (
    Change,
    ComplaintResolved,
    ConsentChanged,
    ContractCancelled,
    MessageAnswered,
    MotiveDeclared,
    NoContactAsked,
    PriceChanged,
    Purchased,
    StyleChanged,
)
from services.foundation.problems import Problem
from services.foundation.statements import Record

_RETRY_SECONDS = 30
_COLUMNS = [column.name for column in SLOTS["a"].columns]


class NothingToCompute(Problem):
    code, status = "nothing_to_compute", 503
    title = (
        "The records that the published version was computed from are not on this machine; "
        "ask where refreshes run, or wait for the next one."
    )

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": str(_RETRY_SECONDS)})


@dataclass(frozen=True)
class Tried:
    """A customer as stored rows, with the facts as they are and as they would be.

    Attributes
    ----------
    options
        What the numbers of options in the rows stand for.
    without_effect
        Places of the changes that changed nothing.
    """

    before: Record
    after: Record
    options: Mapping[str, Any]
    without_effect: Sequence[int]


def try_changes(
    unit_id: str,
    wanted: Sequence[Change],
    *,
    data_dir: Path,
    version: Mapping[str, Any],
    rules: Rules,
) -> Tried:
    """Compute a customer before and after the changes; a mirror that is replaced meanwhile is read again.

    Raises
    ------
    NothingToCompute
        There is no mirror here, or no estimates, that go with the version; or it lacks the customer.
    """
    try:
        return _try(unit_id, wanted, data_dir=data_dir, version=version, rules=rules)
    except (MirrorCorrupt, OSError):
        # Whoever refreshes removes the version of the mirror that it has replaced.
        pass
    try:
        return _try(unit_id, wanted, data_dir=data_dir, version=version, rules=rules)
    except (MirrorCorrupt, OSError):
        raise NothingToCompute() from None


def _try(
    unit_id: str,
    wanted: Sequence[Change],
    *,
    data_dir: Path,
    version: Mapping[str, Any],
    rules: Rules,
) -> Tried:
    snapshot = Mirror(data_dir).current()
    estimates = _estimates_of(data_dir, estimates_made_for(rules))
    if snapshot is None or estimates is None or not _goes_with(snapshot, version):
        raise NothingToCompute()
    records, referrals = _records_of(snapshot, unit_id, rules)
    frames = rules.frames_of(records)
    if unit_id not in set(frames.units["unit_id"]):
        raise NothingToCompute()
    score = partial(_row, unit_id, rules=rules, referrals=referrals)
    known = Known(frames.units, frames.deals, frames.events, frames.reach, frames.as_of_day)
    without_effect = []
    tried_estimates = estimates
    for place, change in enumerate(wanted):
        changed = _changer(change, rules, records)(known)
        if changed is known:
            without_effect.append(place)
        elif isinstance(change, PriceChanged):
            tried_estimates = changes.priced(tried_estimates, percent=change.percent)
        known = changed
    after = replace(
        frames, units=known.units, deals=known.deals, events=known.events, reach=known.reach
    )
    before = score(frames, estimates=estimates)
    is_changed = len(without_effect) < len(wanted)
    tried = score(after, estimates=tried_estimates) if is_changed else before
    return Tried(before, tried, options_document(rules.options), without_effect)


def _estimates_of(data_dir: Path, made_for: str) -> Estimates | None:
    try:
        return _read_once(data_dir, made_for, name_estimates(data_dir))
    except OSError:
        return None


@lru_cache(maxsize=1)
def _read_once(data_dir: Path, made_for: str, _: str) -> Estimates | None:
    """Read estimates; kept as long as their content has this name, as large ones take a while."""
    return read_estimates(data_dir, made_for=made_for)


def _goes_with(snapshot: Snapshot, version: Mapping[str, Any]) -> bool:
    """Tell whether the mirror is that of the version or was read later: one on this machine is."""
    is_same = snapshot.cursor == version["mirror_cursor"]
    return bool(is_same or snapshot.loaded_at >= version["crm_read_at"])


def _records_of(snapshot: Snapshot, unit_id: str, rules: Rules) -> tuple[Snapshot, pd.DataFrame]:
    """Find the records of one unit, and whom it referred."""
    own = whole_units(pa.array([unit_id], pa.string()), snapshot)
    table = snapshot.read("contacts", ["id", "referred_by_id"])
    referred = table.filter(pc.is_in(table.column("referred_by_id"), value_set=own))
    both = pa.concat_arrays([own, referred.column("id").combine_chunks()])
    around = snapshot.restricted_to(whole_units(both, snapshot).to_pylist())
    return snapshot.restricted_to(own.to_pylist()), read_referrals(around, rules.frames_of)


def _row(
    unit_id: str,
    frames: Frames,
    *,
    rules: Rules,
    estimates: Estimates,
    referrals: pd.DataFrame,
) -> Record:
    """Score the frames and return the row that would be stored of the customer."""
    customers = compute_frames(frames, rules, estimates, referrals=referrals).customers
    own = customers[customers["unit_id"] == unit_id]
    dialect: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    (values,) = customer_rows(own, np.ones(1, dtype=np.int64), dialect=dialect)
    return unpack(dict(zip(_COLUMNS, values, strict=True)), NUMBER_COLUMNS)


def _pressure(style: str, rules: Rules, records: Snapshot) -> pd.DataFrame:
    """Read who may be reached as a refresh would, were everybody of this style."""
    reach = rules.frames.reach
    cap = reach.style_caps.get(style, reach.default_cap)
    alike = replace(rules.frames, reach=replace(reach, style_caps={}, default_cap=cap))
    return replace(rules, frames=alike).frames_of(records).reach


def _changer(change: Change, rules: Rules, records: Snapshot) -> Callable[[Known], Known]:
    """Return what a change does to what is known."""
    reach = rules.frames.reach
    match change:
        case ComplaintResolved():
            return changes.resolve_complaints
        case MessageAnswered():
            return changes.answer_messages
        case ContractCancelled():
            return changes.cancel_contracts
        case MotiveDeclared():
            return partial(changes.declare_motive, motive=change.motive)
        case Purchased():
            return partial(changes.buy, amount=float(change.amount))
        case PriceChanged():
            return partial(
                changes.change_price,
                percent=change.percent,
                default_margin=rules.parameters.value.default_margin,
            )
        case StyleChanged():
            pressure = _pressure(change.style, rules, records)
            return partial(reaching.change_style, style=change.style, pressure=pressure)
        case NoContactAsked():
            return partial(reaching.ask_no_contact, parameters=reach)
        case ConsentChanged():
            return partial(
                reaching.change_consent,
                channel=change.channel,
                purpose=change.purpose,
                granted=change.granted,
                parameters=reach,
            )
