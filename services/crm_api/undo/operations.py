"""Takes back the writes of one request, newest first."""

from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, select

from services.crm_api import records, references
from services.crm_api.campaign_members.table import CAMPAIGN_MEMBER
from services.crm_api.changes.table import changes
from services.crm_api.contacts.table import CONTACT
from services.crm_api.custom_fields import operations as custom_fields
from services.crm_api.deals.table import DEAL
from services.crm_api.feature import BY_RESOURCE
from services.crm_api.interactions.table import INTERACTION
from services.crm_api.merges import operations as merges
from services.crm_api.records import Written
from services.crm_api.resources import RESOURCES, Resource
from services.crm_api.undo.later import untouched
from services.crm_api.undo.schemas import MOST_CHANGES
from services.foundation.calls import Stamp
from services.foundation.constructs import is_among
from services.foundation.database import Transaction
from services.foundation.problems import Conflict, FieldError, Invalid, NotFound
from services.foundation.statements import Record, Statement

_table = changes.c
_OF_REQUEST = Statement(
    select(
        _table.seq, _table.resource, _table.record_id, _table.action, _table.version, _table.before
    )
    .where(_table.request_id == bindparam("request_id"))
    .order_by(_table.seq.desc())
    .limit(MOST_CHANGES + 1)
)
_NEWEST = Statement(
    select(_table.action)
    .where(_table.record_id == bindparam("record_id"))
    .order_by(_table.version.desc())
    .limit(1)
)
_USES = (
    (CONTACT, INTERACTION, "contact_id"),
    (CONTACT, DEAL, "contact_id"),
    (CONTACT, CONTACT, "parent_id"),
    (CONTACT, CAMPAIGN_MEMBER, "contact_id"),
    (DEAL, INTERACTION, "deal_id"),
)
_USERS = [
    (
        owner.name,
        user,
        Statement(
            select(user.table.c.id, user.table.c[column].label("used_id"))
            .where(
                is_among(user.table.c[column]),
                user.table.c.deleted_at.is_(None),
            )
            .limit(1)
        ),
    )
    for owner, user, column in _USES
]
_REVERSE = {"created": "deleted", "restored": "deleted", "deleted": "restored"}


class InUse(Conflict):
    code, title = "in_use", "Something that was entered since belongs to what the request created."


class ReferenceGone(Conflict):
    code, title = "reference_gone", "What a record pointed to before is gone by now."


class NotUndoable(Invalid):
    code, title = "not_undoable", "This request cannot be undone here."

    def __init__(self, message: str) -> None:
        super().__init__(message, errors=[FieldError("/body/request_id", self.code, message)])


async def changes_of(transaction: Transaction, request_id: str) -> list[Record]:
    """Return the changes of a request, newest first.

    Raises
    ------
    NotFound
        No request of this id wrote anything.
    NotUndoable
        It wrote too much, took a merge back, erased something, or recorded a consent.
    """
    found = await transaction.all(_OF_REQUEST, {"request_id": request_id})
    if not found:
        raise NotFound(
            "No request with this id wrote a record. The members of static segments are none: what was "
            "added or removed is removed or added again with POST /v1/segments/{id}/members."
        )
    if len(found) > MOST_CHANGES:
        raise NotUndoable(
            f"It wrote more than {MOST_CHANGES} records; an import is reverted instead."
        )
    actions = {change["action"] for change in found}
    if "unmerged" in actions:
        raise NotUndoable(
            "It took a merge back, which is not undone: merge the two again with "
            "POST /v1/contacts/{survivor_id}/merge."
        )
    if actions & {"erased", "purged"}:
        raise NotUndoable("What was erased is gone for good.")
    if "merged" in actions:
        return found
    if any("consents" in (change["before"] or {}) for change in found):
        raise NotUndoable("Consents only add up: record what the contact says now.")
    return found


async def undo(
    transaction: Transaction, found: Sequence[Record], *, stamp: Stamp
) -> list[tuple[Resource, Written]]:
    """Take the changes back, newest first.

    Raises
    ------
    TouchedLater
        A record is not as the request left it; the problem names it, and which request changed it.
    NotUndoable
        What was there before is forgotten.
    InUse
        Something that was entered since belongs to what the request created.
    ReferenceGone
        What a record would point to again is gone.
    Conflict
        Meanwhile another record has what this one had (ExternalRefTaken, TermsConflict, KeyTaken),
        others rest on what is to be taken back (PipelineUsed, StageHeld, OptionHeld), a custom field
        does not take what it had (CustomValueOutdated), or it would bring an erased person back
        (Suppressed).
    """
    newest: dict[tuple[str, str], int] = {}
    for change in found:
        newest.setdefault((change["resource"], change["record_id"]), change["version"])
    current = await untouched(transaction, newest)
    duplicate = next((each["record_id"] for each in found if each["action"] == "merged"), None)
    if duplicate is None and any(_is_forgotten(change) for change in found):
        raise NotUndoable(
            "What was there before is not kept any more: it is too long ago, or somebody whom it "
            "told of was erased."
        )
    await _refuse_gone(transaction, found, duplicate)
    if duplicate is not None:
        await merges.unmerge_contact(transaction, duplicate, stamp=stamp)
        return await _as_they_are(transaction, newest)
    done = []
    for change in found:
        resource = RESOURCES[change["resource"]]
        at = (change["resource"], change["record_id"])
        try:
            written = await take_back(transaction, resource, current[at], change, stamp=stamp)
        except Invalid as broken:
            raise _gone(resource, change["record_id"], broken) from None
        rows = await records.lock_many(transaction, resource, [change["record_id"]])
        current[at] = rows[change["record_id"]]
        done.append((resource, written))
    await _refuse_used(transaction, found)
    return done


