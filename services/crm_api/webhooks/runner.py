"""Follows the feed for every webhook and delivers what is due; whoever dies is replaced by the next."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

from services.crm_api.changes.operations import Position, last_position, read_on
from services.crm_api.filters import Question
from services.crm_api.webhooks import asking, deliveries, operations, schedule
from services.crm_api.webhooks.sending import Outcome, Sender
from services.crm_api.webhooks.table import webhooks
from services.foundation.database import Database, Transaction
from services.foundation.leases import Leases
from services.foundation.problems import Problem, Unavailable
from services.foundation.statements import Record
from shared.values import wire_instant

log = logging.getLogger("phasewise")
AT_ONCE = 4
"""Attempts at a time to one target that is well; one that fails gets one."""
_IDLE_POLLS = 2
_GONE = 410


class WebhookRunner:
    """One task per process that looks for work, and one per webhook that has some.

    A webhook belongs to one process at a time (a lease), so its target sees at most `AT_ONCE`
    requests and those about one record one after the other. No webhook waits for another: there are
    `operations.MOST` of them at most, so all together have a bound as well.
    """

    def __init__(
        self,
        database: Database,
        *,
        folder: Path,
        clock: Callable[[], datetime],
        sender: Sender,
        poll_seconds: float,
    ) -> None:
        self.sender = sender
        self._database, self._clock, self._poll_seconds = database, clock, poll_seconds
        self._leases = Leases(database, webhooks, folder=folder, clock=clock)
        self._serving: dict[str, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look for work."""
        self._leases.open()
        self._task = asyncio.create_task(self._watch(), name="webhooks")

    async def stop(self) -> None:
        """Break off; attempts that are broken off are made again, by whoever goes on."""
        running = [*self._serving.values(), *([self._task] if self._task is not None else [])]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._task = None
        await self._leases.close()
        await self.sender.close()

    async def _watch(self) -> None:
        while True:
            pause = self._poll_seconds
            try:
                if not await self._look():
                    pause *= _IDLE_POLLS
            except Unavailable:
                pause = max(pause, 1.0)
            except Exception:
                log.exception("looking for webhooks to serve failed")
                pause = max(pause, 1.0)
            await asyncio.sleep(pause)

    async def _look(self) -> bool:
        """Start to serve every webhook that has work and nobody; says whether any is active."""
        now = self._clock()
        active = await self._database.all(deliveries.ACTIVE, {"now": now})
        head = _number(await last_position(self._database)) if active else (0, 0)
        for row in active:
            if row["id"] in self._serving or _is_resting(row, now=now):
                continue
            has_work = row["has_due"] or _number(deliveries.position_of(row)) < head
            if has_work and (self._leases.is_mine(row) or self._leases.is_free(row)):
                self._serving[row["id"]] = asyncio.create_task(self._serve(row))
        return bool(active)

    async def _serve(self, seen: Record) -> None:
        webhook_id = seen["id"]
        try:
            if not await self._leases.take(seen):
                return
            heartbeat = asyncio.create_task(self._leases.keep(webhook_id))
            try:
                await Service(
                    self._database, webhook_id, self._leases.holder, self.sender, self._clock
                ).until_idle(look_again_seconds=self._poll_seconds)
            finally:
                heartbeat.cancel()
                await self._leases.release(webhook_id)
        except Unavailable:
            pass  # the next look finds it again
        except Exception:
            log.exception("serving a webhook failed", extra={"fields": {"webhook_id": webhook_id}})
            await asyncio.sleep(self._poll_seconds)
        finally:
            self._serving.pop(webhook_id, None)


