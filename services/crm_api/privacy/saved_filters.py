"""Takes a person out of the saved filters of segments and webhooks, which may ask for it alone."""

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any

import orjson
from sqlalchemy import String, bindparam, cast, select

from services.crm_api import many, records
from services.crm_api.changes.table import changes
from services.crm_api.contacts.table import CONTACT, contacts
from services.crm_api.custom_fields import operations as custom_fields
from services.crm_api.privacy.traces import Marks, escaped
from services.crm_api.resources import Resource
from services.crm_api.segments.saved import personal_filters
from services.crm_api.segments.table import SEGMENT, segments
from services.crm_api.webhooks import operations as webhooks
from services.crm_api.webhooks.asking import FILTERS
from services.foundation.calls import Stamp
from services.foundation.columns import Texts
from services.foundation.constructs import like_any
from services.foundation.database import Transaction
from services.foundation.json_constructs import json_member
from services.foundation.statements import Statement

Filter = Mapping[str, list[str]]
Asked = tuple[str, str]
"""A parameter of a filter with one of its values."""
NOBODY = "00000000-0000-0000-0000-000000000000"
"""The id that a filter asks for of which nothing else is left: without it, it would ask for everybody."""
_TOWNS = frozenset({"city", "zip"})
_SEGMENTS = Statement(select(segments.c.id).where(segments.c.kind == "filter"))
_BEFORE = (
    changes.c.record_id.in_(select(segments.c.id)),
    like_any(cast(changes.c.before, String), bindparam("patterns", type_=Texts)),
)
_FORMER = Statement(select(changes.c.record_id).where(*_BEFORE).distinct())
_FORMER_FILTERS = Statement(select(changes.c.record_id, changes.c.before).where(*_BEFORE))


@cache
def _having(key: str) -> Statement:
    member = json_member(contacts.c.custom, key, "text")
    return Statement(select(contacts.c.id).where(member == bindparam("value")).limit(1))


async def forget_in_filters(
    transaction: Transaction, rows: Iterable[Mapping[str, Any]], marks: Marks, *, stamp: Stamp
) -> None:
    """Drop the values that name the person; a filter that asked only for it asks for nobody then.

    They are its addresses, and of its custom texts those that nobody else has. `rows` are what the
    person was; it is emptied by now. A webhook whose filter is changed so is paused, since it would
    not tell what it was made for.
    """
    own = _own(rows, await custom_fields.definitions(transaction, CONTACT.plural))
    if not marks.texts and not own:
        return
    ids = [row["id"] for row in await transaction.all(_SEGMENTS)]
    current = await records.lock_many(transaction, SEGMENT, ids)
    hooks = await webhooks.lock_all(transaction)
    patterns = {"patterns": [f"%{escaped(orjson.dumps(value).decode())}%" for _, value in own]}
    former = [
        (row["record_id"], row["before"].get("filter") or {})
        for row in (await transaction.all(_FORMER_FILTERS, patterns) if own else ())
    ]
    saved = [row["filter"] for row in current.values()]
    saved += [row["filters"].get("contacts", {}) for row in hooks]
    alone = await _of_nobody_else(transaction, own, [*saved, *(asked for _, asked in former)])
    forgetful = {each for each, asked in former if not alone.isdisjoint(_asked(asked))}
    for segment_id, row in current.items():
        rest = _without(CONTACT, row["filter"], marks, alone)
        if rest != row["filter"]:
            values = {"filter": rest}
            await records.change(transaction, SEGMENT, row, values, stamp=stamp, personal=False)
            forgetful.add(segment_id)
    named = await transaction.texts(_FORMER, {"patterns": marks.patterns(of_cells=False)})
    forgetful |= {str(row[0]) for row in named}
    if forgetful:
        await many.forget_before(transaction, sorted(forgetful))
    for row in hooks:
        filters = {
            plural: _without(
                FILTERS[plural][0], asked, marks, alone if plural == CONTACT.plural else ()
            )
            for plural, asked in row["filters"].items()
        }
        if filters != row["filters"]:
            await webhooks.replace_filters(transaction, row, filters, now=stamp.now)


def _own(rows: Iterable[Mapping[str, Any]], known: Mapping[str, Mapping[str, Any]]) -> set[Asked]:
    """Return what asks for the person by a custom text."""
    return {
        (f"custom.{key}", value)
        for row in rows
        for key, value in (row.get("custom") or {}).items()
        if key in known and known[key]["type"] == "text"
    }


def _asked(saved: Filter) -> set[Asked]:
    return {(name, value) for name, values in saved.items() for value in values}


async def _of_nobody_else(
    transaction: Transaction, own: Collection[Asked], saved: Iterable[Filter]
) -> set[Asked]:
    """Return what these filters ask for that only the person had."""
    alone: set[Asked] = set()
    for name, value in set(own).intersection(set().union(*map(_asked, saved))):
        having = _having(name.removeprefix("custom."))
        if await transaction.first(having, {"value": value}) is None:
            alone.add((name, value))
    return alone


def _without(
    resource: Resource, saved: Filter, marks: Marks, alone: Collection[Asked]
) -> dict[str, list[str]]:
    """Return a filter without the values that name a person; a town may be called like one."""
    personal = set(personal_filters(resource, saved)) - _TOWNS
    rest: dict[str, list[str]] = {}
    for name, values in saved.items():
        texts = [text for text in marks.texts if name in personal or "@" in text]
        kept = [
            value
            for value in values
            if (name, value) not in alone
            and not any(text.casefold() in value.casefold() for text in texts)
        ]
        rest |= {name: kept} if kept else {"id": [NOBODY]}
    return rest
