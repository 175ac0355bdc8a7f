"""The rules of campaigns."""

from services.crm_api.products import operations as products
from services.crm_api.times import check_order
from services.foundation.calls import Stamp
from services.foundation.database import Transaction
from services.foundation.statements import Record


async def check_campaign(
    transaction: Transaction,
    after: Record,
    values: Record,
    /,
    *,
    stamp: Stamp,  # noqa: ARG001
) -> None:
    """Refuse a campaign that ends before it starts.

    Raises
    ------
    EndsBeforeStart
        It does.
    """
    check_order(after, "starts_at", "ends_at")
    await products.use_keys(transaction, [values])
