"""Bare: Starlette, the driver, orjson and SQL by hand; no key, no validation, no OpenAPI, no feed to speak of.

It knows what our schema keeps (columns, indexes, triggers) and asks as directly as one can.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.yardsticks.stores import Row, Store, open_store
from services.crm_api.contacts.table import CONTACT
from services.crm_api.deals.table import DEAL
from services.crm_api.interactions.table import INTERACTION
from services.crm_api.resources import Resource
from services.foundation.application import utc_now
from services.foundation.columns import Document


class Shown:
    """How the rows of a table become what the wire shows."""

    def __init__(self, resource: Resource) -> None:
        columns = [c for c in resource.table.columns if c.name not in resource.hidden]
        self.names = [str(column.name) for column in columns]
        self._documents = [str(c.name) for c in columns if isinstance(c.type, Document)]
        self._flags = [str(c.name) for c in columns if c.type.__class__.__name__ == "Boolean"]
        self._money = resource.money

    def finish(self, row: Row) -> Row:
        for field, (minor, currency) in self._money.items():
            amount = row.pop(minor)
            row[field] = None
            if amount is not None:
                text = f"{amount // 100}.{amount % 100:02d}"
                row[field] = {"amount": text, "currency": row[currency]}
        for currency in {pair[1] for pair in self._money.values()} - {"currency"}:
            del row[currency]
        for name in self._documents:
            row[name] = orjson.Fragment(row[name])
        for name in self._flags:
            if row[name] is not None:
                row[name] = bool(row[name])
        row["is_redacted"] = False
        return row


CONTACTS, INTERACTIONS, DEALS = Shown(CONTACT), Shown(INTERACTION), Shown(DEAL)
_CHANGE = (
    *("resource", "record_id", "action", "version", "changed", "key_id", "request_id"),
    "occurred_at",
)
_STORED = (*CONTACTS.names, "search_text")


def _marks(count: int, first: int = 1) -> str:
    return ", ".join(f"${first + at}" for at in range(count))


_ADD_CONTACT = f"INSERT INTO contacts ({', '.join(_STORED)}) VALUES ({_marks(len(_STORED))})"
_ADD_CHANGE = f"INSERT INTO changes ({', '.join(_CHANGE)}) VALUES ({_marks(len(_CHANGE))})"
# One statement is one transaction: no round trip for its begin and its end.
_ADD_BOTH = (
    f"WITH added AS ({_ADD_CONTACT}) INSERT INTO changes ({', '.join(_CHANGE)}) "
    f"VALUES ({_marks(len(_CHANGE), len(_STORED) + 1)})"
)
_TWINS = "SELECT id FROM contacts WHERE (email = $1 OR phone_e164 = $2) AND deleted_at IS NULL"
_OPEN = "status IN ('open', 'acknowledged', 'reopened')"
_LIVE = "kind = 'offer' AND outcome IS NULL AND (valid_until IS NULL OR valid_until > $2)"
_CARD = (
    ("last_interactions", "NOT is_planned ORDER BY occurred_at DESC, id DESC LIMIT 3"),
    (
        "open_complaints",
        f"NOT is_planned AND kind = 'complaint' AND {_OPEN} ORDER BY occurred_at, id LIMIT 20",
    ),
    ("offers", f"NOT is_planned AND {_LIVE} ORDER BY occurred_at DESC, id DESC LIMIT 20"),
    ("promises", "is_planned ORDER BY due_at, id LIMIT 20"),
)
_DEALS_OF_CARD = (
    ("open_deals", "stage_kind = 'open' ORDER BY opened_at DESC, id DESC LIMIT 20"),
    (
        "unpaid_deals",
        "payment_status IN ('issued', 'disputed') ORDER BY due_at, opened_at, id LIMIT 20",
    ),
)
_BOUGHT = (
    "SELECT closed_at, lines FROM deals WHERE contact_id = $1 AND deleted_at IS NULL "
    "AND stage_kind = 'won' ORDER BY closed_at DESC, id LIMIT 200"
)


class Sql:
    """The statements, spelled for one database."""

    def __init__(self, store: Store) -> None:
        shown, live = store.shown, "deleted_at IS NULL"
        contact, interaction = shown(CONTACTS.names), shown(INTERACTIONS.names)
        deal = shown(DEALS.names)
        self.get = f"SELECT {contact} FROM contacts WHERE id = $1 AND {live}"
        newest = "ORDER BY created_at DESC, id DESC LIMIT $1"
        self.list = f"SELECT {contact} FROM contacts WHERE {live} {newest}"
        self.interactions = (
            f"SELECT {interaction} FROM interactions WHERE contact_id = $1 AND {live} "
        )
        self.timeline = self.interactions + "ORDER BY occurred_at DESC, id DESC LIMIT $2"
        self.deals = f"SELECT {deal} FROM deals WHERE contact_id = $1 AND {live} AND "
        self.search = f"SELECT {contact} FROM contacts WHERE {live} AND " + (
            "id IN (SELECT contact_id FROM contact_search_rows WHERE row_number IN "
            "(SELECT rowid FROM contact_search WHERE contact_search MATCH $1 LIMIT 100)) LIMIT $2"
            if store.is_sqlite
            else "array_to_tsvector(array_remove(string_to_array(search_text, ' '), '')) "
            "@@ ($1::text)::tsquery LIMIT $2"
        )
        any_word = "(SELECT value FROM json_each($1))" if store.is_sqlite else ""
        self.known_words = "SELECT word FROM search_words WHERE word " + (
            f"IN {any_word}" if store.is_sqlite else "= ANY($1::text[])"
        )
        self.consents = (
            f"SELECT {shown(['id', 'contact_id'])}, channel, purpose, action, basis, occurred_at, "
            "text_version, source, evidence_ref, created_at FROM consent_events "
            "WHERE contact_id = $1 ORDER BY occurred_at DESC, id DESC LIMIT $2"
        )
        self.changes = (
            f"SELECT seq, {shown(['record_id'])}, action, version, changed, request_id, occurred_at "
            "FROM changes WHERE resource = 'contact' AND record_id = $1 "
            "ORDER BY occurred_at DESC, seq DESC LIMIT $2"
        )
        self.moves = (
            f"SELECT {shown(['id', 'contact_id'])}, title, stage_history FROM deals "
            f"WHERE contact_id = $1 AND {live}"
        )
        self.stages = "SELECT name, stages FROM pipelines WHERE key = 'default'"
        self.columns = (
            "SELECT stage, currency, count(*) AS count, count(amount_minor) AS known, "
            "CAST(sum(amount_minor) AS BIGINT) AS total FROM deals "
            f"WHERE pipeline_id = 'default' AND {live} GROUP BY stage, currency ORDER BY 1, 2"
        )
        self.cards = (
            f"SELECT {deal} FROM deals WHERE pipeline_id = 'default' AND stage = $1 AND {live} "
            "ORDER BY opened_at DESC, id DESC LIMIT 20"
        )


def _answer(document: Any, status: int = 200, **headers: str) -> Response:
    body = orjson.dumps(document, option=orjson.OPT_UTC_Z)
    return Response(body, status, headers=headers, media_type="application/json")


def _page(rows: list[Row], limit: int, shown: Shown, path: str) -> Response:
    items = [shown.finish(row) for row in rows[:limit]]
    if len(rows) > limit:
        return _answer({"items": items, "next": f"{path}?cursor={items[-1]['id']}"})
    return _answer({"items": items})


def _instant(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _move_items(deals: list[Row]) -> list[Row]:
    return [
        {
            "type": "deal_move",
            "id": f"{deal['id']}/{place}",
            "at": _instant(move["entered_at"]),
            "contact_id": deal["contact_id"],
            "deal_move": {
                "deal_id": deal["id"],
                "title": deal["title"],
                "stage": move["stage"],
                "kind": move["kind"],
            },
        }
        for deal in deals
        for place, move in enumerate(orjson.loads(deal["stage_history"]), 1)
    ]


def _events(kind: str, id: str, contact: str, rows: list[Row]) -> list[Row]:
    items = []
    for row in rows:
        at = _instant(row["occurred_at"])
        part = {name: row[name] for name in row if kind != "change" or name in _CHANGE_SHOWN}
        if kind == "change":
            part["changed"] = orjson.Fragment(part["changed"])
        item = {"type": kind, "id": str(row[id]), "at": at, "contact_id": row[contact], kind: part}
        items.append(item)
    return items


_CHANGE_SHOWN = ("action", "version", "changed", "request_id")


def _spelled(word: str) -> list[str]:
    """Return what one wrong, missing or further letter, or two swapped, make of a word."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    found = set()
    for at in range(len(word) + 1):
        before, after = word[:at], word[at:]
        found.update(before + letter + after for letter in letters)
        found.update(before + letter + after[1:] for letter in letters)
        found.add(before + after[1:])
        found.add(before + after[1:2] + after[:1] + after[2:])
    return sorted(found)


