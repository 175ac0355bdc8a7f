"""Who is dropped for what the CRM tells that came after the newest version."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa

from services.analytics.calculations.reach.parameters import ReachParameters
from services.analytics.frames.arrays import Words
from services.analytics.frames.clock import Clock
from services.analytics.frames.interactions import Interactions
from services.analytics.frames.touches import MARKETING, MARKETING_KINDS, SURVEY, Said, Touches
from services.analytics.plans import operations
from services.analytics.plans.asking import CrmNews, InteractionNow
from services.analytics.plans.dropping import DropReason, told_now
from services.analytics.publication import Publication
from services.foundation.database import Reader
from services.foundation.statements import Record
from shared.values import wire_instant

_NEEDS_ROOM: Final = ["pressure_ok", True]
_NEEDS_PEACE: Final = ["open_complaint", False]
_COMPLAINT: Final = "complaint"
_WORDS: Final = ("kind", "direction", "outcome")


@dataclass(frozen=True, slots=True)
class News:
    """What came after the newest version.

    Attributes
    ----------
    changed
        Contacts that were changed.
    touched
        Contacts of whom a touch was entered or changed.
    complaining
        Customers one of whose open complaints was entered or changed.
    clock
        The day for which the list is.
    reach
        How often people may be addressed.
    """

    changed: frozenset[str]
    touched: frozenset[str]
    complaining: frozenset[str]
    clock: Clock
    reach: ReachParameters

    @classmethod
    async def ask(cls, crm: CrmNews, cursor: str, *, clock: Clock, reach: ReachParameters) -> Self:
        """Ask for what came behind a cursor of the feed; raises what `CrmNews.changed` does."""
        changed = await crm.changed(cursor)
        kinds = [*MARKETING_KINDS, _COMPLAINT]
        told = await crm.interactions(changed.interactions, of="id", kind=kinds)
        touched = frozenset(each.contact_id for each in told if each.kind != _COMPLAINT)
        complaining = frozenset(
            each.contact_id for each in told if each.kind == _COMPLAINT and each.resolution is None
        )
        known = await crm.contacts(complaining)
        houses = frozenset(each.parent_id for each in known.values() if each.parent_id is not None)
        return cls(changed.contacts, touched, complaining | houses, clock, reach)

    async def barred(
        self, reader: Reader, publication: Publication, rows: Sequence[Record], crm: CrmNews
    ) -> dict[str, DropReason]:
        """Return why those of some choices are dropped of whom the CRM knows more by now.

        Raises
        ------
        CrmNotAsked
            The CRM does not say it.
        """
        if not self.changed and not self.touched and not self.complaining:
            return {}
        known = await operations.persons_of(reader, publication, [row["unit_id"] for row in rows])
        at_cap = await self._at_cap(rows, known, _that_need(_NEEDS_ROOM, publication.version), crm)
        disturbing = _that_need(_NEEDS_PEACE, publication.version)
        disturbed: dict[str, DropReason] = {
            row["unit_id"]: "changed_since_refresh"
            for row in rows
            if row["unit_id"] in self.complaining
            and (row["strategy_id"], row["instrument_id"]) in disturbing
        }
        return disturbed | at_cap | await self._told(rows, known, crm)

    async def _told(
        self, rows: Sequence[Record], known: Mapping[str, Record], crm: CrmNews
    ) -> dict[str, DropReason]:
        """Say what became of customers or of those addressed for them."""
        person_of = {unit_id: each["person"] for unit_id, each in known.items()}
        changed = {
            row["unit_id"]: self.changed & {row["unit_id"], person_of.get(row["unit_id"])}
            for row in rows
        }
        contacts = await crm.contacts(frozenset().union(*changed.values()))
        return {
            row["unit_id"]: told_now(row, changed[row["unit_id"]], contacts)
            for row in rows
            if changed[row["unit_id"]]
        }

    async def _at_cap(
        self,
        rows: Sequence[Record],
        known: Mapping[str, Record],
        bound: frozenset[tuple[str, str]],
        crm: CrmNews,
    ) -> dict[str, DropReason]:
        """Say who has been addressed so often by now that another touch has to wait."""
        persons = {
            row["unit_id"]: known[row["unit_id"]]
            for row in rows
            if row["unit_id"] in known
            and known[row["unit_id"]]["person"] in self.touched
            and (row["strategy_id"], row["instrument_id"]) in bound
        }
        styles = {each["person"]: each["style"] for each in persons.values()}
        start = self.clock.start_of_window(self.reach.response_window_days)
        since = wire_instant(datetime.fromtimestamp(start / 1_000_000, UTC))
        told = await crm.interactions(styles, of="contact_id", occurred_at_gte=since)
        waiting = await asyncio.to_thread(
            who_waits, told, styles, clock=self.clock, reach=self.reach
        )
        return {
            unit_id: "contact_cap" for unit_id, each in persons.items() if each["person"] in waiting
        }


def _that_need(check: list[Any], version: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Return strategy and instrument of the steps with this condition."""
    return frozenset(
        (each["strategy_id"], each["instrument_id"])
        for each in (version["options"] or {"candidates": []})["candidates"]
        if check in each["checks"]
    )


def who_waits(
    told: Sequence[InteractionNow],
    styles: Mapping[str, str | None],
    *,
    clock: Clock,
    reach: ReachParameters,
) -> frozenset[str]:
    """Return which contacts may not be addressed yet, by the rule of a refresh (E-CAP).

    `told` is all that took place with them in the response window, `styles` how each likes to be
    talked to.
    """
    ids = list(styles)
    place = {contact_id: row for row, contact_id in enumerate(ids)}
    person = np.array([place.get(each.contact_id, -1) for each in told], dtype=np.int64)
    # The CRM records nothing that lies ahead: what is later than a fixed day was on it at the latest.
    occurred = np.array([_microseconds(each.occurred_at) for each in told], dtype=np.int64)
    occurred = np.minimum(occurred, clock.end - 1)
    kind, direction, outcome = (_words([getattr(each, name) for each in told]) for name in _WORDS)
    everything = np.ones(len(told), dtype=np.bool_)
    interactions = Interactions(
        *(pa.table({}), person, person, everything, occurred, kind, outcome, direction),
        is_privacy_request=~everything,
    )
    said = Said(
        *(
            np.array(marks, dtype=np.bool_)
            for marks in (
                [each.campaign_id is not None for each in told],
                [MARKETING in each.tags for each in told],
                [SURVEY in each.tags for each in told],
            )
        )
    )
    touches = Touches.of(interactions, person, len(ids), said, clock=clock, parameters=reach)
    allowed = touches.pressure(_words(list(styles.values()))).allowed
    return frozenset(ids[row] for row in np.flatnonzero(~allowed))


def _words(values: list[str | None]) -> Words:
    return Words.of(pa.chunked_array([pa.array(values, pa.string())]))


def _microseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000)
