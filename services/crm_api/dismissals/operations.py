"""Remembers pairs that are no duplicates, so that they are not proposed again."""

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, delete, insert, or_, select

from services.crm_api import records
from services.crm_api.contacts.table import CONTACT
from services.crm_api.dismissals.table import duplicate_dismissals
from services.foundation.calls import Stamp
from services.foundation.columns import Texts
from services.foundation.constructs import any_of
from services.foundation.database import Reader, Transaction
from services.foundation.problems import FieldError, Invalid, NotFound
from services.foundation.statements import Record, Statement

_columns = duplicate_dismissals.c
_ids = bindparam("ids", type_=Texts)
_ADD = Statement(insert(duplicate_dismissals))
_ONE = Statement(
    select(duplicate_dismissals).where(
        _columns.first_id == bindparam("first_id"), _columns.second_id == bindparam("second_id")
    )
)
_BETWEEN = Statement(
    select(_columns.first_id, _columns.second_id).where(any_of(_columns.first_id, _ids))
)
_WITH = Statement(
    select(_columns.first_id, _columns.second_id).where(
        or_(_columns.first_id == bindparam("id"), _columns.second_id == bindparam("id"))
    )
)
_REMOVE = Statement(
    delete(duplicate_dismissals).where(_columns.id == bindparam("id")).returning(_columns.id)
)
_FORGET = Statement(
    delete(duplicate_dismissals).where(
        or_(any_of(_columns.first_id, _ids), any_of(_columns.second_id, _ids))
    )
)


class NoPair(Invalid):
    code, title = "no_pair", "These are not two live contacts."


async def dismiss(
    transaction: Transaction, one_id: str, other_id: str, *, stamp: Stamp
) -> tuple[Record, bool]:
    """Remember that two contacts are two; tells whether that is new.

    Raises
    ------
    NoPair
        It is one contact twice, or one of them is not there.
    """
    first_id, second_id = sorted((one_id, other_id))
    if first_id == second_id:
        raise _no_pair("second_id", "A contact is no duplicate of itself; name another one.")
    # Locked, so that neither is merged or erased meanwhile, nor the pair dismissed twice.
    found = await records.lock_many(transaction, CONTACT, [first_id, second_id])
    for name, contact_id in (("first_id", one_id), ("second_id", other_id)):
        if contact_id not in found or found[contact_id]["deleted_at"] is not None:
            raise _no_pair(name, f"There is no contact {contact_id}.")
    pair = {"first_id": first_id, "second_id": second_id}
    known = await transaction.first(_ONE, pair)
    if known is not None:
        return known, False
    row: Record = {
        "id": records.new_id(),
        **pair,
        "key_id": stamp.key_id,
        "dismissed_at": stamp.now,
    }
    await transaction.run(_ADD, row)
    return row, True


def _no_pair(name: str, message: str) -> NoPair:
    return NoPair(message, errors=[FieldError(f"/body/{name}", "no_pair", message)])


async def take_back(transaction: Transaction, dismissal_id: str) -> None:
    """Let a pair be proposed again.

    Raises
    ------
    NotFound
        There is no such dismissal.
    """
    if not await transaction.texts(_REMOVE, {"id": dismissal_id}):
        raise NotFound(f"There is no dismissal {dismissal_id}.")


async def forget(transaction: Transaction, contact_ids: Sequence[str]) -> None:
    """Remove the dismissals of contacts that are no more."""
    await transaction.run(_FORGET, {"ids": list(contact_ids)})


async def dismissed_with(reader: Reader, contact_id: str) -> set[str]:
    """Return the contacts that this one is known not to be."""
    rows = await reader.all(_WITH, {"id": contact_id})
    return {row[name] for row in rows for name in row} - {contact_id}


async def dismissed_among(
    reader: Reader, pairs: Collection[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Return those of the pairs, the smaller id first, that are dismissed."""
    if not pairs:
        return set()
    rows = await reader.all(_BETWEEN, {"ids": sorted({first for first, _ in pairs})})
    return {(row["first_id"], row["second_id"]) for row in rows}.intersection(pairs)
