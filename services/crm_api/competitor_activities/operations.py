"""The rules of competitor activities."""

from services.crm_api.products import operations as products
from services.crm_api.times import check_past
from services.foundation.calls import Stamp
from services.foundation.database import Transaction
from services.foundation.statements import Record


async def check_activity(
    transaction: Transaction, _: Record, values: Record, /, *, stamp: Stamp
) -> None:
    """Refuse what has not happened yet.

    Raises
    ------
    InTheFuture
        It lies ahead.
    """
    check_past(values, ["occurred_at"], now=stamp.now)
    await products.use_keys(transaction, [values])
