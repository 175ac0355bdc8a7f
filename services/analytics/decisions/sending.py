"""Carries one intent out in the CRM; however often and wherever it breaks off, nothing is there twice.

The CRM knows the interaction by the decision's id (source `phasewise`), and its creation has an
Idempotency-Key of its own, so that a creation whose answer was lost is the same creation when it is
sent again.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import httpx
import orjson

from services.analytics.crm_connection import CrmConnection
from services.foundation.statements import Record
from shared.values import is_record_id

SOURCE: Final = "phasewise"
SECONDS = 10.0
_AGAIN = frozenset({408, 409, 412, 429, 500, 502, 503, 504})
"""409 too: somebody writes the same, or the record was merged away since; the next answer tells."""
_MOST_CONFLICTS = 5
_REFUSED = frozenset({401, 403})
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LONGEST_WAIT = timedelta(minutes=5)


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt.

    Attributes
    ----------
    state
        As the decision shows it; `pending` is to be tried again.
    problem
        A code; nothing of the CRM's texts.
    retry_after
        How long the CRM asks us to wait.
    is_unreachable
        Whether any other attempt would fail as well.
    """

    state: str
    interaction_id: str | None = None
    problem: str | None = None
    retry_after: timedelta = timedelta()
    is_unreachable: bool = False


class _Failed(Exception):
    """The CRM did not do it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.problem)
        self.outcome = outcome


@dataclass(frozen=True)
class _Found:
    """The interaction as the CRM has it."""

    id: str
    is_planned: bool
    etag: str


class PlanSender(CrmConnection):
    """Plans interactions in the CRM with a key that can do nothing else."""

    patience_seconds = SECONDS

    async def carry_out(self, intent: Record) -> Outcome:
        """Make the CRM's interaction as it is wanted; whatever goes wrong is an outcome."""
        try:
            return await self._carry_out(intent)
        except _Failed as failed:
            return failed.outcome
        except OSError:
            return Outcome("pending", problem="crm_key_missing", is_unreachable=True)
        except (httpx.HTTPError, httpx.InvalidURL):
            return Outcome("pending", problem="crm_unavailable", is_unreachable=True)

    async def _carry_out(self, intent: Record) -> Outcome:
        known = intent["interaction_id"]
        if known is None:
            known = await self._create(intent)
            if known is None:
                return Outcome("removed")
        if intent["wanted"] != "planned":
            return await self._end(intent, known)
        if intent["change"]:
            found = await self._update(intent, intent["change"])
            return Outcome("removed" if found is None else "written", known)
        return Outcome("written", known)

    async def _create(self, intent: Record) -> str | None:
        """Create the interaction, or find that it was; None if the one to be removed cannot be there."""
        key = f"{SOURCE}-{intent['id']}-{intent['generation']}"
        answer = await self._send(
            "PUT", _place(intent), json=intent["body"], headers={"Idempotency-Key": key}
        )
        if answer.is_success:
            return _read(answer).id
        outcome = _fault(answer, intent)
        if outcome.state == "failed" and intent["wanted"] == "removed":
            return None
        raise _Failed(outcome)

    async def _end(self, intent: Record, known: str) -> Outcome:
        """Remove the interaction or say that it was done, unless somebody did it in the CRM before."""
        found = await self._update(intent, {})
        if found is None:
            return Outcome("removed", known)
        if found.is_planned and intent["wanted"] == "removed":
            answer = await self._send(
                "DELETE", f"/v1/interactions/{found.id}", headers={"If-Match": found.etag}
            )
            if answer.status_code not in (204, 404):
                raise _Failed(_fault(answer, intent))
            return Outcome("removed", found.id)
        if found.is_planned:
            await self._update(intent, intent["change"], headers={"If-Match": found.etag})
        return Outcome("written", found.id)

    async def _update(
        self, intent: Record, fields: Record, headers: dict[str, str] | None = None
    ) -> _Found | None:
        """Set fields of the interaction, be it none, and return it; None if it is not there."""
        path = f"{_place(intent)}?mode=update"
        answer = await self._send("PUT", path, json=fields, headers=headers or {})
        if answer.status_code == 404:
            return None
        if not answer.is_success:
            raise _Failed(_fault(answer, intent))
        return _read(answer)

    async def _send(
        self, method: str, path: str, *, headers: dict[str, str], json: Any = None
    ) -> httpx.Response:
        headers = self._authorization() | headers
        return await self._http.request(method, path, json=json, headers=headers)


def _place(intent: Record) -> str:
    return f"/v1/interactions/by-external-id/{SOURCE}/{intent['id']}"


def _read(answer: httpx.Response) -> _Found:
    """Read the interaction out of an answer."""
    try:
        body = orjson.loads(answer.content)
        found = _Found(body["id"], body["is_planned"], answer.headers["etag"])
    except (ValueError, TypeError, KeyError):
        found = None
    if found is None or not isinstance(found.id, str) or not is_record_id(found.id):
        raise _Failed(Outcome("pending", problem="crm_answer_broken"))
    return found


def _fault(answer: httpx.Response, intent: Record) -> Outcome:
    """Tell from an error whether it may pass; of the answer nothing is kept but its code."""
    status = answer.status_code
    if status in _REFUSED:
        return Outcome("pending", problem="crm_key_refused", is_unreachable=True)
    is_conflict = status in (409, 412)
    if status in _AGAIN and not (is_conflict and intent["attempt_count"] >= _MOST_CONFLICTS):
        problem = _code(answer) if is_conflict else "crm_unavailable"
        return Outcome(
            "pending",
            problem=problem,
            retry_after=_wait(answer),
            is_unreachable=not is_conflict and status != 408,
        )
    return Outcome("failed", problem=_code(answer))


def _code(answer: httpx.Response) -> str:
    try:
        code = orjson.loads(answer.content)["code"]
    except (ValueError, TypeError, KeyError):
        code = None
    is_code = isinstance(code, str) and _CODE.fullmatch(code) is not None
    return code if is_code else "crm_answer_broken"


def _wait(answer: httpx.Response) -> timedelta:
    text = answer.headers.get("retry-after", "")
    is_seconds = text.isascii() and text.isdigit()
    return min(timedelta(seconds=int(text[:6])), _LONGEST_WAIT) if is_seconds else timedelta()
