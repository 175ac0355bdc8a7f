"""The rules of SWOT items."""

from services.crm_api.times import check_order
from services.foundation.calls import Stamp
from services.foundation.database import Transaction
from services.foundation.statements import Record


async def check_swot_item(_: Transaction, after: Record, __: Record, /, *, stamp: Stamp) -> None:  # noqa: ARG001
    """Refuse an item that ends before it begins.

    Raises
    ------
    EndsBeforeStart
        It does.
    """
    check_order(after, "valid_from", "valid_to")
