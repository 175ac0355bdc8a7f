"""Counts what is missing or doubtful in the records; what it means is in `calculations.quality`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from services.analytics.calculations.quality import (
    NOBODY,
    Completeness,
    Finding,
    Quality,
)
from services.analytics.crm_client import Resource
from services.analytics.frames.arrays import (
    NEVER,
    Booleans,
    Floats,
    Integers,
    Words,
    floats_of,
    instants_of,
)
from services.analytics.frames.clock import Clock
from services.analytics.frames.consents import objects_to_profiling
from services.analytics.frames.contacts import Contacts
from services.analytics.frames.deals import Deals
from services.analytics.frames.gaps import DataGaps, gap_of, lowest_ids
from services.analytics.frames.interactions import Interactions
from services.analytics.mirror.snapshot import Snapshot

_TALKS = ("call", "email", "message", "chat", "meeting", "visit", "social")
_TOUCHES = ("campaign_touch", "offer")


def count_quality(
    snapshot: Snapshot,
    contacts: Contacts,
    deals: Deals,
    interactions: Interactions,
    gaps: DataGaps,
    clock: Clock,
) -> Quality:
    """Count what is missing or doubtful in the records known by the day.

    All but the records of unknown contacts is local to a unit: the counts of partitions add up.

    Raises
    ------
    MirrorCorrupt
        The mirror is damaged.
    """
    tally = _Tally(snapshot, contacts)
    tally.take(gaps)
    _count_contacts(tally, deals)
    _count_deals(tally, deals, interactions, clock)
    _count_interactions(tally, interactions, clock)
    return tally.quality()


@dataclass
class _Tally:
    snapshot: Snapshot
    contacts: Contacts
    findings: dict[str, Finding] = field(default_factory=dict)
    fields: dict[str, Completeness] = field(default_factory=dict)
    owners: dict[str, dict[str, Completeness]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        table = self.snapshot.read("contacts", ["owner_id"], words=["owner_id"])
        owner = Words.of(table.column("owner_id"))
        self.names = [*owner.words, NOBODY]
        own = owner.codes[self.contacts.unit_rows]
        self.owner = np.where(own < 0, len(owner.words), own)

    def future(self, clock: Clock) -> int:
        """When the future begins: after the business day on which the CRM was read."""
        return clock.start_after(int(self.snapshot.loaded_at.timestamp() * 1_000_000))

    def take(self, gaps: DataGaps) -> None:
        """Take over what was counted where the records were read."""
        for item in fields(gaps):
            gap = getattr(gaps, item.name)
            self.findings[item.name] = Finding(gap.count, gap.examples, gap.unit_count)

    def find(
        self,
        name: str,
        resource: Resource,
        unit: Integers,
        rows: Booleans,
        *,
        unvalued: Booleans | None = None,
        amounts: Mapping[str, int] | None = None,
    ) -> None:
        """Note records of units that share a fault."""
        gap = gap_of(self.snapshot, resource, unit, rows)
        without_value = 0
        if unvalued is not None:
            touched = self.contacts.flags(unit, rows & (unit >= 0))
            without_value = int((touched & unvalued).sum())
        self.findings[name] = Finding(
            gap.count, gap.examples, gap.unit_count, without_value, amounts or {}
        )

    def find_units(
        self,
        name: str,
        rows: Booleans,
        *,
        amounts: Mapping[str, int] | None = None,
        shown: bool = True,
    ) -> None:
        """Note units; without examples if they are not to be `shown`."""
        ids = self.contacts.ids.take(pa.array(self.contacts.unit_rows[rows]))
        examples = lowest_ids(ids) if shown else ()
        self.findings[name] = Finding(len(ids), examples, len(ids), 0, amounts or {})

    def complete(self, name: str, unit: Integers, rows: Booleans, is_known: Booleans) -> None:
        """Note how many of the records that ought to have a field have it, overall and by owner."""
        owner = self.owner[unit[rows]]
        known = is_known[rows]
        records = np.bincount(owner, minlength=len(self.names))
        of_known = np.bincount(owner[known], minlength=len(self.names))
        self.fields[name] = Completeness(int(known.sum()), len(known))
        for place in np.flatnonzero(records):
            own = self.owners.setdefault(self.names[place], {})
            own[name] = Completeness(int(of_known[place]), int(records[place]))

    def quality(self) -> Quality:
        return Quality(self.findings, self.fields, self.owners)


def _count_contacts(tally: _Tally, deals: Deals) -> None:
    contacts = tally.contacts
    table = tally.snapshot.read(
        "contacts",
        [
            *("status", "owner_id", "source_campaign_id", "acquisition_cost_minor"),
            *("purchase_motive", "next_contact_at"),
        ],
        words=["owner_id", "purchase_motive"],
    )
    is_known = contacts.unit >= 0

    def any_contact(column: str) -> Booleans:
        return contacts.flags(contacts.unit, is_known & _is_given(table, column))

    def own(column: str) -> Booleans:
        return _is_given(table, column)[contacts.unit_rows]

    units = np.arange(contacts.unit_count)
    everybody = np.ones(contacts.unit_count, dtype=np.bool_)
    is_won = (deals.unit >= 0) & (deals.stages.won_at != NEVER)
    customers = contacts.flags(deals.unit, is_won)
    is_active = Words.of(table.column("status")).are("active")[contacts.unit_rows]
    cost, follow_up = any_contact("acquisition_cost_minor"), any_contact("next_contact_at")
    tally.complete("contacts.owner_id", units, everybody, own("owner_id"))
    tally.complete("contacts.source_campaign_id", units, everybody, own("source_campaign_id"))
    tally.complete("contacts.acquisition_cost", units, customers, cost)
    tally.complete("contacts.purchase_motive", units, customers, own("purchase_motive"))
    tally.complete("contacts.next_contact_at", units, customers & is_active, follow_up)
    tally.find_units("customers_without_acquisition_cost", customers & ~cost)
    tally.find_units("customers_without_follow_up", customers & is_active & ~follow_up)
    objects = objects_to_profiling(tally.snapshot)[contacts.unit_rows]
    tally.find_units("customers_objecting_to_profiling", objects, shown=False)
    erased = np.zeros_like(objects)
    gone = contacts.erased_units(tally.snapshot)
    if gone:
        ids = contacts.ids.take(pa.array(contacts.unit_rows))
        erased = np.asarray(pc.is_in(ids, value_set=pa.array(sorted(gone))).to_numpy(False))
    tally.find_units("erased_customers", erased.astype(np.bool_), shown=False)


def _count_deals(tally: _Tally, deals: Deals, interactions: Interactions, clock: Clock) -> None:
    amounts = ("amount_minor", "list_amount_minor", "cost_minor", "refund_minor", "discount_pct")
    table = tally.snapshot.read(
        "deals",
        [
            *(*amounts, "currency", "won_reason", "lost_reason"),
            *("refunded_at", "due_at", "opened_at", "closed_at"),
        ],
        words=["currency", "won_reason", "lost_reason"],
    )
    amount, listed, cost, refund, discount = (floats_of(table, name) for name in amounts)
    refunded = instants_of(table, "refunded_at")
    refund[(refunded >= clock.end) & (refunded != NEVER)] = np.nan
    unit, stages = deals.unit, deals.stages
    is_known = unit >= 0
    is_won, is_lost = is_known & (stages.won_at != NEVER), is_known & (stages.lost_at != NEVER)
    has_amount = ~np.isnan(amount)
    has_no_rate = is_won & np.isnan(deals.base_per_minor)
    currency = Words.of(table.column("currency"))
    is_valued = deals.is_purchase & has_amount & ~has_no_rate
    unvalued = ~tally.contacts.flags(unit, is_valued)

    def find(name: str, rows: Booleans, **more: Any) -> None:
        tally.find(name, "deals", unit, rows, **more)

    def complete(name: str, rows: Booleans, known: Booleans) -> None:
        tally.complete(f"deals.{name}", unit, rows, known)

    find(
        "deals_without_fx_rate",
        has_no_rate,
        unvalued=unvalued,
        amounts=_by_currency(currency, amount, has_no_rate),
    )
    find("deals_without_amount", is_won & ~has_amount, unvalued=unvalued)
    find("deals_with_estimated_cost", is_won & has_amount & ~has_no_rate & np.isnan(cost))
    find("deals_of_negative_amount", is_won & (amount < 0))
    find("deals_of_zero_amount", is_won & (amount == 0))
    find("refunds_larger_than_sale", is_won & (refund > amount) & (refund > 0))
    find("deals_refunded_in_full", is_won & ~deals.is_purchase)
    find("deals_merged_on_a_day", _is_merged(deals, clock))
    first = _first_contact(tally, interactions)
    find("purchases_before_first_contact", is_won & (stages.won_at < np.append(first, 0)[unit]))
    later = tally.future(clock)
    opened, closed = instants_of(table, "opened_at"), instants_of(table, "closed_at")
    is_later = ((opened >= later) & (opened != NEVER)) | ((closed >= later) & (closed != NEVER))
    find("deals_dated_in_the_future", is_known & is_later)
    _count_currencies(tally, unit, is_won, currency, amount)
    has_reason = _is_given(table, "lost_reason")
    find("lost_deals_without_reason", is_lost & ~has_reason)
    complete("amount", is_won, has_amount)
    complete("cost", is_won, ~np.isnan(cost))
    complete("discount_pct", is_won, ~np.isnan(discount) | ~np.isnan(listed))
    complete("won_reason", is_won, _is_given(table, "won_reason"))
    complete("lost_reason", is_lost, has_reason)
    complete("due_at", is_won, _is_given(table, "due_at"))


def _count_interactions(tally: _Tally, interactions: Interactions, clock: Clock) -> None:
    names = ["sentiment", "ratings", "severity", "justified", "decline_reason"]
    table = tally.snapshot.read("interactions", names, words=["decline_reason"])
    unit, happened = interactions.unit, interactions.happened
    kind, outcome = interactions.kind, interactions.outcome
    read = interactions.table
    talks, touches = happened & kind.are(*_TALKS), happened & kind.are(*_TOUCHES)
    complaints = happened & kind.are("complaint")
    settled = complaints & (instants_of(read, "resolved_at") < clock.end)
    is_answer = happened & kind.are("survey_response")
    declined = happened & kind.are("offer") & outcome.are("declined")

    def complete(name: str, rows: Booleans, known: Booleans) -> None:
        tally.complete(f"interactions.{name}", unit, rows, known)

    ratings = table.column("ratings").fill_null("[]")
    complete("direction", talks, interactions.direction.codes >= 0)
    complete("channel", touches, _is_given(read, "channel"))
    complete("outcome", touches, outcome.codes >= 0)
    complete("sentiment", talks | complaints, _is_given(table, "sentiment"))
    complete("ratings", is_answer, np.asarray(pc.not_equal(ratings, "[]").to_numpy()))
    complete("severity", complaints, _is_given(table, "severity"))
    complete("justified", settled, _is_given(table, "justified"))
    complete("decline_reason", declined, _is_given(table, "decline_reason"))
    is_later = (interactions.occurred >= tally.future(clock)) & (unit >= 0)
    tally.find("interactions_dated_in_the_future", "interactions", unit, is_later)


def _is_given(table: pa.Table, name: str) -> Booleans:
    return np.asarray(table.column(name).is_valid().to_numpy(), dtype=np.bool_)


def _by_currency(currency: Words, amount: Floats, rows: Booleans) -> dict[str, int]:
    """Sum up the known amounts of some deals by currency; minor units."""
    counted = rows & ~np.isnan(amount) & (currency.codes >= 0)
    codes = currency.codes[counted]
    sums = np.bincount(codes, weights=amount[counted], minlength=len(currency.words))
    number = np.bincount(codes, minlength=len(currency.words))
    return {currency.words[code]: int(sums[code]) for code in np.flatnonzero(number)}


def _is_merged(deals: Deals, clock: Clock) -> Booleans:
    """Tell which deals make no purchase of their own, as another of that unit was won that day."""
    merged = np.zeros(len(deals.unit), dtype=np.bool_)
    rows = np.flatnonzero(deals.is_purchase)
    day = clock.days(deals.stages.won_at[rows])
    key = pd.Series(deals.unit[rows] * 2**17 + day)
    merged[rows] = key.duplicated().to_numpy()
    return merged


def _first_contact(tally: _Tally, interactions: Interactions) -> Integers:
    """Return when a unit was entered or first in touch, whichever came first."""
    contacts = tally.contacts
    table = tally.snapshot.read("contacts", ["created_at"])
    first = np.full(contacts.unit_count, NEVER)
    for unit, at in (
        (contacts.unit, instants_of(table, "created_at")),
        (interactions.unit, interactions.occurred),
    ):
        is_known = unit >= 0
        np.minimum.at(first, unit[is_known], at[is_known])
    return first


def _count_currencies(
    tally: _Tally, unit: Integers, is_won: Booleans, currency: Words, amount: Floats
) -> None:
    """Note the units that bought in more than one currency."""
    counted = is_won & (currency.codes >= 0)
    count = tally.contacts.unit_count
    lowest, highest = np.full(count, NEVER), np.full(count, -1)
    np.minimum.at(lowest, unit[counted], currency.codes[counted])
    np.maximum.at(highest, unit[counted], currency.codes[counted])
    has_two = lowest < highest
    rows = counted & np.append(has_two, False)[unit]
    tally.find_units(
        "customers_with_two_currencies", has_two, amounts=_by_currency(currency, amount, rows)
    )
