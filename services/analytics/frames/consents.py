"""What contacts allow and refuse, as the CRM tells it: marketing and surveys by channel, and profiling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.analytics.calculations.reach.channels import CONSENTS, Codes
from services.analytics.frames.arrays import NEVER, Booleans, Integers, Words, instants_of
from services.analytics.frames.clock import Clock
from services.analytics.frames.json_lists import read_lists
from services.analytics.mirror.snapshot import Snapshot

_CONSENT = pa.struct(
    [
        ("channel", pa.string()),
        ("purpose", pa.string()),
        ("state", pa.string()),
        ("since", pa.timestamp("us", tz="UTC")),
    ]
)
_REFUSED = CONSENTS.index("refused")
_STATES = {
    "granted": CONSENTS.index("granted"),
    "pending": CONSENTS.index("pending"),
    "withdrawn": _REFUSED,
    "objected": _REFUSED,
}
_PURPOSES = {"marketing": 0, "survey": 1}


@dataclass(frozen=True, slots=True, eq=False)
class Consents:
    """What every contact in the mirror allows, in its order.

    Attributes
    ----------
    marketing, survey
        Codes of `CONSENTS`; shape (contacts, channels).
    bars_surveys
        Whether a refusal of marketing bars surveys as well; shape (contacts, channels).
    is_given
        Whether anything at all is granted over a channel; shape (contacts, channels).
    asked_no_contact
        Whether all that a contact said about marketing is no; shape (contacts,).
    """

    marketing: Codes
    survey: Codes
    bars_surveys: Booleans
    is_given: Booleans
    asked_no_contact: Booleans

    @classmethod
    def read(cls, snapshot: Snapshot, channel_ids: tuple[str, ...], clock: Clock) -> Consents:
        """Read what holds on the day.

        A permission holds from when it was given. A refusal holds for every day, as an objection to
        profiling does: nobody is to be addressed on the word of a day before. Who refuses marketing over
        a channel is asked for no opinion there either, unless it agreed to surveys later: a survey of
        satisfaction is advertising. Source: § 7 UWG, BGH VI ZR 225/17.
        """
        texts = snapshot.read("contacts", ["consents"]).column("consents").fill_null("[]")
        told = np.flatnonzero(np.asarray(pc.greater(pc.binary_length(texts), 2).to_numpy()))
        count, width = len(texts), len(channel_ids)
        states = np.zeros((len(_PURPOSES), count * width), dtype=np.int8)
        since = np.zeros(states.shape)
        is_given = np.zeros(count * width, dtype=np.bool_)
        said = np.zeros((len(CONSENTS), count), dtype=np.bool_)
        if len(told):
            place, entries = read_lists(texts.take(pa.array(told)), _CONSENT)
            state, purpose, channel = (
                _numbered(entries.column(name), numbers)
                for name, numbers in (
                    ("state", _STATES),
                    ("purpose", _PURPOSES),
                    ("channel", {name: number for number, name in enumerate(channel_ids)}),
                )
            )
            at = instants_of(entries, "since")
            holds = (at < clock.end) | (state == _REFUSED)
            holds &= state > 0
            contact = told[place]
            of_marketing = holds & (purpose == _PURPOSES["marketing"])
            said[state[of_marketing], contact[of_marketing]] = True
            known = np.flatnonzero(holds & (channel >= 0))
            cell = contact[known] * width + channel[known]
            is_given[cell[state[known] == _STATES["granted"]]] = True
            known, cell = known[purpose[known] >= 0], cell[purpose[known] >= 0]
            states[purpose[known], cell] = state[known]
            since[purpose[known], cell] = at[known]
        marketing, survey = states.reshape(len(_PURPOSES), count, width)
        refused_at, agreed_at = since.reshape(len(_PURPOSES), count, width)
        agrees = (survey == _STATES["granted"]) & (agreed_at > refused_at)
        bars_surveys = (marketing == _REFUSED) & ~agrees
        only_refuses = said[_REFUSED] & ~said[_STATES["granted"]]
        return cls(marketing, survey, bars_surveys, is_given.reshape(count, width), only_refuses)


def objects_to_profiling(snapshot: Snapshot) -> Booleans:
    """Tell of every contact in the mirror, in its order, whether it objects to profiling.

    It does on the word of either record: the instant of an objection, or what it said of the purpose
    `profiling` over any channel, of which only `granted` allows. Holds for every day. Source: Art. 21
    and 7(3) GDPR.
    """
    table = snapshot.read("contacts", ["profiling_objection_at", "consents"])
    objects = np.asarray(instants_of(table, "profiling_objection_at") != NEVER, dtype=np.bool_)
    texts = table.column("consents").fill_null("[]")
    told = np.flatnonzero(np.asarray(pc.match_substring(texts, '"profiling"').to_numpy()))
    if len(told):
        place, entries = read_lists(texts.take(pa.array(told)), _CONSENT)
        is_no = Words.of(entries.column("purpose")).are("profiling")
        is_no &= ~Words.of(entries.column("state")).are("granted")
        objects[told[place[is_no]]] = True
    return objects


def _numbered(column: pa.ChunkedArray, numbers: Mapping[str, int]) -> Integers:
    """Return the number of each word, -1 of any other."""
    words = Words.of(column)
    return words.numbers(lambda word: numbers.get(word, -1), empty=-1).astype(np.int64)
