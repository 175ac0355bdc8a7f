"""Bare analytics: a customer by Starlette, the driver and SQL by hand; no key, no validation, no OpenAPI.

It says the same in the same words, and looks once a second which version is published; that a version
comes between two of its questions it does not notice.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.yardsticks.stores import Store, open_store
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.customers.showing import describe
from services.analytics.packing import unpack
from services.analytics.publication import Publication
from services.analytics.tables import versions
from services.foundation.statements import POSTGRESQL, SQLITE, Statement

_VERSIONS = Statement(versions.select())
_NEWEST = "SELECT * FROM versions ORDER BY number DESC LIMIT 1"


class Bare:
    """The endpoint over one database."""

    store: Store
    until = 0.0

    def __init__(self) -> None:
        self.catalogue = load_catalogue()
        self.publication: Publication | None = None

    async def newest(self) -> Publication:
        if self.publication is None or time.monotonic() > self.until:
            (row,) = await self.store.fetch(_NEWEST)
            values = [row[str(column.name)] for column in versions.columns]
            dialect = SQLITE if self.store.is_sqlite else POSTGRESQL
            self.publication = Publication(_VERSIONS.on(dialect).record(values), None)
            self.until = time.monotonic() + 1.0
        return self.publication

    async def get(self, request: Request) -> Response:
        publication = await self.newest()
        names = [str(column.name) for column in publication.slot.columns]
        if not self.store.is_sqlite:
            ids = ("unit_id", "first_deal_id", "last_deal_id")
            names = [f"{name}::text" if name in ids else name for name in names]
        text = f"SELECT {', '.join(names)} FROM {publication.slot.name} WHERE unit_id = $1"
        found = await self.store.fetch(text, request.path_params["id"])
        if not found:  # also where the table it remembers is being filled anew
            return Response(b"{}", 404, media_type="application/json")
        row = unpack(found[0], publication.version["number_columns"])
        body = describe(row, publication, catalogue=self.catalogue, language="en")
        return Response(
            orjson.dumps(body),
            headers={"Content-Language": "en"},
            media_type="application/json",
        )


def create_app(url: str) -> Starlette:
    """Return the yardstick over a database of analytics."""
    bare = Bare()

    @asynccontextmanager
    async def opened(_: Starlette) -> AsyncIterator[None]:
        bare.store = await open_store(url)
        yield

    return Starlette(routes=[Route("/v1/customers/{id}", bare.get)], lifespan=opened)
