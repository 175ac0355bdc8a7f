"""Records events of consents and derives from all of them what a contact allows."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select

from services.crm_api import records
from services.crm_api.consents.table import consent_events
from services.crm_api.contacts.table import CONTACT
from services.crm_api.times import check_past
from services.foundation.calls import Stamp
from services.foundation.database import Transaction
from services.foundation.problems import FieldError, Invalid
from services.foundation.statements import Record, Statement
from shared.values import wire_instant

REFUSALS = ("withdrawn", "objected")
_ASKED_FIRST = ("marketing", "survey")
"""What is advertising by § 7 UWG: for an e-mail of this kind one asks first; only customers may be
written to without (subsection 3)."""
_events = consent_events.c
_ADD = Statement(insert(consent_events))
OF_CONTACT = Statement(select(consent_events).where(_events.contact_id == bindparam("contact_id")))


class NothingToConfirm(Invalid):
    code, title = "nothing_to_confirm", "There is no consent that waits for a confirmation."


class ConsentNeeded(Invalid):
    code, title = "consent_needed", "Who withdrew or objected is asked again by consent only."


class EmailNeedsConsent(Invalid):
    code, title = "email_needs_consent", "E-mail for marketing or surveys needs a consent."


def current_consents(
    events: Iterable[Mapping[str, Any]], *, new_id: str | None = None
) -> list[dict[str, str]]:
    """Derive what is allowed now from all events, in the order of time; at one time a refusal is last.

    Events may not fit, of two contacts that were merged or because an earlier one was told of late:
    such ones allow nothing. Only the event `new_id` has to fit; a refusal always does.

    Raises
    ------
    NothingToConfirm
        The new event is a confirmation and has no consent before it.
    ConsentNeeded
        The new event is a permission without consent and follows a refusal.
    EmailNeedsConsent
        The new event allows an e-mail on a basis that is not enough for it.
    """
    states: dict[tuple[str, str], dict[str, str]] = {}
    for event in sorted(events, key=_place):
        at = (event["channel"], event["purpose"])
        before = states[at]["state"] if at in states else None
        try:
            state = _next_state(event, before)
        except (NothingToConfirm, ConsentNeeded, EmailNeedsConsent):
            if event["id"] == new_id:
                raise
            continue
        if state != before:
            since = wire_instant(event["occurred_at"])
            states[at] = {"channel": at[0], "purpose": at[1], "state": state, "since": since}
    return [states[at] for at in sorted(states)]


def _place(event: Mapping[str, Any]) -> tuple[datetime, bool, str]:
    return event["occurred_at"], event["action"] in REFUSALS, event["id"]


def _next_state(event: Mapping[str, Any], before: str | None) -> str:
    action: str = event["action"]
    if action == "confirmed":
        if before not in ("pending", "granted"):
            message = "Record the consent (granted) that is confirmed first."
            raise NothingToConfirm(
                message, errors=[FieldError("/body/action", "nothing_to_confirm", message)]
            )
        return "granted"
    if action != "granted":
        return action
    is_consent = event["basis"] == "consent"
    if before in ("withdrawn", "objected") and not is_consent:
        message = "The contact refused; only a new consent allows it again."
        raise ConsentNeeded(message, errors=[FieldError("/body/basis", "consent_needed", message)])
    is_asked_first = event["channel"] == "email" and event["purpose"] in _ASKED_FIRST
    if is_asked_first and event["basis"] not in ("consent", "existing_customer"):
        message = (
            f"An e-mail needs a consent that was confirmed (basis consent), or a customer who bought "
            f"(basis existing_customer); {event['basis']} is not enough."
        )
        fault = FieldError("/body/basis", "email_needs_consent", message)
        raise EmailNeedsConsent(message, errors=[fault])
    # A consent to e-mail without confirmation proves nothing: BGH I ZR 164/09, double opt-in.
    return (
        "pending"
        if is_consent and event["channel"] == "email" and before != "granted"
        else "granted"
    )


def is_of_address(event: Mapping[str, Any]) -> bool:
    """Tell whether an event lets e-mail in for the very address that the contact had then.

    A confirmation was clicked there, a customer gave it at a purchase; another address proves nothing.
    """
    is_exempt = event["action"] == "granted" and event["basis"] != "consent"
    lets_in = event["action"] == "confirmed" or is_exempt
    return bool(event["channel"] == "email" and lets_in)


async def keep_refusals(
    transaction: Transaction, from_id: str, to_id: str, *, since: datetime
) -> list[dict[str, str]]:
    """Let what a contact refused since an instant be refused by another one as well.

    Who said no while two contacts were one said it for both: nobody knows which of them it was.
    Returns what the other one allows now.
    """
    told = await transaction.all(OF_CONTACT, {"contact_id": from_id})
    known = await transaction.all(OF_CONTACT, {"contact_id": to_id})
    refusals = [
        {**event, "id": records.new_id(), "contact_id": to_id}
        for event in told
        if event["created_at"] >= since and event["action"] in REFUSALS
    ]
    if refusals:
        await transaction.run_many(_ADD, refusals)
    return current_consents([*known, *refusals])


async def record_consent(
    transaction: Transaction, contact_id: str, *, given: Mapping[str, Any], stamp: Stamp
) -> tuple[Record, list[dict[str, str]]]:
    """Add an event and bring the contact's present consents up to date; returns both.

    Raises
    ------
    NotFound, InTheFuture, NothingToConfirm, ConsentNeeded, EmailNeedsConsent
        A rule is broken; nothing is written.
    """
    contact = await records.lock(transaction, CONTACT, contact_id)
    event: Record = {
        **given,
        "id": records.new_id(),
        "contact_id": contact_id,
        "occurred_at": given["occurred_at"] or stamp.now,
        "key_id": stamp.key_id,
        "created_at": stamp.now,
    }
    check_past(event, ["occurred_at"], now=stamp.now)
    before = await transaction.all(OF_CONTACT, {"contact_id": contact_id})
    consents = current_consents([*before, event], new_id=event["id"])
    await transaction.run(_ADD, event)
    await records.change(
        transaction, CONTACT, contact, {"consents": consents}, stamp=stamp, personal=False
    )
    return event, consents
