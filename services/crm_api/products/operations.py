"""The rules of products."""

from collections.abc import Iterable

from sqlalchemy import select

from services.crm_api.products.table import products
from services.foundation.calls import Stamp
from services.foundation.constructs import is_among
from services.foundation.database import Transaction
from services.foundation.problems import FieldError, Invalid
from services.foundation.statements import Record, Statement
from shared.values import is_record_id

_KEYS = Statement(select(products.c.id, products.c.key).where(is_among(products.c.id)))


class PointsToItself(Invalid):
    code, title = "points_to_itself", "A product neither replaces itself nor goes with itself."


async def use_keys(transaction: Transaction, naming: Iterable[Record]) -> None:
    """Let whoever names a product by its id mean that product: `product_id` becomes its key."""
    rows = [row for row in naming if is_record_id(row.get("product_id") or "")]
    if not rows:
        return
    ids = sorted({row["product_id"] for row in rows})
    keys = {each["id"]: each["key"] for each in await transaction.all(_KEYS, {"ids": ids})}
    for row in rows:
        row["product_id"] = keys.get(row["product_id"], row["product_id"])


async def check_product(_: Transaction, after: Record, __: Record, /, *, stamp: Stamp) -> None:  # noqa: ARG001
    """Refuse a product that is its own successor or complement.

    Raises
    ------
    PointsToItself
        It is.
    """
    for name in ("successor_id", "complements"):
        named = after[name] if isinstance(after[name], list) else [after[name]]
        if after["key"] in named:
            message = f"{name} names the product itself."
            raise PointsToItself(
                message, errors=[FieldError(f"/body/{name}", "points_to_itself", message)]
            )
