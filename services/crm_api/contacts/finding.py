"""Finds the contacts that other records point to, and holds them until the commit."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import bindparam, select

from services.crm_api.contacts.table import CONTACT, contacts
from services.crm_api.external_refs.table import external_refs as external_refs_table
from services.foundation.constructs import is_among
from services.foundation.database import Reader, Transaction
from services.foundation.problems import FieldError, Invalid, NotFound
from services.foundation.statements import Record, Statement

_SELECT_LIVE = (
    select(contacts.c.id, contacts.c.kind, contacts.c.parent_id)
    .where(is_among(contacts.c.id), contacts.c.deleted_at.is_(None))
    .order_by(contacts.c.id)
)
T = TypeVar("T")
_EXISTING = Statement(_SELECT_LIVE)
# What a foreign key takes as well: it waits for who changes the contact, and they for it.
_HELD = Statement(_SELECT_LIVE.with_for_update(read=True, key_share=True))
_LOCKED = Statement(_SELECT_LIVE.with_for_update())
_SELECT_NAMED = (
    select(contacts.c.id)
    .join(external_refs_table, external_refs_table.c.record_id == contacts.c.id)
    .where(
        external_refs_table.c.resource == CONTACT.name,
        external_refs_table.c.source == bindparam("source"),
        external_refs_table.c.external_id == bindparam("id"),
        external_refs_table.c.is_live,
        contacts.c.deleted_at.is_(None),
    )
)
_HELD_NAMED = Statement(_SELECT_NAMED.with_for_update(read=True, key_share=True, of=contacts))
_LOCKED_NAMED = Statement(_SELECT_NAMED.with_for_update(of=contacts))
_ROW = Statement(
    select(contacts).where(contacts.c.id == bindparam("id"), contacts.c.deleted_at.is_(None))
)
_SELECT_PARENT = select(contacts.c.parent_id).where(contacts.c.id == bindparam("id"))
_PARENT = Statement(_SELECT_PARENT)
_LOCKED_PARENT = Statement(_SELECT_PARENT.with_for_update())
_LOOKS = 2
"""Again, as a reference may have gone to another contact while the one that had it was waited for."""
_ANSWERING = Statement(
    select(contacts.c.id, contacts.c.deleted_at, contacts.c.merged_into_id).where(
        is_among(contacts.c.id)
    )
)

_ERASED = Statement(
    select(contacts.c.id).where(is_among(contacts.c.id), contacts.c.erased_at.is_not(None))
)


class ContactMissing(Invalid):
    code, title = "contact_missing", "A contact that the record points to does not exist."


async def existing(reader: Reader, ids: Sequence[str]) -> dict[str, str]:
    """Return the kind of each of these contacts that is live."""
    if not ids:
        return {}
    rows = await reader.all(_EXISTING, {"ids": list(dict.fromkeys(ids))})
    return {row["id"]: row["kind"] for row in rows}


async def hold(
    transaction: Transaction, ids: Sequence[str], *, is_alone: bool = False
) -> dict[str, Record]:
    """Return the kind and the organisation of each of these contacts that is live, and keep it so.

    That is until the commit.

    An erasure or a merge of one comes before, and then it is not live, or after, and then it finds
    what this transaction wrote. `is_alone` keeps out others who hold it as well: for who will lock it
    later on, as two who hold it cannot both.
    """
    if not ids:
        return {}
    statement = _LOCKED if is_alone else _HELD
    rows = await transaction.all(statement, {"ids": list(dict.fromkeys(ids))})
    return {row["id"]: row for row in rows}


async def answering(reader: Reader, ids: Sequence[str]) -> dict[str, str]:
    """Return for these ids the live contacts that answer for them: themselves, or their survivors."""
    found: dict[str, str] = {}
    ways: dict[str, tuple[str, ...]] = {each: (each,) for each in ids}
    while ways:
        rows = await reader.all(_ANSWERING, {"ids": list({way[-1] for way in ways.values()})})
        known = {row["id"]: row for row in rows}
        further: dict[str, tuple[str, ...]] = {}
        for named, way in ways.items():
            row = known.get(way[-1])
            if row is not None and row["deleted_at"] is None:
                found[named] = way[-1]
            elif row is not None and row["merged_into_id"] not in (None, *way):
                further[named] = (*way, row["merged_into_id"])
        ways = further
    return found


async def erased(reader: Reader, ids: Sequence[str]) -> set[str]:
    """Return those of these contacts that were erased."""
    return {row["id"] for row in await reader.all(_ERASED, {"ids": ids})} if ids else set()


async def read_row(reader: Reader, contact_id: str) -> Record:
    """Return a live contact's columns.

    Raises
    ------
    NotFound
        There is no such contact.
    """
    row = await reader.first(_ROW, {"id": contact_id})
    if row is None:
        raise NotFound(f"There is no contact {contact_id}.")
    return row


def unit(contact: Mapping[str, Any]) -> str:
    """Return the customer unit of a contact whose row is known: its organisation, else itself."""
    return str(contact["parent_id"] or contact["id"])


async def unit_of(reader: Reader, contact_id: str) -> str:
    """Return the customer unit of a contact: its organisation, else itself."""
    row = await reader.first(_PARENT, {"id": contact_id})
    return contact_id if row is None or row["parent_id"] is None else str(row["parent_id"])


async def lock_unit_of(transaction: Transaction, contact_id: str) -> str:
    """Return the customer unit of a contact and keep others from moving it to another one."""
    row = await transaction.first(_LOCKED_PARENT, {"id": contact_id})
    return contact_id if row is None or row["parent_id"] is None else str(row["parent_id"])


async def survivor_of(reader: Reader, contact_id: str) -> str | None:
    """Return the live contact that this one was merged into, over however many merges."""
    found = (await answering(reader, [contact_id])).get(contact_id)
    return None if found == contact_id else found


async def or_survivor(reader: Reader, contact_id: str, read: Callable[[str], Awaitable[T]]) -> T:
    """Read something of a contact, or of the one that it is part of by now.

    Raises
    ------
    NotFound
        There is no such contact, and none that it was merged into.
    """
    try:
        return await read(contact_id)
    except NotFound:
        instead = await survivor_of(reader, contact_id)
        if instead is None:
            raise
        return await read(instead)


async def require(
    transaction: Transaction, field: str, contact_id: str, *, is_alone: bool = False
) -> tuple[str, str]:
    """Return the id and the kind of the live contact that an id means, and `hold` it.

    Raises
    ------
    ContactMissing
        There is no such contact, and none that it was merged into; `field` is what pointed to it.
    """
    here: str | None = contact_id
    while here is not None:  # a survivor may be merged away itself while it is waited for
        held = (await hold(transaction, [here], is_alone=is_alone)).get(here)
        if held is not None:
            return here, str(held["kind"])
        here = await survivor_of(transaction, here)
    message = f"There is no contact {contact_id}."
    raise ContactMissing(message, errors=[FieldError(f"/body/{field}", "unknown", message)])


async def resolve_contact(
    transaction: Transaction,
    contact_id: str | None,
    contact_ref: Mapping[str, str] | None,
    *,
    is_alone: bool = False,
) -> str:
    """Return the id of the live contact that a deal or an interaction names, and `hold` it.

    Raises
    ------
    ContactMissing
        It names none, both ways at once, or one that does not exist.
    """
    if (contact_id is None) == (contact_ref is None):
        message = "Name the contact by contact_id or by contact_ref, and not by both."
        raise ContactMissing(message, errors=[FieldError("/body/contact_id", "missing", message)])
    if contact_id is not None:
        found_id, _ = await require(transaction, "contact_id", contact_id, is_alone=is_alone)
        return found_id
    assert contact_ref is not None
    statement = _LOCKED_NAMED if is_alone else _HELD_NAMED
    for _ in range(_LOOKS):
        found = await transaction.first(statement, contact_ref)
        if found is not None:
            return str(found["id"])
    message = f"No live contact has the reference {contact_ref['id']} of {contact_ref['source']}."
    raise ContactMissing(message, errors=[FieldError("/body/contact_ref", "unknown", message)])
