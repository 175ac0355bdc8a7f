"""Merges two contacts, moves what belonged to one to the other, and takes a merge back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import bindparam, insert, select, tuple_, update

from services.crm_api import many, records, references
from services.crm_api.consents import operations as consents
from services.crm_api.contacts import finding
from services.crm_api.contacts.table import CONTACT
from services.crm_api.contacts.table import contacts as contacts_table
from services.crm_api.custom_fields import operations as custom_fields
from services.crm_api.customer_card.operations import is_of_unit
from services.crm_api.deals.table import DEAL
from services.crm_api.dismissals import operations as dismissals
from services.crm_api.interactions.table import INTERACTION
from services.crm_api.interactions.table import interactions as interactions_table
from services.crm_api.merges.sides import counted, give_back, move_sides, take_back_events
from services.crm_api.merges.table import merges
from services.crm_api.merges.values import (
    Merge,
    MergeImpossible,
    check_room,
    columns_to_take,
    merged_values,
    set_columns,
    values_without,
)
from services.crm_api.privacy.suppression import refuse_suppressed
from services.crm_api.terms import operations as terms
from services.foundation.calls import Stamp
from services.foundation.columns import Document, Identifier, Instant
from services.foundation.database import Transaction
from services.foundation.problems import Conflict, FieldError, StaleVersion
from services.foundation.statements import Record, Statement

_ADD = Statement(insert(merges))
_FIND = Statement(
    select(merges)
    .where(merges.c.duplicate_id == bindparam("duplicate_id"), merges.c.unmerged_at.is_(None))
    .with_for_update()
)
_LATER = Statement(
    select(merges)
    .where(
        merges.c.survivor_id == bindparam("survivor_id"),
        merges.c.unmerged_at.is_(None),
        tuple_(merges.c.merged_at, merges.c.id)
        > tuple_(bindparam("merged_at", type_=Instant), bindparam("id", type_=Identifier)),
    )
    .order_by(merges.c.merged_at, merges.c.id)
    .with_for_update()
)
_RESET = Statement(
    update(merges)
    .where(merges.c.id == bindparam("at_id"))
    .values(
        set_columns=bindparam("columns", type_=Document), moved=bindparam("what", type_=Document)
    )
)
_END = Statement(
    update(merges).where(merges.c.id == bindparam("at_id")).values(unmerged_at=bindparam("now"))
)


class NotMerged(Conflict):
    code, title = "not_merged", "The contact is not merged into another one."


class SurvivorNotLive(Conflict):
    code, title = "survivor_not_live", "The contact that this one was merged into is not live."


@dataclass
class Done:
    """What a merge or its reversal did."""

    survivor_id: str
    duplicate_id: str
    changed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    moved: dict[str, int] = field(default_factory=dict)


_OFFERS = Statement(
    select(interactions_table).where(
        is_of_unit(interactions_table.c.contact_id, "organisation"),
        interactions_table.c.kind == "offer",
        interactions_table.c.product_id.is_not(None),
        interactions_table.c.deleted_at.is_(None),
    )
)
_LOCK_PERSONS = Statement(
    select(contacts_table.c.id)
    .where(contacts_table.c.parent_id == bindparam("id"))
    .order_by(contacts_table.c.id)
    .with_for_update()
)


_CHILDREN = (
    ("interactions", INTERACTION, "contact_id"),
    ("deals", DEAL, "contact_id"),
    ("persons", CONTACT, "parent_id"),
    ("referrals", CONTACT, "referred_by_id"),
)


async def merge_contacts(
    transaction: Transaction,
    survivor_id: str,
    duplicate_id: str,
    *,
    take: Sequence[str],
    version: int | None,
    duplicate_version: int | None,
    stamp: Stamp,
) -> Done:
    """Make the duplicate a part of the survivor.

    Raises
    ------
    NotFound, StaleVersion, MergeImpossible, TermsConflict
        A rule is broken; nothing is written.
    """
    survivor, duplicate = await _lock_both(
        transaction, survivor_id, duplicate_id, version, duplicate_version
    )
    taken = columns_to_take(take)
    values = merged_values(survivor, duplicate, taken)
    check_room(values)
    done = Done(survivor_id, duplicate_id)
    to_unit = finding.unit({**survivor, **values})
    for contact in (survivor, duplicate):  # the merge may give the survivor an organisation
        units = {"from_unit": finding.unit(contact), "to_unit": to_unit}
        await _move_terms(transaction, contact["id"], **units, stamp=stamp)
    # The duplicate first: a reference belongs to one live contact.
    gone = {"merged_into_id": survivor_id}
    await records.trash(transaction, CONTACT, duplicate, stamp=stamp, action="merged", values=gone)
    await dismissals.forget(transaction, [duplicate_id])
    for name, resource, column in _CHILDREN:
        done.moved[name] = await many.move_children(
            transaction, resource, column, from_id=duplicate_id, to_id=survivor_id, stamp=stamp
        )
    email = values.get("email", survivor["email"])
    moved = await move_sides(transaction, survivor_id, duplicate, stamp, email=email)
    done.moved |= counted(moved)
    events = await transaction.all(consents.OF_CONTACT, {"contact_id": survivor_id})
    values["consents"] = consents.current_consents(events)
    # It may have moved itself, as a contact that the duplicate recommended: what it was is `survivor`.
    present = await records.lock(transaction, CONTACT, survivor_id)
    await records.change(transaction, CONTACT, present, values, stamp=stamp, personal=False)
    fields = {CONTACT.wire_name(name) for name, value in values.items() if value != survivor[name]}
    done.changed = sorted(fields - CONTACT.hidden)
    await transaction.run(
        _ADD,
        {
            "id": records.new_id(),
            "survivor_id": survivor_id,
            "duplicate_id": duplicate_id,
            "request_id": stamp.request_id,
            "key_id": stamp.key_id,
            "set_columns": set_columns(survivor, values, taken),
            "moved": moved,
            "merged_at": stamp.now,
            "unmerged_at": None,
        },
    )
    return done


async def _lock_both(
    transaction: Transaction,
    survivor_id: str,
    duplicate_id: str,
    version: int | None,
    duplicate_version: int | None,
) -> tuple[Record, Record]:
    if survivor_id == duplicate_id:
        raise _impossible("A contact is not its own duplicate.")
    await records.lock_many(transaction, CONTACT, [survivor_id, duplicate_id])
    survivor = await records.lock(transaction, CONTACT, survivor_id, version=version)
    duplicate = await records.lock(transaction, CONTACT, duplicate_id)
    if duplicate_version not in (None, duplicate["version"]):
        raise StaleVersion(f"The duplicate's version is {duplicate['version']}.")
    if survivor["kind"] != duplicate["kind"]:
        raise _impossible("A person and an organisation are never the same.")
    if survivor["erased_at"] or duplicate["erased_at"]:
        raise _impossible("One of them was erased.")
    return survivor, duplicate


def _impossible(message: str) -> MergeImpossible:
    return MergeImpossible(
        message, errors=[FieldError("/body/duplicate_id", "merge_impossible", message)]
    )


async def _move_terms(
    transaction: Transaction, contact_id: str, *, from_unit: str, to_unit: str, stamp: Stamp
) -> None:
    """Let the live terms of a contact's offers, and those of its persons, be those of another unit.

    Raises
    ------
    TermsConflict
        The other unit has a live offer with different terms for the same product.
    """
    if from_unit != to_unit:
        await transaction.all(_LOCK_PERSONS, {"id": contact_id})
        offers = await transaction.all(_OFFERS, {"id": contact_id})
        await terms.move(transaction, offers, from_unit=from_unit, to_unit=to_unit, now=stamp.now)


async def _later(transaction: Transaction, merge: Record) -> list[tuple[Record, Merge]]:
    """Return the merges into the same contact that came later and stand, in their order."""
    found = await transaction.all(_LATER, merge)
    rows = await records.lock_many(transaction, CONTACT, [each["duplicate_id"] for each in found])
    return [(each, Merge(each["set_columns"], rows[each["duplicate_id"]])) for each in found]


async def unmerge_contact(transaction: Transaction, duplicate_id: str, *, stamp: Stamp) -> Done:
    """Make two contacts of one again: what the merge moved goes back, what it set is taken back.

    Fields of the survivor that were changed since, or that pointed to what is gone by now, keep their
    present value, and what was added since stays with it. What a later merge, which stands, would have
    brought as well stays too.

    Raises
    ------
    NotMerged
        The contact is not merged.
    SurvivorNotLive
        The survivor is in the trash, or itself merged into another one.
    Suppressed
        The duplicate has an address of a person who was erased since.
    CustomValueOutdated
        It has a value that its custom field does not take any more.
    ExternalRefTaken
        Meanwhile another contact has one of the duplicate's references.
    """
    merge = await transaction.first(_FIND, {"duplicate_id": duplicate_id})
    if merge is None:
        raise NotMerged()
    survivor_id = merge["survivor_id"]
    both = await records.lock_many(transaction, CONTACT, [survivor_id, duplicate_id])
    survivor, duplicate = both[survivor_id], both[duplicate_id]
    if survivor["deleted_at"] is not None:
        raise SurvivorNotLive(
            f"The contact {survivor_id} is in the trash, or merged into another one; bring that back first.",
            extra={"existing_id": survivor_id},
        )
    await refuse_suppressed(transaction, duplicate)
    await custom_fields.check_return(transaction, CONTACT, duplicate)
    done = Done(survivor_id, duplicate_id)
    way = {"from_id": survivor_id, "to_id": duplicate_id}
    for name, resource, column in _CHILDREN:
        done.moved[name] = await many.move_children(
            transaction, resource, column, **way, stamp=stamp, moved_by=merge["request_id"]
        )
    later = await _later(transaction, merge)
    back, kept, set_now = values_without(
        survivor, merge["set_columns"], [made for _, made in later]
    )
    former = [(survivor_id, back)]
    for each in await references.gone(transaction, CONTACT, former, but=[duplicate_id]):
        del back[each.name]
        kept.append(each.name)
    done.kept = sorted(kept)
    moved: Mapping[str, list[str]] = merge["moved"]
    freed = await give_back(transaction, moved, survivor_id, duplicate_id, stamp)
    email = back.get("email", survivor["email"])
    for (other, made), columns in zip(
        later, set_now, strict=True
    ):  # each brings what it would have
        way = {"from_id": survivor_id, "to_id": made.duplicate["id"]}
        await take_back_events(transaction, other["moved"]["events"], **way)
        more = await move_sides(
            transaction, survivor_id, made.duplicate, stamp, email=email, freed=freed
        )
        for name in ("segments", "members"):
            more[name] = [*other["moved"][name], *more[name]]
        await transaction.run(_RESET, {"at_id": other["id"], "columns": columns, "what": more})
    done.moved |= counted(moved)
    allowed = await consents.keep_refusals(
        transaction, survivor_id, duplicate_id, since=merge["merged_at"]
    )
    events = await transaction.all(consents.OF_CONTACT, {"contact_id": survivor_id})
    back["consents"] = consents.current_consents(events)
    survivor = await records.lock(transaction, CONTACT, survivor_id)
    differing = {name: value for name, value in back.items() if value != survivor[name]}
    await records.change(transaction, CONTACT, survivor, differing, stamp=stamp, personal=False)
    done.changed = sorted({CONTACT.wire_name(name) for name in differing} - CONTACT.hidden)
    await records.restore(
        transaction,
        CONTACT,
        duplicate,
        stamp=stamp,
        personal=False,
        action="unmerged",
        values={"merged_into_id": None, "consents": allowed},
    )
    for contact in ({**survivor, **back}, duplicate):
        units = {"from_unit": finding.unit(survivor), "to_unit": finding.unit(contact)}
        await _move_terms(transaction, contact["id"], **units, stamp=stamp)
    await transaction.run(_END, {"at_id": merge["id"], "now": stamp.now})
    return done
