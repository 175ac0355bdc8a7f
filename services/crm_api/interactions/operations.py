"""The rules of interactions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, or_, select

from services.crm_api import records
from services.crm_api.contacts import operations as contacts
from services.crm_api.contacts.table import contacts as contacts_table
from services.crm_api.custom_fields import operations as custom_fields
from services.crm_api.deals.table import deals
from services.crm_api.interactions.table import INTERACTION, interactions
from services.crm_api.records import Written
from services.crm_api.schemas import row_values
from services.crm_api.terms import operations as terms
from services.crm_api.times import check_past
from services.foundation.calls import Stamp
from services.foundation.constructs import one_of
from services.foundation.database import Transaction
from services.foundation.problems import Conflict, FieldError, Invalid
from services.foundation.statements import Record, Statement
from shared.values import wire_instant

_PAST = ("occurred_at", "resolved_at", "done_at")
CASES = ("complaint", "service_request")
OPEN_STATUSES = ("open", "acknowledged", "reopened")
_NEXT_STATUSES = {
    **dict.fromkeys(OPEN_STATUSES, ("acknowledged", "resolved", "rejected")),
    **dict.fromkeys(("resolved", "rejected"), ("reopened",)),
}
ANSWERED = ("accepted", "declined", "unsubscribed", "bounced")
_ONLY_FOR = {
    "status": CASES,
    "reason": ("survey_response",),
    "discount_pct": ("offer",),
    "price_minor": ("offer",),
    "valid_until": ("offer",),
    "despite_open_complaint": ("payment_reminder",),
    "severity": ("complaint",),
    "justified": ("complaint",),
    "resolution": CASES,
    "resolved_at": CASES,
    "nps": ("survey_response",),
    "ratings": ("survey_response",),
    "outcome": ("campaign_touch", "offer", "survey_invitation"),
    "decline_reason": ("offer", "campaign_touch"),
    "effective_at": ("cancellation",),
    "event_type": ("life_event",),
}
_DEAL = Statement(
    select(deals.c.id).where(deals.c.id == bindparam("id"), deals.c.deleted_at.is_(None))
)
_PARENT = Statement(
    select(interactions.c.id).where(
        interactions.c.id == bindparam("id"), interactions.c.deleted_at.is_(None)
    )
)


_OPEN_COMPLAINT = Statement(
    select(interactions.c.id)
    .join(contacts_table, contacts_table.c.id == interactions.c.contact_id)
    .where(
        or_(
            contacts_table.c.id == bindparam("unit_id"),
            contacts_table.c.parent_id == bindparam("unit_id"),
        ),
        interactions.c.kind == "complaint",
        one_of(interactions.c.status, OPEN_STATUSES),
        interactions.c.deleted_at.is_(None),
    )
    .order_by(interactions.c.occurred_at)
    .limit(1)
)


class FieldOfOtherKind(Invalid):
    code, title = "field_of_other_kind", "This kind of interaction does not have that field."


class InstantMissing(Invalid):
    code, title = "instant_missing", "An interaction has happened, or it is planned: tell when."


class PlannedAndPast(Invalid):
    code, title = "planned_and_past", "What is still to be done has not happened yet."


class StatusImpossible(Invalid):
    code, title = "status_impossible", "The case cannot come into this state."


class OpenComplaint(Conflict):
    code, title = "open_complaint", "The customer has an open complaint."


class SeverityMissing(Invalid):
    code, title = "severity_missing", "A complaint needs its severity, set by whoever handles it."


class ReferenceMissing(Invalid):
    code, title = "reference_missing", "A record that this one points to does not exist."


async def _check(
    transaction: Transaction, values: Mapping[str, Any], kind: str, stamp: Stamp
) -> None:
    past = [name for name in _PAST if not (name == "occurred_at" and values.get("is_planned"))]
    check_past(values, past, now=stamp.now)
    for name, kinds in _ONLY_FOR.items():
        is_sent = values.get(name) not in (None, []) and (
            values[name] is not False or name != "despite_open_complaint"
        )
        if is_sent and kind not in kinds:
            name = name.removesuffix("_minor")
            message = f"{name} belongs to {' or '.join(kinds)}, not to {kind}."
            raise FieldOfOtherKind(
                message, errors=[FieldError(f"/body/{name}", "field_of_other_kind", message)]
            )
    for name, statement in (("deal_id", _DEAL), ("parent_id", _PARENT)):
        wanted = values.get(name)
        if wanted and await transaction.text(statement, {"id": wanted}) is None:
            message = f"There is no such record as {name} names."
            raise ReferenceMissing(
                message, errors=[FieldError(f"/body/{name}", "unknown", message)]
            )


def _check_severity(kind: str, severity: int | None) -> None:
    if kind == "complaint" and severity is None:
        message = "A complaint needs severity: 1 small, 2 considerable, 3 grave."
        raise SeverityMissing(message, errors=[FieldError("/body/severity", "missing", message)])


def new_row(given: Mapping[str, Any], *, now: datetime) -> Record:
    """Turn the fields of `NewInteraction` (its contact resolved) into a row.

    Raises
    ------
    InstantMissing, PlannedAndPast, StatusImpossible
        A rule is broken.
    """
    row = row_values(dict(given), INTERACTION.money)
    _plan(row)
    if row["occurred_at"] is None:
        raise _instant_missing()
    row["status_history"] = []
    if row["kind"] in CASES:
        at = row["occurred_at"]
        settled = "rejected" if row["resolution"] == "rejected" else "resolved"
        wanted = row["status"] or (settled if row["resolved_at"] or row["resolution"] else "open")
        row["status_history"] = [{"status": "open", "at": wire_instant(at)}]
        row["status"] = "open"
        if wanted == "reopened":
            raise _impossible("A case that is new was not settled before", ("open",))
        if wanted != "open":
            _enter(row, row, wanted, now=now)
    return row


def _plan(row: Record) -> None:
    """Derive whether it is planned, and when it happened or is due."""
    row["is_planned"] = row["due_at"] is not None and row["done_at"] is None
    if row["is_planned"]:
        if row["occurred_at"] is not None and row["occurred_at"] != row["due_at"]:
            message = "It is planned: leave occurred_at out, or tell with done_at that it was done."
            raise PlannedAndPast(
                message, errors=[FieldError("/body/occurred_at", "planned_and_past", message)]
            )
        row["occurred_at"] = row["due_at"]
    elif row["done_at"] is not None:
        row["occurred_at"] = row["done_at"]


def _instant_missing() -> InstantMissing:
    message = "Tell when it happened, or with due_at when it is to be done."
    return InstantMissing(message, errors=[FieldError("/body/occurred_at", "missing", message)])


def _impossible(why: str, possible: Sequence[str]) -> StatusImpossible:
    message = f"{why}; possible: {', '.join(possible)}."
    return StatusImpossible(
        message, errors=[FieldError("/body/status", "status_impossible", message)]
    )


def _enter(current: Mapping[str, Any], values: Record, wanted: str, *, now: datetime) -> None:
    """Bring a case into a state, with the instant and the resolution that belong to it."""
    present = current["status"]
    if wanted not in _NEXT_STATUSES[present]:
        raise _impossible(
            f"A case that is {present} does not become {wanted}", _NEXT_STATUSES[present]
        )
    values["status"] = wanted
    at = now
    if wanted in ("resolved", "rejected"):
        at = values["resolved_at"] = values.get("resolved_at") or now
        if wanted == "rejected" and values.get("resolution") is None:
            values["resolution"] = "rejected"
    elif wanted == "reopened":
        values["resolved_at"] = values["resolution"] = None
    history = values.get("status_history") or current["status_history"]
    values["status_history"] = [*history, {"status": wanted, "at": wire_instant(at)}]


def _change_case(current: Record, values: Record, *, now: datetime) -> None:
    """Complete a change of a case: its state follows from what is sent, or the other way round."""
    wanted = values.pop("status", None)
    is_open = current["status"] in OPEN_STATUSES
    if wanted is None or wanted == current["status"]:
        if is_open and (values.get("resolved_at") or values.get("resolution")):
            wanted = "rejected" if values.get("resolution") == "rejected" else "resolved"
        elif not is_open and "resolved_at" in values and values["resolved_at"] is None:
            wanted = "reopened"
        else:
            return
    _enter(current, values, wanted, now=now)


def is_live_offer(row: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether an offer for a product is out and neither answered nor over."""
    return (
        row["kind"] == "offer"
        and row["product_id"] is not None
        and not row["is_planned"]
        and row["outcome"] not in ANSWERED
        and (row["valid_until"] is None or row["valid_until"] > now)
    )


