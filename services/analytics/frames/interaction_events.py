"""What interactions tell of units, row by row."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa

from services.analytics.frames.arrays import (
    NEVER,
    Booleans,
    Integers,
    Words,
    booleans_of,
    floats_of,
    instants_of,
    strings_of,
)
from services.analytics.frames.clock import Clock
from services.analytics.frames.deal_events import framed
from services.analytics.frames.interactions import BY_THE_CUSTOMER, Interactions
from services.analytics.frames.json_lists import read_entries, read_lists
from services.analytics.frames.product_categories import ProductCategories
from services.analytics.frames.tags import has_tag, tag_begins
from services.analytics.mirror.snapshot import Snapshot

_TELLING = (*BY_THE_CUSTOMER, "campaign_touch", "offer", "life_event")
_TURNED_DOWN = ("declined", "unsubscribed", "bounced")
_NEED = "need:"
_RATING = pa.struct(
    [("dimension", pa.string()), ("perception", pa.float64()), ("expectation", pa.float64())]
)


def telling_interactions(snapshot: Snapshot, interactions: Interactions) -> Booleans:
    """Choose the interactions that any number is computed from; most notes and calls are none."""
    table = snapshot.read("interactions", ["sentiment", "tags"])
    says_something = ~np.isnan(floats_of(table, "sentiment")) | has_tag(table, "leave_intent")
    is_telling = interactions.kind.are(*_TELLING) | interactions.direction.are("inbound")
    is_telling = interactions.happened & (is_telling | says_something)
    return is_telling & ~interactions.is_privacy_request


def interaction_frame(
    snapshot: Snapshot, interactions: Interactions, where: Booleans, clock: Clock
) -> pd.DataFrame:
    """Build the frame of the chosen interactions; settled later than the day is still open.

    What was decided with a later settlement (resolution, justified or not) was not known either.
    Settled without a date is settled on its own day.
    """
    names = ["id", "is_public", "sentiment", "severity", "nps", "tags", "event_type"]
    table = snapshot.read("interactions", [*names, "competitor_id", "decline_reason"], where=where)
    known = interactions.table.filter(pa.array(where))
    occurred = interactions.occurred[where]
    kind, outcome = _of(interactions.kind, where), _of(interactions.outcome, where)
    direction = _of(interactions.direction, where)
    day = clock.days(occurred)
    resolution, settled = Words.of(known.column("resolution")), instants_of(known, "resolved_at")
    is_later = (settled >= clock.end) & (settled != NEVER)
    settled = np.where((settled == NEVER) & (resolution.codes >= 0), occurred, settled)
    settled_day = clock.days_passed(settled)
    is_undecided = is_later | np.asarray(known.column("justified").is_null().to_numpy())
    is_cancelled = kind.are("cancellation")
    effective = instants_of(known, "effective_at")[is_cancelled]
    effective_day = np.full(len(occurred), np.nan)
    effective_day[is_cancelled] = clock.days(
        np.where(effective == NEVER, occurred[is_cancelled], effective)
    )
    declined_for_one = Words.of(table.column("decline_reason")).are("competitor")
    return framed(
        "interactions",
        unit=interactions.unit[where],
        day=day.astype(np.int32),
        kind=kind.category(),
        interaction_id=strings_of(table.column("id")),
        is_inbound=(direction.are("inbound") | kind.are(*BY_THE_CUSTOMER))
        & ~direction.are("internal"),
        is_public=booleans_of(table, "is_public"),
        sentiment=floats_of(table, "sentiment"),
        severity=floats_of(table, "severity"),
        settled_day=settled_day,
        resolution=Words(np.where(is_later, -1, resolution.codes), resolution.words).category(),
        is_justified=pd.arrays.BooleanArray(
            booleans_of(known, "justified") & ~is_undecided, is_undecided
        ),
        outcome=outcome.category(),
        channel=Words.of(known.column("channel")).category(),
        nps=floats_of(table, "nps"),
        has_leave_intent=has_tag(table, "leave_intent"),
        effective_day=effective_day,
        names_competitor=declined_for_one
        | np.asarray(table.column("competitor_id").is_valid().to_numpy()),
        event_type=Words.of(table.column("event_type")).category(),
    )


def ratings_frame(
    snapshot: Snapshot, interactions: Interactions, where: Booleans, clock: Clock
) -> pd.DataFrame:
    """Build the frame of single ratings, those of surveys that were answered by the day."""
    where = where & interactions.kind.are("survey_response")
    table = snapshot.read("interactions", ["id", "ratings"], where=where)
    answer, ratings = read_lists(table.column("ratings").fill_null("[]"), _RATING)
    rows = np.flatnonzero(where)[answer]
    return framed(
        "ratings",
        unit=interactions.unit[rows],
        day=clock.days(interactions.occurred[rows]).astype(np.int32),
        dimension=Words.of(ratings.column("dimension")).category(),
        perception=floats_of(ratings, "perception"),
        expectation=floats_of(ratings, "expectation"),
        interaction_id=strings_of(table.column("id").take(pa.array(answer))),
    )


def interaction_interest(
    snapshot: Snapshot, interactions: Interactions, products: ProductCategories
) -> Iterator[tuple[str, Integers, Integers, Words]]:
    """Yield kind, unit, instant and category of offers not turned down, and of voiced needs."""
    offered = interactions.happened & interactions.kind.are("offer")
    offered &= ~interactions.outcome.are(*_TURNED_DOWN)
    if len(products.keys):
        table = snapshot.read("interactions", ["product_id"], where=offered)
        category = products.of(table.column("product_id"))
        yield "offer", *_of_rows(interactions, np.flatnonzero(offered), category)
    tags = snapshot.read("interactions", ["tags"])
    voiced = interactions.happened & tag_begins(tags, _NEED)
    texts = tags.column("tags").filter(pa.array(voiced))
    answer, words = read_entries(texts, pa.string())
    tag = Words.of(pa.chunked_array([words]))
    needs = Words(
        np.where(np.append([word.startswith(_NEED) for word in tag.words], False)[tag.codes],
                 tag.codes, -1),
        [word.removeprefix(_NEED) for word in tag.words],
    )  # fmt: skip
    yield "need", *_of_rows(interactions, np.flatnonzero(voiced)[answer], needs)


def declined_products_frame(
    snapshot: Snapshot, interactions: Interactions, products: ProductCategories, clock: Clock
) -> pd.DataFrame:
    """Build the frame of offers that were declined, of a known product or of none."""
    where = interactions.happened & interactions.kind.are("offer")
    where &= interactions.outcome.are("declined")
    named = snapshot.read("interactions", ["product_id"], where=where).column("product_id")
    place = products.places(named)
    is_told = (place >= 0) | np.asarray(named.is_null().to_numpy(), dtype=np.bool_)
    rows = np.flatnonzero(where)[is_told]
    return framed(
        "declined_products",
        unit=interactions.unit[rows],
        day=clock.days(interactions.occurred[rows]).astype(np.int32),
        product=place[is_told].astype(np.int32),
    )


def complained_deals(
    snapshot: Snapshot, interactions: Interactions, clock: Clock
) -> tuple[Integers, pa.ChunkedArray]:
    """Return units and deals of the complaints that are open or justified."""
    where = interactions.happened & interactions.kind.are("complaint")
    table = interactions.table.filter(pa.array(where))
    settled = instants_of(table, "resolved_at")
    is_later = (settled >= clock.end) & (settled != NEVER)
    is_open = is_later | ((settled == NEVER) & np.asarray(table.column("resolution").is_null()))
    where[where] = is_open | booleans_of(table, "justified")
    deal_ids = snapshot.read("interactions", ["deal_id"], where=where).column("deal_id")
    has_deal = np.asarray(deal_ids.is_valid().to_numpy(), dtype=np.bool_)
    return interactions.unit[where][has_deal], deal_ids.drop_null()


def _of(words: Words, where: Booleans) -> Words:
    return Words(words.codes[where], words.words)


def _of_rows(
    interactions: Interactions, rows: Integers, category: Words
) -> tuple[Integers, Integers, Words]:
    has_one = category.codes >= 0
    rows = rows[has_one]
    chosen = Words(category.codes[has_one], category.words)
    return interactions.unit[rows], interactions.occurred[rows], chosen
