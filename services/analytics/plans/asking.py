"""Asks the CRM what was changed since the last refresh, so that no list is taken of people on old news."""

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from services.analytics.crm_client import RECORDS_PER_REQUEST
from services.analytics.crm_connection import CrmConnection
from services.analytics.crm_feed import CHANGES_PER_PAGE, ChangePage, changed_record
from services.foundation.problems import Problem

SECONDS = 30.0
_MOST_PAGES: Final = 100
Result = TypeVar("Result")


class CrmNotAsked(Problem):
    """A list on old news could be one of people who forbade it."""

    code, status = "crm_not_asked", 503
    title = "The CRM did not tell who may be addressed by now, so no list is given. Try again soon."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


class RefreshFirst(Problem):
    """Too much has changed to be looked through."""

    code, status = "refresh_first", 503
    title = (
        "Much has changed in the CRM since the last refresh; a list can be taken after the next."
    )

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "60"})


class _Consent(BaseModel):
    channel: str
    purpose: str
    state: str


class _Contact(BaseModel):
    id: str
    parent_id: str | None
    erased_at: str | None
    profiling_objection_at: str | None
    consents: list[_Consent]

    @property
    def objects(self) -> bool:
        """As `frames.consents.objects_to_profiling` has it."""
        return self.profiling_objection_at is not None or any(
            each.purpose == "profiling" and each.state != "granted" for each in self.consents
        )


class InteractionNow(BaseModel):
    """What the CRM says of something that happened."""

    contact_id: str
    kind: str
    direction: str | None
    outcome: str | None
    resolution: str | None
    campaign_id: str | None
    tags: list[str]
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Changed:
    """Ids of what was changed behind a cursor of the feed."""

    contacts: frozenset[str]
    interactions: frozenset[str]


@dataclass(frozen=True, slots=True)
class ContactNow:
    """What the CRM says of a contact at this moment.

    Attributes
    ----------
    objects
        Whether it objects to profiling.
    refused
        Channels over which it refuses marketing.
    parent_id
        The organisation that it belongs to.
    """

    objects: bool
    refused: frozenset[str]
    parent_id: str | None


_CONTACT = TypeAdapter(_Contact)
_TOLD = ",".join(InteractionNow.model_fields)
_REFUSALS = frozenset({"withdrawn", "objected"})


class CrmNews(CrmConnection):
    """Reads the change feed and contacts with the key that refreshes read with."""

    patience_seconds = SECONDS

    async def changed(self, cursor: str) -> Changed:
        """Return the contacts and interactions that were changed behind a cursor of the feed.

        Raises
        ------
        CrmNotAsked
            The CRM did not answer in time, or not as it promises.
        RefreshFirst
            There are too many changes.
        """
        return await self._in_time(self._changed(cursor))

    async def contacts(self, ids: Collection[str]) -> dict[str, ContactNow]:
        """Return what is said of these contacts now; who is missing is gone. Raises `CrmNotAsked`."""
        return await self._in_time(self._contacts(sorted(ids)))

    async def interactions(
        self, ids: Collection[str], *, of: Literal["id", "contact_id"], **filters: str | list[str]
    ) -> list[InteractionNow]:
        """Return those with these ids or of these contacts that took place. Raises `CrmNotAsked`."""
        return await self._in_time(self._interactions(sorted(ids), of, filters))

    async def _in_time(self, work: Coroutine[Any, Any, Result]) -> Result:
        try:
            async with asyncio.timeout(self._seconds):
                return await work
        except (OSError, httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValidationError):
            raise CrmNotAsked() from None

    async def _changed(self, cursor: str) -> Changed:
        contacts, interactions = set[str](), set[str]()
        async for page in self._pages(cursor):
            for change in page.items:
                match changed_record(change.subject):
                    case ("contacts", contact_id):
                        contacts.add(contact_id)
                    case ("interactions", interaction_id):
                        interactions.add(interaction_id)
        return Changed(frozenset(contacts), frozenset(interactions))

    async def _pages(self, cursor: str) -> AsyncIterator[ChangePage]:
        for _ in range(_MOST_PAGES):
            body = await self._get("/v1/changes", after=cursor, limit=str(CHANGES_PER_PAGE))
            page = ChangePage.model_validate_json(body)
            yield page
            if not page.has_more:
                return
            cursor = page.cursor
        raise RefreshFirst()

    async def _contacts(self, ids: Sequence[str]) -> dict[str, ContactNow]:
        found: dict[str, ContactNow] = {}
        for some in _pieces(ids):
            body = await self._get("/v1/exports/contacts", format="ndjson", id=some)
            for line in body.splitlines():
                contact = _CONTACT.validate_json(line)
                if contact.erased_at is not None:
                    continue
                found[contact.id] = ContactNow(
                    contact.objects,
                    frozenset(
                        each.channel
                        for each in contact.consents
                        if each.purpose == "marketing" and each.state in _REFUSALS
                    ),
                    contact.parent_id,
                )
        return found

    async def _interactions(
        self, ids: Sequence[str], of: str, filters: Mapping[str, str | list[str]]
    ) -> list[InteractionNow]:
        found: list[InteractionNow] = []
        asked = {"format": "ndjson", "is_planned": "false", "fields": _TOLD, **filters}
        for some in _pieces(ids):
            body = await self._get("/v1/exports/interactions", **asked, **{of: some})
            found += map(InteractionNow.model_validate_json, body.splitlines())
        return found

    async def _get(self, path: str, **params: str | list[str]) -> bytes:
        answer = await self._http.get(path, params=params, headers=self._authorization())
        if answer.status_code != httpx.codes.OK:
            raise CrmNotAsked()
        return answer.content


def _pieces(ids: Sequence[str]) -> Iterator[list[str]]:
    """Cut ids into as many as one request takes."""
    for start in range(0, len(ids), RECORDS_PER_REQUEST):
        yield list(ids[start : start + RECORDS_PER_REQUEST])
