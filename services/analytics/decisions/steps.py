"""Writes the steps of decisions: each leaves who took it, when, and in which request."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, insert, select, update

from services.analytics.decisions.table import decision_steps, decisions
from services.foundation.calls import Call
from services.foundation.database import Transaction
from services.foundation.statements import Record, Statement

SYSTEM: Final = "system"
_FIELDS = {"cost_minor": "cost", "cost_currency": "cost"}
"""What the wire calls columns."""
_CHANGING = tuple(
    name
    for name in (column.name for column in decisions.columns)
    if name not in ("id", "unit_id", "recommendation_id", "decided_at", "snapshot")
)
_ADD = Statement(insert(decisions))
_ADD_STEP = Statement(insert(decision_steps))
_SET = Statement(
    update(decisions)
    .where(decisions.c.id == bindparam("at_id"))
    .values({name: bindparam(f"set_{name}", type_=decisions.c[name].type) for name in _CHANGING})
)
_LOCK = Statement(select(decisions).where(decisions.c.id == bindparam("id")).with_for_update())


@dataclass(frozen=True)
class Actor:
    """Who takes a step, when, and in which request."""

    now: datetime
    key_id: str
    name: str
    request_id: str

    @classmethod
    def of(cls, call: Call) -> "Actor":
        return cls(call.now, call.principal.key_id, call.principal.name, call.request_id)

    @classmethod
    def system(cls, *, now: datetime, request_id: str) -> "Actor":
        """Return the service itself; `request_id` is where it noticed something."""
        return cls(now, SYSTEM, "Phasewise", request_id)

    def itself(self) -> "Actor":
        """Return the service, which notices something in the same request."""
        return self.system(now=self.now, request_id=self.request_id)


async def lock(transaction: Transaction, decision_id: str) -> Record | None:
    """Return a decision that nobody else changes until the transaction ends."""
    return await transaction.first(_LOCK, {"id": decision_id})


async def add(transaction: Transaction, row: Record, *, changed: list[str], actor: Actor) -> None:
    """Store a new decision with its first step."""
    await transaction.run(_ADD, row)
    await _add_step(transaction, row, before=None, changed=changed, actor=actor, cause=None)


async def take(
    transaction: Transaction,
    before: Record,
    values: Mapping[str, Any],
    *,
    actor: Actor,
    more: Collection[str] = (),
    cause: str | None = None,
) -> Record:
    """Take a step of a decision that is locked, and return it as it is afterwards.

    `more` are fields that were set and are no columns of it.
    """
    after = {**before, **values, "version": before["version"] + 1, "updated_at": actor.now}
    await transaction.run(
        _SET, {"at_id": before["id"], **{f"set_{name}": after[name] for name in _CHANGING}}
    )
    changed = {_FIELDS.get(name, name) for name in values if values[name] != before[name]}
    await _add_step(
        transaction,
        after,
        before=before["status"],
        changed=sorted({*changed, *more}),
        actor=actor,
        cause=cause,
    )
    return after


async def _add_step(
    transaction: Transaction,
    row: Record,
    *,
    before: str | None,
    changed: list[str],
    actor: Actor,
    cause: str | None,
) -> None:
    step = {
        "decision_id": row["id"],
        "number": row["version"],
        "at": actor.now,
        "key_id": actor.key_id,
        "key_name": actor.name,
        "request_id": actor.request_id,
        "from_status": before,
        "to_status": row["status"],
        "changed": changed,
        "cause": cause,
    }
    await transaction.run(_ADD_STEP, step)
