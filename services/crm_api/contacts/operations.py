"""The rules of contacts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from services.crm_api import records
from services.crm_api.addresses import international
from services.crm_api.contacts.table import CONTACT, contacts
from services.crm_api.custom_fields import operations as custom_fields
from services.crm_api.duplicates import operations as duplicates
from services.crm_api.duplicates.matching import blocking_keys
from services.crm_api.external_refs.table import external_refs as external_refs_table
from services.crm_api.folding import digits, fold
from services.crm_api.privacy.suppression import admit_again, refuse_suppressed
from services.crm_api.records import Written
from services.crm_api.schemas import row_values
from services.crm_api.terms import operations as terms
from services.crm_api.times import check_past
from services.foundation.calls import Stamp
from services.foundation.columns import Texts
from services.foundation.constructs import any_of
from services.foundation.database import Reader, Transaction
from services.foundation.problems import FieldError, Invalid, NotFound
from services.foundation.statements import Record, Statement

_SELECT_LIVE = (
    select(contacts.c.id, contacts.c.kind)
    .where(any_of(contacts.c.id, bindparam("ids", type_=Texts)), contacts.c.deleted_at.is_(None))
    .order_by(contacts.c.id)
)
_EXISTING = Statement(_SELECT_LIVE)
# What a foreign key takes as well: it waits for who changes the contact, and they for it.
_HELD = Statement(_SELECT_LIVE.with_for_update(read=True, key_share=True))
_LOCKED = Statement(_SELECT_LIVE.with_for_update())
_SELECT_NAMED = (
    select(contacts.c.id)
    .join(external_refs_table, external_refs_table.c.record_id == contacts.c.id)
    .where(
        external_refs_table.c.resource == CONTACT.name,
        external_refs_table.c.source == bindparam("source"),
        external_refs_table.c.external_id == bindparam("id"),
        external_refs_table.c.is_live,
        contacts.c.deleted_at.is_(None),
    )
)
_HELD_NAMED = Statement(_SELECT_NAMED.with_for_update(read=True, key_share=True, of=contacts))
_LOCKED_NAMED = Statement(_SELECT_NAMED.with_for_update(of=contacts))

_ROW = Statement(
    select(contacts).where(contacts.c.id == bindparam("id"), contacts.c.deleted_at.is_(None))
)
_MERGED = Statement(
    select(contacts.c.merged_into_id, contacts.c.deleted_at).where(contacts.c.id == bindparam("id"))
)
_SELECT_PARENT = select(contacts.c.parent_id).where(contacts.c.id == bindparam("id"))
_PARENT = Statement(_SELECT_PARENT)
_LOCKED_PARENT = Statement(_SELECT_PARENT.with_for_update())


_LOOKS = 2
"""Again, as a reference may have gone to another contact while the one that had it was waited for."""
_ANSWERING = Statement(
    select(contacts.c.id, contacts.c.deleted_at, contacts.c.merged_into_id).where(
        any_of(contacts.c.id, bindparam("ids", type_=Texts))
    )
)


class ContactMissing(Invalid):
    code, title = "contact_missing", "A contact that the record points to does not exist."


class ParentNotOrganisation(Invalid):
    code, title = "parent_not_organisation", "Only a person can belong to an organisation."


class ReferredByItself(Invalid):
    code, title = "referred_by_itself", "Nobody was recommended by itself."


class NotTerminated(Invalid):
    code, title = "not_terminated", "Only a relationship that ended has an end."


class ContactUnnamed(Invalid):
    code, title = "contact_unnamed", "Nothing tells who the contact is."


async def existing(reader: Reader, ids: Sequence[str]) -> dict[str, str]:
    """Return the kind of each of these contacts that is live."""
    if not ids:
        return {}
    rows = await reader.all(_EXISTING, {"ids": list(dict.fromkeys(ids))})
    return {row["id"]: row["kind"] for row in rows}


async def hold(
    transaction: Transaction, ids: Sequence[str], *, is_alone: bool = False
) -> dict[str, str]:
    """Return the kind of each of these contacts that is live, and keep it so until the commit.

    An erasure or a merge of one comes before, and then it is not live, or after, and then it finds
    what this transaction wrote. `is_alone` keeps out others who hold it as well: for who will lock it
    later on, as two who hold it cannot both.
    """
    if not ids:
        return {}
    statement = _LOCKED if is_alone else _HELD
    rows = await transaction.all(statement, {"ids": list(dict.fromkeys(ids))})
    return {row["id"]: row["kind"] for row in rows}


async def answering(reader: Reader, ids: Sequence[str]) -> dict[str, str]:
    """Return for these ids the live contacts that answer for them: themselves, or their survivors."""
    found: dict[str, str] = {}
    ways: dict[str, tuple[str, ...]] = {each: (each,) for each in ids}
    while ways:
        rows = await reader.all(_ANSWERING, {"ids": list({way[-1] for way in ways.values()})})
        known = {row["id"]: row for row in rows}
        further: dict[str, tuple[str, ...]] = {}
        for named, way in ways.items():
            row = known.get(way[-1])
            if row is not None and row["deleted_at"] is None:
                found[named] = way[-1]
            elif row is not None and row["merged_into_id"] not in (None, *way):
                further[named] = (*way, row["merged_into_id"])
        ways = further
    return found


async def read_row(reader: Reader, contact_id: str) -> Record:
    """Return a live contact's columns.

    Raises
    ------
    NotFound
        There is no such contact.
    """
    row = await reader.first(_ROW, {"id": contact_id})
    if row is None:
        raise NotFound(f"There is no contact {contact_id}.")
    return row


def unit(contact: Mapping[str, Any]) -> str:
    """Return the customer unit of a contact whose row is known: its organisation, else itself."""
    return str(contact["parent_id"] or contact["id"])


async def unit_of(reader: Reader, contact_id: str) -> str:
    """Return the customer unit of a contact: its organisation, else itself."""
    row = await reader.first(_PARENT, {"id": contact_id})
    return contact_id if row is None or row["parent_id"] is None else str(row["parent_id"])


async def lock_unit_of(transaction: Transaction, contact_id: str) -> str:
    """Return the customer unit of a contact and keep others from moving it to another one."""
    row = await transaction.first(_LOCKED_PARENT, {"id": contact_id})
    return contact_id if row is None or row["parent_id"] is None else str(row["parent_id"])


async def survivor_of(reader: Reader, contact_id: str) -> str | None:
    """Return the live contact that this one was merged into, over however many merges."""
    seen = {contact_id}
    here: str | None = contact_id
    while here is not None:
        row = await reader.first(_MERGED, {"id": here})
        if row is None:
            return None
        if row["deleted_at"] is None:
            return None if here == contact_id else here
        here = row["merged_into_id"]
        if here in seen:
            return None
        seen.add(str(here))
    return None


async def require(transaction: Transaction, field: str, contact_id: str) -> str:
    """Return the kind of a live contact, and keep it live until the commit.

    Raises
    ------
    ContactMissing
        There is no such contact; `field` is what pointed to it.
    """
    kind = (await hold(transaction, [contact_id])).get(contact_id)
    if kind is None:
        message = f"There is no contact {contact_id}."
        raise ContactMissing(message, errors=[FieldError(f"/body/{field}", "unknown", message)])
    return kind


def _display_name(row: Mapping[str, Any]) -> str:
    full = " ".join(part for part in (row.get("given_name"), row.get("family_name")) if part)
    refs = row.get("external_refs") or [{}]
    known = (row.get("name"), full, row.get("email"), row.get("phone"), refs[0].get("id"))
    return next((text for text in known if text and not text.isspace()), "")


DERIVED = ("display_name", "phone_e164", "other_phones", "search_text", "match_keys")
SAYS_WHO = ("name", "given_name", "family_name", "email", "phone")
_ADMITTED = ("allow_duplicate", "allow_suppressed", "parent_ref")
_PAST = ("terminated_at", "profiling_objection_at")
_REACHED_BY = {"email", "phone", "other_emails", "other_phones", "country_code", "external_refs"}
_NAMES = ("name", "given_name", "family_name", "city")


def complete(row: Record) -> Record:
    """Derive what is not entered: the name to show, international telephone numbers, the search text."""
    country = row.get("country_code")
    phone = international(row.get("phone"), country)
    others = [
        {**other, "e164": international(other["phone"], country)}
        for other in row.get("other_phones") or ()
    ]
    derived = {
        "display_name": _display_name(row),
        "phone_e164": phone,
        "other_phones": others,
    }
    row = row | derived
    return row | {"search_text": _search_text(row), "match_keys": blocking_keys(row)}


def _search_text(row: Mapping[str, Any]) -> str:
    """Return what a search looks through: folded names and e-mail addresses, digits of numbers."""
    emails = [row.get("email"), *(other["email"] for other in row.get("other_emails") or ())]
    phones = [
        (row.get("phone"), row.get("phone_e164")),
        *((other["phone"], other["e164"]) for other in row["other_phones"]),
    ]
    texts = [*(row.get(name) for name in _NAMES), *emails]
    if not any(texts[:3]):
        texts.append(row["display_name"])
    words = dict.fromkeys(fold(text) for text in texts if text)
    # With the country's prefix and as it was told: people search with 030 as well as with +49 30.
    numbers = dict.fromkeys(digits(number) for pair in phones for number in pair if number)
    return " ".join(word for word in (*words, *numbers) if word)[:2000]


def _require_name(row: Mapping[str, Any]) -> None:
    if not row["display_name"]:
        raise unnamed()


def unnamed() -> ContactUnnamed:
    """Build the refusal of a contact of which nothing tells who it is."""
    message = "Give a name, an e-mail address, a telephone number or an external reference."
    return ContactUnnamed(message, errors=[FieldError("/body/name", "missing", message)])


def _check_end(row: Mapping[str, Any]) -> None:
    for name in ("terminated_at", "terminated_by"):
        if row[name] is not None and row["status"] != "terminated":
            message = f"A contact with the status {row['status']} has no {name}."
            raise NotTerminated(
                message, errors=[FieldError(f"/body/{name}", "not_terminated", message)]
            )


async def check_row(
    transaction: Transaction, row: Mapping[str, Any], kind: str, *, now: datetime
) -> None:
    """Apply the rules that need the database or the clock; `row` may hold just what is new.

    Raises
    ------
    InTheFuture, ContactMissing, ParentNotOrganisation
        A rule is broken.
    """
    check_past(row, _PAST, now=now)
    if row.get("referred_by_id"):
        await require(transaction, "referred_by_id", row["referred_by_id"])
    if not row.get("parent_id"):
        return
    parent = await require(transaction, "parent_id", row["parent_id"])
    if kind != "person" or parent != "organisation":
        message = "A person belongs to an organisation, and to nothing else."
        raise ParentNotOrganisation(
            message, errors=[FieldError("/body/parent_id", "not_an_organisation", message)]
        )


async def _with_parent(transaction: Transaction, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with the organisation by its id, if they name it by its reference.

    Raises
    ------
    ContactMissing
        They name it both ways, or no live contact has the reference.
    """
    values = dict(given)
    if "parent_ref" not in values:
        return values
    ref = values.pop("parent_ref")
    if ref is None:
        values.setdefault("parent_id", None)
        return values
    if values.get("parent_id") is not None:
        message = "Name the organisation by parent_id or by parent_ref, and not by both."
        raise ContactMissing(message, errors=[FieldError("/body/parent_ref", "twice", message)])
    pair = (ref["source"], ref["id"])
    found = await external_refs.find(transaction, CONTACT.name, [pair])
    if pair not in found:
        message = f"No live contact has the reference {pair[1]} of {pair[0]}."
        raise ContactMissing(message, errors=[FieldError("/body/parent_ref", "unknown", message)])
    return values | {"parent_id": found[pair]}


