"""What is wanted of the CRM for a decision: stored with the decision, carried out by `runner`.

There is one intent for each decision, and it says how the interaction is to be, not what to do:
`planned` as the decision plans it, `done`, or `removed`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from services.analytics.decisions.plans import Planning
from services.analytics.decisions.table import decision_writes
from services.foundation.database import Transaction
from services.foundation.statements import Record, Statement

_LIVE = ("pending", "written")
_CHANGING = tuple(
    name
    for name in (column.name for column in decision_writes.columns)
    if name not in ("id", "lease_holder", "lease_until")
)
_ADD = Statement(insert(decision_writes))
_SET = Statement(
    update(decision_writes)
    .where(decision_writes.c.id == bindparam("at_id"))
    .values(
        {name: bindparam(f"set_{name}", type_=decision_writes.c[name].type) for name in _CHANGING}
    )
)
_LOCK = Statement(
    select(decision_writes).where(decision_writes.c.id == bindparam("id")).with_for_update()
)


async def lock(transaction: Transaction, decision_id: str) -> Record | None:
    """Return the intent of a decision, None if nothing is wanted of the CRM."""
    return await transaction.first(_LOCK, {"id": decision_id})


def is_live(intent: Record | None) -> bool:
    """Tell whether the interaction is planned, or will be."""
    return intent is not None and intent["wanted"] == "planned" and intent["state"] in _LIVE


async def ask(
    transaction: Transaction,
    decision: Record,
    intent: Record | None,
    planning: Planning,
    *,
    now: datetime,
) -> None:
    """Want the interaction planned, also again after it was removed or refused."""
    fresh: Record = {
        "wanted": "planned",
        "state": "pending",
        "is_sent": False,
        "body": planning.body(decision),
        "change": {},
        "interaction_id": None,
        "problem": None,
        "attempt_count": 0,
        "next_attempt_at": now,
    }
    if intent is None:
        row = {"id": decision["id"], "revision": 1, "generation": 1, **fresh}
        await transaction.run(_ADD, row | {"lease_holder": None, "lease_until": None})
    elif intent["state"] == "removed":
        await _set(transaction, intent, fresh | {"generation": intent["generation"] + 1})
    elif intent["state"] == "failed" or intent["wanted"] == "removed":
        again = {"wanted": "planned", "change": planning.change(decision)}
        await _again(transaction, intent, again, now=now)


async def follow(
    transaction: Transaction, decision: Record, intent: Record, planning: Planning, *, now: datetime
) -> None:
    """Want the interaction as the decision plans it now."""
    if is_live(intent):
        await _again(transaction, intent, {"change": planning.change(decision)}, now=now)


async def take_back(transaction: Transaction, intent: Record, *, now: datetime) -> None:
    """Want the interaction removed; what was never sent simply is not."""
    if not intent["is_sent"] or intent["state"] == "removed":
        ended = {"wanted": "removed", "state": "removed", "problem": None, "next_attempt_at": None}
        await _set(transaction, intent, ended)
    else:
        await _again(transaction, intent, {"wanted": "removed"}, now=now)


async def tell_done(
    transaction: Transaction, intent: Record, change: Mapping[str, Any], *, now: datetime
) -> None:
    """Want the interaction done, unless it is not there."""
    if is_live(intent):
        await _again(transaction, intent, {"wanted": "done", "change": change}, now=now)


async def _again(
    transaction: Transaction, intent: Record, values: Mapping[str, Any], *, now: datetime
) -> None:
    waits = {"state": "pending", "problem": None, "attempt_count": 0, "next_attempt_at": now}
    await _set(transaction, intent, {**waits, **values})


async def _set(transaction: Transaction, intent: Record, values: Mapping[str, Any]) -> None:
    after = {**intent, **values, "revision": intent["revision"] + 1}
    await transaction.run(
        _SET, {"at_id": intent["id"], **{f"set_{name}": after[name] for name in _CHANGING}}
    )
