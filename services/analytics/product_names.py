"""Keeps what the products are called that customers of the published version name by their place."""

import hashlib
from collections.abc import Sequence
from dataclasses import astuple

import orjson
from sqlalchemy import delete, select

from services.analytics.frames.product_list import ProductName
from services.analytics.tables import product_names
from services.foundation.database import Reader, Transaction
from services.foundation.statements import Record, Statement

_DELETE = Statement(delete(product_names))
_ALL = Statement(select(product_names).order_by(product_names.c.place))


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


async def all_names(reader: Reader) -> list[Record]:
    """Return the products by their place in the list."""
    return await reader.all(_ALL)