def _new_contact(given: Row) -> tuple[Row, list[Any]]:
    now = utc_now()
    record = dict.fromkeys(_STORED) | given | {"id": str(uuid4()), "version": 1}
    record |= {"status": "active", "created_at": now, "updated_at": now, "custom": "{}"}
    record |= {"credit_hold": False, "individual_price": False}
    record["display_name"] = f"{given['given_name']} {given['family_name']}"
    record["phone_e164"] = "+49" + given["phone"].replace(" ", "").lstrip("0")
    for name in CONTACTS._documents:
        if name != "custom":
            record[name] = orjson.dumps(given.get(name) or []).decode()
    number = record["phone_e164"].lstrip("+")
    words = (
        record["display_name"],
        given.get("city") or "",
        given["email"].replace("@", " "),
        number,
    )
    record["search_text"] = " ".join(words).lower().replace(".", " ")
    changed = orjson.dumps(sorted(given)).decode()
    change = ["contact", record["id"], "created", 1, changed, "bench", "bench", now]
    return record, change


class Bare:
    """The endpoints over one database."""

    store: Store
    sql: Sql

    async def get(self, request: Request) -> Response:
        rows = await self.store.fetch(self.sql.get, request.path_params["id"])
        if not rows:
            return _answer({"code": "not_found"}, 404)
        return _answer(CONTACTS.finish(rows[0]), ETag=f'"{rows[0]["version"]}"')

    async def list(self, request: Request) -> Response:
        limit = int(request.query_params["limit"])
        if "q" in request.query_params:
            return await self.search(request.query_params["q"], limit)
        rows = await self.store.fetch(self.sql.list, limit + 1)
        return _page(rows, limit, CONTACTS, request.url.path)

    async def search(self, q: str, limit: int) -> Response:
        """Find whole words; what was mistyped is looked up among the known words."""
        words = q.lower().split()
        rows = await self.store.fetch(self.sql.search, self._asked([[w] for w in words]), limit)
        if not rows:
            meant = []
            for word in words:
                spelled: Any = _spelled(word)
                if self.store.is_sqlite:
                    spelled = orjson.dumps(spelled).decode()
                known = await self.store.fetch(self.sql.known_words, spelled)
                meant.append([row["word"] for row in known] or [word])
            rows = await self.store.fetch(self.sql.search, self._asked(meant), limit)
        return _answer({"items": [CONTACTS.finish(row) for row in rows]})

    def _asked(self, words: Any) -> str:
        form, both, either = (
            ('" {} "', " AND ", " OR ") if self.store.is_sqlite else ("'{}'", " & ", " | ")
        )
        return both.join(f"({either.join(form.format(w) for w in some)})" for some in words)

    async def interactions(self, request: Request) -> Response:
        limit = int(request.query_params["limit"])
        contact = request.query_params["contact_id"]
        rows = await self.store.fetch(self.sql.timeline, contact, limit + 1)
        return _page(rows, limit, INTERACTIONS, request.url.path)

    async def card(self, request: Request) -> Response:
        contact, now = request.path_params["id"], utc_now()
        moment: Any = now.isoformat() if self.store.is_sqlite else now
        asked = [(self.sql.get, (contact,))]
        for _, where in _CARD:
            values = (contact, moment) if "$2" in where else (contact,)
            asked.append((f"{self.sql.interactions} AND {where}", values))
        asked += [(self.sql.deals + where, (contact,)) for _, where in _DEALS_OF_CARD]
        asked.append((_BOUGHT, (contact,)))
        (mine,), *parts, bought = await self.store.fetch_all(*asked)
        card: Row = {"contact": CONTACTS.finish(mine), "organisation": None}
        if mine["parent_id"] is not None:
            parent = await self.store.fetch(self.sql.get, mine["parent_id"])
            card["organisation"] = CONTACTS.finish(parent[0])
        for (name, _), rows in zip((*_CARD, *_DEALS_OF_CARD), parts, strict=True):
            shown = DEALS if name.endswith("deals") else INTERACTIONS
            card[name] = [shown.finish(row) for row in rows]
        owned: dict[str, Row] = {}
        for deal in bought:
            for line in orjson.loads(deal["lines"]):
                product = owned.setdefault(
                    line["product_id"],
                    {
                        "product_id": line["product_id"],
                        "name": line["name"],
                        "purchase_count": 0,
                        "last_bought_at": _instant(deal["closed_at"]),
                    },
                )
                product["purchase_count"] += 1
        card["owned_products"] = list(owned.values())[:20]
        return _answer(card)

    async def merged_timeline(self, request: Request) -> Response:
        limit, contact = int(request.query_params["limit"]), request.path_params["id"]
        told, moved, agreed, changed = await self.store.fetch_all(
            (
                self.sql.interactions
                + "AND NOT is_planned ORDER BY occurred_at DESC, id DESC LIMIT $2",
                (contact, limit + 1),
            ),
            (self.sql.moves, (contact,)),
            (self.sql.consents, (contact, limit + 1)),
            (self.sql.changes, (contact, limit + 1)),
        )
        items = _move_items(moved)
        for row in told:
            at = _instant(row["occurred_at"])
            item = {"type": "interaction", "id": row["id"], "at": at, "contact_id": contact}
            items.append(item | {"interaction": INTERACTIONS.finish(row)})
        items += _events("consent", "id", "contact_id", agreed)
        items += _events("change", "seq", "record_id", changed)
        items.sort(key=lambda item: (item["at"], item["id"]), reverse=True)
        return _answer({"items": items[:limit]})

    async def board(self, _: Request) -> Response:
        (pipeline,), counted = await self.store.fetch_all(
            (self.sql.stages, ()), (self.sql.columns, ())
        )
        stages = orjson.loads(pipeline["stages"])
        cards = await self.store.fetch_all(*((self.sql.cards, (stage["key"],)) for stage in stages))
        columns = []
        for stage, rows in zip(stages, cards, strict=True):
            mine = [row for row in counted if row["stage"] == stage["key"]]
            sums = [
                {
                    "total": {
                        "amount": f"{row['total'] // 100}.{row['total'] % 100:02d}",
                        "currency": row["currency"],
                    },
                    "known_count": row["known"],
                }
                for row in mine
            ]
            count = sum(row["count"] for row in mine)
            deals = [DEALS.finish(row) for row in rows]
            columns.append({**stage, "count": count, "sums": sums, "deals": deals})
        return _answer({"pipeline_id": "default", "name": pipeline["name"], "columns": columns})

    async def create(self, request: Request) -> Response:
        given = orjson.loads(await request.body())
        record, change = _new_contact(given)
        if await self.store.fetch(_TWINS, record["email"], record["phone_e164"]):
            return _answer({"code": "possible_duplicate"}, 409)
        values = [record[name] for name in _STORED]
        if self.store.is_sqlite:
            await self.store.add_many((_ADD_CONTACT, [values]), (_ADD_CHANGE, [change]))
        else:
            await self.store.add(_ADD_BOTH, [*values, *change])
        del record["search_text"]
        answer = CONTACTS.finish(record)
        return _answer(answer, 201, Location=f"/v1/contacts/{record['id']}", ETag='"1"')

    async def batch(self, request: Request) -> Response:
        items = orjson.loads(await request.body())["items"]
        made = [_new_contact(item["data"]) for item in items]
        for record, _ in made:
            if await self.store.fetch(_TWINS, record["email"], record["phone_e164"]):
                return _answer({"code": "possible_duplicate"}, 409)
        await self.store.add_many(
            (_ADD_CONTACT, [[record[name] for name in _STORED] for record, _ in made]),
            (_ADD_CHANGE, [change for _, change in made]),
        )
        results = [
            {"index": at, "status": 201, "id": record["id"], "version": 1, "problem": None}
            for at, (record, _) in enumerate(made)
        ]
        return _answer({"items": results}, 207)

    async def check(self, request: Request) -> Response:
        """Find who has the same address or number; names are not looked at."""
        record, _ = _new_contact(orjson.loads(await request.body()))
        found = await self.store.fetch(_TWINS, record["email"], record["phone_e164"])
        rows = [await self.store.fetch(self.sql.get, str(row["id"])) for row in found[:20]]
        items = [{"contact": CONTACTS.finish(row[0]), "score": 1.0} for row in rows]
        return _answer({"items": items})


def create_app(url: str) -> Starlette:
    """Build the endpoints over one database."""
    bare = Bare()

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        bare.store = await open_store(url)
        bare.sql = Sql(bare.store)
        yield

    reads: dict[str, Callable[[Request], Any]] = {
        "/v1/contacts/{id}/card": bare.card,
        "/v1/contacts/{id}/timeline": bare.merged_timeline,
        "/v1/contacts/{id}": bare.get,
        "/v1/contacts": bare.list,
        "/v1/interactions": bare.interactions,
        "/v1/deals/board": bare.board,
    }
    writes: dict[str, Callable[[Request], Any]] = {
        "/v1/contacts": bare.create,
        "/v1/contacts/batch": bare.batch,
        "/v1/duplicates/check": bare.check,
    }
    return Starlette(
        routes=[
            *(Route(path, endpoint) for path, endpoint in reads.items()),
            *(Route(path, endpoint, methods=["POST"]) for path, endpoint in writes.items()),
        ],
        lifespan=life,
    )
