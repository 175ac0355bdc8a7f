"""Erases a person, remembers by hashes whom not to bring back, and gathers all about a person."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Select,
    String,
    bindparam,
    cast,
    delete,
    insert,
    literal_column,
    null,
    or_,
    select,
    type_coerce,
    union_all,
    update,
)

from services.crm_api import records
from services.crm_api.campaign_members.table import CAMPAIGN_MEMBER
from services.crm_api.changes.table import changes
from services.crm_api.consents.table import consent_events
from services.crm_api.contacts.table import CONTACT, contacts
from services.crm_api.deals.table import DEAL
from services.crm_api.external_refs import operations as external_refs
from services.crm_api.imports.table import imports, rejected_rows
from services.crm_api.interactions.table import INTERACTION
from services.crm_api.merges.table import merges
from services.crm_api.privacy.suppression import suppress
from services.crm_api.privacy.table import erasures
from services.crm_api.resources import Resource
from services.foundation.calls import Stamp
from services.foundation.columns import Document, Texts
from services.foundation.constructs import any_of, json_record
from services.foundation.database import Transaction
from services.foundation.problems import NotFound
from services.foundation.statements import Record, Statement
from services.foundation.tables import idempotency_records

_KEPT_OF_CONTACTS = frozenset(
    {
        *("id", "kind", "status", "terminated_at", "terminated_by", "source_campaign_id"),
        *("acquisition_cost_minor", "acquisition_cost_currency", "country_code", "language"),
        *("profiling_objection_at", "version", "created_at", "updated_at", "deleted_at"),
        *("merged_into_id", "erased_at", "credit_hold", "individual_price", "consents"),
    }
)
_EMPTIED_OF_INTERACTIONS = ("subject", "body", "reason", "recording_ref", "user_id")
_EMPTIED_OF_DEALS = ("title", "lost_note", "owner_id", "fraud_confirmed_by")
_ADD = Statement(insert(erasures))
_FAMILY = Statement(
    select(contacts).where(
        or_(contacts.c.id == bindparam("id"), contacts.c.merged_into_id == bindparam("id"))
    )
)


def _ids(column: Any) -> Any:
    return any_of(column, bindparam("ids", type_=Texts))


_OF_CONTACTS = {
    resource.name: Statement(select(resource.table).where(_ids(resource.table.c.contact_id)))
    for resource in (INTERACTION, DEAL)
}
_FORGET_BEFORE = Statement(
    update(changes)
    .where(_ids(changes.c.record_id))
    .values(before=bindparam("nothing", type_=Document))
)
EXISTS = Statement(select(contacts.c.id).where(contacts.c.id == bindparam("id")))
_IMPORTS = Statement(
    select(imports.c.id, imports.c.detected).where(
        imports.c.request_id.in_(select(changes.c.request_id).where(_ids(changes.c.record_id)))
    )
)
_BLANK_IMPORT = Statement(
    update(imports)
    .where(imports.c.id == bindparam("at_id"))
    .values(detected=bindparam("set_detected", type_=Document))
)
_DROP_REJECTED = Statement(delete(rejected_rows).where(_ids(rejected_rows.c.import_id)))
_EMPTY_EVENTS = Statement(
    update(consent_events)
    .where(_ids(consent_events.c.contact_id))
    .values(source=null(), evidence_ref=null())
    .returning(consent_events.c.id)
)
_EMPTY_MERGES = Statement(
    update(merges)
    .where(or_(_ids(merges.c.survivor_id), _ids(merges.c.duplicate_id)))
    .values(set_columns=bindparam("nothing", type_=Document), unmerged_at=bindparam("now"))
)
_FORGET_ANSWERS = Statement(
    delete(idempotency_records).where(
        or_(
            idempotency_records.c.body.like("%" + bindparam("mark", type_=String) + "%"),
            idempotency_records.c.path.like("%" + bindparam("mark", type_=String) + "%"),
        )
    )
)


async def erase_contact(
    transaction: Transaction,
    contact_id: str,
    *,
    reason: str,
    request_ref: str | None,
    stamp: Stamp,
) -> tuple[Record, list[str]]:
    """Empty everything that tells of a person; returns the erasure and the imports to empty.

    Deals keep amounts and days, interactions their kind, time and outcome: they belong to nobody then.

    Raises
    ------
    NotFound
        There is no such contact, live, in the trash or merged; or it is erased already.
    """
    family = await _family(transaction, contact_id)
    if not family or all(row["erased_at"] is not None for row in family):
        raise NotFound(f"There is no contact {contact_id}.")
    ids = [row["id"] for row in family]
    of_all = {"ids": ids}
    counts: dict[str, int] = {"contacts": len(family)}
    told = [*ids]
    for resource, emptied in (
        (INTERACTION, _EMPTIED_OF_INTERACTIONS),
        (DEAL, _EMPTIED_OF_DEALS),
    ):
        rows = await transaction.all(_OF_CONTACTS[resource.name], of_all)
        counts[resource.plural] = len(rows)
        for row in rows:
            await _empty(transaction, resource, row, emptied, stamp)
            told.append(row["id"])
    counts["consent_events"] = len(await transaction.texts(_EMPTY_EVENTS, of_all))
    for row in family:
        await _empty_contact(transaction, row, stamp)
    written_by = await transaction.all(_IMPORTS, {"ids": told})
    files = [row["id"] for row in written_by]
    for row in written_by:
        blank = {"at_id": row["id"], "set_detected": _without_samples(row["detected"])}
        await transaction.run(_BLANK_IMPORT, blank)
    counts["imports"] = len(files)
    await transaction.run(_DROP_REJECTED, {"ids": files})
    await transaction.run(_FORGET_BEFORE, {"ids": told, "nothing": None})
    await transaction.run(_EMPTY_MERGES, of_all | {"nothing": {}, "now": stamp.now})
    for mark in ids:  # answers about interactions and deals name their contact
        await transaction.run(_FORGET_ANSWERS, {"mark": mark})
    erasure: Record = {
        "id": records.new_id(),
        "contact_id": contact_id,
        "reason": reason,
        "request_ref": request_ref,
        "counts": counts,
        "key_id": stamp.key_id,
        "request_id": stamp.request_id,
        "erased_at": stamp.now,
    }
    await transaction.run(_ADD, erasure)
    await suppress(transaction, family, erasure_id=erasure["id"], now=stamp.now)
    return erasure, files


def _without_samples(found: Any) -> Any:
    """Return what was detected of a file without the values that were shown as samples."""
    if isinstance(found, list):
        return [_without_samples(each) for each in found]
    if not isinstance(found, dict):
        return found
    return {
        name: [] if name == "samples" else _without_samples(each) for name, each in found.items()
    }


async def _family(transaction: Transaction, contact_id: str) -> list[Record]:
    """Return a contact and all that were merged into it, over however many merges."""
    found: dict[str, Record] = {}
    waiting = [contact_id]
    while waiting:
        for row in await transaction.all(_FAMILY, {"id": waiting.pop()}):
            if row["id"] not in found:
                found[row["id"]] = row
                waiting.append(row["id"])
    return list(found.values())


async def _empty_contact(transaction: Transaction, row: Record, stamp: Stamp) -> None:
    values: Record = {}
    for column in contacts.columns:
        if column.name in _KEPT_OF_CONTACTS:
            continue
        if isinstance(column.type, Document):
            values[column.name] = {} if column.name == "custom" else []
        else:
            values[column.name] = None if column.nullable else ""
    values |= {"display_name": "", "status": row["status"], "erased_at": stamp.now}
    await external_refs.replace(transaction, CONTACT.name, row["id"], [])
    await records.trash(transaction, CONTACT, row, stamp=stamp, action="erased", values=values)


async def _empty(
    transaction: Transaction, resource: Resource, row: Record, names: Sequence[str], stamp: Stamp
) -> None:
    values: Record = dict.fromkeys(names)
    values |= {"custom": {}, "external_refs": []}
    if resource is INTERACTION:
        values["tags"] = []
    else:
        values["document_refs"] = []
        values["lines"] = [{**line, "name": None} for line in row["lines"]]
    await records.change(transaction, resource, row, values, stamp=stamp, personal=False)


def _line(kind: str, record: Any) -> Any:
    return json_record(
        ("type", literal_column(f"'{kind}'", String())), ("record", type_coerce(record, Document()))
    ).label("line")


def personal_data_statement() -> Statement:
    """Return the statement of all about a contact `id`, one JSON line a record."""

    def of(kind: str, resource: Resource) -> Select[Any]:
        return select(_line(kind, resource.json(personal=True))).where(
            resource.table.c.contact_id == bindparam("id")
        )

    events = consent_events.c
    told = changes.c
    parts = (
        select(_line("contact", CONTACT.json(personal=True))).where(
            or_(contacts.c.id == bindparam("id"), contacts.c.merged_into_id == bindparam("id"))
        ),
        of("interaction", INTERACTION),
        of("deal", DEAL),
        of("campaign_member", CAMPAIGN_MEMBER),
        select(_line("consent_event", json_record(*((c.name, c) for c in events)))).where(
            events.contact_id == bindparam("id")
        ),
        select(
            _line(
                "change",
                json_record(
                    *((name, told[name]) for name in ("action", "changed", "occurred_at", "key_id"))
                ),
            )
        ).where(told.record_id == bindparam("id")),
    )
    return Statement(union_all(*(select(cast(part.subquery().c.line, String)) for part in parts)))
