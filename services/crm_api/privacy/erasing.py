"""Erases a person: at once what tells who it is, then its interactions and deals, part by part."""

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, func, insert, null, or_, select, update

from services.crm_api import many, records
from services.crm_api.campaign_members.table import CAMPAIGN_MEMBER, campaign_members
from services.crm_api.consents.table import consent_events
from services.crm_api.contacts.table import CONTACT, contacts
from services.crm_api.deals.table import DEAL, deals
from services.crm_api.dismissals import operations as dismissals
from services.crm_api.external_refs import operations as external_refs
from services.crm_api.interactions.table import INTERACTION
from services.crm_api.merges.table import merges
from services.crm_api.privacy import traces
from services.crm_api.privacy.kept import emptied
from services.crm_api.privacy.saved_filters import forget_in_filters
from services.crm_api.privacy.suppression import suppress
from services.crm_api.privacy.table import erasures
from services.crm_api.resources import Resource
from services.crm_api.segments.table import segment_members
from services.foundation.calls import Stamp
from services.foundation.columns import Document, Texts
from services.foundation.constructs import any_of, is_among
from services.foundation.database import Reader, Transaction
from services.foundation.problems import NotFound
from services.foundation.statements import Record, Statement

PART = 1000
"""So many interactions, and deals, are emptied in one transaction: some tenths of a second."""

_CHILDREN = (INTERACTION, DEAL)
_ADD = Statement(insert(erasures))
_SET = Statement(
    update(erasures)
    .where(erasures.c.id == bindparam("at_id"))
    .values(
        checkpoint=bindparam("set_checkpoint", type_=Document),
        counts=bindparam("set_counts", type_=Document),
        finished_at=bindparam("set_finished_at"),
    )
)
NOBODY = traces.Marks()
READ = Statement(select(erasures).where(erasures.c.id == bindparam("id")))
LOCK = Statement(select(erasures).where(erasures.c.id == bindparam("id")).with_for_update())
NOT_ERASED = Statement(
    select(contacts.c.id).where(is_among(contacts.c.id), contacts.c.erased_at.is_(None))
)
_ONE = Statement(select(contacts).where(contacts.c.id == bindparam("id")))
_SAME_ADDRESS = Statement(
    select(contacts.c.id)
    .where(
        or_(
            any_of(contacts.c.email, bindparam("emails", type_=Texts)),
            any_of(contacts.c.phone_e164, bindparam("phones", type_=Texts)),
        )
    )
    .order_by(contacts.c.id)
    .limit(100)
)
_FAMILY = Statement(
    select(contacts).where(
        or_(contacts.c.id == bindparam("id"), contacts.c.merged_into_id == bindparam("id"))
    )
)


_EMPTY_EVENTS = Statement(
    update(consent_events)
    .where(is_among(consent_events.c.contact_id))
    .values(source=null(), evidence_ref=null())
    .returning(consent_events.c.id)
)
_FORGET_MERGES = Statement(
    delete(merges).where(or_(is_among(merges.c.survivor_id), is_among(merges.c.duplicate_id)))
)
_LEAVE_SEGMENTS = Statement(delete(segment_members).where(is_among(segment_members.c.contact_id)))
_MEMBERS = Statement(select(campaign_members.c.id).where(is_among(campaign_members.c.contact_id)))
_LINES = Statement(select(deals.c.id, deals.c.lines).where(is_among(deals.c.id)))
_SET_LINES = Statement(
    update(deals)
    .where(deals.c.id == bindparam("at_id"))
    .values(lines=bindparam("set_lines", type_=Document))
)
_NEXT = {
    resource.name: Statement(
        select(resource.table.c.id)
        .where(is_among(resource.table.c.contact_id), resource.table.c.id > bindparam("after"))
        .order_by(resource.table.c.id)
        .limit(bindparam("part"))
    )
    for resource in _CHILDREN
}
_COUNT = {
    resource.name: Statement(
        select(func.count().label("count"))
        .select_from(resource.table)
        .where(is_among(resource.table.c.contact_id))
    )
    for resource in _CHILDREN
}
_FIRST_ID = "00000000-0000-0000-0000-000000000000"


async def same_address(reader: Reader, contact_id: str) -> list[str]:
    """Return other contacts with an address or number of the person: perhaps it is in there twice."""
    family, _ = await find(reader, contact_id)
    ids = {row["id"] for row in family}
    emails = {row["email"] for row in family if row["email"]}
    phones = {row["phone_e164"] for row in family if row["phone_e164"]}
    values = {"emails": sorted(emails), "phones": sorted(phones)}
    found = await reader.all(_SAME_ADDRESS, values)
    return [row["id"] for row in found if row["id"] not in ids]