def new_row(given: Mapping[str, Any]) -> Record:
    """Turn the fields of `NewContact` into a row.

    Raises
    ------
    ContactUnnamed, NotTerminated
        Nothing tells who it is, or it ended and goes on.
    """
    values = {name: value for name, value in given.items() if name not in _ADMITTED}
    row = complete(row_values(values, CONTACT.money)) | {"consents": []}
    _require_name(row)
    _check_end(row)
    return row


async def create_contact(
    transaction: Transaction, *, given: Mapping[str, Any], stamp: Stamp, personal: bool
) -> Written:
    """Create a contact from the fields of `NewContact`.

    Raises
    ------
    ContactUnnamed, NotTerminated, InTheFuture, ContactMissing, ParentNotOrganisation,
    PossibleDuplicate, Suppressed, ExternalRefTaken, CustomFieldUnknown, CustomValueInvalid
        A rule is broken; nothing is written.
    """
    given = await _with_parent(transaction, given)
    row = new_row(given)
    row["id"] = records.new_id()
    await check_row(transaction, row, row["kind"], now=stamp.now)
    await _admit(transaction, row, is_allowed=given["allow_suppressed"], stamp=stamp)
    if not given["allow_duplicate"]:
        sees = CONTACT.pii_scope in stamp.scopes
        await duplicates.refuse_duplicate(transaction, row, personal=sees)
    row["custom"] = await custom_fields.merge_values(
        transaction, CONTACT.plural, None, given["custom"]
    )
    return await records.create(transaction, CONTACT, row, stamp=stamp, personal=personal)


