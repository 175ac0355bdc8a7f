"""Over which channels contacts can be found and may be addressed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from services.analytics.calculations.reach.channels import Codes, channel_barriers
from services.analytics.calculations.reach.parameters import ChannelRule
from services.analytics.frames.arrays import (
    NEVER,
    Booleans,
    Integers,
    Words,
    booleans_of,
    instants_of,
)
from services.analytics.frames.clock import Clock
from services.analytics.frames.consents import Consents, objects_to_profiling
from services.analytics.frames.contacts import Contacts
from services.analytics.frames.interactions import Interactions
from services.analytics.mirror.snapshot import Snapshot

_ADDRESSES = {"email": "has_email", "phone": "has_phone", "postal": "has_address"}
_OF_THE_HOUSE = ("phone", "postal")
"""Where a person is found whose organisation is."""


@dataclass(frozen=True, slots=True, eq=False)
class Permissions:
    """How every contact in the mirror can be reached, in its order.

    Attributes
    ----------
    marketing
        What bars marketing, codes of `BARRIERS`; shape (contacts, channels).
    survey_barriers
        What bars surveys by what was said of them alone, as `marketing`.
    service, survey
        Whether service is possible, and a survey allowed; shape (contacts, channels).
    asked_no_contact
        Whether all that a contact said about marketing is no; shape (contacts,).
    """

    marketing: Codes
    survey_barriers: Codes
    service: Booleans
    survey: Booleans
    asked_no_contact: Booleans

    @property
    def is_reachable(self) -> Booleans:
        """Whether any channel is allowed for marketing; shape (contacts,)."""
        return np.asarray((self.marketing == 0).any(axis=1), dtype=np.bool_)


def read_permissions(
    snapshot: Snapshot,
    contacts: Contacts,
    interactions: Interactions,
    clock: Clock,
    channels: tuple[ChannelRule, ...],
) -> Permissions:
    """Read how contacts can be reached.

    Business with whom the CRM calls blocked or terminated now is not possible on any day; what a
    customer asked is answered all the same. Source: domain specification 6.3.
    """
    consents = Consents.read(snapshot, tuple(channel.id for channel in channels), clock)
    table = snapshot.read("contacts", ["status", "erased_at", *_ADDRESSES.values()])
    has_address = consents.is_given | _used(interactions, len(contacts.ids), channels)
    house = np.append(contacts.unit_rows, -1)[contacts.unit]
    for kind, name in _ADDRESSES.items():
        is_filled = booleans_of(table, name)
        if kind in _OF_THE_HOUSE:
            is_filled = is_filled | (is_filled[house] & (house >= 0))
        for place, channel in enumerate(channels):
            if channel.address == kind:
                has_address[:, place] = is_filled
    is_there = instants_of(table, "erased_at") == NEVER
    is_active = is_there & Words.of(table.column("status")).are("active")

    def barriers(consent: Codes) -> Codes:
        return channel_barriers(consent, has_address, is_active, channels=channels)

    survey_barriers = barriers(consents.survey)
    return Permissions(
        barriers(consents.marketing),
        survey_barriers,
        has_address & is_there[:, None],
        (survey_barriers == 0) & ~consents.bars_surveys,
        consents.asked_no_contact,
    )


def _used(interactions: Interactions, count: int, channels: tuple[ChannelRule, ...]) -> Booleans:
    """Tell over which channels each contact has turned to us."""
    used = np.zeros((count, len(channels)), dtype=np.bool_)
    channel = Words.of(interactions.table.column("channel"))
    turned = interactions.happened & interactions.is_inbound
    for place, rule in enumerate(channels):
        if rule.address == "used":
            used[interactions.contact[turned & channel.are(rule.id)], place] = True
    return used


def addressed_contacts(
    snapshot: Snapshot,
    contacts: Contacts,
    interactions: Interactions,
    permissions: Permissions,
    clock: Clock,
) -> Integers:
    """Return the place of the contact to be addressed for each unit.

    A person itself; for an organisation the reachable person who turned to us last, of several
    the one of lowest id, else the organisation itself. Nobody is chosen who objects to profiling: to
    choose by what somebody did is some. Source: domain specification 6.1, step 3, and 10, privacy.
    """
    addressed = contacts.unit_rows.copy()
    count = len(contacts.ids)
    table = snapshot.read("contacts", ["created_at"])
    is_known = instants_of(table, "created_at") < clock.end
    is_known[interactions.contact[interactions.happened]] = True
    is_below = contacts.unit >= 0
    is_below[contacts.unit_rows] = False
    is_below &= is_known & permissions.is_reachable
    if is_below.any():
        is_below &= ~objects_to_profiling(snapshot)
    rows = np.flatnonzero(is_below)
    if not len(rows):
        return addressed
    turned = interactions.happened & interactions.is_inbound
    last = np.full(count, -NEVER)
    np.maximum.at(last, interactions.contact[turned], interactions.occurred[turned])
    ids = contacts.ids.take(pa.array(rows))
    rows = rows[pa.compute.sort_indices(ids).to_numpy()]
    rows = rows[np.lexsort((-last[rows], contacts.unit[rows]))]
    unit = contacts.unit[rows]
    is_first = np.append(True, unit[1:] != unit[:-1])
    addressed[unit[is_first]] = rows[is_first]
    return addressed
