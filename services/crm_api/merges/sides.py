"""What belongs to a contact beside its records: segments, campaigns, consents; a merge moves it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Table, bindparam, select, update

from services.crm_api import records
from services.crm_api.campaign_members.table import CAMPAIGN_MEMBER, campaign_members
from services.crm_api.consents import operations as consents
from services.crm_api.consents.table import consent_events
from services.crm_api.segments.table import segment_members
from services.foundation.calls import Stamp
from services.foundation.columns import Texts
from services.foundation.constructs import any_of
from services.foundation.database import Transaction
from services.foundation.statements import Record, Statement


class _Side:
    """A table whose rows belong to a contact and have no versions of their own."""

    def __init__(self, table: Table, key: str) -> None:
        here = (
            table.c.contact_id == bindparam("at_contact"),
            any_of(table.c[key], bindparam("keys", type_=Texts)),
        )
        self.key = key
        self.all = Statement(
            select(table.c[key].label("key")).where(table.c.contact_id == bindparam("at_contact"))
        )
        self.move = Statement(update(table).where(*here).values(contact_id=bindparam("to_contact")))

    async def keys(self, transaction: Transaction, contact_id: str) -> list[str]:
        rows = await transaction.all(self.all, {"at_contact": contact_id})
        return [row["key"] for row in rows]

    async def shift(
        self, transaction: Transaction, keys: Sequence[str], *, from_id: str, to_id: str
    ) -> None:
        if keys:
            values = {"at_contact": from_id, "to_contact": to_id, "keys": list(keys)}
            await transaction.run(self.move, values)


_SEGMENTS = _Side(segment_members, "segment_id")
_EVENTS = _Side(consent_events, "id")
_MEMBERS = Statement(
    select(campaign_members).where(
        campaign_members.c.contact_id == bindparam("contact_id"),
        campaign_members.c.deleted_at.is_(None),
    )
)


@dataclass(frozen=True)
class Freed:
    """What an un-merge took from the survivor: ids of segments and of campaigns."""

    segments: frozenset[str]
    campaigns: frozenset[str]


async def move_sides(
    transaction: Transaction,
    survivor_id: str,
    duplicate: Record,
    stamp: Stamp,
    *,
    email: str | None,
    freed: Freed | None = None,
) -> dict[str, list[str]]:
    """Move what has no version of its own; what the survivor has already stays where it is.

    So does what lets e-mail in for the duplicate's main address, if the survivor's, `email`, is another
    one. `freed` limits segments and campaigns to these.
    """
    duplicate_id = duplicate["id"]
    is_other = (email or "").casefold() != (duplicate["email"] or "").casefold()
    present = set(await _SEGMENTS.keys(transaction, survivor_id))
    segments = [
        key
        for key in await _SEGMENTS.keys(transaction, duplicate_id)
        if key not in present and (freed is None or key in freed.segments)
    ]
    events = [
        event["id"]
        for event in await transaction.all(consents.OF_CONTACT, {"contact_id": duplicate_id})
        if not (is_other and consents.is_of_address(event))
    ]
    way = {"from_id": duplicate_id, "to_id": survivor_id}
    await _SEGMENTS.shift(transaction, segments, **way)
    await _EVENTS.shift(transaction, events, **way)
    own = await transaction.all(_MEMBERS, {"contact_id": survivor_id})
    joined = {member["campaign_id"] for member in own}
    members = [
        member
        for member in await transaction.all(_MEMBERS, {"contact_id": duplicate_id})
        if member["campaign_id"] not in joined
        and (freed is None or member["campaign_id"] in freed.campaigns)
    ]
    await _move_members(transaction, members, survivor_id, stamp)
    return {"segments": segments, "events": events, "members": [each["id"] for each in members]}


async def _move_members(
    transaction: Transaction, members: Iterable[Record], to_id: str, stamp: Stamp
) -> None:
    for member in members:
        await records.change(
            transaction,
            CAMPAIGN_MEMBER,
            member,
            {"contact_id": to_id},
            stamp=stamp,
            personal=False,
        )


async def give_back(
    transaction: Transaction,
    moved: Mapping[str, Sequence[str]],
    survivor_id: str,
    duplicate_id: str,
    stamp: Stamp,
) -> Freed:
    """Move back what a merge moved that has no version of its own; return what the survivor had of it."""
    way = {"from_id": survivor_id, "to_id": duplicate_id}
    held = await _SEGMENTS.keys(transaction, survivor_id) if moved["segments"] else []
    await _SEGMENTS.shift(transaction, moved["segments"], **way)
    await _EVENTS.shift(transaction, moved["events"], **way)
    members = await records.lock_many(transaction, CAMPAIGN_MEMBER, moved["members"])
    campaigns = [
        member["campaign_id"] for member in members.values() if member["deleted_at"] is None
    ]
    await _move_members(transaction, members.values(), duplicate_id, stamp)
    return Freed(frozenset(held) & set(moved["segments"]), frozenset(campaigns))


def counted(moved: Mapping[str, Sequence[str]]) -> dict[str, int]:
    return {
        "segment_members": len(moved["segments"]),
        "consent_events": len(moved["events"]),
        "campaign_members": len(moved["members"]),
    }


async def take_back_events(
    transaction: Transaction, events: Sequence[str], *, from_id: str, to_id: str
) -> None:
    """Move events of consents back, for who decides anew what of them moves."""
    await _EVENTS.shift(transaction, events, from_id=from_id, to_id=to_id)
