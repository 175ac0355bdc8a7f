"""What competitors did of late about the products that units buy."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from services.analytics.calculations.events import empty_frame
from services.analytics.frames.arrays import instants_of, strings_of
from services.analytics.frames.clock import Clock, day_number
from services.analytics.frames.deal_events import framed
from services.analytics.frames.product_categories import ProductCategories
from services.analytics.mirror.snapshot import Snapshot

BOUGHT_WITHIN_DAYS: Final = 730
"""Who bought a product within that time buys it; the window of values by the present."""


def competitor_moves_frame(
    snapshot: Snapshot,
    products: ProductCategories,
    bought: pd.DataFrame,
    clock: Clock,
    *,
    since_day: int,
) -> pd.DataFrame:
    """Build the frame of activities of competitors since a day, for whom buys the product they meet.

    Of several about a product the newest, of one day that of lowest id. `bought` are the lines of
    purchases. Source: domain specification 6.7; catalogue, event `competitor_activity`.
    """
    table = snapshot.read("competitor-activities", ["id", "product_id", "occurred_at"])
    occurred = instants_of(table, "occurred_at")
    place = products.places(table.column("product_id"))
    rows = np.flatnonzero((place >= 0) & (occurred < clock.end))
    day = clock.days(occurred[rows])
    rows, day = rows[day >= since_day], day[day >= since_day]
    if not len(rows):
        return empty_frame("competitor_moves")
    moves = pd.DataFrame(
        {
            "product": place[rows],
            "day": day,
            "id": table.column("id").take(pa.array(rows)).to_pylist(),
        }
    )
    moves = moves.sort_values(["product", "day", "id"], ascending=[True, False, True])
    moves = moves.drop_duplicates("product").reset_index(drop=True)
    is_recent = bought["day"].to_numpy() > day_number(clock.as_of) - BOUGHT_WITHIN_DAYS
    buyers = bought.loc[is_recent & bought["product"].isin(moves["product"]), ["unit", "product"]]
    met = buyers.drop_duplicates().merge(moves, on="product")
    return framed(
        "competitor_moves",
        unit=met["unit"].to_numpy(),
        day=met["day"].to_numpy().astype(np.int32),
        activity_id=strings_of(pa.array(met["id"], pa.string())),
    )