class Service:
    """Serves one webhook for as long as there is something to deliver now."""

    def __init__(
        self,
        database: Database,
        webhook_id: str,
        holder: str,
        sender: Sender,
        clock: Callable[[], datetime],
    ) -> None:
        self._database, self._id, self._holder = database, webhook_id, holder
        self._sender, self._clock = sender, clock
        self._waiting: list[Record] = []
        self._flying: dict[asyncio.Task[None], Record] = {}

    async def until_idle(self, *, look_again_seconds: float) -> None:
        """Deliver until nothing is due, the target rests, or the webhook is somebody else's."""
        try:
            while True:
                webhook = await deliveries.held(self._database, self._id, self._holder)
                if webhook is not None and not _is_resting(webhook, now=self._clock()):
                    await self._fill(webhook)
                    self._launch(webhook)
                if not self._flying:
                    return
                await self._land(look_again_seconds)
        finally:
            for task in self._flying:
                task.cancel()
            await asyncio.gather(*self._flying, return_exceptions=True)

    async def _fill(self, webhook: Record) -> None:
        """Read what is due; the feed is asked only when less than a page is."""
        now = self._clock()
        asked = None if self._waiting else await self._asked(webhook, now=now)
        while asked is not None and not self._waiting:
            now = self._clock()
            due = await deliveries.due(self._database, self._id, now=now)
            if len(due) == deliveries.PAGE or not await self._take_more(webhook, asked, now=now):
                flying = {row["id"] for row in self._flying.values()}
                self._waiting = [row for row in due if row["id"] not in flying]
                return

    async def _asked(self, webhook: Record, *, now: datetime) -> dict[str, Question] | None:
        """Read what the filters ask; None if the webhook had to be paused, and nothing may be sent."""
        try:
            return await asking.questions_now(self._database, webhook, now=now)
        except Unavailable:
            raise
        except asking.ScopeNotHeld:
            reason = "key_revoked"
        except Problem:
            reason = "filter_invalid"
        await self._database.write(
            partial(operations.pause, webhook_id=self._id, reason=reason, now=now)
        )
        return None

    async def _take_more(
        self, webhook: Record, asked: Mapping[str, Question], *, now: datetime
    ) -> bool:
        """Turn the next stretch of the feed into deliveries; says whether to look again."""
        position = deliveries.position_of(webhook)
        changes, further = await read_on(self._database, position, limit=deliveries.PAGE)
        if not changes:
            return False
        oldest = now - deliveries.KEPT
        told = [
            row
            for row in changes
            if row["occurred_at"] >= oldest and deliveries.wants(webhook, row)
        ]
        told = await deliveries.fitting(self._database, asked, told)
        is_taken = await self._database.write(
            partial(deliveries.take, webhook=webhook, changes=told, position=further, now=now)
        )
        webhook["position_transaction"], webhook["position_seq"] = further
        return is_taken

    def _launch(self, webhook: Record) -> None:
        """Begin attempts, of one record one at a time, as many as the target is trusted with."""
        width = 1 if webhook["failure_count"] else AT_ONCE
        busy = {row["subject"] for row in self._flying.values()}
        for row in list(self._waiting):
            if len(self._flying) >= width:
                return
            if row["subject"] not in busy:
                busy.add(row["subject"])
                self._waiting.remove(row)
                self._flying[asyncio.create_task(self._attempt(webhook, row))] = row

    async def _land(self, seconds: float) -> None:
        done, _ = await asyncio.wait(
            self._flying, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            del self._flying[task]
            task.result()

    async def _attempt(self, webhook: Record, row: Record) -> None:
        now = self._clock()
        outcome = await self._sender.send(
            webhook["url"],
            message_id=row["id"],
            body=row["body"],
            secrets=operations.signing_secrets(webhook, now=now),
            now=now,
        )
        await self._database.write(
            partial(_write_down, webhook=webhook, row=row, outcome=outcome, now=self._clock())
        )


async def _write_down(
    transaction: Transaction, *, webhook: Record, row: Record, outcome: Outcome, now: datetime
) -> None:
    """Keep what came of an attempt, of the delivery and of the webhook."""
    # The webhook first, as whoever changes it does, so that two cannot wait for each other.
    if outcome.error is None:
        if webhook["failure_count"]:
            await deliveries.note_success(transaction, webhook["id"])
    else:
        await _note_failure(transaction, webhook, outcome, now=now)
    following = schedule.next_attempt_at(row["attempt_count"] + 1, outcome, now=now)
    await deliveries.settle(
        transaction, row, attempt_document(outcome), next_attempt_at=following, now=now
    )


async def _note_failure(
    transaction: Transaction, webhook: Record, outcome: Outcome, *, now: datetime
) -> None:
    failures = webhook["failure_count"] + 1
    rest = schedule.resting_until(failures, outcome, now=now)
    await deliveries.note_failure(transaction, webhook["id"], resting_until=rest, now=now)
    if outcome.status_code == _GONE:
        await operations.pause(transaction, webhook["id"], "gone", now=now)
    elif schedule.is_hopeless(failures, webhook["failing_since"], now=now):
        await operations.pause(transaction, webhook["id"], "failing", now=now)


def attempt_document(outcome: Outcome) -> Record:
    """Return what is kept and shown of an attempt."""
    return {
        "at": wire_instant(outcome.at),
        "status_code": outcome.status_code,
        "duration_ms": outcome.duration_ms,
        "error": outcome.error,
    }


def _is_resting(row: Record, *, now: datetime) -> bool:
    return row["resting_until"] is not None and row["resting_until"] > now


def _number(position: Position) -> tuple[int, int]:
    return int(position[0]), position[1]
