"""Gathers all that is kept about a person, wherever it came from and whoever can receive it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson
from sqlalchemy import (
    Select,
    String,
    bindparam,
    cast,
    literal_column,
    or_,
    select,
    type_coerce,
    union_all,
)

from services.crm_api.audit.table import audit_events
from services.crm_api.campaign_members.table import CAMPAIGN_MEMBER
from services.crm_api.changes.table import changes
from services.crm_api.consents.table import consent_events
from services.crm_api.contacts.table import CONTACT, contacts
from services.crm_api.deals.table import DEAL
from services.crm_api.dismissals.table import duplicate_dismissals
from services.crm_api.imports.table import imports, rejected_rows
from services.crm_api.interactions.table import INTERACTION
from services.crm_api.merges.table import merges
from services.crm_api.privacy import erasing, traces
from services.crm_api.privacy.table import erasures
from services.crm_api.resources import Resource
from services.crm_api.segments.table import segment_members, segments
from services.crm_api.webhooks.table import webhooks
from services.foundation.columns import Document, Texts
from services.foundation.constructs import is_among, json_record, like_any
from services.foundation.database import Database, Reader
from services.foundation.json_constructs import without_names
from services.foundation.statements import Statement
from services.foundation.tables import keys

_KEYS = Statement(
    select(keys.c.id, keys.c.name, keys.c.scopes, keys.c.revoked_at, keys.c.last_used_at)
)
_WEBHOOKS = Statement(
    select(webhooks.c.id, webhooks.c.url, webhooks.c.event_types).where(
        webhooks.c.deleted_at.is_(None)
    )
)
PURPOSES = (
    {"purpose": "contract", "basis": "Art. 6(1)(b) GDPR", "about": "offers, deals, service"},
    {"purpose": "relationship", "basis": "Art. 6(1)(f) GDPR", "about": "value, phase, next step"},
    {"purpose": "marketing", "basis": "Art. 6(1)(a) GDPR, § 7 UWG", "about": "see consents"},
)


def _line(kind: str, record: Any) -> Any:
    return json_record(
        ("type", literal_column(f"'{kind}'", String())), ("record", type_coerce(record, Document()))
    ).label("line")


def _columns(table: Any, *hidden: str) -> Any:
    return json_record(*((c.name, c) for c in table.columns if c.name not in hidden))


def _of(kind: str, resource: Resource) -> Select[Any]:
    table = resource.table.c
    return select(_line(kind, resource.json(personal=True))).where(is_among(table.contact_id))


def _former(resource: Resource, owner: Any) -> Select[Any]:
    """Build what undo still keeps of a person's records from before each change, as it is stored."""
    told, table = changes.c, resource.table
    former = json_record(
        *((name, told[name]) for name in ("resource", "record_id", "occurred_at", "request_id")),
        ("values", without_names(told.before, resource.hidden)),
    )
    return (
        select(_line("former_values", former))
        .join_from(table, changes, told.record_id == table.c.id)
        .where(is_among(owner), told.before.is_not(None))
    )


