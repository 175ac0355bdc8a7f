"""What a webhook asks of the feed, and whether the key that made it may read that."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from services.crm_api import filters
from services.crm_api.contacts.schemas import ContactFilters
from services.crm_api.contacts.table import CONTACT
from services.crm_api.deals.schemas import DealFilters
from services.crm_api.deals.table import DEAL
from services.crm_api.filters import Asker, Question
from services.crm_api.interactions.schemas import InteractionFilters
from services.crm_api.interactions.table import INTERACTION
from services.crm_api.records import wire_names
from services.crm_api.resources import RESOURCES, Resource
from services.crm_api.schemas import Filters
from services.crm_api.segments.saved import read_saved
from services.foundation.calls import Principal
from services.foundation.database import Reader
from services.foundation.keys import has_expired
from services.foundation.problems import FieldError, Forbidden, Invalid, invalid
from services.foundation.statements import Record, Statement
from services.foundation.tables import keys
from services.foundation.tokens import TOKEN_MARK
from services.foundation.unknown_names import advice_among

FILTERS: Mapping[str, tuple[Resource, type[Filters]]] = {
    "contacts": (CONTACT, ContactFilters),
    "interactions": (INTERACTION, InteractionFilters),
    "deals": (DEAL, DealFilters),
}
_GRANTED = Statement(
    select(keys.c.scopes, keys.c.expires_at, keys.c.revoked_at).where(keys.c.id == bindparam("id"))
)


@dataclass(frozen=True)
class Caller:
    """Who asks a webhook's filters: a caller, or the webhook with the rights that it was given."""

    database: Reader
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        return scope in self.scopes


class ScopeNotHeld(Forbidden):
    code, title = "scope_not_held", "A webhook tells only of what its maker may read."


async def questions(asker: Asker, saved: Mapping[str, Any]) -> dict[str, Question]:
    """Read the filters of a webhook: by resource, only those that ask for something.

    Raises
    ------
    Invalid
        A filter has a name or a value that its list does not take.
    Forbidden
        It looks at what the asker may not see.
    """
    found: dict[str, Question] = {}
    for plural, (resource, shape) in FILTERS.items():
        if saved.get(plural):
            place = f"body/filters/{plural}"
            query = read_saved(shape, saved[plural], place=place)
            try:
                found[resource.name] = await filters.ask(asker, resource, query)
            except Invalid as problem:
                raise _placed(problem, place) from None
    return found


def _placed(problem: Invalid, place: str) -> Invalid:
    """Point to the body where a list would point to its query."""
    errors = [
        FieldError(each.pointer.replace("/query", f"/{place}", 1), each.code, each.message)
        for each in problem.errors
    ]
    return Invalid(problem.detail, errors=errors)


def _resource_of(event_type: str) -> str:
    return event_type.split(".")[1]


async def check(asker: Asker, after: Mapping[str, Any]) -> None:
    """Refuse a webhook that tells its asker more than he may read, or that waits for what never comes.

    Raises
    ------
    ScopeNotHeld, Invalid, Forbidden
        He lacks a scope; a filter or a field is wrong; it looks at what he may not see.
    """
    wanted = _check_events(asker, after)
    _check_changed(after["changed"], wanted)
    for name in await questions(asker, after["filters"]):
        if name not in wanted:
            plural = RESOURCES[name].plural
            raise invalid(
                f"/body/filters/{plural}",
                "no_such_events",
                f"This webhook has no event of {plural}, so the filter would filter nothing.",
            )


def _check_events(asker: Asker, webhook: Mapping[str, Any]) -> set[str]:
    wanted = {_resource_of(each) for each in webhook["event_types"]}
    lacking = sorted({f"{RESOURCES[name].scopes}:read" for name in wanted if not _may(asker, name)})
    if lacking:
        raise ScopeNotHeld(
            f"Your key lacks {', '.join(lacking)}, so no webhook of its making can tell of that.",
            errors=[FieldError("/body/event_types", "scope_not_held", each) for each in lacking],
        )
    return wanted


def _check_changed(looked_at: Sequence[str], wanted: Collection[str]) -> None:
    """Refuse to wait for changes of fields that nothing has of which the webhook tells."""
    told = [RESOURCES[name] for name in sorted(wanted)]
    known = sorted(
        {
            name
            for resource in told
            for name in wire_names(resource, tuple(resource.table.columns.keys()))
            if name != "id"
        }
    )
    errors = [
        FieldError(f"/body/changed/{at}", "unknown", advice_among(known, name))
        for at, name in enumerate(looked_at)
        if name not in known
    ]
    if errors:
        raise Invalid(errors[0].message, errors=errors)


async def questions_now(reader: Reader, row: Record, *, now: datetime) -> dict[str, Question]:
    """Read the filters of a webhook with the rights that it has at this moment.

    What was allowed when it was made need not be: its key may be over, a segment may ask something else.

    Raises
    ------
    ScopeNotHeld
        Its key was revoked, has expired, or may not read these events any more.
    Invalid, Forbidden
        A filter does not hold any more; it looks at what the key may not see.
    """
    asker = Caller(reader, await _scopes(reader, row, now=now))
    _check_events(asker, row)
    return await questions(asker, row["filters"])


def granted_by(row: Record) -> str:
    """Return whose rights a webhook has."""
    return str(row["granted_by"] or row["key_id"])


async def _scopes(reader: Reader, row: Record, *, now: datetime) -> frozenset[str]:
    key_id = granted_by(row)
    if key_id.startswith(TOKEN_MARK):
        return frozenset(row["granted_scopes"] or ())
    key = await reader.first(_GRANTED, {"id": key_id})
    is_over = key is None or key["revoked_at"] is not None or has_expired(key, now)
    return frozenset() if key is None or is_over else frozenset(key["scopes"])


def grant(by: Principal) -> Record:
    """Return whose rights a webhook gets: a key is asked at every event, a token only now."""
    is_token = by.key_id.startswith(TOKEN_MARK)
    return {
        "granted_by": by.key_id,
        "granted_scopes": sorted(by.scopes) if is_token else None,
    }


def _may(asker: Asker, resource: str) -> bool:
    return asker.may(f"{RESOURCES[resource].scopes}:read")
