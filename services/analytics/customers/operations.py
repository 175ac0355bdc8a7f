"""Reads customers of the published version and what they were before; `showing` says it in words."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypedDict

from pydantic import TypeAdapter
from sqlalchemy import (
    ColumnElement,
    Float,
    Table,
    and_,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)

from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.customers.filters import WORDS, ListCustomers, ListHistory
from services.analytics.customers.logic import LOGIC
from services.analytics.customers.showing import EPOCH, describe, show_past
from services.analytics.decisions.operations import about_customer
from services.analytics.decisions.showing import show as show_decision
from services.analytics.experiments.about import experiments_about
from services.analytics.packing import unpack
from services.analytics.plans.about import plans_about
from services.analytics.publication import Publication
from services.analytics.recommendations.filters import ListRecommendations
from services.analytics.tables import (
    NUMBER_COLUMNS,
    ORDERS,
    PRIORITY_COLUMN,
    SIGNALS,
    SLOTS,
    UNKNOWN_ORDER,
    score_history,
    versions,
)
from services.analytics.termination_cases.listing import stored_of
from services.foundation.columns import Texts, Whole
from services.foundation.constructs import any_of, like_any
from services.foundation.cursors import cut_page, read_position
from services.foundation.database import Reader
from services.foundation.problems import NotFound
from services.foundation.statements import Record, Statement
from services.foundation.tables import keys


class _Words(TypedDict):
    catalogue: Catalogue
    language: Language


_POSITION = TypeAdapter(tuple[float, int])
_PAST_POSITION = TypeAdapter(tuple[int])
_PUBLISHED = select(func.max(versions.c.number).label("published"))


def _one(slot: Table) -> Statement:
    """Build what reads a customer and the newest version at that moment: `Publication.check`."""
    newest = _PUBLISHED.subquery()
    rows = newest.outerjoin(slot, slot.c.unit_id == bindparam("unit_id"))
    return Statement(select(newest.c.published, slot).select_from(rows))


_ONE = {slot: _one(slot) for slot in SLOTS.values()}
_NEWEST = Statement(_PUBLISHED)
_PAST = Statement(
    select(score_history, versions.c.as_of, versions.c.published_at, versions.c.currency)
    .select_from(
        versions.outerjoin(
            score_history,
            and_(
                score_history.c.version == versions.c.number,
                score_history.c.unit_id == bindparam("unit_id"),
            ),
        )
    )
    .where(versions.c.number < bindparam("before"), score_history.c.version.is_not(None))
    .order_by(versions.c.number.desc())
    .limit(bindparam("page_size"))
)
_FILLED = Statement(
    select(versions.c.number_columns)
    .where(versions.c.slot == bindparam("slot"))
    .order_by(versions.c.number.desc())
    .limit(1)
)
_READING = frozenset({"analytics:read", "plans:export", "privacy:export", "termination:read"})
_KEYS = Statement(select(keys.c.id, keys.c.name, keys.c.scopes).order_by(keys.c.id))
_MOST_PAST = 1000
_AMONG = {"newness": "newness_ids", "obligation": "obligation_ids"}
"""Filters that name one of several words, and the columns that hold all of them."""


class CustomerMissing(NotFound):
    code, title = "customer_missing", "The published version has no such customer."


async def find_customer(reader: Reader, publication: Publication, unit_id: str) -> Record:
    """Return the row of a customer.

    Raises
    ------
    CustomerMissing
        It is not in the published version.
    Superseded
        That version is not the newest any more.
    """
    row = await _row(reader, publication, unit_id)
    if row is None:
        raise CustomerMissing(
            f"Version {publication.number} has no customer {unit_id}. It is read as of "
            f"{publication.version['as_of']}: whom nothing is known of before that day is not in it, "
            "nor a contact entered since the last refresh. A person of an organisation is found "
            "under the organisation."
        )
    return row


async def _row(reader: Reader, publication: Publication, unit_id: str) -> Record | None:
    found = await reader.first(_ONE[publication.slot], {"unit_id": unit_id})
    publication.check(found["published"] if found else 0)
    if found is None or found["unit_id"] is None:
        return None
    return unpack(found, publication.version["number_columns"])


async def list_customers(
    reader: Reader, publication: Publication, query: ListCustomers | ListRecommendations
) -> tuple[list[Record], str | None]:
    """Return a page of rows and the cursor behind it.

    Raises
    ------
    Superseded
        The published version is not the newest any more.
    """
    asked = query.model_dump(exclude={"sort", "limit", "cursor"})
    filters = {name: value for name, value in asked.items() if value not in (None, [])}
    question = {"of": "customers", "sort": query.sort, **filters}
    values = _values(filters) | {"page_size": query.limit + 1}
    if query.cursor is not None:
        position = read_position(query.cursor, question, _POSITION, length=2)
        values |= dict(zip(("last_value", "last_number"), position, strict=True))
    # Of one word an index gives the order, too; of several it cannot.
    single = frozenset(name for name in WORDS if len(filters.get(name, ())) == 1)
    names, has_work = frozenset(filters), isinstance(query, ListRecommendations)
    is_next = query.cursor is not None
    statement = _page(publication.slot, names, single, query.sort, has_work, is_next)
    rows = await reader.all(statement, values)
    if rows:
        publication.check(rows[0]["published"])
    else:
        newest = await reader.first(_NEWEST)
        publication.check(newest["published"] if newest else 0)
    rows, cursor = cut_page(rows, query.limit, question, _order(query.sort), "number")
    return [unpack(row, publication.version["number_columns"]) for row in rows], cursor


def _values(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Turn filters into parameters: amounts and shares into numbers, days into their count."""
    values: dict[str, Any] = {"signal": (1 << len(SIGNALS)) - 1}
    for name, value in filters.items():
        if name == "signal":
            values[name] = sum(1 << SIGNALS.index(signal) for signal in set(value))
        elif name in _AMONG:
            values[name] = ["% " + each.replace("_", r"\_") + " %" for each in value]
        elif name in WORDS:
            values[name] = value[0] if len(value) == 1 else value
        elif name.startswith("last_purchase_date_"):
            values[name] = float((value - EPOCH).days)
        else:
            values[name] = float(value)
    return values


