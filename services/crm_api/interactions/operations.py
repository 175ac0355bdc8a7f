"""The rules of interactions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

from sqlalchemy import bindparam, literal, or_, select

from services.crm_api import records
from services.crm_api.contacts import finding
from services.crm_api.contacts.table import contacts as contacts_table
from services.crm_api.custom_fields import operations as custom_fields
from services.crm_api.deals.table import deals
from services.crm_api.interactions import cases, kinds
from services.crm_api.interactions.table import INTERACTION, interactions
from services.crm_api.products import operations as products
from services.crm_api.records import Written
from services.crm_api.schemas import row_values
from services.crm_api.terms import operations as terms
from services.crm_api.times import check_order, check_past
from services.crm_api.words import ConsentChannel
from services.foundation.calls import Stamp
from services.foundation.constructs import one_of
from services.foundation.database import Transaction
from services.foundation.problems import Conflict, FieldError, Invalid
from services.foundation.statements import Record, Statement

_PAST = ("done_at", "occurred_at", "resolved_at")
"""What has happened; `done_at` comes first, since `occurred_at` follows from it."""
_DEAL = Statement(
    select(deals.c.contact_id).where(deals.c.id == bindparam("id"), deals.c.deleted_at.is_(None))
)
_PARENT = Statement(
    select(interactions.c.id).where(
        interactions.c.id == bindparam("id"), interactions.c.deleted_at.is_(None)
    )
)
_LONGEST_THREAD = 1000


def _thread() -> Statement:
    """Build what finds an interaction and those that it answers, and keeps them where they are."""
    own = interactions.c
    thread = (
        select(own.id, own.parent_id, literal(1).label("length"))
        .where(own.id == bindparam("id"))
        .cte("thread", recursive=True)
    )
    further = select(own.id, own.parent_id, thread.c.length + 1).where(
        own.id == thread.c.parent_id, thread.c.length < _LONGEST_THREAD
    )
    whole = thread.union_all(further)
    return Statement(
        select(own.id)
        .where(own.id.in_(select(whole.c.id)))
        .order_by(own.id)
        .with_for_update(read=True, key_share=True)
    )


_THREAD = _thread()


_CONSENTS = Statement(
    select(contacts_table.c.consents).where(contacts_table.c.id == bindparam("id"))
)
_OPEN_COMPLAINT = Statement(
    select(interactions.c.id)
    .join(contacts_table, contacts_table.c.id == interactions.c.contact_id)
    .where(
        or_(
            contacts_table.c.id == bindparam("unit_id"),
            contacts_table.c.parent_id == bindparam("unit_id"),
        ),
        contacts_table.c.deleted_at.is_(None),
        interactions.c.kind == "complaint",
        one_of(interactions.c.status, cases.OPEN_STATUSES),
        interactions.c.deleted_at.is_(None),
    )
    .order_by(interactions.c.occurred_at)
    .limit(1)
)


class InstantMissing(Invalid):
    code, title = "instant_missing", "An interaction has happened, or it is planned: tell when."


class PlannedAndPast(Invalid):
    code, title = "planned_and_past", "What is still to be done has not happened yet."


class InstantsDiffer(Invalid):
    code, title = "instants_differ", "What was planned happened when it was done."


class OpenComplaint(Conflict):
    code, title = "open_complaint", "The customer has an open complaint."


class DealOfAnother(Invalid):
    code, title = "deal_of_another", "A reminder is about a deal of the customer who is reminded."


class RecordingWithoutConsent(Invalid):
    code, title = "recording_without_consent", "A recording needs the consent of who is recorded."


class ReferenceMissing(Invalid):
    code, title = "reference_missing", "A record that this one points to does not exist."


class AnswersItself(Invalid):
    code, title = "answers_itself", "No interaction answers itself, be it over others."


async def _check_thread(transaction: Transaction, current: Record, after: Record) -> None:
    """Refuse to let an interaction answer itself, or one so far down that nobody can tell."""
    if after["parent_id"] in (None, current["parent_id"]):
        return
    thread = await transaction.all(_THREAD, {"id": after["parent_id"]})
    if any(each["id"] == current["id"] for each in thread):
        message = "The interaction would answer itself."
    elif len(thread) >= _LONGEST_THREAD:
        message = f"It would answer the end of a thread of {_LONGEST_THREAD}; name one further up."
    else:
        return
    raise AnswersItself(message, errors=[FieldError("/body/parent_id", "answers_itself", message)])


async def check_row(
    transaction: Transaction, row: Mapping[str, Any], values: Mapping[str, Any], *, stamp: Stamp
) -> None:
    """Apply the rules that hold whatever the kind, and those of the kind.

    `row` is the interaction as it will be, `values` what of it is new.

    Raises
    ------
    ReferenceMissing, FieldOfOtherKind, NoTask, SeverityMissing, NotDeclined, RatedTwice, InTheFuture,
    EndsBeforeStart
        A rule is broken.
    """
    past = [name for name in _PAST if not (name == "occurred_at" and row["is_planned"])]
    check_past(values, past, now=stamp.now)
    if values.keys() & {"occurred_at", "resolved_at"}:
        check_order(row, "occurred_at", "resolved_at", sent=values)
    kinds.check_fields(values, row["kind"])
    kinds.check_sense(row)
    for name, statement in (("deal_id", _DEAL), ("parent_id", _PARENT)):
        wanted = values.get(name)
        if wanted and await transaction.text(statement, {"id": wanted}) is None:
            message = f"There is no such record as {name} names."
            raise ReferenceMissing(
                message, errors=[FieldError(f"/body/{name}", "unknown", message)]
            )


def new_row(given: Mapping[str, Any], *, now: datetime) -> Record:
    """Turn the fields of `NewInteraction` (its contact resolved) into a row.

    Raises
    ------
    InstantMissing, PlannedAndPast, InstantsDiffer, StatusImpossible
        A rule is broken.
    """
    row = row_values(dict(given), INTERACTION.money)
    _plan(row)
    if row["occurred_at"] is None:
        raise _instant_missing()
    row["status_history"] = []
    if row["kind"] in kinds.CASES:
        cases.open_case(row, now=now)
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
        if row["occurred_at"] not in (None, row["done_at"]):
            message = "It was done at done_at: leave occurred_at out, or send the same instant."
            raise InstantsDiffer(
                message, errors=[FieldError("/body/occurred_at", "instants_differ", message)]
            )
        row["occurred_at"] = row["done_at"]


def _instant_missing() -> InstantMissing:
    message = "Tell when it happened, or with due_at when it is to be done."
    return InstantMissing(message, errors=[FieldError("/body/occurred_at", "missing", message)])


async def hold_terms(transaction: Transaction, row: Record, *, now: datetime) -> None:
    """Make the terms of a live offer the only ones of its unit and product.

    Raises
    ------
    TermsConflict
        Another offer is live with other terms.
    """
    if terms.is_live(row, now=now):
        unit = await finding.lock_unit_of(transaction, row["contact_id"])
        await terms.claim(transaction, unit, row, now=now)


async def release_terms(transaction: Transaction, current: Record, /, *, stamp: Stamp) -> None:
    """Let the terms of an offer go that is thrown away."""
    if current["kind"] == "offer" and current["product_id"] is not None:
        unit = await finding.lock_unit_of(transaction, current["contact_id"])
        await terms.release(transaction, unit, current, now=stamp.now)


async def change_terms(
    transaction: Transaction, current: Record, after: Record, /, *, stamp: Stamp
) -> None:
    """Let the terms follow a change of an offer.

    Raises
    ------
    TermsConflict
        Another offer is live with the terms that this one is not to have.
    """
    if current["kind"] != "offer":
        return
    is_same_product = current["product_id"] in (None, after["product_id"])
    if not is_same_product or not terms.is_live(after, now=stamp.now):
        await release_terms(transaction, current, stamp=stamp)
    await hold_terms(transaction, after, now=stamp.now)


async def check_return(
    transaction: Transaction, current: Record, after: Record, /, *, stamp: Stamp
) -> None:
    """Let an interaction have former values again, unless it would answer itself.

    Raises
    ------
    AnswersItself, TermsConflict
        A rule is broken.
    """
    await _check_thread(transaction, current, after)
    await change_terms(transaction, current, after, stamp=stamp)


async def take_back_terms(transaction: Transaction, current: Record, /, *, stamp: Stamp) -> None:
    """Hold the terms of an offer again that comes out of the trash.

    Raises
    ------
    TermsConflict
        Meanwhile another offer is live with other terms.
    """
    await hold_terms(transaction, current, now=stamp.now)


async def _check_reminder(transaction: Transaction, row: Mapping[str, Any]) -> None:
    """Let a reminder go out only for a deal of its customer, and not unasked despite a complaint."""
    if row["kind"] != "payment_reminder":
        return
    unit = await finding.unit_of(transaction, row["contact_id"])
    if row["deal_id"] is not None:
        buyer = await transaction.text(_DEAL, {"id": row["deal_id"]})
        if buyer is None or await finding.unit_of(transaction, str(buyer)) != unit:
            message = "The deal is one of another customer."
            fault = FieldError("/body/deal_id", "deal_of_another", message)
            raise DealOfAnother(message, errors=[fault])
    if row["despite_open_complaint"] or row["is_planned"]:
        return  # what is only planned is asked again once it is done
    complaint = await transaction.first(_OPEN_COMPLAINT, {"unit_id": unit})
    if complaint is not None:
        raise OpenComplaint(
            "Settle it before you remind, or confirm with despite_open_complaint.",
            extra={"existing_id": complaint["id"]},
        )


async def _check_recording(transaction: Transaction, row: Mapping[str, Any]) -> None:
    """Refuse to keep a recording that the contact did not consent to.

    The consent is one over the channel of the interaction; over any, if that channel is none that
    consents are given for.
    """
    if row["recording_ref"] is None:
        return
    contact = await transaction.first(_CONSENTS, {"id": row["contact_id"]})
    consents = [] if contact is None else contact["consents"]
    allowed = {
        consent["channel"]
        for consent in consents
        if consent["purpose"] == "recording" and consent["state"] == "granted"
    }
    channel = row["channel"] if row["channel"] in get_args(ConsentChannel) else None
    if not allowed or (channel is not None and channel not in allowed):
        where = "" if channel is None else f" over {channel}"
        message = (
            f"The contact has not consented to recordings{where}; record that with "
            "POST /v1/contacts/{id}/consents (purpose recording) first, or leave recording_ref out."
        )
        fault = FieldError("/body/recording_ref", "recording_without_consent", message)
        raise RecordingWithoutConsent(message, errors=[fault])


async def check_new(transaction: Transaction, row: Record, *, stamp: Stamp) -> None:
    """Apply the rules of a row of `new_row` that need the database; last, an offer holds its terms.

    Its contact is held, or it is one that this transaction creates afterwards with this id.

    Raises
    ------
    RecordingWithoutConsent, DealOfAnother, OpenComplaint, TermsConflict
        A rule is broken, or one of those of `check_row`.
    """
    await check_row(transaction, row, row, stamp=stamp)
    await _check_recording(transaction, row)
    await _check_reminder(transaction, row)
    await hold_terms(transaction, row, now=stamp.now)


async def create_interaction(
    transaction: Transaction, *, given: Mapping[str, Any], stamp: Stamp, personal: bool
) -> Written:
    """Create an interaction from the fields of `NewInteraction`.

    Raises
    ------
    ContactMissing, InstantMissing, PlannedAndPast, InstantsDiffer, StatusImpossible,
    CustomFieldUnknown, CustomValueInvalid, RecordingWithoutConsent, DealOfAnother, OpenComplaint,
    TermsConflict, ExternalRefTaken
        A rule is broken, or one of those of `check_row`; nothing is written.
    """
    values = dict(given)
    contact_ref = values.pop("contact_ref", None)
    values["contact_id"] = await finding.resolve_contact(
        transaction,
        values.get("contact_id"),
        contact_ref,
        is_alone=values["kind"] == "offer",  # `hold_terms` locks it
    )
    await products.use_keys(transaction, [values])
    row = new_row(values, now=stamp.now)
    row["id"] = records.new_id()
    row["custom"] = await custom_fields.merge_values(
        transaction, INTERACTION.plural, None, given["custom"]
    )
    await check_new(transaction, row, stamp=stamp)
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
    NotFound, StaleVersion, InstantMissing, PlannedAndPast, InstantsDiffer, StatusImpossible,
    CustomFieldUnknown, CustomValueInvalid, RecordingWithoutConsent, DealOfAnother, OpenComplaint,
    TermsConflict, AnswersItself, ExternalRefTaken
        A rule is broken, or one of those of `check_row`; nothing is written.
    """
    current = await records.lock(transaction, INTERACTION, interaction_id, version=version)
    values = row_values(dict(given), INTERACTION.money)
    await products.use_keys(transaction, [values])
    _replan(current, values)
    if current["kind"] in kinds.CASES:
        cases.change_case(current, values, now=stamp.now)
    if values.get("outcome", "declined") != "declined":
        values.setdefault("decline_reason", None)
    after = {**current, **values}
    await check_row(transaction, after, values, stamp=stamp)
    await _check_thread(transaction, current, after)
    if "custom" in values:
        values["custom"] = await custom_fields.merge_values(
            transaction, INTERACTION.plural, current["custom"], values["custom"]
        )
    if values.keys() & {"recording_ref", "channel"}:
        await _check_recording(transaction, after)
    if values.keys() & {"is_planned", "deal_id", "despite_open_complaint"}:
        await _check_reminder(transaction, after)
    await change_terms(transaction, current, after, stamp=stamp)
    return await records.change(
        transaction, INTERACTION, current, values, stamp=stamp, personal=personal
    )


def _replan(current: Record, values: Record) -> None:
    """Complete a change of instants: whether it is still planned, and when it happened."""
    if not values.keys() & {"occurred_at", "due_at", "done_at"}:
        return
    after = {**current, **values}
    is_planned_again = "done_at" in values and after["done_at"] is None and after["due_at"]
    follows = current["is_planned"] or is_planned_again or after["done_at"] is not None
    if "occurred_at" not in values and follows:
        after["occurred_at"] = None  # it was the instant of the plan, or of what was not done
    _plan(after)
    if after["occurred_at"] is None:
        raise _instant_missing()
    values |= {name: after[name] for name in ("occurred_at", "is_planned")}
