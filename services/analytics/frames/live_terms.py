"""Which terms are on the table: offers that nobody has decided on, and quotes in open deals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from services.analytics.frames.arrays import Booleans, Integers, instants_of
from services.analytics.frames.clock import Clock
from services.analytics.frames.deal_events import framed
from services.analytics.frames.deals import Deals
from services.analytics.frames.interactions import Interactions
from services.analytics.frames.json_lists import read_lists
from services.analytics.frames.product_categories import ProductCategories
from services.analytics.mirror.snapshot import Snapshot

_SETTLED = ("accepted", "declined", "unsubscribed", "bounced")
_LINE = pa.struct([("product_id", pa.string())])


def undecided_offers(snapshot: Snapshot, interactions: Interactions, clock: Clock) -> Booleans:
    """Tell which interactions are offers that nobody has decided on and that have not run out."""
    until = instants_of(snapshot.read("interactions", ["valid_until"]), "valid_until")
    is_undecided = interactions.kind.are("offer") & ~interactions.outcome.are(*_SETTLED)
    undecided: Booleans = interactions.happened & is_undecided & (until >= clock.end)
    return undecided


def live_terms_frame(
    snapshot: Snapshot,
    deals: Deals,
    interactions: Interactions,
    products: ProductCategories,
    clock: Clock,
) -> pd.DataFrame:
    """Build the frame of products with terms on the table.

    An offer or a deal that names no product may be about any; products that are not in the list are
    offered to nobody.
    """
    offered = undecided_offers(snapshot, interactions, clock)
    named = snapshot.read("interactions", ["product_id"], where=offered).column("product_id")
    offer, offered_product = _named_products(named, np.arange(len(named)), products, len(named))
    offer = np.flatnonzero(offered)[offer]
    quoted = deals.stages.is_quoted & (deals.unit >= 0)
    table = snapshot.read("deals", ["opened_at", "lines"], where=quoted)
    deal, lines = read_lists(table.column("lines").fill_null("[]"), _LINE)
    line, quoted_product = _named_products(
        lines.column("product_id"), deal, products, table.num_rows
    )
    at = np.concatenate([interactions.occurred[offer], instants_of(table, "opened_at")[line]])
    return framed(
        "live_terms",
        unit=np.concatenate([interactions.unit[offer], deals.unit[quoted][line]]),
        day=clock.days(at).astype(np.int32),
        product=np.concatenate([offered_product, quoted_product]).astype(np.int32),
        is_quote=np.repeat([False, True], [len(offer), len(line)]),
    )


def _named_products(
    product_ids: pa.ChunkedArray, record: Integers, products: ProductCategories, count: int
) -> tuple[Integers, Integers]:
    """Return records and places of the listed products that they name, -1 once for one without any."""
    is_named = np.asarray(product_ids.is_valid().to_numpy(), dtype=np.bool_)
    place = products.places(product_ids)
    names_none = np.ones(count, dtype=np.bool_)
    names_none[record[is_named]] = False
    bare = np.flatnonzero(names_none)
    is_listed = place >= 0
    return (
        np.concatenate([record[is_listed], bare]),
        np.concatenate([place[is_listed], np.full(len(bare), -1)]),
    )
