"""Puts the events of units together from what deals, interactions and contacts tell."""

from __future__ import annotations

import numpy as np
import pandas as pd

from services.analytics.calculations.events import Events, empty_frame
from services.analytics.frames.arrays import NEVER, Integers, Words, instants_of, places_of
from services.analytics.frames.clock import Clock, day_number
from services.analytics.frames.competitor_moves import competitor_moves_frame
from services.analytics.frames.contacts import Contacts
from services.analytics.frames.deal_events import deal_events, framed, open_deal_interest
from services.analytics.frames.deals import Deals
from services.analytics.frames.dictionary import EVENT_FRAMES, check_frame
from services.analytics.frames.interaction_events import (
    complained_deals,
    declined_products_frame,
    interaction_frame,
    interaction_interest,
    ratings_frame,
    telling_interactions,
)
from services.analytics.frames.interactions import Interactions
from services.analytics.frames.live_terms import live_terms_frame
from services.analytics.frames.product_categories import ProductCategories
from services.analytics.mirror.snapshot import Snapshot


def build_events(
    snapshot: Snapshot,
    contacts: Contacts,
    deals: Deals,
    interactions: Interactions,
    clock: Clock,
    *,
    occasion_window_days: int,
) -> Events:
    """Build the frames of events of all units; what came later than the day counts as empty.

    All but the referrals are local to a unit: the records of a unit alone give the same rows.

    Raises
    ------
    FrameInvalid
        The records are not what the CRM promises.
    """
    products = ProductCategories.read(snapshot)
    telling = telling_interactions(snapshot, interactions)
    complaints = complained_deals(snapshot, interactions, clock)
    since_day = day_number(clock.as_of) - occasion_window_days
    frames = deal_events(snapshot, deals, products, complaints, clock, since_day=since_day)
    bought = frames["bought_products"]
    frames |= {
        "competitor_moves": competitor_moves_frame(
            snapshot, products, bought, clock, since_day=since_day
        ),
        "interactions": interaction_frame(snapshot, interactions, telling, clock),
        "declined_products": declined_products_frame(snapshot, interactions, products, clock),
        "live_terms": live_terms_frame(snapshot, deals, interactions, products, clock),
        "ratings": ratings_frame(snapshot, interactions, telling, clock),
        "interest": _interest(snapshot, deals, interactions, products, clock),
        "referrals": _referrals(snapshot, contacts, deals, interactions, clock),
    }
    for name, columns in EVENT_FRAMES.items():
        check_frame(frames[name], columns, index=None)
    return Events(**frames)


def _interest(
    snapshot: Snapshot,
    deals: Deals,
    interactions: Interactions,
    products: ProductCategories,
    clock: Clock,
) -> pd.DataFrame:
    parts = [
        ("open_deal", *open_deal_interest(snapshot, deals, products, clock)),
        *interaction_interest(snapshot, interactions, products),
    ]
    kinds = Words(
        np.repeat(np.arange(len(parts)), [len(unit) for _, unit, _, _ in parts]),
        [kind for kind, *_ in parts],
    )
    return framed(
        "interest",
        unit=np.concatenate([unit for _, unit, _, _ in parts]),
        day=clock.days(np.concatenate([at for _, _, at, _ in parts])).astype(np.int32),
        category=Words.joined([category for *_, category in parts]).category(),
        kind=kinds.category(),
    )


def _referrals(
    snapshot: Snapshot,
    contacts: Contacts,
    deals: Deals,
    interactions: Interactions,
    clock: Clock,
) -> pd.DataFrame:
    """Tell who referred whom, once per pair, on the day that the referred was first known."""
    table = snapshot.read("contacts", ["referred_by_id", "created_at"])
    place = places_of(table.column("referred_by_id"), contacts.ids)
    unit = np.append(contacts.unit, -1)[place]
    rows = np.flatnonzero((unit >= 0) & (contacts.unit >= 0) & (unit != contacts.unit))
    if not len(rows):
        return empty_frame("referrals")
    first = np.full(contacts.unit_count, NEVER)
    _put_earliest(first, contacts.unit, instants_of(table, "created_at"))
    _put_earliest(first, deals.unit, deals.opened)
    _put_earliest(first, deals.unit, deals.stages.won_at)
    _put_earliest(first, interactions.unit, interactions.occurred)
    referred = contacts.unit[rows]
    pairs = np.unique(np.stack([unit[rows], referred], axis=1), axis=0)
    return framed(
        "referrals",
        unit=pairs[:, 0],
        referred_unit=pairs[:, 1],
        day=clock.days(first[pairs[:, 1]]).astype(np.int32),
    )


def _put_earliest(first: Integers, unit: Integers, instants: Integers) -> None:
    is_known = unit >= 0
    np.minimum.at(first, unit[is_known], instants[is_known])
