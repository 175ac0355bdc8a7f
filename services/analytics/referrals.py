"""Who referred whom, across all parts of the mirror: the one thing that joins two units."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from services.analytics.calculations.events import empty_frame
from services.analytics.calculations.purchases import Integers
from services.analytics.frames.building import Frames
from services.analytics.mirror.snapshot import Snapshot
from services.analytics.mirror.touched import whole_units


def read_referrals(snapshot: Snapshot, frames_of: Callable[[Snapshot], Frames]) -> pd.DataFrame:
    """Return ``unit_id`` (who referred), ``referred_unit_id`` and the ``day`` that was known first.

    Only those who referred or were referred are looked at, with all contacts of their units.

    Raises
    ------
    MirrorCorrupt
        What is read is damaged.
    """
    table = snapshot.read("contacts", ["id", "referred_by_id"])
    table = table.filter(pc.is_valid(table.column("referred_by_id")))
    if not len(table):
        return pd.DataFrame(
            {name: pd.Series(dtype="str") for name in ("unit_id", "referred_unit_id")}
            | {"day": pd.Series(dtype="int32")}
        )
    named = pc.unique(pc.drop_null(table.column("referred_by_id")))
    both = pa.concat_arrays([named, table.column("id").combine_chunks()]).unique()
    frames = frames_of(snapshot.restricted_to(whole_units(both, snapshot).to_pylist()))
    ids, found = frames.units["unit_id"].array, frames.events.referrals
    return pd.DataFrame(
        {
            "unit_id": ids.take(found["unit"].to_numpy()),
            "referred_unit_id": ids.take(found["referred_unit"].to_numpy()),
            "day": found["day"].to_numpy(),
        }
    )


def referrals_by(units: pd.DataFrame, referrals: pd.DataFrame) -> pd.DataFrame:
    """Take the referrals of some units as an event frame; who was referred: see `referred_numbers`."""
    if not len(referrals):
        return empty_frame("referrals")
    place = pd.Index(units["unit_id"]).get_indexer(pd.Index(referrals["unit_id"]))
    is_here = place >= 0
    return pd.DataFrame(
        {
            "unit": place[is_here].astype(np.int64),
            "referred_unit": referred_numbers(units, referrals)[is_here],
            "day": referrals["day"].to_numpy()[is_here],
        }
    )


def referred_numbers(units: pd.DataFrame, referrals: pd.DataFrame) -> Integers:
    """Number who was referred, by referral, behind the units: nobody may seem to refer themselves."""
    return len(units) + np.arange(len(referrals))
