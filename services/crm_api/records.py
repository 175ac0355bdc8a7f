"""The one write path: a row, its external references and its change record, in one transaction.

Every write of every resource goes through here; the rules of a resource are in its operations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import bindparam, exists, insert, select, update
from uuid_utils import uuid7

from services.crm_api.changes.table import changes
from services.crm_api.external_refs import operations as external_refs
from services.crm_api.privacy import kept
from services.crm_api.resources import Resource
from services.foundation.calls import Stamp
from services.foundation.columns import Day, Instant
from services.foundation.constructs import is_among
from services.foundation.database import NOTHING, Reader, Transaction
from services.foundation.problems import Conflict, NotFound, StaleVersion
from services.foundation.statements import Record, Statement
from shared.values import wire_instant

_BOOKKEEPING = frozenset({"version", "created_at", "updated_at", "deleted_at"})
CHANGE_COLUMNS = tuple(
    column.name for column in changes.columns if column.name not in ("seq", "transaction_id")
)
_TOLD = {name: bindparam(f"new_{name}", type_=changes.c[name].type) for name in CHANGE_COLUMNS}
_CHANGE = insert(changes).values(_TOLD)


class MergedAway(Conflict):
    code, title = "merged_away", "The contact is part of another one by now."


@dataclass(frozen=True)
class Written:
    """What a write left: the record's id and version, and its JSON as the caller may see it."""

    id: str
    version: int
    body: str
    action: str


def new_id() -> str:
    """Make a UUIDv7: ordered by time, so that indexes grow at their end."""
    return str(uuid7())


class _Statements:
    """The statements of one resource, made once."""

    def __init__(self, resource: Resource) -> None:
        self.resource, self.table = resource, resource.table
        live = (self.table.c.id == bindparam("id"), self.table.c.deleted_at.is_(None))
        versioned = self.table.c.version
        self.read = {
            personal: Statement(select(resource.json(personal=personal), versioned).where(*live))
            for personal in (True, False)
        }
        self.read_many = {
            personal: Statement(
                select(self.table.c.id, resource.json(personal=personal)).where(
                    is_among(self.table.c.id),
                    self.table.c.deleted_at.is_(None),
                )
            )
            for personal in (True, False)
        }
        one = select(self.table).where(self.table.c.id == bindparam("id"))
        self.row, self.lock = Statement(one), Statement(one.with_for_update())
        self.lock_many = Statement(
            select(self.table)
            .where(is_among(self.table.c.id))
            .order_by(self.table.c.id)
            .with_for_update()
        )
        self.hold = Statement(
            select(self.table.c.id)
            .where(is_among(self.table.c.id))
            .order_by(self.table.c.id)
            .with_for_update()
        )
        self.insert = {
            personal: Statement(
                insert(self.table).returning(resource.json(personal=personal)), along=_CHANGE
            )
            for personal in (True, False)
        }

    @cache  # noqa: B019 - one object per resource, for the life of the process
    def update(self, columns: frozenset[str], personal: bool, fills: bool) -> Statement:
        """Build what changes a record; one that `fills` does nothing if its contact is erased."""
        here, along = [self.table.c.id == bindparam("at_id")], _CHANGE
        if fills:
            here.append(~kept.is_of_erased(self.resource))
            told = select(*_TOLD.values()).where(exists().where(*here))
            along = insert(changes).from_select(list(_TOLD), told)
        return Statement(
            update(self.table)
            .where(*here)
            .values({name: bindparam(f"set_{name}") for name in sorted(columns)})
            .returning(self.resource.json(personal=personal)),
            along=along,
        )


_statements: dict[str, _Statements] = {}


def _of(resource: Resource) -> _Statements:
    found = _statements.get(resource.name)
    if found is None:
        found = _statements[resource.name] = _Statements(resource)
    return found


async def read(
    reader: Reader, resource: Resource, record_id: str, *, personal: bool
) -> tuple[str, int]:
    """Return the JSON of a live record and its version.

    Raises
    ------
    NotFound
        There is no such record, or it is in the trash.
    """
    rows = await reader.texts(_of(resource).read[personal], {"id": record_id})
    if not rows:
        raise NotFound(f"There is no {resource.title} {record_id}.")
    return rows[0][0], rows[0][1]