async def person(reader: Reader, contact_id: str) -> list[Record]:
    """Return all contacts that are one person: the survivor of merges, and what was merged into it.

    Any of their ids names all of them, as any of them answers with the survivor. There are none if
    the person is erased.

    Raises
    ------
    NotFound
        There is no such contact.
    """
    root = await reader.first(_ONE, {"id": contact_id})
    seen: set[str] = set()
    while root is not None and root["merged_into_id"] is not None and root["id"] not in seen:
        seen.add(root["id"])
        root = await reader.first(_ONE, {"id": root["merged_into_id"]})
    if root is None:
        raise NotFound(f"There is no contact {contact_id}.")
    found: dict[str, Record] = {root["id"]: root}
    waiting = [root["id"]]
    while waiting:
        for row in await reader.all(_FAMILY, {"id": waiting.pop()}):
            if row["id"] not in found:
                found[row["id"]] = row
                waiting.append(row["id"])
    return list(found.values())


async def find(reader: Reader, contact_id: str) -> tuple[list[Record], traces.Marks]:
    """Return the contacts that are a person, and what it is recognised by.

    Raises
    ------
    NotFound
        There is none.
    """
    family = await person(reader, contact_id)
    ids = [row["id"] for row in family]
    earlier = await traces.rows_from_before(reader, ids)
    return family, traces.marks_of(ids, [*family, *earlier])


async def _lock_person(
    transaction: Transaction, contact_id: str
) -> tuple[list[Record], traces.Marks]:
    """Find a person and keep others from writing to it or pointing to it.

    It is looked up again once it is locked: who was waited for may have changed it or merged it.

    Raises
    ------
    NotFound
        There is none.
    """
    locked: set[str] = set()
    while True:
        family, marks = await find(transaction, contact_id)
        if locked.issuperset(marks.ids):
            return family, marks
        locked |= set(marks.ids)
        await records.lock_many(transaction, CONTACT, sorted(locked))


async def erase(
    transaction: Transaction,
    contact_id: str,
    *,
    reason: str,
    request_ref: str | None,
    stamp: Stamp,
    hashes: Sequence[str] = (),
    named: Sequence[str] = (),
    is_remembered: bool = True,
) -> tuple[Record, list[str]]:
    """Erase a person, also once more; returns the erasure and the imports whose files are to go.

    A person who `is_remembered` does not come back unasked. `named` are imports whose files named it
    and are gone.

    What tells who it is goes at once, and the first part of interactions and deals; an erasure
    without `finished_at` is gone on with by `go_on`.

    Raises
    ------
    NotFound
        There is no such contact, live, in the trash, merged or erased.
    """
    family, marks = await _lock_person(transaction, contact_id)
    ids = list(marks.ids)
    earlier = await traces.rows_from_before(transaction, ids)
    erasure_id = records.new_id()
    known = [*family, *earlier] if is_remembered else []
    suppressed = await suppress(transaction, known, also=hashes, erasure_id=erasure_id, stamp=stamp)
    counts = {"contacts": len(family)}
    for resource in _CHILDREN:
        count = await transaction.first(_COUNT[resource.name], {"ids": ids})
        counts[resource.plural] = 0 if count is None else count["count"]
    events = await transaction.texts(_EMPTY_EVENTS, {"ids": ids})
    counts["consent_events"] = len(events)
    await empty_contacts(transaction, family, stamp=stamp)
    await _leave_groups(transaction, ids, stamp)
    files = await traces.forget_imports(transaction, ids, marks, named=named, now=stamp.now)
    await forget_in_filters(transaction, [*family, *earlier], marks, stamp=stamp)
    await traces.forget_answers(transaction, marks)
    await transaction.run(_FORGET_MERGES, {"ids": ids})
    await dismissals.forget(transaction, ids)
    counts["imports"] = len(files)
    root = next(row for row in family if row["merged_into_id"] is None)
    erasure: Record = {
        "id": erasure_id,
        "contact_id": root["id"],
        "reason": reason,
        "request_ref": request_ref,
        "counts": counts,
        "key_id": stamp.key_id,
        "request_id": stamp.request_id,
        "erased_at": stamp.now,
        "contact_ids": ids,
        "checkpoint": {resource.name: _FIRST_ID for resource in _CHILDREN},
        "address_hashes": suppressed,
        "finished_at": None,
        "scrubbed_at": None,
    }
    await transaction.run(_ADD, erasure)
    erasure, more = await go_on(transaction, erasure, stamp=stamp)
    return erasure, [*files, *more]


