"""Checks what is asked of plans, keeps them, and reads who was chosen."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, get_args

from pydantic import TypeAdapter
from sqlalchemy import Table, bindparam, delete, func, insert, select, tuple_, update
from uuid_utils import uuid7

from services.analytics import store
from services.analytics.catalogue.catalogue import Catalogue
from services.analytics.customers.filters import Quadrant, Tier
from services.analytics.frames.clock import day_number
from services.analytics.packing import unpack
from services.analytics.plans.schemas import MOST_DAYS, NewPlan, PlanLimit
from services.analytics.plans.solving import Choice, Solved, Wanted, WantedLimit
from services.analytics.plans.table import plan_choices, plan_exports, plans
from services.analytics.publication import NotComputedYet, Publication
from services.analytics.tables import SLOTS
from services.foundation.calls import Principal, Stamp
from services.foundation.constructs import is_among
from services.foundation.cursors import cut_page, read_position
from services.foundation.database import Database, Reader, Transaction
from services.foundation.problems import Conflict, NotFound, StaleVersion, invalid
from services.foundation.statements import Record, Statement
from shared.values import Instant, Money, RecordId

_SECTIONS = {
    "strategy": "strategies",
    "instrument": "instruments",
    "channel": "channels",
    "phase": "phases",
    "segment": "rfm_segments",
}
_WORDS = {"tier": get_args(Tier), "quadrant": get_args(Quadrant)}
_POSITION = TypeAdapter(tuple[Instant, RecordId])
_NUMBER = TypeAdapter(tuple[int])
_place = tuple_(plans.c.created_at, plans.c.id)
_after = tuple_(
    bindparam("last_value", type_=plans.c.created_at.type),
    bindparam("last_id", type_=plans.c.id.type),
)
_order = (plans.c.created_at.desc(), plans.c.id.desc())
_FIRST = Statement(select(plans).order_by(*_order).limit(bindparam("page_size")))
_NEXT = Statement(
    select(plans).where(_place < _after).order_by(*_order).limit(bindparam("page_size"))
)
_ONE = Statement(select(plans).where(plans.c.id == bindparam("id")))
_LOCK = Statement(select(plans).where(plans.c.id == bindparam("id")).with_for_update())
_ADD = Statement(insert(plans))
_CANCELED = ("status", "version", "canceled_at", "canceled_by_key_id", "canceled_by_name")
_CANCEL = Statement(
    update(plans)
    .where(plans.c.id == bindparam("at_id"))
    .values({name: bindparam(f"set_{name}") for name in (*_CANCELED, "canceled_request_id")})
)
_ADD_EXPORT = Statement(insert(plan_exports))
_EXPORTS = Statement(
    select(plan_exports)
    .where(plan_exports.c.plan_id == bindparam("plan_id"))
    .order_by(plan_exports.c.exported_at.desc(), plan_exports.c.id.desc())
    .limit(100)
)
_FORGET = Statement(delete(plan_choices).where(is_among(plan_choices.c.unit_id)))


def _choices(slot: Table) -> Statement:
    """Build what reads those who were chosen and are still customers who may be shown."""
    own = plan_choices.c
    return Statement(
        select(plan_choices)
        .join(slot, slot.c.unit_id == own.unit_id)
        .where(
            own.plan_id == bindparam("plan_id"),
            own.number > bindparam("last_number"),
            slot.c.has_profiling_objection.is_(False),
        )
        .order_by(own.number)
        .limit(bindparam("page_size"))
    )


_SHOWN = {slot: _choices(slot) for slot in SLOTS.values()}
_PERSONS = {
    slot: Statement(
        select(
            slot.c.unit_id,
            func.coalesce(slot.c.person, slot.c.unit_id).label("person"),
            slot.c.style,
        ).where(is_among(slot.c.unit_id))
    )
    for slot in SLOTS.values()
}
_REACH = {
    slot: Statement(select(slot.c.unit_id, slot.c.numbers).where(is_among(slot.c.unit_id)))
    for slot in SLOTS.values()
}
_ALL = Statement(
    select(plan_choices)
    .where(
        plan_choices.c.plan_id == bindparam("plan_id"),
        plan_choices.c.number > bindparam("last_number"),
    )
    .order_by(plan_choices.c.number)
    .limit(bindparam("page_size"))
)


class PlanMissing(NotFound):
    code, title = "plan_missing", "There is no such plan."


class PlanCanceled(Conflict):
    code, title = "plan_canceled", "The plan was canceled."


def wanted(body: NewPlan, *, as_of: date, currency: str, catalogue: Catalogue) -> Wanted:
    """Turn what is asked for into what can be computed.

    Raises
    ------
    Invalid
        The period ends before it begins or before the day that the numbers are of, or is longer than
        a year, an amount is negative or in another currency than the
        base's, an id is not in the catalogue, or a limit limits nothing.
    """
    if body.period.until < body.period.from_:
        raise invalid("/body/period/until", "ends_before_start", "A plan ends after it begins.")
    if body.period.until < as_of:
        raise invalid(
            "/body/period/until", "in_the_past", f"A plan ends not before {as_of.isoformat()}."
        )
    if (body.period.until - body.period.from_).days >= MOST_DAYS:
        raise invalid(
            "/body/period/until", "out_of_range", f"A plan is for {MOST_DAYS} days at most."
        )
    limits = [
        _wanted_limit(limit, f"/body/limits/{place}", currency, catalogue)
        for place, limit in enumerate(body.limits)
    ]
    for kind in ("strategy", "instrument"):
        for place, word in enumerate(getattr(body.filters, kind)):
            _check_word(kind, word, f"/body/filters/{kind}/{place}", catalogue)
    filters = {kind: words for kind, words in body.filters.model_dump().items() if words}
    return Wanted(
        budget=_amount(body.budget, "/body/budget", currency),
        first_day=day_number(body.period.from_),
        limits=limits,
        filters=filters,
    )


def _wanted_limit(limit: PlanLimit, place: str, currency: str, catalogue: Catalogue) -> WantedLimit:
    if limit.budget is None and limit.most_customers is None:
        raise invalid(
            place, "limits_nothing", "A limit needs a budget, a number of customers or both."
        )
    if (limit.kind == "campaign") != (limit.covers is not None):
        message = "What is covered is told of a campaign, and only of one."
        if limit.covers is None:
            message = "`covers` is missing: it tells which steps belong to the campaign."
        raise invalid(f"{place}/covers", "covers_campaigns_only", message)
    covers: dict[str, str] = {limit.kind: limit.id}
    if limit.covers is not None:
        covers = limit.covers.model_dump(exclude_none=True)
        if not covers:
            raise invalid(f"{place}/covers", "covers_nothing", "A campaign covers something.")
    for kind, word in covers.items():
        at = f"{place}/id" if limit.covers is None else f"{place}/covers/{kind}"
        _check_word(kind, word, at, catalogue)
    budget = None
    if limit.budget is not None:
        budget = _amount(limit.budget, f"{place}/budget", currency)
    return WantedLimit(covers, budget, limit.most_customers)


def _check_word(kind: str, word: str, place: str, catalogue: Catalogue) -> None:
    known = _WORDS.get(kind) or _recommended(kind, catalogue)
    if word not in known:
        raise invalid(place, "unknown_id", f"Known are: {', '.join(known)}.")


def _recommended(kind: str, catalogue: Catalogue) -> Collection[str]:
    """Return what steps can be of; nothing is planned of what is owed, or never recommended."""
    if kind == "strategy":
        return [each.id for each in catalogue.strategies if each.is_suggested]
    if kind == "channel":
        return [each.id for each in catalogue.channels if each.enabled and each.addressable]
    if kind == "instrument":
        return [
            each.id
            for each in catalogue.instruments
            if each.is_suggested and each.type != "obligation"
        ]
    return catalogue.shown_sections[_SECTIONS[kind]].keys()


def _amount(money: Money, place: str, currency: str) -> float:
    if money.currency != currency:
        raise invalid(
            f"{place}/currency", "other_currency", f"Plans are in the base currency {currency}."
        )
    if money.minor() < 0:
        raise invalid(f"{place}/amount", "negative", "An amount of a plan is not negative.")
    return float(money.amount)


async def describe(reader: Database, body: NewPlan, solved: Solved) -> Record:
    """Return a plan as it would be kept, of nobody and without an id.

    Raises
    ------
    NotComputedYet
        The version of the ledger is not known.
    """
    version = await store.find_version(reader, solved.version)
    if version is None:
        raise NotComputedYet()
    row: Record = dict.fromkeys(column.name for column in plans.columns)
    return row | {
        "name": body.name,
        "budget_minor": body.budget.minor(),
        "currency": body.budget.currency,
        "period_from": body.period.from_,
        "period_until": body.period.until,
        "limits": [limit.model_dump(mode="json") for limit in body.limits],
        "filters": body.filters.model_dump(mode="json"),
        "figures": dict(solved.figures),
        "model_version": solved.version,
        "as_of": version["as_of"],
    }


async def keep(
    transaction: Transaction,
    described: Record,
    choices: Sequence[Choice],
    *,
    principal: Principal,
    stamp: Stamp,
) -> Record:
    """Keep a plan with who was chosen, and return it."""
    row = described | {
        "id": str(uuid7()),
        "version": 1,
        "status": "active",
        "created_at": stamp.now,
        "created_by_key_id": stamp.key_id,
        "created_by_name": principal.name,
        "created_request_id": stamp.request_id,
    }
    await transaction.run(_ADD, row)
    await transaction.copy(
        plan_choices,
        (
            (
                *(row["id"], number, choice.unit_id, choice.phase, choice.tier),
                *(choice.strategy_id, choice.instrument_id, choice.channel),
                *(choice.product_id, choice.cost, choice.value),
            )
            for number, choice in enumerate(choices, start=1)
        ),
    )
    return row


async def find_plan(reader: Reader, plan_id: str) -> Record:
    """Return a plan.

    Raises
    ------
    PlanMissing
        There is none with this id.
    """
    row = await reader.first(_ONE, {"id": plan_id})
    if row is None:
        raise PlanMissing()
    return row


async def exports_of(reader: Reader, plan_id: str) -> list[Record]:
    """Return the last lists that were taken of a plan."""
    return await reader.all(_EXPORTS, {"plan_id": plan_id})


async def list_plans(
    reader: Reader, *, cursor: str | None, limit: int
) -> tuple[list[Record], str | None]:
    """Return a page of plans, the newest first, and the cursor behind it."""
    question = {"of": "plans"}
    values: dict[str, Any] = {"page_size": limit + 1}
    if cursor is not None:
        position = read_position(cursor, question, _POSITION, length=2)
        values |= dict(zip(("last_value", "last_id"), position, strict=True))
    rows = await reader.all(_FIRST if cursor is None else _NEXT, values)
    return cut_page(rows, limit, question, "created_at", "id")


async def list_choices(
    database: Database, publication: Publication, plan_id: str, *, cursor: str | None, limit: int
) -> tuple[list[Record], str | None]:
    """Return a page of who was chosen and is a customer still, and the cursor behind it.

    Raises
    ------
    Superseded
        The published version is not the newest any more.
    """
    question, last = {"of": "plan_choices", "plan_id": plan_id}, 0
    if cursor is not None:
        (last,) = read_position(cursor, question, _NUMBER, length=1)
    values = {"plan_id": plan_id, "last_number": last, "page_size": limit + 1}
    rows = await database.all(_SHOWN[publication.slot], values)
    newest = await store.newest_version(database)
    publication.check(newest["number"] if newest else 0)
    return cut_page(rows, limit, question, "number")


async def all_choices(reader: Reader, plan_id: str, *, after: int, limit: int) -> list[Record]:
    """Return who was chosen, behind a number."""
    values = {"plan_id": plan_id, "last_number": after, "page_size": limit}
    return await reader.all(_ALL, values)


async def persons_of(
    reader: Reader, publication: Publication, unit_ids: Sequence[str]
) -> dict[str, Record]:
    """Return `person`, who is addressed for a customer, and its `style`, by the ids of customers."""
    rows = await reader.all(_PERSONS[publication.slot], {"ids": list(unit_ids)})
    return {row["unit_id"]: row for row in rows}


async def reach_of(
    reader: Reader, publication: Publication, unit_ids: Sequence[str]
) -> list[Record]:
    """Return the numbers of customers, among them how they may be reached."""
    if not unit_ids:
        return []
    rows = await reader.all(_REACH[publication.slot], {"ids": list(unit_ids)})
    return [unpack(row, publication.version["number_columns"]) for row in rows]


async def cancel(
    transaction: Transaction,
    plan_id: str,
    *,
    version: int | None,
    principal: Principal,
    stamp: Stamp,
) -> Record:
    """Cancel a plan and return it.

    Raises
    ------
    PlanMissing
        There is none with this id.
    StaleVersion
        It has another version.
    PlanCanceled
        It was canceled before.
    """
    row = await transaction.first(_LOCK, {"id": plan_id})
    if row is None:
        raise PlanMissing()
    if version is not None and version != row["version"]:
        raise StaleVersion(f"The record's version is {row['version']}, If-Match named {version}.")
    if row["status"] == "canceled":
        raise PlanCanceled()
    changes = {
        "status": "canceled",
        "version": row["version"] + 1,
        "canceled_at": stamp.now,
        "canceled_by_key_id": stamp.key_id,
        "canceled_by_name": principal.name,
        "canceled_request_id": stamp.request_id,
    }
    values = {f"set_{name}": value for name, value in changes.items()}
    await transaction.run(_CANCEL, values | {"at_id": plan_id})
    return row | changes


async def note_export(
    database: Database,
    plan_id: str,
    *,
    form: str,
    reason: str,
    listed_count: int,
    dropped: Mapping[str, int],
    principal: Principal,
    stamp: Stamp,
) -> None:
    """Remember who took a list of a plan, and what for."""
    row = {
        "id": str(uuid7()),
        "plan_id": plan_id,
        "exported_at": stamp.now,
        "format": form,
        "reason": reason,
        "listed_count": listed_count,
        "dropped": dict(dropped),
        "key_id": stamp.key_id,
        "key_name": principal.name,
        "request_id": stamp.request_id,
    }
    await database.write(lambda transaction: transaction.run(_ADD_EXPORT, row))


async def forget_units(database: Database, unit_ids: Collection[str]) -> None:
    """Take customers who were erased out of all plans."""
    if unit_ids:
        values = {"ids": sorted(unit_ids)}
        await database.write(lambda transaction: transaction.run(_FORGET, values))
