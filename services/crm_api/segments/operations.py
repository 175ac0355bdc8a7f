"""The rules of segments and of their members."""

from sqlalchemy import bindparam, delete, insert, select

from services.crm_api import records
from services.crm_api.contacts import finding
from services.crm_api.contacts.table import CONTACT
from services.crm_api.filters import custom_filters
from services.crm_api.segments.saved import personal_filters, read_filter
from services.crm_api.segments.table import SEGMENT, segment_members
from services.foundation.calls import Stamp
from services.foundation.constructs import is_among
from services.foundation.database import Transaction
from services.foundation.problems import FieldError, Forbidden, Invalid
from services.foundation.statements import Record, Statement

_members = segment_members.c
_HERE = (
    _members.segment_id == bindparam("at_segment"),
    is_among(_members.contact_id),
)
_PRESENT = Statement(select(_members.contact_id).where(*_HERE))
_REMOVE = Statement(delete(segment_members).where(*_HERE))
_ADD = Statement(insert(segment_members))


class FilterOfStatic(Invalid):
    code, title = (
        "filter_of_static",
        "Only a segment of the kind filter has a filter, and needs one.",
    )


class NotStatic(Invalid):
    code, title = "not_static", "The members of a filter are whoever fits; they are not put in."


async def check_segment(
    transaction: Transaction,
    after: Record,
    values: Record,
    /,
    *,
    stamp: Stamp,
) -> None:
    """Refuse filters that the list of contacts would not take, or not from this caller.

    Raises
    ------
    FilterOfStatic, FilterInvalid, CustomFieldUnknown, CustomValueInvalid
        A rule is broken.
    Forbidden
        A filter looks at what the key may not see.
    """
    if bool(after["filter"]) != (after["kind"] == "filter"):
        raise FilterOfStatic(
            errors=[FieldError("/body/filter", "filter_of_static", FilterOfStatic.title)]
        )
    if "filter" in values:
        personal = personal_filters(CONTACT, after["filter"])
        if personal and CONTACT.pii_scope not in stamp.scopes:
            raise Forbidden(
                f"The filter {personal[0]} needs a key with the scope {CONTACT.pii_scope}."
            )
        more = read_filter(after["filter"]).more_filters
        await custom_filters(transaction, CONTACT, more, at="/body/filter")


async def change_members(
    transaction: Transaction, segment_id: str, *, add: list[str], remove: list[str], stamp: Stamp
) -> tuple[int, int]:
    """Put contacts into a static segment and take others out; returns how many of each.

    Raises
    ------
    NotFound, NotStatic, ContactMissing
        A rule is broken; nothing is written.
    """
    segment = await records.lock(transaction, SEGMENT, segment_id)
    if segment["kind"] != "static":
        raise NotStatic()
    live = await finding.hold(transaction, add)
    meant = await finding.answering(transaction, [*(set(add) - live.keys()), *remove])
    live |= await finding.hold(transaction, [meant[each] for each in add if each in meant])
    for at, contact_id in enumerate(add):
        if meant.get(contact_id, contact_id) not in live:
            message = f"There is no contact {contact_id}."
            raise finding.ContactMissing(
                message, errors=[FieldError(f"/body/add/{at}", "unknown", message)]
            )
    wanted, remove = (
        list(dict.fromkeys(meant.get(each, each) for each in ids)) for ids in (add, remove)
    )
    here = {"at_segment": segment_id}
    gone = {row["contact_id"] for row in await transaction.all(_PRESENT, here | {"ids": remove})}
    if gone:
        await transaction.run(_REMOVE, here | {"ids": sorted(gone)})
    present = {row["contact_id"] for row in await transaction.all(_PRESENT, here | {"ids": wanted})}
    new = [
        {"segment_id": segment_id, "contact_id": contact_id, "added_at": stamp.now}
        for contact_id in wanted
        if contact_id not in present
    ]
    if new:
        await transaction.run_many(_ADD, new)
    return len(new), len(gone)