def _is_forgotten(change: Record) -> bool:
    return change["action"] == "updated" and change["before"] is None


async def _refuse_gone(
    transaction: Transaction, found: Sequence[Record], duplicate: str | None
) -> None:
    """Let nothing point to what is gone again; what the request itself wrote comes back with the rest."""
    own = {change["record_id"] for change in found}
    faults: list[FieldError] = []
    for name in sorted({change["resource"] for change in found}):
        former = [
            (change["record_id"], change["before"] or {})
            for change in found
            if change["resource"] == name
        ]
        for each in await references.gone(transaction, RESOURCES[name], former, but=own):
            where = f"/{RESOURCES[name].plural}/{each.record_id}/{each.name}"
            message = (
                f"It would point to the {each.to.title} {each.to_id} again, which was thrown away, "
                "merged or erased."
            )
            faults.append(FieldError(where, ReferenceGone.code, message))
    if faults:
        detail = f"{faults[0].pointer}: {faults[0].message} Nothing was undone."
        if duplicate is not None:
            detail += f" POST /v1/contacts/{duplicate}/unmerge takes the rest of the merge back."
        raise ReferenceGone(detail, errors=faults)


def _gone(resource: Resource, record_id: str, broken: Invalid) -> ReferenceGone:
    """Tell of a record that may not come back without what it points to; the request is not at fault."""
    where = f"/{resource.plural}/{record_id}"
    faults = [
        FieldError(where + fault.pointer.removeprefix("/body"), ReferenceGone.code, fault.message)
        for fault in broken.errors
    ]
    return ReferenceGone(f"{where}: {broken.detail} Nothing was undone.", errors=faults)


async def _refuse_used(transaction: Transaction, found: Sequence[Record]) -> None:
    """Leave nothing behind that belongs to what was created and is gone now."""
    for owner, user, statement in _USERS:
        ids = [
            change["record_id"]
            for change in found
            if change["resource"] == owner and change["action"] == "created"
        ]
        row = await transaction.first(statement, {"ids": ids}) if ids else None
        if row is not None:
            message = (
                f"The {user.title} {row['id']} belongs to the {owner} {row['used_id']}, which the request "
                "created. Nothing was undone."
            )
            fault = FieldError(f"/{user.plural}/{row['id']}", InUse.code, message)
            raise InUse(message, errors=[fault], extra={"existing_id": row["id"]})


async def _as_they_are(
    transaction: Transaction, records_of: Iterable[tuple[str, str]]
) -> list[tuple[Resource, Written]]:
    """Return what a merge that was taken back left of the records that it had written."""
    done = []
    for name, record_id in records_of:
        rows = await records.lock_many(transaction, RESOURCES[name], [record_id])
        change = await transaction.first(_NEWEST, {"record_id": record_id})
        assert change is not None
        version = rows[record_id]["version"]
        done.append((RESOURCES[name], Written(record_id, version, "", change["action"])))
    return done


async def take_back(
    transaction: Transaction, resource: Resource, current: Record, change: Record, *, stamp: Stamp
) -> Written:
    """Take one change of a locked record back, by the rules of deleting, restoring and changing.

    Raises
    ------
    Conflict
        Meanwhile another record has what this one had, rests on it, a custom field does not take what
        it had, or it is of an erased person.
    """
    feature = BY_RESOURCE[resource.name]
    action = _REVERSE.get(change["action"])
    if action == "deleted":
        if feature.on_trash is not None:
            await feature.on_trash(transaction, current, stamp=stamp)
        return await records.trash(transaction, resource, current, stamp=stamp)
    if action == "restored":
        if feature.on_restore is not None:
            await feature.on_restore(transaction, current, stamp=stamp)
        await custom_fields.check_return(transaction, resource, current)
        return await records.restore(transaction, resource, current, stamp=stamp, personal=False)
    before = records.as_columns(resource, change["before"])
    after = {**current, **before}
    if feature.on_return is not None:
        await feature.on_return(transaction, current, after, stamp=stamp)
    if "custom" in before:
        await custom_fields.check_return(transaction, resource, after, present=current["custom"])
    return await records.change(transaction, resource, current, before, stamp=stamp, personal=False)
