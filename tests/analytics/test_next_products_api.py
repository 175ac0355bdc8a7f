"""Next products over HTTP: named, explained in both languages, and of the version that is shown."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from sqlalchemy import select

from services.analytics.app import create_app
from services.analytics.calculations.next_products.scoring import PRODUCT_COLUMNS
from services.analytics.frames.product_list import ProductName
from services.analytics.publishing import NewVersion, publish, publish_changes
from services.analytics.scopes import SCOPES
from services.analytics.settings import Settings
from services.analytics.tables import product_names
from services.foundation.application import utc_now
from services.foundation.connecting import connect
from services.foundation.statements import Statement
from tests.analytics.published import PRODUCTS, unit_id
from tests.conftest import BOTH, Templates, store_key
from tests.live import LiveServer, client

UNKNOWN = float("nan")
NEW = NewVersion(
    as_of=utc_now().date(),
    currency="EUR",
    crm_read_at=utc_now(),
    mirror_cursor="",
    fingerprint="",
    model={"basis": "fitted"},
    data_gaps={},
    summary={},
    products=PRODUCTS,
)


def customer(number: int, *offers: tuple[float, ...], objects: bool = False) -> dict[str, Any]:
    """Make a customer who is offered products: `PRODUCT_COLUMNS` of each."""
    numbers = [value for offer in offers for value in offer]
    numbers += [UNKNOWN] * (len(PRODUCT_COLUMNS) - len(numbers))
    return {
        "unit_id": unit_id(number),
        "kind": "person",
        "state": "retained",
        "phase": "retention",
        "phase_rule": 8.0,
        "recommendation_basis": "do_nothing",
        "has_profiling_objection": objects,
        **dict(zip(PRODUCT_COLUMNS, numbers, strict=True)),
    }


# Place, affinity, chance, margin, price, owned, bits.
CROSS = (1, 0.41, 0.2, 8.0, 20.0, 0, 1)
RARE = (2, 0.05, 0.02, UNKNOWN, UNKNOWN, 0, 2)
AGAIN = (0, 0.6, 0.3, 5.0, 9.5, 0, 4)
POPULAR = (3, 0.125, 0.00625, 5.0, 9.5, UNKNOWN, 0)
BASE = pd.DataFrame(
    [
        customer(1, CROSS, RARE, AGAIN),
        customer(2, POPULAR),
        customer(3),
        customer(4, CROSS, objects=True),
    ]
)


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, templates: Templates, tmp_path: Path) -> str:
    return templates.fresh("analytics", request.param, tmp_path)


@pytest.fixture
def http(url: str, tmp_path: Path) -> Iterator[httpx.Client]:
    settings = Settings(data_dir=tmp_path, analytics_database_url=url, log_requests=False)
    app = create_app(settings, schedules=False)
    with LiveServer(app) as live, client(live.url, store_key(url, scopes=SCOPES)) as http:
        yield http


def show(url: str, new: NewVersion, *, changed: pd.DataFrame | None = None) -> list[str]:
    """Publish a version, whole or as changes, and return the names that are kept."""

    async def run() -> list[str]:
        database = connect(url)
        await database.open()
        try:
            if changed is None:
                await publish(database, new, BASE, now=utc_now())
            else:
                nobody = BASE.iloc[:0]
                await publish_changes(database, new, changed, nobody, (), now=utc_now())
            kept = Statement(select(product_names.c.name).order_by(product_names.c.place))
            return [row["name"] for row in await database.all(kept)]
        finally:
            await database.close()

    return asyncio.run(run())


def read(http: httpx.Client, number: int, language: str = "en") -> list[dict[str, Any]]:
    path = f"/v1/customers/{unit_id(number)}"
    answer = http.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["next_products"]
    return found


def test_next_products_are_named_and_explained_in_both_languages(
    url: str, http: httpx.Client
) -> None:
    show(url, NEW)
    cross, rare, again = read(http, 1)
    assert cross == {
        "product": {"id": PRODUCTS[1].id, "key": "SKU-1", "name": "Bank Nr. 1"},
        "kind": "new",
        "is_obvious": True,
        "is_upgrade": False,
        "affinity": 0.41,
        "purchase_probability": 0.2,
        "price": {"amount": "20.00", "currency": "EUR"},
        "margin": {"amount": "8.00", "currency": "EUR"},
        "owned": {"id": PRODUCTS[0].id, "key": "SKU-0", "name": "Bank Nr. 0"},
        "reason": {
            "code": "R_NBO",
            "params": {"p": 0.41, "product": "Bank Nr. 1", "owned": "Bank Nr. 0"},
            "contribution": None,
            "text": "Of customers who own Bank Nr. 0, 41% also bought Bank Nr. 1.",
        },
    }
    assert (rare["is_obvious"], rare["is_upgrade"], rare["price"]) == (False, True, None)
    assert (again["kind"], again["is_obvious"]) == ("repeat", True)
    assert again["reason"]["text"] == (
        "Buys Bank Nr. 0 again, by experience with 60% of later purchases."
    )
    texts = [offer["reason"]["text"] for offer in read(http, 1, "de")]
    assert texts[0] == "Von den Kunden, die Bank Nr. 0 haben, kauften 41 % auch Bank Nr. 1."
    assert texts[2] == "Kauft Bank Nr. 0 erneut, erfahrungsgemäß bei 60 % der weiteren Käufe."
    (popular,) = read(http, 2, "de")
    assert (popular["kind"], popular["owned"], popular["is_obvious"]) == ("popular", None, None)
    assert popular["reason"]["text"] == (
        "Von allen Kunden kauften 12,5 % bereits Bank Nr. 3; von diesem ist noch kein Produkt bekannt."
    )
    assert read(http, 3) == read(http, 4) == []
    personal = http.get(f"/v1/customers/{unit_id(1)}/personal-data").json()["current"]
    assert personal["next_products"] == [cross, rare, again]
    assert personal["stored"]["product2_owned"] == 0


def test_names_are_those_of_the_list_that_the_shown_version_was_made_with(
    url: str, http: httpx.Client
) -> None:
    assert show(url, NEW) == [each.name for each in PRODUCTS]
    other = replace(
        NEW, products=[ProductName(unit_id(n), f"K{n}", f"Stuhl {n}") for n in range(3)]
    )
    changed = BASE.iloc[:1]
    assert show(url, NEW, changed=changed) == [each.name for each in PRODUCTS]
    assert show(url, other) == ["Stuhl 0", "Stuhl 1", "Stuhl 2"]
    assert show(url, replace(NEW, products=())) == []
