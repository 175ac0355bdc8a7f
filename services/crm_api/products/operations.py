"""The rules of products."""

from services.foundation.calls import Stamp
from services.foundation.database import Transaction
from services.foundation.problems import FieldError, Invalid
from services.foundation.statements import Record


class PointsToItself(Invalid):
    code, title = "points_to_itself", "A product neither replaces itself nor goes with itself."


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
