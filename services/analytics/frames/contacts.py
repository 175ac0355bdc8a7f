"""Who belongs to which customer unit, and the columns of units that contacts alone decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.analytics.crm_client import Resource
from services.analytics.frames.arrays import (
    NEVER,
    Booleans,
    Floats,
    Integers,
    Words,
    floats_of,
    instants_of,
    places_of,
    strings_of,
)
from services.analytics.frames.clock import Clock
from services.analytics.frames.consents import objects_to_profiling
from services.analytics.frames.gaps import Gap, gap_of
from services.analytics.frames.parameters import FrameParameters
from services.analytics.mirror.snapshot import Snapshot
from services.analytics.mirror.units import places_of_units
from shared.money import currency_exponent

_INSTANTS: Mapping[Resource, tuple[str, ...]] = {
    "deals": ("opened_at", "closed_at"),
    "interactions": ("occurred_at",),
}


@dataclass(frozen=True, slots=True, eq=False)
class Contacts:
    """Who belongs to which customer unit; a person of a live organisation belongs to that.

    Attributes
    ----------
    ids
        Of all contacts in the mirror, in order.
    unit
        Unit of each contact; -1 where the unit was not known by the day.
    unit_rows
        Place of the contact that is each unit.
    is_orphan
        Whether a contact names a parent that is no live organisation.
    places
        Where the contact of each record stands in `ids`, -1 where nowhere; by resource, of those
        that had to be looked up to tell who was known.
    """

    ids: pa.Array
    unit: Integers
    unit_rows: Integers
    is_orphan: Booleans
    places: Mapping[Resource, Integers]

    @classmethod
    def read(cls, snapshot: Snapshot, clock: Clock) -> Contacts:
        """Read who was there by the day.

        A unit is known from the earliest instant of what is recorded about its contacts: when one
        was created, a deal opened or closed, an interaction took place. A contact that is imported
        today with deals of last year was a customer last year. Extends "As-of" of domain
        specification 1 to contacts, which have no business time of their own.
        """
        names = ["id", "kind", "parent_id", "created_at"]
        table = snapshot.read("contacts", names)
        ids = table.column("id").combine_chunks()
        is_organisation = Words.of(table.column("kind")).are("organisation")
        unit_row = places_of_units(table)
        has_parent = unit_row != np.arange(len(ids))
        is_known = np.zeros(len(ids), dtype=np.bool_)
        is_known[unit_row[instants_of(table, "created_at") < clock.end]] = True
        places: dict[Resource, Integers] = {}
        for resource in _INSTANTS:
            if not is_known[unit_row].all():
                places[resource], happened = _recorded(snapshot, resource, ids, clock)
                is_known[unit_row[places[resource][happened]]] = True
        is_unit = ~has_parent & is_known
        surrogate = np.where(is_unit, np.cumsum(is_unit) - 1, -1)
        names_parent = np.asarray(table.column("parent_id").is_valid().to_numpy())
        return cls(
            ids,
            surrogate[unit_row],
            np.flatnonzero(is_unit),
            names_parent & ~is_organisation & ~has_parent & is_known,
            places,
        )

    @property
    def unit_count(self) -> int:
        return len(self.unit_rows)

    def units_of(self, resource: Resource, contact_ids: pa.ChunkedArray) -> Integers:
        """Return the unit of each record, -1 where it is not live or not known by the day."""
        return np.append(self.unit, -1)[self.places_in(resource, contact_ids)]

    def places_in(self, resource: Resource, contact_ids: pa.ChunkedArray) -> Integers:
        """Return where the contact of each record stands in `ids`, -1 where it is not live."""
        places = self.places.get(resource)
        return places_of(contact_ids, self.ids) if places is None else places

    def flags(self, unit: Integers, rows: Booleans) -> Booleans:
        """Flag the units that one of these rows belongs to."""
        flags = np.zeros(self.unit_count, dtype=np.bool_)
        flags[unit[rows]] = True
        return flags

    def totals(self, unit: Integers, amounts: Floats) -> Floats:
        """Sum up the amounts of each unit."""
        total = np.bincount(unit, weights=amounts, minlength=self.unit_count)
        return total.astype(np.float64)

    def columns(
        self,
        snapshot: Snapshot,
        clock: Clock,
        parameters: FrameParameters,
        base_currency: str,
        gaps: dict[str, Gap],
    ) -> dict[str, Any]:
        """Build the columns of the units that contacts alone decide."""
        money = ["acquisition_cost_minor", "acquisition_cost_currency"]
        texts = ["kind", "status", "source_campaign_id", "purchase_motive", "owner_id"]
        instants = ["terminated_at", "created_at"]
        table = snapshot.read("contacts", [*texts, *money, *instants], words=money[1:])
        terminated = instants_of(table, "terminated_at")
        # Ended after the day, so it still ran on the day; without a date it has always been over.
        still_runs = pa.array((terminated >= clock.end) & (terminated != NEVER))
        status = pc.if_else(
            pc.and_(pc.equal(table.column("status"), "terminated"), still_runs),
            "active",
            table.column("status"),
        )
        own, count = pa.array(self.unit_rows), self.unit_count
        created = instants_of(table, "created_at")
        is_new = created >= clock.start_of_window(parameters.lead_window_days)
        is_new &= created < clock.end
        gaps["contacts_of_unknown_organisations"] = gap_of(
            snapshot, "contacts", self.unit, self.is_orphan
        )
        return {
            "unit_id": strings_of(self.ids.take(own)),
            "kind": strings_of(table.column("kind").take(own)),
            "status": strings_of(status.take(own)),
            "is_excluded": np.zeros(count, dtype=np.bool_),
            "has_profiling_objection": objects_to_profiling(snapshot)[self.unit_rows],
            "acquisition_cost": self._acquisition_cost(snapshot, table, base_currency, gaps),
            "source_campaign_id": strings_of(table.column("source_campaign_id").take(own)),
            "is_active_in_window": self.flags(self.unit, is_new),
            "leave_intent": np.full(count, np.nan),
            "competitor_loss": np.full(count, np.nan),
            "purchase_motive": strings_of(table.column("purchase_motive").take(own)),
            "owner_id": strings_of(table.column("owner_id").take(own)),
            # The cases are no records of the CRM: see `frames.cases`.
            "termination_case": strings_of(pa.nulls(count, pa.string())),
            "remedy_failed_day": np.full(count, np.nan),
            "hearing_closed_day": np.full(count, np.nan),
        }

    def erased_units(self, snapshot: Snapshot) -> frozenset[str]:
        """Return the units whose person was erased: they count in totals, and nowhere else."""
        table = snapshot.read("contacts", ["erased_at"])
        rows = self.unit_rows[instants_of(table, "erased_at")[self.unit_rows] != NEVER]
        return frozenset(self.ids.take(pa.array(rows)).to_pylist())

    def _acquisition_cost(
        self, snapshot: Snapshot, table: pa.Table, base_currency: str, gaps: dict[str, Gap]
    ) -> Floats:
        currency = Words.of(table.column("acquisition_cost_currency"))
        cost = floats_of(table, "acquisition_cost_minor")
        is_given = ~np.isnan(cost) & (self.unit >= 0)
        is_foreign = is_given & ~currency.are(base_currency)
        gaps["contacts_with_foreign_acquisition_cost"] = gap_of(
            snapshot, "contacts", self.unit, is_foreign
        )
        known = is_given & ~is_foreign
        # Whole numbers: their sum does not depend on the order of the contacts.
        total = self.totals(self.unit[known], cost[known])
        total /= 10.0 ** currency_exponent(base_currency)
        total[~self.flags(self.unit, known)] = np.nan
        return total


def _recorded(
    snapshot: Snapshot, resource: Resource, ids: pa.Array, clock: Clock
) -> tuple[Integers, Booleans]:
    """Return the place of the contact of each record, and which records tell of it by the day."""
    table = snapshot.read(resource, ["contact_id", *_INSTANTS[resource]])
    places = places_of(table.column("contact_id"), ids)
    happened = [instants_of(table, name) < clock.end for name in _INSTANTS[resource]]
    return places, np.logical_or.reduce(happened) & (places >= 0)
