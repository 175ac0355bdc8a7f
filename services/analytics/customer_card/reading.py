"""Asks the CRM for a customer card; a CRM that is slow, down or wrong leaves the card without its part."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from pydantic import BaseModel, ValidationError

from services.analytics.crm_connection import CrmConnection
from services.analytics.customer_card.crm_schemas import (
    CardDeal,
    CardInteraction,
    CardPerson,
    CardProduct,
    CrmCard,
)

SECONDS = 2.0
_LISTS: Mapping[str, type[BaseModel]] = {
    "last_interactions": CardInteraction,
    "open_complaints": CardInteraction,
    "offers": CardInteraction,
    "promises": CardInteraction,
    "open_deals": CardDeal,
    "unpaid_deals": CardDeal,
    "owned_products": CardProduct,
}
log = logging.getLogger("phasewise")


class _Failed(Exception):
    """The CRM did not answer as it promises; the argument is a word for the log."""


@dataclass(frozen=True)
class CrmAnswer:
    """What came of asking: no card and available means that the CRM has no such contact any more."""

    card: dict[str, Any] | None
    is_available: bool
    persons: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Whom steps address, by id."""


class CrmCards(CrmConnection):
    """Reads cards with a key that sees personal data and changes nothing."""

    patience_seconds = SECONDS

    async def read(
        self, unit_id: str, person_id: str, *, others: Collection[str] = (), request_id: str
    ) -> CrmAnswer:
        """Read the card of a customer and who is addressed; whatever goes wrong is an answer, in time.

        `others` are those who wait for an answer.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._read(unit_id, person_id, others)
        except _Failed as failed:
            reason = str(failed)
        except OSError:
            reason = "crm_key_missing"
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
            reason = "crm_unavailable"
        except (KeyError, TypeError, ValueError, ValidationError):
            reason = "crm_contract_broken"
        log.warning(
            "customer card without the CRM",
            extra={"fields": {"reason": reason, "request_id": request_id}},
        )
        return CrmAnswer(None, is_available=False)

    async def _read(self, unit_id: str, person_id: str, others: Collection[str]) -> CrmAnswer:
        headers = self._authorization()
        ids = sorted({person_id, *others} - {unit_id})
        paths = [f"/v1/contacts/{unit_id}/card", *(f"/v1/contacts/{each}" for each in ids)]
        card, *contacts = await asyncio.gather(*(self._get(path, headers) for path in paths))
        if card is None:
            return CrmAnswer(None, is_available=True)
        persons = {
            each: _only(CardPerson, contact)
            for each, contact in ((unit_id, card["contact"]), *zip(ids, contacts, strict=True))
            if contact is not None and contact["kind"] == "person"
        }
        shown = {
            "contact": _only(CardPerson, card["contact"]),
            "person": persons.get(person_id),
            **{name: [_only(kind, each) for each in card[name]] for name, kind in _LISTS.items()},
        }
        CrmCard.model_validate_json(orjson.dumps(shown))
        return CrmAnswer(shown, is_available=True, persons=persons)

    async def _get(self, path: str, headers: Mapping[str, str]) -> Any:
        """Return what is there, None if nothing is."""
        answer = await self._http.get(path, headers=headers)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise _Failed("crm_key_refused")
        if answer.status_code != httpx.codes.OK:
            raise _Failed("crm_unavailable")
        return orjson.loads(answer.content)


def _only(shape: type[BaseModel], record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record.get(name) for name in shape.model_fields}