async def erase_again(
    transaction: Transaction,
    contact_id: str,
    *,
    reason: str,
    request_ref: str | None,
    hashes: Sequence[str],
    named: Sequence[str],
    stamp: Stamp,
) -> str:
    """Erase a person whom a backup brought back; returns what there was to do."""
    try:
        if all(row["erased_at"] is not None for row in await person(transaction, contact_id)):
            return "erased_already"
    except NotFound:
        erasure_id = records.new_id()
        await suppress(transaction, [], also=hashes, erasure_id=erasure_id, stamp=stamp)
        return "unknown"
    given = {"reason": reason, "request_ref": request_ref, "hashes": hashes, "named": named}
    await erase(transaction, contact_id, **given, stamp=stamp)  # type: ignore[arg-type]
    return "erased"


async def empty_contacts(transaction: Transaction, rows: Sequence[Record], *, stamp: Stamp) -> None:
    """Leave of contacts what belongs to nobody; they are in the trash for good."""
    for row in rows:
        if row["erased_at"] is not None:
            continue
        gone = row["deleted_at"] or stamp.now
        values = {**emptied(CONTACT), "erased_at": stamp.now, "deleted_at": gone}
        await external_refs.replace(transaction, CONTACT.name, row["id"], [])
        await records.trash(transaction, CONTACT, row, stamp=stamp, action="erased", values=values)
    await many.forget_many(transaction, [row["id"] for row in rows])


async def _leave_groups(transaction: Transaction, ids: Sequence[str], stamp: Stamp) -> None:
    await transaction.run(_LEAVE_SEGMENTS, {"ids": ids})
    members = [row["id"] for row in await transaction.all(_MEMBERS, {"ids": ids})]
    await many.change_many(
        transaction, CAMPAIGN_MEMBER, members, emptied(CAMPAIGN_MEMBER), stamp=stamp
    )
    await many.forget_many(transaction, members)


async def go_on(
    transaction: Transaction, erasure: Record, *, stamp: Stamp
) -> tuple[Record, list[str]]:
    """Empty the next part of a person's interactions and deals, and remember how far that is.

    Returns the erasure and the imports that wrote them, whose files are to go.
    """
    checkpoint: Mapping[str, str | None] = erasure["checkpoint"]
    reached: dict[str, str | None] = {}
    done: list[str] = []
    for resource in _CHILDREN:
        after = checkpoint[resource.name]
        ids = [] if after is None else await _part(transaction, resource, erasure, after)
        await empty_children(transaction, resource, ids, stamp=stamp)
        reached[resource.name] = ids[-1] if len(ids) == PART else None
        done += ids
    files = await traces.forget_imports(transaction, done, NOBODY) if done else []
    is_finished = not any(reached.values())
    counts = erasure["counts"]
    changed = {
        "checkpoint": reached,
        "counts": {**counts, "imports": counts["imports"] + len(files)},
        "finished_at": stamp.now if is_finished else None,
    }
    values = {f"set_{name}": value for name, value in changed.items()}
    await transaction.run(_SET, {"at_id": erasure["id"], **values})
    return {**erasure, **changed}, files


async def _part(
    transaction: Transaction, resource: Resource, erasure: Record, after: str
) -> list[str]:
    values = {"ids": erasure["contact_ids"], "after": after, "part": PART}
    return [row["id"] for row in await transaction.all(_NEXT[resource.name], values)]


async def empty_children(
    transaction: Transaction, resource: Resource, ids: Sequence[str], *, stamp: Stamp
) -> None:
    """Leave of interactions or deals what belongs to nobody: days, kinds, amounts."""
    if not ids:
        return
    await many.change_many(transaction, resource, ids, emptied(resource), stamp=stamp)
    await many.forget_many(transaction, ids)
    if resource is not DEAL:
        return
    named = [
        {"at_id": row["id"], "set_lines": [{**line, "name": None} for line in row["lines"]]}
        for row in await transaction.all(_LINES, {"ids": ids})
        if any(line.get("name") for line in row["lines"])
    ]
    if named:
        await transaction.run_many(_SET_LINES, named)