async def hold_terms(transaction: Transaction, row: Record, *, now: datetime) -> None:
    """Make the terms of a live offer the only ones of its unit and product.

    Raises
    ------
    TermsConflict
        Another offer is live with other terms.
    """
    if is_live_offer(row, now):
        unit = await contacts.unit_of(transaction, row["contact_id"])
        await terms.claim(transaction, unit, row, now=now)


async def release_terms(transaction: Transaction, current: Record, /, *, stamp: Stamp) -> None:
    """Let the terms of an offer go that is thrown away."""
    if current["kind"] == "offer" and current["product_id"] is not None:
        unit = await contacts.unit_of(transaction, current["contact_id"])
        await terms.release(transaction, unit, current, now=stamp.now)


async def take_back_terms(transaction: Transaction, current: Record, /, *, stamp: Stamp) -> None:
    """Hold the terms of an offer again that comes out of the trash.

    Raises
    ------
    TermsConflict
        Meanwhile another offer is live with other terms.
    """
    await hold_terms(transaction, current, now=stamp.now)


async def _check_reminder(transaction: Transaction, row: Mapping[str, Any]) -> None:
    if row["kind"] != "payment_reminder" or row["despite_open_complaint"]:
        return
    unit = await contacts.unit_of(transaction, row["contact_id"])
    complaint = await transaction.first(_OPEN_COMPLAINT, {"unit_id": unit})
    if complaint is not None:
        raise OpenComplaint(
            "Settle it before you remind, or confirm with despite_open_complaint.",
            extra={"existing_id": complaint["id"]},
        )


