"""The rules of contacts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.crm_api import records
from services.crm_api.addresses import international
from services.crm_api.contacts.finding import ContactMissing, require, unit
from services.crm_api.contacts.table import CONTACT
from services.crm_api.custom_fields import operations as custom_fields
from services.crm_api.duplicates import operations as duplicates
from services.crm_api.duplicates.matching import blocking_keys
from services.crm_api.external_refs import operations as external_refs
from services.crm_api.folding import digits, fold
from services.crm_api.privacy.suppression import admit_again, refuse_suppressed
from services.crm_api.records import Written
from services.crm_api.schemas import row_values
from services.crm_api.terms import operations as terms
from services.crm_api.times import check_past, check_past_day
from services.foundation.calls import Stamp
from services.foundation.database import Transaction
from services.foundation.problems import FieldError, Invalid
from services.foundation.statements import Record


class ParentNotOrganisation(Invalid):
    code, title = "parent_not_organisation", "Only a person can belong to an organisation."


class ReferredByItself(Invalid):
    code, title = "referred_by_itself", "Nobody was recommended by itself."


class NotTerminated(Invalid):
    code, title = "not_terminated", "Only a relationship that ended has an end."


class ContactUnnamed(Invalid):
    code, title = "contact_unnamed", "Nothing tells who the contact is."


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


async def check_row(transaction: Transaction, row: Record, kind: str, *, now: datetime) -> None:
    """Apply the rules that need the database or the clock; `row` may hold just what is new.

    Who names a contact that was merged means the one that it is part of.

    Raises
    ------
    InTheFuture, ContactMissing, ParentNotOrganisation
        A rule is broken.
    """
    check_past(row, _PAST, now=now)
    check_past_day(row, "birth_date", now=now)
    if row.get("referred_by_id"):
        named = row["referred_by_id"]
        row["referred_by_id"], _ = await require(transaction, "referred_by_id", named)
    if not row.get("parent_id"):
        return
    row["parent_id"], parent = await require(transaction, "parent_id", row["parent_id"])
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


async def come_back(transaction: Transaction, current: Record, /, *, stamp: Stamp) -> None:
    """Let a contact out of the trash with the terms of its offers, and bring no erased person back.

    Raises
    ------
    Suppressed
        It has an address, a number or a reference of an erased person.
    TermsConflict
        Meanwhile its unit has a live offer with other terms.
    """
    await refuse_suppressed(transaction, current)
    await terms.claim_contact(transaction, current["id"], unit(current), now=stamp.now)


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
