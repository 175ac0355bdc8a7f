"""What interactions cost, and what they say about units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from services.analytics.frames.arrays import (
    NEVER,
    Booleans,
    Floats,
    Integers,
    Words,
    booleans_of,
    floats_of,
    instants_of,
    latest_of,
    minor_per_unit,
    places_of,
)
from services.analytics.frames.clock import Clock
from services.analytics.frames.contacts import Contacts
from services.analytics.frames.gaps import Gap, gap_of
from services.analytics.frames.parameters import FrameParameters
from services.analytics.frames.tags import has_tag
from services.analytics.mirror.snapshot import Snapshot

_DELIVERED = ("delivered", "clicked", "replied", "accepted", "declined", "unsubscribed")
RESPONDED = ("clicked", "replied", "accepted")
_TALKS = ("call", "email", "message", "chat", "meeting", "visit", "social")
BY_THE_CUSTOMER = (
    *("complaint", "service_request", "survey_response", "quote_request"),
    *("idea", "referral", "cancellation"),
)
CASES = ("complaint", "service_request")
"""They are open until they are settled."""
_PRIVACY_REQUEST = "privacy_request"


@dataclass(frozen=True, slots=True, eq=False)
class Interactions:
    """All interactions in the mirror, and which of them had taken place by the day.

    Attributes
    ----------
    table
        What the mirror holds of them.
    contact
        Place of the contact of each among all contacts; -1 where it is not live.
    unit
        Unit of each; -1 where its contact is not live or not known by the day.
    happened
        Whether it is about a unit and took place by the day.
    occurred
        When; microseconds since 1970 in UTC.
    kind, outcome, direction
        Words of each.
    is_privacy_request
        Whether it is a service request, tagged as one of a data subject. To ask for its data costs
        nobody anything, so it is no part of any number. Source: GDPR, article 12(5).
    """

    table: pa.Table
    contact: Integers
    unit: Integers
    happened: Booleans
    occurred: Integers
    kind: Words
    outcome: Words
    direction: Words
    is_privacy_request: Booleans

    @classmethod
    def read(
        cls, snapshot: Snapshot, contacts: Contacts, clock: Clock, gaps: dict[str, Gap]
    ) -> Interactions:
        words = ["kind", "channel", "direction", "outcome", "cost_currency"]
        instants = ["occurred_at", "resolved_at", "effective_at"]
        others = ["contact_id", "resolution", "justified", "cost_minor"]
        table = snapshot.read("interactions", [*words, *instants, *others], words=words)
        occurred = instants_of(table, "occurred_at")
        contact = contacts.places_in("interactions", table.column("contact_id"))
        unit = np.append(contacts.unit, -1)[contact]
        happened = occurred < clock.end
        gaps["interactions_of_unknown_contacts"] = gap_of(
            snapshot, "interactions", unit, happened & (unit < 0)
        )
        kind, outcome, direction = (
            Words.of(table.column(name)) for name in ("kind", "outcome", "direction")
        )
        happened &= unit >= 0
        asks = happened & kind.are("service_request")
        asks[asks] = has_tag(snapshot.read("interactions", ["tags"], where=asks), _PRIVACY_REQUEST)
        return cls(table, contact, unit, happened, occurred, kind, outcome, direction, asks)

    def since(self, instant: int) -> Booleans:
        """Tell which took place from an instant on, until the day."""
        return self.happened & (self.occurred >= instant)

    def open_cases(self, clock: Clock, *kinds: str) -> Booleans:
        """Tell which cases of these kinds were not settled by the day."""
        resolved = instants_of(self.table, "resolved_at")
        is_open = (resolved >= clock.end) & (
            (resolved != NEVER) | np.asarray(self.table.column("resolution").is_null().to_numpy())
        )
        rows: Booleans = self.happened & self.kind.are(*kinds) & is_open
        return rows

    def privacy_requests(self, clock: Clock) -> Booleans:
        """Tell which requests of data subjects were not settled by the day."""
        return self.open_cases(clock, "service_request") & self.is_privacy_request

    @property
    def is_inbound(self) -> Booleans:
        """Whether the customer turned to us."""
        turned = self.direction.are("inbound") | self.kind.are(*BY_THE_CUSTOMER)
        return turned & ~self.direction.are("internal")


def interaction_columns(
    snapshot: Snapshot,
    interactions: Interactions,
    contacts: Contacts,
    clock: Clock,
    parameters: FrameParameters,
    *,
    cost: Floats,
) -> dict[str, Any]:
    """Build the columns of the units that interactions alone decide, or together with deals.

    `cost` is that of each interaction: see `interaction_cost`.
    """
    table, unit, happened = interactions.table, interactions.unit, interactions.happened
    kind, outcome, direction = interactions.kind, interactions.outcome, interactions.direction
    is_ours_alone = direction.are("internal")
    responded = outcome.are(*RESPONDED) | kind.are(*BY_THE_CUSTOMER)
    responded |= direction.are("inbound")
    reached = outcome.are(*_DELIVERED) | responded | kind.are(*_TALKS)
    in_window = interactions.since(clock.start_of_window(parameters.lead_window_days))
    effective = instants_of(table, "effective_at")
    effective = np.where(effective == NEVER, interactions.occurred, effective)
    is_cancelled = happened & kind.are("cancellation") & (effective < clock.end)
    # Whose fault it is, is open as long as the complaint is.
    is_undecided = interactions.open_cases(clock, "complaint")
    is_undecided &= np.asarray(table.column("justified").is_null().to_numpy())
    is_charged = happened & ~is_undecided & ~interactions.is_privacy_request
    is_charged &= ~_is_own_fault(snapshot, table, kind, unit)
    is_recent = interactions.since(clock.start_of_window(parameters.service_window_days))

    def total(rows: Booleans) -> Floats:
        return contacts.totals(unit[rows], cost[rows])

    def flags(rows: Booleans) -> Booleans:
        return contacts.flags(unit, rows)

    return {
        "service_cost": total(is_charged),
        "service_cost_730": total(is_charged & is_recent),
        "is_reached": flags(happened & reached & ~is_ours_alone),
        "has_responded": flags(happened & responded & ~is_ours_alone),
        "has_open_qualified_deal": flags(in_window & kind.are("quote_request")),
        "is_active_in_window": flags(in_window & ~is_ours_alone),
        "has_open_complaint": flags(interactions.open_cases(clock, "complaint")),
        "has_pending_request": flags(interactions.privacy_requests(clock)),
        "cancelled_at": latest_of(effective[is_cancelled], unit[is_cancelled], contacts.unit_count),
    }


def interaction_cost(
    snapshot: Snapshot,
    interactions: Interactions,
    parameters: FrameParameters,
    base_currency: str,
    gaps: dict[str, Gap],
) -> Floats:
    """Return what each interaction cost, in base currency; what nobody recorded is the default."""
    table, kind = interactions.table, interactions.kind
    currency = Words.of(table.column("cost_currency"))
    given = floats_of(table, "cost_minor") / minor_per_unit(currency)
    is_foreign = ~np.isnan(given) & ~currency.are(base_currency)
    gaps["interactions_with_foreign_cost"] = gap_of(
        snapshot, "interactions", interactions.unit, interactions.happened & is_foreign
    )
    channel = Words.of(table.column("channel"))
    by_kind = kind.numbers(lambda word: parameters.kind_cost.get(word, 0.0), empty=0.0)
    by_channel = channel.numbers(lambda word: parameters.channel_cost.get(word, 0.0), empty=0.0)
    default = np.where(kind.are("campaign_touch", "offer"), by_channel, by_kind)
    return np.where(np.isnan(given) | is_foreign, default, given)


def _is_own_fault(snapshot: Snapshot, table: pa.Table, kind: Words, unit: Integers) -> Booleans:
    """Tell the justified complaints and the service requests of the same unit attached to them.

    Source: domain specification 3.1.
    """
    is_justified = kind.are("complaint") & booleans_of(table, "justified")
    is_own_fault = is_justified.copy()
    requests = kind.are("service_request")
    if is_justified.any() and requests.any():
        ids = snapshot.read("interactions", ["id"], where=is_justified).column("id")
        parents = snapshot.read("interactions", ["parent_id"], where=requests).column("parent_id")
        place = places_of(parents, ids.combine_chunks())
        owner = np.append(unit[is_justified], -1)[place]
        is_own_fault[requests] = (place >= 0) & (owner == unit[requests])
    return is_own_fault