def _order(sort: str) -> str:
    return f"{sort.removeprefix('-')}_order"


def _signal_strength(slot: Table) -> ColumnElement[bool]:
    """Build the condition that one of the signals asked for is so strong; all are, if none is named."""
    signals, least = bindparam("signal", type_=Whole), bindparam("signal_gte", type_=Float(53))
    return or_(
        *(
            and_(
                signals.bitwise_and(literal(1 << place, Whole)) != 0,
                slot.c[f"signal_{signal}_order"] >= least,
            )
            for place, signal in enumerate(SIGNALS)
        )
    )


def _ordered_by(slot: Table, sort: str) -> ColumnElement[Any]:
    name = _order(sort)
    if name in slot.c:
        return slot.c[name]
    # Few have a complaint, and ranks move: no place in the row of every customer is kept for it.
    return func.coalesce(slot.c[PRIORITY_COLUMN], literal(UNKNOWN_ORDER, Float(53)))


def _has_work(slot: Table) -> ColumnElement[bool]:
    """Build the condition that there is a step that pays, or something owed."""
    return or_(slot.c.recommendation_value_order > 0, slot.c.obligation_ids.is_not(None))


def _clause(slot: Table, name: str, *, is_single: bool) -> list[Any]:
    if is_single:
        return [slot.c[WORDS[name]] == bindparam(name)]
    if name in WORDS:
        return [any_of(slot.c[WORDS[name]], bindparam(name, type_=Texts))]
    if name == "signal":
        return [slot.c.raised_signals.bitwise_and(bindparam(name, type_=Whole)) != 0]
    if name == "signal_gte":
        return [_signal_strength(slot)]
    if name in _AMONG:
        words: ColumnElement[str] = (
            literal_column("' '") + slot.c[_AMONG[name]] + literal_column("' '")
        )
        return [like_any(words, bindparam(name, type_=Texts))]
    order, _, bound = name.rpartition("_")
    column, value = slot.c[f"{order}_order"], bindparam(name, type_=Float(53))
    if bound == "gte":
        return [column >= value]
    return [column < value, column > UNKNOWN_ORDER]


