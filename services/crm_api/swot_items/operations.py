"""The rules of SWOT items."""

from services.crm_api.products import operations as products
from services.crm_api.times import check_order
from services.foundation.calls import Stamp
from services.foundation.database import Transaction
from services.foundation.statements import Record


async def check_swot_item(
    transaction: Transaction,
    after: Record,
    values: Record,
    /,
    *,
    stamp: Stamp,  # noqa: ARG001
) -> None:
    """Refuse an item that ends before it begins.

    Raises
    ------
    EndsBeforeStart
        It does.
    """
    check_order(after, "valid_from", "valid_to")
    await products.use_keys(transaction, [values])