async def read_many(
    reader: Reader, resource: Resource, record_ids: Sequence[str], *, personal: bool
) -> dict[str, str]:
    """Return the JSON of each of these records that is live, by id."""
    if not record_ids:
        return {}
    rows = await reader.texts(_of(resource).read_many[personal], {"ids": list(record_ids)})
    return {str(row[0]): row[1] for row in rows}


async def lock(
    transaction: Transaction,
    resource: Resource,
    record_id: str,
    *,
    version: int | None = None,
    in_trash: bool = False,
) -> Record:
    """Read a record for a change and keep others from changing it.

    Raises
    ------
    NotFound
        There is no such record, or it is (with `in_trash`: is not) in the trash.
    MergedAway
        It was merged; the problem names the contact that it is part of.
    StaleVersion
        Its version is not the expected one.
    """
    row = await transaction.first(_of(resource).lock, {"id": record_id})
    if row is not None and row.get("merged_into_id") is not None and row["erased_at"] is None:
        raise await _merged_away(transaction, resource, row)
    if row is None or (row["deleted_at"] is not None) != in_trash:
        where = " in the trash" if in_trash else ""
        raise NotFound(f"There is no {resource.title} {record_id}{where}.")
    if version is not None and row["version"] != version:
        raise StaleVersion(f"The record's version is {row['version']}, If-Match named {version}.")
    return row


async def _merged_away(transaction: Transaction, resource: Resource, row: Record) -> MergedAway:
    last = row
    while last["merged_into_id"] is not None:
        further = await transaction.first(_of(resource).row, {"id": last["merged_into_id"]})
        if further is None:
            break
        last = further
    return MergedAway(
        f"It is part of the contact {last['id']}: write to that one, or take the merge back with "
        f"POST /v1/contacts/{row['id']}/unmerge.",
        extra={"existing_id": last["id"]},
    )


async def lock_many(
    transaction: Transaction, resource: Resource, record_ids: Sequence[str]
) -> dict[str, Record]:
    """Lock several records in the order of their ids, so that two callers cannot block each other."""
    if not record_ids:
        return {}
    rows = await transaction.all(_of(resource).lock_many, {"ids": sorted(set(record_ids))})
    return {row["id"]: row for row in rows}


async def hold(transaction: Transaction, resource: Resource, record_ids: Sequence[str]) -> None:
    """Lock records like `lock_many`, for who reads them later on, one by one in any order."""
    if record_ids:
        await transaction.texts(_of(resource).hold, {"ids": sorted(set(record_ids))})


def complete_row(resource: Resource, values: Mapping[str, Any], *, stamp: Stamp) -> Record:
    """Fill a new row: every column is named, unknown ones are null."""
    row: Record = {**resource.blank, **values}
    row["id"] = row["id"] or new_id()
    row["external_refs"] = row["external_refs"] or []
    row |= {"version": 1, "created_at": stamp.now, "updated_at": stamp.now}
    return row


async def create(
    transaction: Transaction,
    resource: Resource,
    values: Mapping[str, Any],
    *,
    stamp: Stamp,
    personal: bool,
) -> Written:
    """Insert one record.

    Raises
    ------
    ExternalRefTaken
        A live record has one of its external references.
    """
    row = complete_row(resource, values, stamp=stamp)
    refs = external_refs.pairs(row["external_refs"])
    await external_refs.claim(transaction, resource.name, row["id"], refs)
    names = [name for name, value in values.items() if value not in (None, [])]
    told = telling(resource, row, "created", names, stamp)
    body = await transaction.text(_of(resource).insert[personal], row | told)
    return Written(row["id"], 1, str(body), "created")


