"""The rules of campaigns."""

from services.crm_api.times import check_order
from services.foundation.calls import Stamp
from services.foundation.database import Transaction
from services.foundation.statements import Record


async def check_campaign(_: Transaction, after: Record, __: Record, /, *, stamp: Stamp) -> None:  # noqa: ARG001
    """Refuse a campaign that ends before it starts.

    Raises
    ------
    EndsBeforeStart
        It does.
    """
    check_order(after, "starts_at", "ends_at")
