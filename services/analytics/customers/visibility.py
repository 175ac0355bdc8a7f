"""What a key may see of customers whose relationship may end; whoever sees it is logged."""

from collections.abc import Sequence

from pydantic import BaseModel

from services.analytics.customers import showing
from services.analytics.customers.filters import asks_for_cases, check_entries
from services.analytics.termination_cases import log as termination_log
from services.foundation.calls import Call
from services.foundation.problems import Forbidden


async def check_filters(call: Call, query: BaseModel) -> None:
    """Check that filters name what there is, and what the key may know.

    Raises
    ------
    Invalid
        The catalogue has no such entry.
    Forbidden
        They ask who has an open case, and the key may not know that.
    """
    check_entries(query, call.app.state.catalogue)
    if asks_for_cases(query):
        await note_termination(call, "customers_filtered", needed=True)


async def visible(call: Call, rows: Sequence[showing.Row]) -> Sequence[showing.Row]:
    """Return rows as the key may see them; whose open case it sees is logged."""
    if not call.may("termination:read"):
        return [showing.without_termination(row) for row in rows]
    for unit_id in dict.fromkeys(row["unit_id"] for row in rows if row["state"] == "to_terminate"):
        await note_termination(call, "customer_listed", unit_id)
    return rows


async def note_termination(
    call: Call, action: str, unit_id: str | None = None, *, needed: bool = False
) -> bool:
    """Log that termination data are read; tells whether the key may.

    Raises
    ------
    Forbidden
        It may not, and nothing else is asked for.
    """
    scope = "termination:read"
    if not call.may(scope):
        if needed:
            raise Forbidden(f"This needs a key with the scope {scope}.")
        return False
    entry = termination_log.entry(
        action, now=call.now, unit_id=unit_id, by=call.principal, request_id=call.request_id
    )
    await termination_log.add_all(call.database, [entry])
    return True