async def _admit(
    transaction: Transaction,
    row: Mapping[str, Any],
    *,
    before: Mapping[str, Any] | None = None,
    is_allowed: bool,
    stamp: Stamp,
) -> None:
    """Refuse what brings an erased person back, unless that is asked for: then it may come for good."""
    if is_allowed:
        await admit_again(transaction, row, stamp=stamp)
    else:
        await refuse_suppressed(transaction, row, before=before)


async def refuse_erased(transaction: Transaction, current: Record, /, *, stamp: Stamp) -> None:  # noqa: ARG001
    """Keep what comes out of the trash from bringing an erased person back.

    Raises
    ------
    Suppressed
        It has an address, a number or a reference of one.
    """
    await refuse_suppressed(transaction, current)


async def change_contact(
    transaction: Transaction,
    contact_id: str,
    *,
    given: Mapping[str, Any],
    version: int | None,
    stamp: Stamp,
    personal: bool,
) -> Written:
    """Change the given fields of a contact.

    Raises
    ------
    NotFound, StaleVersion, ContactUnnamed, NotTerminated, InTheFuture, ContactMissing,
    ReferredByItself, ParentNotOrganisation, TermsConflict, ExternalRefTaken, CustomFieldUnknown,
    CustomValueInvalid, Suppressed
        A rule is broken; nothing is written.
    """
    current = await records.lock(transaction, CONTACT, contact_id, version=version)
    values = row_values(await _with_parent(transaction, given), CONTACT.money)
    is_allowed = bool(values.get("allow_suppressed"))
    for name in _ADMITTED:  # of an upsert that finds its record
        values.pop(name, None)
    await check_row(transaction, values, current["kind"], now=stamp.now)
    if values.get("referred_by_id") == contact_id:
        message = "The contact would be recommended by itself."
        fault = FieldError("/body/referred_by_id", "referred_by_itself", message)
        raise ReferredByItself(message, errors=[fault])
    _change_end(current, values, now=stamp.now)
    after = complete({**current, **values})
    _require_name(after)
    if not _REACHED_BY.isdisjoint(values):
        await _admit(transaction, after, before=current, is_allowed=is_allowed, stamp=stamp)
    if "custom" in values:
        values["custom"] = await custom_fields.merge_values(
            transaction, CONTACT.plural, current["custom"], values["custom"]
        )
    derived = {name: after[name] for name in DERIVED}
    units = {"from_unit": unit(current), "to_unit": unit(after)}
    await terms.move_contact(transaction, contact_id, **units, now=stamp.now)
    return await records.change(
        transaction, CONTACT, current, values | derived, stamp=stamp, personal=personal
    )


