"""What records point to: no way back (undo, un-merge, revert) leads to a record that is gone by now."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import select

from services.crm_api.resources import RESOURCES, Resource
from services.foundation.constructs import is_among
from services.foundation.database import Transaction
from services.foundation.statements import Statement


@dataclass(frozen=True)
class Gone:
    """A reference that cannot come back: the field `name` of a record, and what it pointed to."""

    record_id: str
    name: str
    to: Resource
    to_id: str


@cache
def _references(resource: Resource) -> Mapping[str, Resource]:
    """Return what each column points to that has a foreign key."""
    owners = {owner.table: owner for owner in RESOURCES.values()}
    return {
        column.name: owners[key.column.table]
        for column in resource.table.columns
        for key in column.foreign_keys
    }


@cache
def _hold(resource: Resource) -> Statement:
    """Build what finds live records and keeps them so until the commit, as a foreign key would."""
    c = resource.table.c
    return Statement(
        select(c.id)
        .where(is_among(c.id), c.deleted_at.is_(None))
        .order_by(c.id)
        .with_for_update(read=True, key_share=True)
    )


async def gone(
    transaction: Transaction,
    resource: Resource,
    former: Iterable[tuple[str, Mapping[str, Any]]],
    *,
    but: Collection[str] = (),
) -> list[Gone]:
    """Return which of these former values of records point to what is not live any more.

    `former` are ids of records with columns that are to come back, `but` what comes back with them.
    """
    named = [
        Gone(record_id, name, to, values[name])
        for record_id, values in former
        for name, to in _references(resource).items()
        if values.get(name) not in (None, *but)
    ]
    live: set[str] = set()
    for to in dict.fromkeys(each.to for each in named):
        ids = sorted({each.to_id for each in named if each.to is to})
        live |= {row["id"] for row in await transaction.all(_hold(to), {"ids": ids})}
    return [each for each in named if each.to_id not in live]
