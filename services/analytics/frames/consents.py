"""What contacts allow and refuse, as the CRM tells it: by channel, for marketing and for surveys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.analytics.calculations.reach.channels import CONSENTS, Codes
from services.analytics.frames.arrays import Booleans, Words, instants_of
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
_STATES = {"granted": ("granted",), "pending": ("pending",), "refused": ("withdrawn", "objected")}


@dataclass(frozen=True, slots=True, eq=False)
class Consents:
    """What every contact in the mirror allows, in its order.

    Attributes
    ----------
    marketing, survey
        Codes of `CONSENTS`; shape (contacts, channels).
    is_given
        Whether anything at all is granted over a channel; shape (contacts, channels).
    asked_no_contact
        Whether all that a contact said about marketing is no; shape (contacts,).
    """

    marketing: Codes
    survey: Codes
    is_given: Booleans
    asked_no_contact: Booleans

    @classmethod
    def read(cls, snapshot: Snapshot, channel_ids: tuple[str, ...], clock: Clock) -> Consents:
        """Read what holds on the day.

        A permission holds from when it was given. A refusal holds for every day, as an objection to
        profiling does: nobody is to be addressed on the word of a day before.
        """
        texts = snapshot.read("contacts", ["consents"]).column("consents").fill_null("[]")
        told = np.flatnonzero(np.asarray(pc.greater(pc.binary_length(texts), 2).to_numpy()))
        count = len(texts)
        states = np.zeros((2, count, len(channel_ids)), dtype=np.int8)
        is_given = np.zeros((count, len(channel_ids)), dtype=np.bool_)
        refuses, allows = np.zeros((2, count), dtype=np.bool_)
        if len(told):
            place, entries = read_lists(texts.take(pa.array(told)), _CONSENT)
            contact = told[place]
            number = {name: code for code, name in enumerate(channel_ids)}
            channel = Words.of(entries.column("channel"))
            at = channel.numbers(lambda word: number.get(word, -1), empty=-1).astype(np.int64)
            state, purpose = Words.of(entries.column("state")), Words.of(entries.column("purpose"))
            has_begun = instants_of(entries, "since") < clock.end
            is_marketing = purpose.are("marketing")
            for name, words in _STATES.items():
                counts = state.are(*words) & (has_begun | (name == "refused"))
                for kind, wanted in enumerate((is_marketing, purpose.are("survey"))):
                    rows = counts & wanted & (at >= 0)
                    states[kind, contact[rows], at[rows]] = CONSENTS.index(name)
                if name == "granted":
                    is_given[contact[counts & (at >= 0)], at[counts & (at >= 0)]] = True
                    allows[contact[counts & is_marketing]] = True
                if name == "refused":
                    refuses[contact[counts & is_marketing]] = True
        return cls(states[0], states[1], is_given, refuses & ~allows)
