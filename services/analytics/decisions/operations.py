"""The rules of decisions, and how they are read."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Select, Table, bindparam, false, func, or_, select, tuple_
from uuid_utils import uuid7

from services.analytics.calculations.recommendations.candidates import OBLIGATIONS
from services.analytics.calculations.recommendations.steps import Step
from services.analytics.decisions import automatic, checks, intents, steps
from services.analytics.decisions.plans import Planning
from services.analytics.decisions.schemas import MOST_STEPS, ListDecisions
from services.analytics.decisions.steps import Actor
from services.analytics.decisions.table import decision_steps, decision_writes, decisions
from services.analytics.packing import unpack
from services.analytics.publication import NotComputedYet, Publication, Publications
from services.analytics.recommendations.reading import find_step
from services.analytics.store import NEWEST
from services.analytics.tables import SLOTS, versions
from services.foundation.columns import Instant, Texts
from services.foundation.constructs import any_of
from services.foundation.cursors import cut_page, read_position
from services.foundation.database import Reader, Transaction
from services.foundation.problems import (
    Conflict,
    NotFound,
    StaleVersion,
)
from services.foundation.statements import Record, Statement
from shared.values import Instant as WireInstant
from shared.values import RecordId

VALID_DAYS = 30
MOST_ABOUT = 1000
_LISTS = ("unit_id", "status", "strategy_id", "instrument_id", "phase", "assigned_to")
_POSITION = TypeAdapter(tuple[WireInstant, RecordId])
_PARTS = (
    *("rank", "expected_value", "stake", "base_probability", "effect_probability"),
    *("contact_cost", "incentive_cost", "risk_cost", "incentive_share", "incentive_amount"),
    *("person_id", "event_id", "event_record_id"),
)
_STANDING = Statement(
    select(decisions.c.id, decisions.c.status)
    .where(
        decisions.c.unit_id == bindparam("unit_id"),
        decisions.c.recommendation_id == bindparam("recommendation_id"),
        automatic.STANDS,
    )
    .order_by(decisions.c.decided_at.desc(), decisions.c.id.desc())
    .limit(1)
)
_SLOT = Statement(select(versions.c.slot).order_by(versions.c.number.desc()).limit(1))
_CUSTOMERS = {
    slot: Statement(select(slot).where(slot.c.unit_id == bindparam("unit_id")))
    for slot in SLOTS.values()
}
_STEPS = Statement(
    select(decision_steps)
    .where(decision_steps.c.decision_id == bindparam("id"))
    .order_by(decision_steps.c.number)
    .limit(MOST_STEPS)
)


class RecommendationGone(NotFound):
    code = "recommendation_gone"
    title = "The published version does not recommend this to this customer."

    def __init__(self, unit_id: str) -> None:
        super().__init__(
            "Recommendations change with every refresh. Read the present one with "
            f"GET /v1/customers/{unit_id} and decide on its recommendation.id."
        )


class DecisionOpen(Conflict):
    code, title = "decision_open", "There is an open decision on this recommendation."

    def __init__(self, decision_id: str) -> None:
        super().__init__(
            f"It is decision {decision_id}: change it with PATCH /v1/decisions/{decision_id}.",
            extra={"existing_id": decision_id},
        )


class DecisionStands(Conflict):
    code, title = "decision_stands", "This recommendation was decided on already."

    def __init__(self, decision_id: str, status: str) -> None:
        super().__init__(
            f"It is decision {decision_id}, which is {status} and final; the next refresh does not "
            "recommend this again.",
            extra={"existing_id": decision_id},
        )


class DecisionClosed(Conflict):
    code, title = "decision_closed", "Only an accepted decision can be changed."


_SOURCE = decisions.outerjoin(decision_writes, decision_writes.c.id == decisions.c.id)
_OF_CRM = [
    decision_writes.c[name].label(f"crm_{name}")
    for name in ("state", "interaction_id", "problem", "next_attempt_at")
]


def _shown(slot: Table, *, by_profile: bool = False) -> Select[Any]:
    """Build what reads decisions with their intents; of who objects to profiling only what is owed.

    That is in no phase and part of no strategy, so filters of these (`by_profile`) find it not.
    """
    is_objecting = func.coalesce(slot.c.has_profiling_objection, false())
    return (
        select(decisions, *_OF_CRM, is_objecting.label("is_objecting"))
        .select_from(_SOURCE.outerjoin(slot, slot.c.unit_id == decisions.c.unit_id))
        .where(~is_objecting if by_profile else or_(~is_objecting, automatic.IS_OWED))
    )


_ONE = {
    slot: Statement(_shown(slot).where(decisions.c.id == bindparam("id")))
    for slot in SLOTS.values()
}


async def _slot(reader: Reader) -> Table:
    found = await reader.first(_SLOT)
    if found is None:
        raise NotComputedYet()
    return SLOTS[found["slot"]]


async def find(reader: Reader, decision_id: str) -> Record:
    """Return a decision with what became of it in the CRM.

    Raises
    ------
    NotFound
        There is none, or it is about a customer who objects to profiling and is owed nothing by it.
    NotComputedYet
        Nothing is published, so nothing was decided.
    """
    row = await reader.first(_ONE[await _slot(reader)], {"id": decision_id})
    if row is None:
        raise NotFound(f"There is no decision {decision_id}.")
    return row


async def history_of(reader: Reader, decision_id: str) -> list[Record]:
    """Return every step of a decision, the first one first."""
    return await reader.all(_STEPS, {"id": decision_id})


async def create_decision(
    transaction: Transaction,
    *,
    given: Mapping[str, Any],
    actor: Actor,
    planning: Planning,
    publications: Publications,
) -> Record:
    """Decide on a recommendation of the published version, from the fields of `NewDecision`.

    Raises
    ------
    RecommendationGone
        The published version has no such recommendation for the customer.
    DecisionOpen, DecisionStands
        It is accepted already, or was rejected or executed lately.
    ReasonMissing, FieldOutOfPlace, Owed, Invalid
        A rule is broken.
    NotComputedYet
        Nothing is published.
    """
    asked = {name: given[name] for name in ("unit_id", "recommendation_id")}
    await transaction.alone([f"decision on {' '.join(asked.values())}"])
    status, today = given["decision"], planning.today(actor.now)
    sent = {name for name, value in given.items() if value not in (None, False)}
    checks.check_fields(sent, status, given.get("reason"))
    checks.check_plan(given["planned_for"], today=today)
    await automatic.expire_page(transaction, today=today, actor=actor)
    publication, step, phase = await _recommended(
        transaction, publications, given["unit_id"], given["recommendation_id"]
    )
    is_owed = step.instrument_id in OBLIGATIONS
    checks.check_owed(step.instrument_id, status, field="decision")
    existing = await transaction.first(_STANDING, asked | automatic.standing_at(actor.now))
    if existing is not None and existing["status"] == "accepted":
        raise DecisionOpen(existing["id"])
    if existing is not None and not is_owed:
        raise DecisionStands(existing["id"], existing["status"])
    row: Record = dict.fromkeys(column.name for column in decisions.columns)
    row |= asked | _snapshot(publication, step) | {"phase": phase, "status": status}
    row |= {name: given[name] for name in ("reason", "note", "planned_for", "assigned_to")}
    row |= {"id": str(uuid7()), "version": 1, "decided_at": actor.now, "updated_at": actor.now}
    checks.check_due(given["planned_for"], row["snapshot"], today=today)
    if is_owed:
        row["planned_for"] = row["planned_for"] or planning.day_of_owed(step, now=actor.now)
    if status == "accepted":
        last = max(today, step.valid_until or today + timedelta(days=VALID_DAYS))
        row["valid_until"] = max(last, row["planned_for"] or last)
    changed = sorted(sent - {"unit_id", "recommendation_id", "decision"})
    await steps.add(transaction, row, changed=changed, actor=actor)
    if given["write_to_crm"]:
        await intents.ask(transaction, row, None, planning, now=actor.now)
    return await find(transaction, row["id"])


async def _recommended(
    transaction: Transaction, publications: Publications, unit_id: str, recommendation_id: str
) -> tuple[Publication, Step, str | None]:
    """Return the step that is recommended under this id, and the phase that the customer is in."""
    version = await transaction.first(NEWEST)
    if version is None:
        raise NotComputedYet()
    publication = await publications.of(version, transaction)
    stored = await transaction.first(_CUSTOMERS[publication.slot], {"unit_id": unit_id})
    row = None if stored is None else unpack(stored, version["number_columns"])
    step = None if row is None else find_step(row, publication, recommendation_id)
    if row is None or step is None:
        raise RecommendationGone(unit_id)
    return publication, step, row["phase"]


def _snapshot(publication: Publication, step: Step) -> Record:
    """Return the columns that keep what is decided on."""
    ids = ("goal_id", "strategy_id", "instrument_id", "channel_id", "product_id")
    return {name: getattr(step, name) for name in ids} | {
        "snapshot": {name: getattr(step, name) for name in _PARTS}
        | {
            "due_on": None if step.due_on is None else step.due_on.isoformat(),
            "currency": publication.currency,
            "model_version": publication.number,
            "as_of": publication.version["as_of"].isoformat(),
        }
    }


async def change_decision(
    transaction: Transaction,
    decision_id: str,
    *,
    given: Mapping[str, Any],
    version: int | None,
    actor: Actor,
    planning: Planning,
) -> Record:
    """Change an accepted decision; `given` are the fields of `DecisionPatch` that were sent.

    Raises
    ------
    NotFound, StaleVersion
        There is none, or not in this version.
    DecisionClosed
        It is executed, rejected or expired.
    ReasonMissing, FieldOutOfPlace, Owed, Invalid
        A rule is broken.
    """
    await automatic.expire_page(transaction, today=planning.today(actor.now), actor=actor)
    before = await steps.lock(transaction, decision_id)
    shown = await find(transaction, decision_id)
    if before is None:
        raise NotFound(f"There is no decision {decision_id}.")
    if version is not None and version != before["version"]:
        raise StaleVersion(
            f"The record's version is {before['version']}, If-Match named {version}."
        )
    if before["status"] != "accepted":
        raise DecisionClosed(f"The decision is {before['status']}, which is final.")
    status = given.get("status", "accepted")
    sent = {name for name, value in given.items() if status == "accepted" or value is not None}
    checks.check_fields(sent, status, given.get("reason"))
    checks.check_owed(before["instrument_id"], status, field="status")
    intent = await intents.lock(transaction, decision_id)
    values = _changed(before, given, status, intent, actor=actor, planning=planning)
    wish = given.get("write_to_crm")
    turns = wish is not None and wish != intents.is_live(intent)
    if not turns and all(before[name] == value for name, value in values.items()):
        return shown
    more = ["write_to_crm"] if turns else []
    after = await steps.take(transaction, before, values, more=more, actor=actor)
    if turns and wish:
        await intents.ask(transaction, after, intent, planning, now=actor.now)
    elif intent is not None:
        await _tell_crm(transaction, before, after, intent, turns, planning, now=actor.now)
    return await find(transaction, decision_id)


def _changed(
    before: Record,
    given: Mapping[str, Any],
    status: str,
    intent: Record | None,
    *,
    actor: Actor,
    planning: Planning,
) -> Record:
    """Return the columns that a patch sets."""
    named = ("reason", "note", "planned_for", "assigned_to", "interaction_id")
    values: Record = {name: given[name] for name in named if name in given}
    values["status"] = status
    if status == "executed":
        checks.check_execution(
            given.get("executed_at"),
            decided_at=before["decided_at"],
            planning=planning,
            now=actor.now,
        )
        values["executed_at"] = given.get("executed_at") or actor.now
        if values.get("interaction_id") is None and intent is not None:
            values["interaction_id"] = intent["interaction_id"]
        if given.get("cost") is not None:
            cost = checks.check_cost(given["cost"], currency=before["snapshot"]["currency"])
            values |= {"cost_minor": cost.minor(), "cost_currency": cost.currency}
    if values.get("planned_for") not in (None, before["planned_for"]):
        today = planning.today(actor.now)
        checks.check_plan(values["planned_for"], today=today)
        checks.check_due(values["planned_for"], before["snapshot"], today=today)
        values["valid_until"] = max(before["valid_until"], values["planned_for"])
    return values


async def _tell_crm(
    transaction: Transaction,
    before: Record,
    after: Record,
    intent: Record,
    is_unwanted: bool,
    planning: Planning,
    *,
    now: datetime,
) -> None:
    """Store what is wanted now of the interaction that was asked for before."""
    if after["status"] == "accepted" and not is_unwanted:
        if any(before[name] != after[name] for name in ("planned_for", "assigned_to")):
            await intents.follow(transaction, after, intent, planning, now=now)
    elif after["status"] == "executed" and after["interaction_id"] == intent["interaction_id"]:
        await intents.tell_done(transaction, intent, planning.done(after), now=now)
    else:
        # It was rejected, ended early or is not wanted in the CRM, or it was another interaction.
        await intents.take_back(transaction, intent, now=now)


async def list_decisions(reader: Reader, query: ListDecisions) -> tuple[list[Record], str | None]:
    """Return a page of decisions, the newest first, and the cursor behind it."""
    filters = query.model_dump(exclude={"limit", "cursor"}, exclude_defaults=True)
    question = {"of": "decisions", **filters}
    values: dict[str, Any] = {**filters, "page_size": query.limit + 1}
    if query.cursor is not None:
        position = read_position(query.cursor, question, _POSITION, length=2)
        values |= dict(zip(("last_at", "last_id"), position, strict=True))
    slot = await _slot(reader)
    rows = await reader.all(_page(slot, frozenset(filters), query.cursor is not None), values)
    return cut_page(rows, query.limit, question, "decided_at", "id")


@lru_cache(maxsize=200)
def _page(slot: Table, filters: frozenset[str], continued: bool) -> Statement:
    c = decisions.c
    statement = _shown(slot, by_profile=bool(filters & {"phase", "strategy_id"}))
    for name in sorted(filters & {*_LISTS}):
        statement = statement.where(any_of(c[name], bindparam(name, type_=Texts)))
    since, until = (bindparam(f"decided_at_{end}", type_=Instant) for end in ("gte", "lt"))
    if "decided_at_gte" in filters:
        statement = statement.where(c.decided_at >= since)
    if "decided_at_lt" in filters:
        statement = statement.where(c.decided_at < until)
    if continued:
        last = tuple_(
            bindparam("last_at", type_=c.decided_at.type), bindparam("last_id", type_=c.id.type)
        )
        statement = statement.where(tuple_(c.decided_at, c.id) < last)
    order = (c.decided_at.desc(), c.id.desc())
    return Statement(statement.order_by(*order).limit(bindparam("page_size")))


_ABOUT = Statement(
    select(decisions, *_OF_CRM)
    .select_from(_SOURCE)
    .where(decisions.c.unit_id == bindparam("unit_id"))
    .order_by(decisions.c.decided_at.desc(), decisions.c.id.desc())
    .limit(MOST_ABOUT)
)


async def about_customer(reader: Reader, unit_id: str) -> list[Record]:
    """Return the decisions about a customer, also of one who objects: they are personal data."""
    return await reader.all(_ABOUT, {"unit_id": unit_id})
