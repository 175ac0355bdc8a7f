"""What became of customers after a day of their own: purchases, contribution, contracts that run."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from services.analytics.calculations.margins import deal_margins
from services.analytics.calculations.purchases import is_refunded_in_full
from services.analytics.frames.arrays import NEVER, Booleans, Integers, instants_of
from services.analytics.frames.clock import Clock
from services.analytics.frames.contacts import Contacts
from services.analytics.frames.deals import Deals
from services.analytics.frames.gaps import Gap
from services.analytics.mirror.snapshot import Snapshot


def read_outcomes(
    snapshot: Snapshot,
    windows: pd.DataFrame,
    *,
    as_of: date,
    time_zone: ZoneInfo,
    base_currency: str,
    default_margin: float,
) -> pd.DataFrame:
    """Tell what customers did within their windows, as far as it was known on the day.

    Parameters
    ----------
    snapshot
        Whole units; others than those asked for may be there.
    windows
        Indexed by ``unit_id``: ``assigned_day`` (days since 1970-01-01; the window opens on the next
        one), ``window_days``, ``is_under_contract``.

    Returns
    -------
    pandas.DataFrame
        Of those that are still customer units, indexed by ``unit_id``: ``has_succeeded`` (bought
        within the window; under contract also: a contract runs when it ends) and ``contribution``
        (margin of the deals won within it, base currency; unknown amounts are none).

    Source: domain specification 7 (`F-UPLIFT`).

    Raises
    ------
    MirrorCorrupt
        The mirror is damaged.
    """
    clock = Clock(as_of, time_zone)
    contacts = Contacts.read(snapshot, clock)
    gaps: dict[str, Gap] = {}
    deals = Deals.read(snapshot, contacts, clock, base_currency, gaps)
    unit_ids = contacts.ids.take(contacts.unit_rows).to_pylist()
    of_units = windows.reindex(unit_ids)
    is_asked = of_units["assigned_day"].notna().to_numpy()
    # A window that nobody asked for never opens.
    opens = np.where(is_asked, of_units["assigned_day"].to_numpy(np.float64), np.inf)
    closes = opens + np.where(is_asked, of_units["window_days"].to_numpy(np.float64), 0.0)
    frame = deals.frame
    unit, day = frame["unit"].to_numpy(np.int64), frame["day"].to_numpy(np.int64)
    within = (day > opens[unit]) & (day <= closes[unit])
    bought = contacts.flags(unit, within & ~is_refunded_in_full(frame))
    margin = np.nan_to_num(deal_margins(frame, default_margin=default_margin).margin, nan=0.0)
    contribution = contacts.totals(unit[within], margin[within])
    was_under_contract = of_units["is_under_contract"].fillna(False).to_numpy(np.bool_)
    still_runs = _runs_at_the_end(snapshot, deals, contacts, closes, clock)
    found = pd.DataFrame(
        {
            "has_succeeded": bought | (was_under_contract & still_runs),
            "contribution": contribution,
        },
        index=pd.Index(unit_ids, name="unit_id", dtype="object"),
    )
    return found[is_asked]


def _runs_at_the_end(
    snapshot: Snapshot,
    deals: Deals,
    contacts: Contacts,
    closes: np.typing.NDArray[np.float64],
    clock: Clock,
) -> Booleans:
    """Flag the units of which a contract runs beyond the last day of their window."""
    table = snapshot.read("deals", ["contract_end_at", "contract_cancelled_at"])
    end, cancelled = (instants_of(table, name) for name in table.column_names)
    rows: Integers = np.flatnonzero(deals.is_purchase & (end != NEVER))
    limit = closes[deals.unit[rows]]
    is_lasting = clock.days(end[rows]) > limit
    is_kept = (cancelled[rows] == NEVER) | (clock.days(cancelled[rows]) > limit)
    has_begun = clock.days(deals.stages.won_at[rows]) <= limit
    flagged = np.zeros(len(end), dtype=np.bool_)
    flagged[rows] = is_lasting & is_kept & has_begun
    return contacts.flags(deals.unit, flagged)
