"""What the catalogue's conditions ask of units: yes, no, or missing where no record could say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from services.analytics.frames.arrays import NEVER, Booleans, booleans_of, floats_of
from services.analytics.frames.clock import Clock
from services.analytics.frames.contacts import Contacts
from services.analytics.frames.deals import Deals
from services.analytics.frames.interactions import Interactions
from services.analytics.frames.json_lists import read_lists
from services.analytics.frames.live_terms import undecided_offers
from services.analytics.frames.parameters import FrameParameters
from services.analytics.mirror.snapshot import Snapshot

_POSITIVE_SENTIMENT = 0.5
_POSITIVE_PERCEPTION = 8
_RATING = pa.struct([("perception", pa.float64())])


def condition_columns(
    snapshot: Snapshot,
    contacts: Contacts,
    deals: Deals,
    interactions: Interactions,
    clock: Clock,
    parameters: FrameParameters,
) -> dict[str, Any]:
    """Answer the conditions that records alone decide; their rules are those of the catalogue.

    Whether an offer that is still valid conflicts is not known: its terms are compared where a new one
    is made. One that ran out does not, by domain specification 6.5. What the customer minds is known
    from a complaint, a survey answer with a reason or a deal that was lost for one; the gap of
    satisfaction is told where signals are.
    """
    kind = interactions.kind

    def flags(rows: Booleans) -> Booleans:
        return contacts.flags(interactions.unit, rows)

    may_conflict = flags(undecided_offers(snapshot, interactions, clock))
    start = clock.start_of_window(parameters.reason_window_days)
    names_one = kind.are("complaint")
    names_one |= booleans_of(snapshot.read("interactions", ["has_reason"]), "has_reason")
    has_reason = flags(interactions.since(start) & names_one)
    has_reason |= _lost_for_a_reason(snapshot, contacts, deals, start)
    nobody = np.zeros(contacts.unit_count, dtype=np.bool_)
    surveyed = interactions.since(clock.start_of_window(parameters.survey_window_days)) & kind.are(
        "survey_invitation"
    )
    return {
        "no_conflicting_offer": _answers(~deals.has_quote, may_conflict & ~deals.has_quote),
        "positive_history": _positive_history(snapshot, contacts, interactions),
        "leave_reason_known": _answers(has_reason, nobody),
        "recent_survey": _answers(flags(surveyed), nobody),
        "minor": _minor(snapshot, contacts),
    }


def _answers(holds: Booleans, is_unknown: Booleans) -> Any:
    return pd.arrays.BooleanArray(holds, is_unknown)


def _lost_for_a_reason(
    snapshot: Snapshot, contacts: Contacts, deals: Deals, start: int
) -> Booleans:
    lost = (deals.stages.lost_at >= start) & (deals.stages.lost_at != NEVER) & (deals.unit >= 0)
    reasons = snapshot.read("deals", ["lost_reason"], where=lost).column("lost_reason")
    lost[lost] = np.asarray(reasons.is_valid().to_numpy(), dtype=np.bool_)
    return contacts.flags(deals.unit, lost)


def _positive_history(snapshot: Snapshot, contacts: Contacts, interactions: Interactions) -> Any:
    """Tell who has a clearly positive moment; nobody without any interaction has."""
    table = snapshot.read("interactions", ["sentiment", "ratings"])
    is_positive = floats_of(table, "sentiment") >= _POSITIVE_SENTIMENT
    is_positive |= _is_rated_highly(table.column("ratings"))
    has_moment = contacts.flags(interactions.unit, interactions.happened & is_positive)
    return _answers(has_moment, np.zeros(contacts.unit_count, dtype=np.bool_))


def _is_rated_highly(texts: pa.ChunkedArray) -> Booleans:
    texts = texts.fill_null("[]")
    rated = np.flatnonzero(np.asarray(pc.not_equal(texts, "[]").to_numpy()))
    is_high = np.zeros(len(texts), dtype=np.bool_)
    if len(rated):
        places, ratings = read_lists(texts.take(pa.array(rated)), _RATING)
        perception = floats_of(ratings, "perception")
        is_high[rated[places[perception >= _POSITIVE_PERCEPTION]]] = True
    return is_high


def _minor(snapshot: Snapshot, contacts: Contacts) -> Any:
    """Tell who is or has a contact flagged as under age; like an objection it holds for every day."""
    flags = snapshot.read("contacts", ["flags"]).column("flags").fill_null("[]")
    is_minor = np.asarray(pc.match_substring(flags, '"minor"').to_numpy(), dtype=np.bool_)
    holds = contacts.flags(contacts.unit, is_minor & (contacts.unit >= 0))
    return _answers(holds, np.zeros(contacts.unit_count, dtype=np.bool_))