async def create_interaction(
    transaction: Transaction, *, given: Mapping[str, Any], stamp: Stamp, personal: bool
) -> Written:
    """Create an interaction from the fields of `NewInteraction`.

    Raises
    ------
    ContactMissing, ReferenceMissing, FieldOfOtherKind, SeverityMissing, InstantMissing,
    PlannedAndPast, StatusImpossible, InTheFuture, OpenComplaint, TermsConflict,
    CustomFieldUnknown, CustomValueInvalid, ExternalRefTaken
        A rule is broken; nothing is written.
    """
    values = dict(given)
    contact_ref = values.pop("contact_ref", None)
    values["contact_id"] = await contacts.resolve_contact(
        transaction, values.get("contact_id"), contact_ref
    )
    row = new_row(values, now=stamp.now)
    row["id"] = records.new_id()
    _check_severity(row["kind"], row.get("severity"))
    await _check(transaction, row, row["kind"], stamp)
    row["custom"] = await custom_fields.merge_values(
        transaction, INTERACTION.plural, None, given["custom"]
    )
    await _check_reminder(transaction, row)
    await hold_terms(transaction, row, now=stamp.now)
    return await records.create(transaction, INTERACTION, row, stamp=stamp, personal=personal)


async def change_interaction(
    transaction: Transaction,
    interaction_id: str,
    *,
    given: Mapping[str, Any],
    version: int | None,
    stamp: Stamp,
    personal: bool,
) -> Written:
    """Change the given fields of an interaction; its kind and its contact stay.

    Raises
    ------
    NotFound, StaleVersion, ReferenceMissing, FieldOfOtherKind, SeverityMissing, InstantMissing,
    PlannedAndPast, StatusImpossible, InTheFuture, TermsConflict, CustomFieldUnknown,
    CustomValueInvalid
        A rule is broken; nothing is written.
    """
    current = await records.lock(transaction, INTERACTION, interaction_id, version=version)
    values = row_values(dict(given), INTERACTION.money)
    kind = current["kind"]
    if values.keys() & {"occurred_at", "due_at", "done_at"}:
        after = {**current, **values}
        if current["is_planned"] and "occurred_at" not in values:
            after["occurred_at"] = None
        _plan(after)
        if after["occurred_at"] is None:
            raise _instant_missing()
        values |= {name: after[name] for name in ("occurred_at", "is_planned")}
    if kind in CASES:
        _change_case(current, values, now=stamp.now)
    _check_severity(kind, values.get("severity", current["severity"]))
    await _check(transaction, {"is_planned": current["is_planned"], **values}, kind, stamp)
    if "custom" in values:
        values["custom"] = await custom_fields.merge_values(
            transaction, INTERACTION.plural, current["custom"], values["custom"]
        )
    if kind == "offer":
        after = {**current, **values}
        if current["product_id"] not in (None, after["product_id"]) or not is_live_offer(
            after, stamp.now
        ):
            await release_terms(transaction, current, stamp=stamp)
        await hold_terms(transaction, after, now=stamp.now)
    return await records.change(
        transaction, INTERACTION, current, values, stamp=stamp, personal=personal
    )