def _change_end(current: Record, values: Record, *, now: datetime) -> None:
    """Date the end of a relationship that ends now; one that goes on again has none."""
    wanted = values.get("status", current["status"])
    if wanted == current["status"]:
        pass
    elif wanted == "terminated":
        values.setdefault("terminated_at", now)
    else:
        values.setdefault("terminated_at", None)
        values.setdefault("terminated_by", None)
    if values.keys() & {"status", "terminated_at", "terminated_by"}:
        _check_end({**current, **values})


async def check_return(
    transaction: Transaction, current: Record, after: Record, /, *, stamp: Stamp
) -> None:
    """Let the live terms of a person's offers follow it, and bring no erased person back.

    Raises
    ------
    TermsConflict
        In the other organisation other terms are live for the same product.
    Suppressed
        It would have an address, a number or a reference of an erased person again.
    """
    await refuse_suppressed(transaction, after, before=current)
    units = {"from_unit": unit(current), "to_unit": unit(after)}
    await terms.move_contact(transaction, current["id"], **units, now=stamp.now)


async def resolve_contact(
    transaction: Transaction,
    contact_id: str | None,
    contact_ref: Mapping[str, str] | None,
    *,
    is_alone: bool = False,
) -> str:
    """Return the id of the live contact that a deal or an interaction names, and `hold` it.

    Raises
    ------
    ContactMissing
        It names none, both ways at once, or one that does not exist.
    """
    if (contact_id is None) == (contact_ref is None):
        message = "Name the contact by contact_id or by contact_ref, and not by both."
        raise ContactMissing(message, errors=[FieldError("/body/contact_id", "missing", message)])
    if contact_id is not None:
        here: str | None = contact_id
        while here is not None:  # a survivor may be merged away itself while it is waited for
            if await hold(transaction, [here], is_alone=is_alone):
                return here
            here = await survivor_of(transaction, here)
        await require(transaction, "contact_id", contact_id)
        return contact_id
    assert contact_ref is not None
    statement = _LOCKED_NAMED if is_alone else _HELD_NAMED
    for _ in range(_LOOKS):
        found = await transaction.first(statement, contact_ref)
        if found is not None:
            return str(found["id"])
    message = f"No live contact has the reference {contact_ref['id']} of {contact_ref['source']}."
    raise ContactMissing(message, errors=[FieldError("/body/contact_ref", "unknown", message)])