@lru_cache(maxsize=400)
def _page(
    slot: Table,
    filters: frozenset[str],
    single: frozenset[str],
    sort: str,
    has_work: bool,
    continued: bool,
) -> Statement:
    column, number = _ordered_by(slot, sort), slot.c.number
    clauses = [
        clause
        for name in sorted(filters - ({"signal"} if "signal_gte" in filters else set()))
        for clause in _clause(slot, name, is_single=name in single)
    ]
    if has_work:
        clauses.append(_has_work(slot))
    if continued:
        here = tuple_(column, number)
        there = tuple_(
            bindparam("last_value", type_=column.type), bindparam("last_number", type_=number.type)
        )
        clauses.append(here < there if sort.startswith("-") else here > there)
    # An order with a column of its own is among those of the table.
    shown = [] if _order(sort) in slot.c else [column.label(_order(sort))]
    order = (column.desc(), number.desc()) if sort.startswith("-") else (column, number)
    return Statement(
        select(_PUBLISHED.scalar_subquery().label("published"), slot, *shown)
        .where(*clauses)
        .order_by(*order)
        .limit(bindparam("page_size"))
    )


async def list_history(
    reader: Reader, publication: Publication, unit_id: str, query: ListHistory
) -> tuple[list[Record], str | None]:
    """Return a page of what a customer was before the published version, the newest first.

    Raises
    ------
    CustomerMissing
        Neither that version nor any before has it.
    Superseded
        The published version is not the newest any more.
    """
    question = {"of": "history", "unit_id": unit_id}
    before = publication.number
    if query.cursor is not None:
        (before,) = read_position(query.cursor, question, _PAST_POSITION, length=1)
    asked = {"unit_id": unit_id, "before": min(before, publication.number)}
    rows = await reader.all(_PAST, asked | {"page_size": query.limit + 1})
    if not rows:
        await find_customer(reader, publication, unit_id)
    return cut_page(rows, query.limit, question, "version")


async def personal_data(
    reader: Reader,
    publication: Publication,
    unit_id: str,
    *,
    catalogue: Catalogue,
    language: Language,
) -> dict[str, Any]:
    """Return all that is stored about a customer: now, before, and what is to be overwritten.

    Raises
    ------
    CustomerMissing
        Nothing is stored.
    Superseded
        The published version is not the newest any more.
    """
    row = await _row(reader, publication, unit_id)
    past = await reader.all(
        _PAST, {"unit_id": unit_id, "before": publication.number, "page_size": _MOST_PAST}
    )
    left = await _left(reader, publication, unit_id)
    decided = await about_customer(reader, unit_id)
    due_process = await stored_of(reader, unit_id)
    words: _Words = {"catalogue": catalogue, "language": language}
    tried = await experiments_about(reader, unit_id, **words)
    planned = await plans_about(reader, publication, unit_id, **words)
    is_known = row is not None or past or left is not None
    if not (is_known or decided or tried or planned or due_process["cases"]):
        raise CustomerMissing(f"Nothing is computed about {unit_id}.")
    recipients = [
        {name: key[name] for name in ("id", "name")}
        for key in await reader.all(_KEYS)
        if not _READING.isdisjoint(key["scopes"])
    ]
    return {
        "unit_id": unit_id,
        "logic": LOGIC[language],
        "recipients": recipients,
        "current": None
        if row is None
        else describe(row, publication, **words)
        | {"model": publication.version["model"], "stored": _stored(row)},
        "history": [show_past(each, **words) for each in past],
        "to_be_overwritten": left and _stored(left),
        "decisions": [show_decision(each, **words) for each in decided],
        "experiments": tried,
        "plans": planned,
        "termination": due_process,
    }


async def _left(reader: Reader, publication: Publication, unit_id: str) -> Record | None:
    """Return the row of an older version in the table that is not shown."""
    ((letter, other),) = (pair for pair in SLOTS.items() if pair[1] is not publication.slot)
    row = await reader.first(_ONE[other], {"unit_id": unit_id})
    if row is None or row["unit_id"] is None:
        return None
    version = await reader.first(_FILLED, {"slot": letter})
    return unpack(row, version["number_columns"] if version else NUMBER_COLUMNS)


def _stored(row: Record) -> Record:
    own = {"published", "number", "raised_signals", *(f"{name}_order" for name in ORDERS)}
    return {name: value for name, value in row.items() if name not in own}