async def change(
    transaction: Transaction,
    resource: Resource,
    current: Record,
    values: Mapping[str, Any],
    *,
    stamp: Stamp,
    personal: bool,
) -> Written:
    """Write what differs from the locked row; if nothing does, nothing is written at all.

    Raises
    ------
    ExternalRefTaken
        A live record has one of the new external references.
    ContactMissing
        Its contact is erased, and this would fill what the erasure emptied.
    """
    differing = {name: value for name, value in values.items() if value != current[name]}
    if not differing:
        body, version = await read(transaction, resource, current["id"], personal=personal)
        return Written(current["id"], version, body, "unchanged")
    if "external_refs" in differing:
        refs = external_refs.pairs(differing["external_refs"])
        await external_refs.replace(transaction, resource.name, current["id"], refs)
    return await _write(transaction, resource, current, differing, "updated", stamp, personal)


async def trash(
    transaction: Transaction,
    resource: Resource,
    current: Record,
    *,
    stamp: Stamp,
    action: str = "deleted",
    values: Mapping[str, Any] = NOTHING,
) -> Written:
    """Put a locked record into the trash and free its external references."""
    await external_refs.release(transaction, current["id"])
    gone = {"deleted_at": stamp.now, **values}
    return await _write(transaction, resource, current, gone, action, stamp, False)


async def restore(
    transaction: Transaction,
    resource: Resource,
    current: Record,
    *,
    stamp: Stamp,
    personal: bool,
    action: str = "restored",
    values: Mapping[str, Any] = NOTHING,
) -> Written:
    """Take a locked record out of the trash.

    Raises
    ------
    ExternalRefTaken
        Meanwhile another live record got one of its external references.
    """
    refs = external_refs.pairs(current["external_refs"])
    await external_refs.replace(transaction, resource.name, current["id"], refs)
    back = {**values, "deleted_at": None}
    return await _write(transaction, resource, current, back, action, stamp, personal)


async def _write(
    transaction: Transaction,
    resource: Resource,
    current: Record,
    values: Mapping[str, Any],
    action: str,
    stamp: Stamp,
    personal: bool,
) -> Written:
    row = {**values, "version": current["version"] + 1, "updated_at": stamp.now}
    filled = kept.filled(resource, values)
    statement = _of(resource).update(frozenset(row), personal, bool(filled))
    parameters = {f"set_{name}": value for name, value in row.items()} | {"at_id": current["id"]}
    after = {"id": current["id"], "version": row["version"]}
    told = telling(resource, after, action, list(values), stamp)
    told["new_before"] = portable({name: current[name] for name in values})
    body = await transaction.text(statement, parameters | told)
    if body is None:
        raise kept.still_empty(resource, filled)
    return Written(current["id"], row["version"], body, action)


def telling(
    resource: Resource, row: Mapping[str, Any], action: str, names: Sequence[str], stamp: Stamp
) -> Record:
    """Return what a change record of this write holds, as the parameters of its statement."""
    return {
        "new_resource": resource.name,
        "new_record_id": row["id"],
        "new_action": action,
        "new_version": row["version"],
        "new_changed": wire_names(resource, tuple(names)),
        "new_key_id": stamp.key_id,
        "new_request_id": stamp.request_id,
        "new_occurred_at": stamp.now,
        "new_before": None,
    }


def portable(values: Mapping[str, Any]) -> Record:
    """Return columns as JSON can keep them."""
    return {
        str(name): wire_instant(value)  # a column's name is a str of SQLAlchemy's own kind
        if isinstance(value, datetime)
        else value.isoformat()
        if isinstance(value, date)
        else value
        for name, value in values.items()
    }


def as_columns(resource: Resource, kept: Mapping[str, Any]) -> Record:
    """Return what was kept of a row, as columns again."""
    row: Record = {}
    for name, value in kept.items():
        kind = resource.table.c[name].type
        if isinstance(value, str) and isinstance(kind, Instant):
            row[name] = datetime.fromisoformat(value)
        elif isinstance(value, str) and isinstance(kind, Day):
            row[name] = date.fromisoformat(value)
        else:
            row[name] = value
    return row


@lru_cache(maxsize=1000)
def wire_names(resource: Resource, columns: tuple[str, ...]) -> list[str]:
    """Return the fields that the feed names for these columns."""
    shown = {resource.wire_name(column) for column in columns if column not in resource.hidden}
    return sorted(shown - _BOOKKEEPING)
