"""Keeps what the products are called that customers of the published version name by their place."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, func, select

from services.analytics.calculations.next_products.scoring import COUNT
from services.analytics.frames.product_list import ProductName
from services.analytics.tables import product_names, versions
from services.foundation.database import Reader, Transaction
from services.foundation.statements import Record, Statement

_SOME = 2 * COUNT
"""Products that a customer names: the next ones, and those that speak for them."""
_DELETE = Statement(delete(product_names))
_FIND = Statement(
    select(
        select(func.max(versions.c.number)).scalar_subquery().label("published"), product_names
    ).where(product_names.c.place.in_([bindparam(f"place_{each}") for each in range(_SOME)]))
)


def name_list(products: Sequence[ProductName]) -> str | None:
    """Name a list of products by its content; none for an empty one."""
    if not products:
        return None
    return hashlib.sha256(orjson.dumps([astuple(each) for each in products])).hexdigest()


async def keep_names(
    transaction: Transaction, products: Sequence[ProductName], *, before: str | None
) -> str | None:
    """Make these the products that are named, unless they are already; return the name of the list."""
    name = name_list(products)
    if name != before:
        await transaction.run(_DELETE)
        rows = ((place, *astuple(each)) for place, each in enumerate(products))
        await transaction.copy(product_names, rows)
    return name


async def find_names(reader: Reader, places: Iterable[int]) -> tuple[int | None, dict[int, Record]]:
    """Return the newest version and, by place, the products at some places of its list."""
    wanted = sorted(set(places))
    if not wanted:
        return None, {}
    padded = [*wanted, *[-1] * (_SOME - len(wanted))]
    values: dict[str, Any] = {f"place_{each}": place for each, place in enumerate(padded)}
    rows = await reader.all(_FIND, values)
    return (rows[0]["published"] if rows else None), {row["place"]: row for row in rows}
