"""Puts the frames of a day together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from services.analytics.calculations.events import Events
from services.analytics.calculations.next_products.products import Products
from services.analytics.calculations.quality import Quality
from services.analytics.frames.arrays import NEVER
from services.analytics.frames.clock import Clock, day_number
from services.analytics.frames.conditions import condition_columns
from services.analytics.frames.contacts import Contacts
from services.analytics.frames.deals import Deals
from services.analytics.frames.dictionary import (
    DEALS,
    EVIDENCE,
    UNCONVERTED,
    UNITS,
    check_frame,
)
from services.analytics.frames.events import build_events
from services.analytics.frames.gaps import DataGaps, Gap
from services.analytics.frames.interactions import (
    Interactions,
    interaction_columns,
    interaction_cost,
)
from services.analytics.frames.parameters import FrameParameters
from services.analytics.frames.product_list import read_products
from services.analytics.frames.quality import count_quality
from services.analytics.frames.reach import Records, reach_frame
from services.analytics.frames.reach_dictionary import reach_columns
from services.analytics.frames.standing import standing_columns
from services.analytics.mirror.snapshot import Snapshot


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """What the calculations are given; `evidence` and `gaps` go past them to the store.

    `reach` says who may be reached, how and how often. `unconverted` are the won deals whose amounts
    the calculations cannot use, for the summary. `erased` are the units that are published in totals
    only.
    """

    units: pd.DataFrame
    deals: pd.DataFrame
    events: Events
    reach: pd.DataFrame
    products: Products
    evidence: pd.DataFrame
    unconverted: pd.DataFrame
    erased: frozenset[str]
    gaps: DataGaps
    quality: Quality
    as_of_day: int


def build_frames(
    snapshot: Snapshot,
    *,
    as_of: date,
    time_zone: ZoneInfo,
    base_currency: str,
    parameters: FrameParameters,
) -> Frames:
    """Build the frames of the mirror as they were at the end of the business day `as_of`.

    The day is inclusive: everything before the start of the next business day counts, and whatever
    came later (settled, paid, closed, refunded, cancelled, terminated) counts as empty. Units of
    which nothing was known by then are not there: before any data there are no customers.

    Raises
    ------
    FrameInvalid
        The records are not what the CRM promises.
    MirrorCorrupt
        The mirror is damaged.
    """
    clock = Clock(as_of, time_zone)
    contacts = Contacts.read(snapshot, clock)
    gaps: dict[str, Gap] = {}
    deals = Deals.read(snapshot, contacts, clock, base_currency, gaps)
    units = contacts.columns(snapshot, clock, parameters, base_currency, gaps)
    interactions = Interactions.read(snapshot, contacts, clock, gaps)
    cost = interaction_cost(snapshot, interactions, parameters, base_currency, gaps)
    touched = interaction_columns(snapshot, interactions, contacts, clock, parameters, cost=cost)
    units |= condition_columns(snapshot, contacts, deals, interactions, clock, parameters)
    units |= standing_columns(snapshot, contacts)
    cancelled_at = np.maximum(touched.pop("cancelled_at"), deals.cancelled_at)
    units |= touched | {
        "has_open_qualified_deal": touched["has_open_qualified_deal"] | deals.has_open_qualified,
        "is_active_in_window": touched["is_active_in_window"]
        | units["is_active_in_window"]
        | (deals.last_opened >= clock.start_of_window(parameters.lead_window_days)),
        "has_active_contract": ~np.isnan(deals.contract_end_day),
        "contract_end_day": deals.contract_end_day,
        "deals_without_fx_rate_count": deals.without_fx_rate_count,
        "is_cancellation_effective": (cancelled_at > -NEVER) & (cancelled_at >= deals.last_won),
    }
    index = pd.RangeIndex(contacts.unit_count, name="unit")
    frame = pd.DataFrame({column.name: units[column.name] for column in UNITS}, index=index)
    evidence = pd.DataFrame(deals.evidence, index=index)
    check_frame(frame, UNITS, index="unit")
    check_frame(deals.frame, DEALS, index=None)
    check_frame(evidence, EVIDENCE, index="unit")
    check_frame(deals.unconverted, UNCONVERTED, index=None)
    events = build_events(
        snapshot,
        contacts,
        deals,
        interactions,
        clock,
        occasion_window_days=parameters.occasion_window_days,
    )
    reach = reach_frame(
        Records(snapshot, contacts, deals, interactions, events, cost, clock), parameters.reach
    )
    check_frame(reach, reach_columns(parameters.reach), index="unit")
    found = DataGaps(**gaps)
    return Frames(
        frame,
        deals.frame,
        events,
        reach,
        read_products(snapshot, base_currency=base_currency),
        evidence,
        deals.unconverted,
        contacts.erased_units(snapshot),
        found,
        count_quality(snapshot, contacts, deals, interactions, found, clock),
        day_number(as_of),
    )
