"""Tells whether records are still, or again, as a request left them, and if not what touched them."""

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, select

from services.crm_api import records
from services.crm_api.changes.table import changes
from services.crm_api.resources import RESOURCES, Resource
from services.foundation.database import Transaction
from services.foundation.problems import Conflict, FieldError
from services.foundation.statements import Record, Statement

_table = changes.c
_MOST_LATER = 200
_LATER = Statement(
    select(_table.request_id, _table.action, _table.version, _table.before)
    .where(_table.record_id == bindparam("record_id"), _table.version > bindparam("version"))
    .order_by(_table.version.desc())
    .limit(_MOST_LATER)
)


class TouchedLater(Conflict):
    code, title = "touched_later", "Something later changed what the request wrote."


async def untouched(
    transaction: Transaction, newest: Mapping[tuple[str, str], int]
) -> dict[tuple[str, str], Record]:
    """Lock records and make sure that they are as a request left them, in these versions.

    Raises
    ------
    TouchedLater
        One is not; the problem names it, and which request made it another.
    """
    current: dict[tuple[str, str], Record] = {}
    faults: list[FieldError] = []
    for name in sorted({name for name, _ in newest}):
        ids = [record_id for resource, record_id in newest if resource == name]
        rows = await records.lock_many(transaction, RESOURCES[name], ids)
        for record_id in ids:
            version = newest[name, record_id]
            row = rows.get(record_id)
            if row is not None and row["version"] == version:
                current[name, record_id] = row
                continue
            at = {"record_id": record_id, "version": version}
            later = await transaction.all(_LATER, at)
            if row is not None and len(later) == row["version"] - version:
                standing = _standing(RESOURCES[name], row, later)
                if standing is None:
                    current[name, record_id] = row
                    continue
            else:  # it is gone, or too much came later to look through
                standing = later[0]
            where = f"/{RESOURCES[name].plural}/{record_id}"
            message = (
                f"After version {version}: version {standing['version']} was {standing['action']} by "
                f"the request {standing['request_id']}."
            )
            faults.append(FieldError(where, TouchedLater.code, message))
    if faults:
        raise TouchedLater(
            f"{faults[0].pointer}: {faults[0].message} Nothing was undone.", errors=faults
        )
    return current


def _standing(resource: Resource, row: Record, later: Sequence[Record]) -> Record | None:
    """Return which of the later changes, newest first, made the record other than it was before them.

    None if it is as it was then, because each of them was itself undone.
    """
    states = [row]
    for change in later:
        if change["before"] is None:  # nobody knows what it was
            return change
        states.append({**states[-1], **records.as_columns(resource, change["before"])})
    left = _essence(states[-1])
    again = next(at for at, state in enumerate(states) if _essence(state) == left)
    return later[again - 1] if again else None


def _essence(row: Record) -> Record:
    """Return what an undo brings back: not the version, nor the instants of the last writes."""
    moving = {"version": None, "updated_at": None, "deleted_at": row["deleted_at"] is None}
    return {**row, **moving}
