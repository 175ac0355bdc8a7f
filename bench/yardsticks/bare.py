"""Bare: Starlette, the driver, orjson and SQL by hand; no key, no validation, no OpenAPI."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.foundation.application import utc_now
from shared.values import wire_instant

CONTACT = (
    "id kind parent_id display_name name given_name family_name email phone phone_e164 "
    "street zip city country_code language status terminated_at terminated_by owner_id "
    "source_campaign_id acquisition_cost_minor acquisition_cost_currency referred_by_id "
    "purchase_motive profiling_objection_at next_contact_at flags tags external_refs "
    "version created_at updated_at deleted_at"
).split()
INTERACTION = (
    "id contact_id deal_id parent_id kind channel touchpoint direction occurred_at user_id "
    "campaign_id subject body sentiment sentiment_source severity resolved_at resolution "
    "justified ratings nps outcome decline_reason competitor_id effective_at event_type "
    "cost_minor cost_currency is_public tags external_refs version created_at updated_at "
    "deleted_at"
).split()
_CHANGE = [
    "resource",
    "record_id",
    "action",
    "version",
    "changed",
    "key_id",
    "request_id",
    "occurred_at",
]
_DOCUMENTS = ("flags", "tags", "external_refs", "ratings")
_FLAGS = ("is_public", "justified")


def _marks(names: list[str], first: int = 1) -> str:
    return ", ".join(f"${first + at}" for at in range(len(names)))


def _shown(names: list[str]) -> str:
    return ", ".join(f"{name}::text" if name.endswith("id") else name for name in names)


def _plain(names: list[str]) -> str:
    return ", ".join(names)


_GET = "SELECT {} FROM contacts WHERE id = $1 AND deleted_at IS NULL"
_LIST = (
    "SELECT {} FROM contacts WHERE deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT $1"
)
_TIMELINE = (
    "SELECT {} FROM interactions WHERE contact_id = $1 AND deleted_at IS NULL "
    "ORDER BY occurred_at DESC, id DESC LIMIT $2"
)
_ADD_CONTACT = f"INSERT INTO contacts ({_plain(CONTACT)}) VALUES ({_marks(CONTACT)})"
_ADD_CHANGE = f"INSERT INTO changes ({_plain(_CHANGE)}) VALUES ({_marks(_CHANGE)})"
# One statement is one transaction: no round trip for its begin and its end.
_ADD_BOTH = (
    f"WITH added AS ({_ADD_CONTACT}) INSERT INTO changes ({_plain(_CHANGE)}) "
    f"VALUES ({_marks(_CHANGE, len(CONTACT) + 1)})"
)


class _Postgres:
    shown = staticmethod(_shown)

    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> None:
        async def no_reset(_: Any) -> None:
            pass

        self._pool = await asyncpg.create_pool(self._url, min_size=4, max_size=4, reset=no_reset)

    async def fetch(self, text: str, *values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await self._pool.fetch(text, *values)]

    async def add(self, contact: list[Any], change: list[Any]) -> None:
        await self._pool.execute(_ADD_BOTH, *contact, *change)


class _Sqlite:
    shown = staticmethod(_plain)

    def __init__(self, url: str) -> None:
        self._path = url.removeprefix("sqlite:///")

    async def open(self) -> None:
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.row_factory = sqlite3.Row

    async def fetch(self, text: str, *values: Any) -> list[dict[str, Any]]:
        rows = self._connection.execute(text.replace("$", "?"), values).fetchall()
        return [dict(row) for row in rows]

    async def add(self, contact: list[Any], change: list[Any]) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_ADD_CONTACT.replace("$", "?"), [*map(_text, contact)])
        connection.execute(_ADD_CHANGE.replace("$", "?"), [*map(_text, change)])
        connection.execute("COMMIT")


def _text(value: Any) -> Any:
    return wire_instant(value) if isinstance(value, datetime) else value


def _money(record: dict[str, Any], field: str) -> None:
    minor, currency = record.pop(f"{field}_minor"), record.pop(f"{field}_currency")
    record[field] = None
    if minor is not None:
        record[field] = {"amount": f"{minor // 100}.{minor % 100:02d}", "currency": currency}


def _finish(record: dict[str, Any], field: str) -> dict[str, Any]:
    _money(record, field)
    for name in _DOCUMENTS:
        if name in record:
            record[name] = orjson.Fragment(record[name])
    for name in _FLAGS:
        if record.get(name) is not None:
            record[name] = bool(record[name])
    record["is_redacted"] = False
    return record


def _answer(document: Any, status: int = 200, **headers: str) -> Response:
    body = orjson.dumps(document, option=orjson.OPT_UTC_Z)
    return Response(body, status, headers=headers, media_type="application/json")


def _page(rows: list[dict[str, Any]], limit: int, field: str, path: str) -> Response:
    items = [_finish(row, field) for row in rows[:limit]]
    if len(rows) > limit:
        return _answer({"items": items, "next": f"{path}?cursor={items[-1]['id']}"})
    return _answer({"items": items})


def create_app(url: str) -> Starlette:
    """Build the four endpoints over one database."""
    store: _Postgres | _Sqlite = _Sqlite(url) if url.startswith("sqlite:") else _Postgres(url)
    get, list_all, timeline = (
        text.format(store.shown(names))
        for text, names in ((_GET, CONTACT), (_LIST, CONTACT), (_TIMELINE, INTERACTION))
    )

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        await store.open()
        yield

    async def get_contact(request: Request) -> Response:
        rows = await store.fetch(get, request.path_params["id"])
        if not rows:
            return _answer({"code": "not_found"}, 404)
        return _answer(_finish(rows[0], "acquisition_cost"), ETag=f'"{rows[0]["version"]}"')

    async def list_contacts(request: Request) -> Response:
        limit = int(request.query_params["limit"])
        rows = await store.fetch(list_all, limit + 1)
        return _page(rows, limit, "acquisition_cost", request.url.path)

    async def list_interactions(request: Request) -> Response:
        limit = int(request.query_params["limit"])
        rows = await store.fetch(timeline, request.query_params["contact_id"], limit + 1)
        return _page(rows, limit, "cost", request.url.path)

    async def create_contact(request: Request) -> Response:
        given = orjson.loads(await request.body())
        now = utc_now()
        record = dict.fromkeys(CONTACT) | given | {"id": str(uuid4()), "version": 1}
        record |= {"status": "active", "created_at": now, "updated_at": now}
        record["display_name"] = f"{given['given_name']} {given['family_name']}"
        record["phone_e164"] = "+49" + given["phone"].replace(" ", "").lstrip("0")
        for name in ("flags", "tags", "external_refs"):
            record[name] = orjson.dumps(given.get(name) or []).decode()
        changed = orjson.dumps(sorted(given)).decode()
        change = ["contact", record["id"], "created", 1, changed, "bench", "bench", now]
        await store.add([record[name] for name in CONTACT], change)
        answer = _finish(record, "acquisition_cost")
        return _answer(answer, 201, Location=f"/v1/contacts/{record['id']}", ETag='"1"')

    return Starlette(
        routes=[
            Route("/v1/contacts/{id}", get_contact),
            Route("/v1/contacts", list_contacts),
            Route("/v1/contacts", create_contact, methods=["POST"]),
            Route("/v1/interactions", list_interactions),
        ],
        lifespan=life,
    )
