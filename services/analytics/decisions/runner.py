"""Carries out what decisions want of the CRM, again and again until it is; whoever dies is replaced."""

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import bindparam, select, true, update

from services.analytics.decisions.sending import Outcome, PlanSender
from services.analytics.decisions.table import decision_writes
from services.foundation.columns import Instant
from services.foundation.database import Database, Transaction
from services.foundation.leases import Leases
from services.foundation.problems import Unavailable
from services.foundation.statements import Record, Statement

log = logging.getLogger("phasewise")
_PAGE = 100
_LONGEST_PAUSE = timedelta(minutes=5)
_JITTER = 0.1
_c = decision_writes.c
_mine = (_c.id == bindparam("at_id"), _c.lease_holder == bindparam("at_holder"))
_DUE = Statement(
    select(decision_writes)
    .where(_c.next_attempt_at <= bindparam("now", type_=Instant))
    .order_by(_c.next_attempt_at, _c.id)
    .limit(_PAGE)
)
_BEGIN = Statement(
    update(decision_writes)
    .where(*_mine, _c.next_attempt_at <= bindparam("now", type_=Instant))
    .values(is_sent=true(), attempt_count=_c.attempt_count + 1)
    .returning(*decision_writes.columns)
)
_ENDING = ("state", "interaction_id", "problem", "next_attempt_at")
_FINISH = Statement(
    update(decision_writes)
    .where(*_mine, _c.revision == bindparam("at_revision"))
    .values({name: bindparam(f"set_{name}", type_=_c[name].type) for name in _ENDING})
    .returning(_c.id)
)
_KNOW = Statement(
    update(decision_writes)
    .where(*_mine)
    .values(interaction_id=bindparam("set_interaction_id", type_=_c.interaction_id.type))
)


class PlanRunner:
    """One loop beside the API. An intent belongs to one process at a time (a lease)."""

    def __init__(
        self,
        database: Database,
        planner: PlanSender,
        *,
        folder: Path,
        clock: Callable[[], datetime],
        look_seconds: float = 1.0,
    ) -> None:
        self._database, self._planner, self._clock = database, planner, clock
        self._look_seconds = look_seconds
        self._leases = Leases(database, decision_writes, folder=folder, clock=clock)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for work."""
        self._leases.open()
        self._task = asyncio.create_task(self._run(), name="plans in the CRM")

    async def stop(self) -> None:
        """Break off; what is broken off is done again, by whoever goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self._leases.close()
        await self._planner.close()

    async def _run(self) -> None:
        while True:
            try:
                await self.work()
            except Unavailable:
                log.warning("the analytics database cannot be reached")
            except Exception:
                log.exception("planning in the CRM failed")
            await asyncio.sleep(self._look_seconds)

    async def work(self) -> None:
        """Carry out what is due; if the CRM cannot be reached, the rest waits as well."""
        for row in await self._database.all(_DUE, {"now": self._clock()}):
            if not (self._leases.is_mine(row) or self._leases.is_free(row)):
                continue
            if await self._leases.take(row):
                outcome = await self._attempt(row["id"])
                if outcome is not None and outcome.is_unreachable:
                    return

    async def _attempt(self, intent_id: str) -> Outcome | None:
        heartbeat = asyncio.create_task(self._leases.keep(intent_id))
        try:
            values = {"at_id": intent_id, "at_holder": self._leases.holder, "now": self._clock()}
            intent = await self._database.write(partial(_first, _BEGIN, values))
            if intent is None:
                return None
            outcome = await self._planner.carry_out(intent)
            if outcome.state == "failed":
                fields = {"decision_id": intent_id, "failure": outcome.problem}
                log.warning("the CRM refuses to plan a decision", extra={"fields": fields})
            await self._database.write(partial(self._finish, intent, outcome))
            return outcome
        finally:
            heartbeat.cancel()
            await self._leases.release(intent_id)

    async def _finish(self, intent: Record, outcome: Outcome, transaction: Transaction) -> None:
        """Write down what came of it; if something else is wanted by now, that is due at once."""
        now, mine = self._clock(), {"at_id": intent["id"], "at_holder": self._leases.holder}
        known = {"set_interaction_id": outcome.interaction_id or intent["interaction_id"]}
        ended = {
            "at_revision": intent["revision"],
            "set_state": outcome.state,
            "set_problem": outcome.problem,
            "set_next_attempt_at": _next(intent["attempt_count"], outcome, now=now),
        }
        if await transaction.first(_FINISH, mine | known | ended) is None:
            await transaction.run(_KNOW, mine | known)


async def _first(statement: Statement, values: Record, transaction: Transaction) -> Record | None:
    return await transaction.first(statement, values)


def _next(made: int, outcome: Outcome, *, now: datetime) -> datetime | None:
    """Return when the attempt after the `made` ones is due: after 1, 2, 4, … 300 seconds."""
    if outcome.state != "pending":
        return None
    pause = min(timedelta(seconds=2 ** min(made - 1, 9)), _LONGEST_PAUSE)
    # Spread a little, so that what failed together does not come back together.
    return now + max(pause * random.uniform(1, 1 + _JITTER), outcome.retry_after)
