"""Finds records by their external references and keeps the references of a record."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from services.crm_api.external_refs.table import external_refs
from services.foundation.columns import Texts
from services.foundation.constructs import any_of
from services.foundation.database import Reader, Transaction
from services.foundation.problems import Conflict
from services.foundation.statements import Statement

_table = external_refs.c
_FIND = Statement(
    select(_table.source, _table.external_id, _table.record_id).where(
        _table.resource == bindparam("resource"),
        _table.source == bindparam("source"),
        any_of(_table.external_id, bindparam("external_ids", type_=Texts)),
        _table.is_live,
    )
)
_ADD = Statement(insert(external_refs))
_REMOVE = Statement(delete(external_refs).where(_table.record_id == bindparam("at_record")))
_MARK = Statement(
    update(external_refs)
    .where(_table.record_id == bindparam("at_record"))
    .values(is_live=bindparam("set_live"))
)

_MARK_MANY = Statement(
    update(external_refs)
    .where(any_of(_table.record_id, bindparam("at_records", type_=Texts)))
    .values(is_live=bindparam("set_live"))
)

Pair = tuple[str, str]


class ExternalRefTaken(Conflict):
    code, title = "external_ref_taken", "Another live record has this external reference."


def pairs(refs: Sequence[Mapping[str, Any]]) -> list[Pair]:
    return [(ref["source"], ref["id"]) for ref in refs]


async def find(reader: Reader, resource: str, wanted: Sequence[Pair]) -> dict[Pair, str]:
    """Return the ids of the live records that carry these references; one query per source."""
    found: dict[Pair, str] = {}
    for source in dict.fromkeys(source for source, _ in wanted):
        ids = [external_id for have, external_id in wanted if have == source]
        rows = await reader.all(
            _FIND, {"resource": resource, "source": source, "external_ids": ids}
        )
        found.update({(row["source"], row["external_id"]): row["record_id"] for row in rows})
    return found


async def claim(
    transaction: Transaction, resource: str, record_id: str, wanted: Sequence[Pair]
) -> None:
    """Give a new record its references.

    Raises
    ------
    ExternalRefTaken
        A live record has one of them already; the problem names that record.
    """
    if not wanted:
        return
    for pair, owner in (await find(transaction, resource, wanted)).items():
        if owner != record_id:
            # Who brings a record back may not see what it is called elsewhere.
            detail = f"{resource} {owner} has its reference of {pair[0]}."
            raise ExternalRefTaken(detail, extra={"existing_id": owner})
    await transaction.run_many(_ADD, rows_of(resource, record_id, wanted))


async def claim_many(transaction: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert references that the caller knows to be free; the unique index has the last word."""
    await transaction.insert_many(external_refs, rows)


def rows_of(resource: str, record_id: str, wanted: Sequence[Pair]) -> list[dict[str, Any]]:
    return [
        {
            "resource": resource,
            "source": source,
            "external_id": external_id,
            "record_id": record_id,
            "is_live": True,
        }
        for source, external_id in dict.fromkeys(wanted)
    ]


async def replace(
    transaction: Transaction, resource: str, record_id: str, wanted: Sequence[Pair]
) -> None:
    """Exchange all references of a record."""
    await transaction.run(_REMOVE, {"at_record": record_id})
    await claim(transaction, resource, record_id, wanted)


async def release(transaction: Transaction, record_id: str) -> None:
    """Free the references of a record that goes to the trash; they come back when it does."""
    await transaction.run(_MARK, {"at_record": record_id, "set_live": False})


async def release_many(transaction: Transaction, record_ids: Sequence[str]) -> None:
    """Free the references of many records at once."""
    values = {"at_records": list(record_ids), "set_live": False}
    await transaction.run(_MARK_MANY, values)