def _statement() -> Statement:
    """Return the statement of all about the contacts `ids`, one JSON line a record."""
    told, events = changes.c, audit_events.c
    of_import = imports.alias("of_import")
    who, reader = keys.alias("who"), keys.alias("reader")
    change = json_record(
        *((name, told[name]) for name in ("resource", "record_id", "action", "changed")),
        *((name, told[name]) for name in ("occurred_at", "request_id", "key_id")),
        ("key_name", who.c.name),
        ("import_id", of_import.c.id),
        ("import_file", of_import.c.file_name),
        ("import_source", cast(of_import.c.settings, String)),
    )
    noted = json_record(
        *((name, events[name]) for name in ("action", "record_id", "occurred_at", "request_id")),
        ("key_id", events.key_id),
        ("key_name", reader.c.name),
    )
    member = json_record(
        ("segment_id", segments.c.id),
        ("name", segments.c.name),
        ("added_at", segment_members.c.added_at),
    )
    refused = json_record(
        ("import_id", rejected_rows.c.import_id),
        ("row_number", rejected_rows.c.row_number),
        ("cells", rejected_rows.c.cells),
    )
    # What a merge set is kept for its way back, also when undo has forgotten it.
    merge = json_record(
        *((c.name, c) for c in merges.columns if c.name not in ("set_columns", "moved")),
        ("set_columns", without_names(merges.c.set_columns, CONTACT.hidden)),
    )
    parts = (
        select(_line("contact", CONTACT.json(personal=True))).where(is_among(contacts.c.id)),
        _of("interaction", INTERACTION),
        _of("deal", DEAL),
        _of("campaign_member", CAMPAIGN_MEMBER),
        select(_line("segment_member", member))
        .join_from(segment_members, segments)
        .where(is_among(segment_members.c.contact_id)),
        select(_line("consent_event", _columns(consent_events))).where(
            is_among(consent_events.c.contact_id)
        ),
        select(_line("merge", merge)).where(
            or_(is_among(merges.c.survivor_id), is_among(merges.c.duplicate_id))
        ),
        select(_line("duplicate_dismissal", _columns(duplicate_dismissals))).where(
            or_(
                is_among(duplicate_dismissals.c.first_id),
                is_among(duplicate_dismissals.c.second_id),
            )
        ),
        select(_line("change", change))
        .join_from(changes, who, who.c.id == told.key_id, isouter=True)
        .join(of_import, of_import.c.request_id == told.request_id, isouter=True)
        .where(is_among(told.record_id)),
        _former(CONTACT, contacts.c.id),
        *(_former(each, each.table.c.contact_id) for each in (INTERACTION, DEAL, CAMPAIGN_MEMBER)),
        select(_line("audit_event", noted))
        .join_from(audit_events, reader, reader.c.id == events.key_id, isouter=True)
        .where(is_among(events.record_id)),
        select(_line("rejected_row", refused)).where(
            like_any(cast(rejected_rows.c.cells, String), bindparam("patterns", type_=Texts))
        ),
        select(
            _line("erasure", _columns(erasures, "contact_ids", "checkpoint", "address_hashes"))
        ).where(is_among(erasures.c.contact_id)),
    )
    return Statement(union_all(*(select(cast(part.subquery().c.line, String)) for part in parts)))


_ALL = _statement()


async def gather(reader: Reader, contact_id: str) -> tuple[list[Any], Mapping[str, Any]]:
    """Return the lines that come first, and the values to read the others with.

    Raises
    ------
    NotFound
        There is no such contact.
    """
    family = await erasing.person(reader, contact_id)
    ids = [row["id"] for row in family]
    earlier = await traces.rows_from_before(reader, ids)
    marks = traces.marks_of(ids, [*family, *earlier])
    root = next((row for row in family if row["merged_into_id"] is None), family[0])
    unit = root["parent_id"] or root["id"]
    about = {
        "contact_id": root["id"],
        "contact_ids": ids,
        "unit_id": unit,
        # Of a person of an organisation nothing is computed; only of the organisation.
        "computed": None if root["parent_id"] else f"/v1/customers/{unit}/personal-data",
        "purposes": PURPOSES,
        "kept_for": "/v1/retention",
    }
    first = [{"type": "about", "record": about}]
    for key in await reader.all(_KEYS):
        if {"contacts:read", "contacts:pii"} <= set(key["scopes"]) or (
            "privacy:export" in key["scopes"]
        ):
            shown = {"kind": "key", **{name: key[name] for name in ("id", "name", "revoked_at")}}
            shown["last_used_at"] = key["last_used_at"]
            first.append({"type": "recipient", "record": shown})
    for webhook in await reader.all(_WEBHOOKS):
        # They are sent ids and names of fields. The rest of an address can hold a secret.
        host = urlsplit(webhook["url"]).hostname
        shown = {"kind": "webhook", "id": webhook["id"], "host": host}
        shown["event_types"] = webhook["event_types"]
        first.append({"type": "recipient", "record": shown})
    return first, {"ids": ids, "patterns": marks.patterns(of_cells=True)}


async def lines(
    database: Database, first: Sequence[Any], values: Mapping[str, Any]
) -> AsyncIterator[bytes]:
    """Yield all about a person, one record a line."""
    yield b"".join(orjson.dumps(line) + b"\n" for line in first)
    async for chunk in database.stream(_ALL, values):
        yield chunk
