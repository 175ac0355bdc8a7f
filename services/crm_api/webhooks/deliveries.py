"""The log of deliveries: from the feed into it, out of it when they are due, and what came of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    exists,
    func,
    insert,
    null,
    or_,
    select,
    update,
)

from services.crm_api.changes.operations import Position, event, event_type
from services.crm_api.filters import Question
from services.crm_api.records import new_id
from services.crm_api.webhooks.schemas import MOST_REDELIVERED
from services.crm_api.webhooks.table import deliveries, webhooks
from services.foundation.columns import Instant, Texts
from services.foundation.constructs import any_of
from services.foundation.database import Reader, Transaction
from services.foundation.problems import Conflict, NotFound
from services.foundation.statements import Record, Statement
from shared.values import wire_instant

KEPT = timedelta(days=30)
PAGE = 200
MOST_ATTEMPTS_SHOWN = 20
_c = deliveries.c
_one = (_c.id == bindparam("at_id"), _c.webhook_id == bindparam("at_webhook"))
_DUE = Statement(
    select(deliveries)
    .where(_c.webhook_id == bindparam("webhook_id"), _c.next_attempt_at <= bindparam("now"))
    # What was never tried goes first, so that what a target will never take stops nothing else.
    .order_by(_c.attempt_count, _c.id)
    .limit(PAGE)
)
ACTIVE = Statement(
    select(
        webhooks,
        exists()
        .where(
            _c.webhook_id == webhooks.c.id, _c.next_attempt_at <= bindparam("now", type_=Instant)
        )
        .label("has_due"),
    ).where(webhooks.c.is_active, webhooks.c.deleted_at.is_(None))
)
_HELD = Statement(
    select(webhooks).where(
        webhooks.c.id == bindparam("id"),
        webhooks.c.lease_holder == bindparam("holder"),
        webhooks.c.is_active,
        webhooks.c.deleted_at.is_(None),
    )
)
_ADD = Statement(insert(deliveries))
_ADVANCE = Statement(
    update(webhooks)
    .where(
        webhooks.c.id == bindparam("at_id"),
        webhooks.c.lease_holder == bindparam("at_holder"),
        webhooks.c.is_active,
        webhooks.c.position_transaction == bindparam("at_transaction"),
        webhooks.c.position_seq == bindparam("at_seq"),
    )
    .values(position_transaction=bindparam("set_transaction"), position_seq=bindparam("set_seq"))
    .returning(webhooks.c.id)
)
_SETTLE = Statement(
    update(deliveries)
    .where(_c.id == bindparam("at_id"))
    .values(
        {
            name: bindparam(f"set_{name}", type_=_c[name].type)
            for name in ("status", "attempt_count", "attempts", "next_attempt_at", "finished_at")
        }
    )
)
_AGAIN = {
    "status": "pending",
    "attempt_count": 0,
    "next_attempt_at": bindparam("now", type_=Instant),
    "finished_at": null(),
}
_REDELIVER = Statement(update(deliveries).where(*_one).values(_AGAIN).returning(deliveries))
_REDELIVER_FAILED = Statement(
    update(deliveries)
    .where(
        _c.id.in_(
            select(_c.id)
            .where(
                _c.webhook_id == bindparam("at_webhook"),
                _c.created_at >= bindparam("since", type_=Instant),
                or_(_c.status == "failed", and_(_c.status == "pending", _c.attempt_count > 0)),
            )
            .order_by(_c.created_at, _c.id)
            .limit(bindparam("most"))
        )
    )
    .values(_AGAIN)
    .returning(_c.id)
)
_HASTEN = Statement(
    update(deliveries)
    .where(_c.webhook_id == bindparam("at_webhook"), _c.next_attempt_at.is_not(None))
    .values(next_attempt_at=bindparam("now", type_=Instant))
)
_FAILED = Statement(
    update(webhooks)
    .where(webhooks.c.id == bindparam("at_id"))
    .values(
        failure_count=webhooks.c.failure_count + 1,
        failing_since=func.coalesce(webhooks.c.failing_since, bindparam("now", type_=Instant)),
        resting_until=bindparam("set_resting", type_=Instant),
    )
)
_WELL = Statement(
    update(webhooks)
    .where(webhooks.c.id == bindparam("at_id"), webhooks.c.failure_count > 0)
    .values(failure_count=0, failing_since=null(), resting_until=null())
)


class WebhookPaused(Conflict):
    code, title = "webhook_paused", "The webhook is paused; set is_active to true first."


def document(row: Record) -> dict[str, Any]:
    """Return what is shown of a delivery."""
    instants = ("next_attempt_at", "created_at", "finished_at")
    return {
        **{name: value for name, value in row.items() if name not in ("body", *instants)},
        **{name: None if row[name] is None else wire_instant(row[name]) for name in instants},
    }


async def held(reader: Reader, webhook_id: str, holder: str) -> Record | None:
    """Return an active webhook whose lease is still the holder's."""
    return await reader.first(_HELD, {"id": webhook_id, "holder": holder})


async def due(reader: Reader, webhook_id: str, *, now: datetime) -> list[Record]:
    """Return deliveries whose next attempt is due, a page at most."""
    return await reader.all(_DUE, {"webhook_id": webhook_id, "now": now})


def position_of(webhook: Record) -> Position:
    """Return up to where a webhook's feed was taken."""
    return webhook["position_transaction"], webhook["position_seq"]


def wants(webhook: Record, change: Record) -> bool:
    """Say whether a webhook is to tell of a change, its filters left aside."""
    kind = event_type(change)
    if not {kind, f"crm.{change['resource']}.*"} & set(webhook["event_types"]):
        return False
    if webhook["skip_own"] and change["key_id"] == webhook["key_id"]:
        return False
    if change["key_id"] in webhook["skip_keys"]:
        return False
    looked_at = webhook["changed"] if change["action"] == "updated" else []
    return not looked_at or not set(looked_at).isdisjoint(change["changed"])


async def fitting(
    reader: Reader, asked: Mapping[str, Question], changes: Sequence[Record]
) -> list[Record]:
    """Return the changes of records that fit the filters; one statement for each resource."""
    fit: set[str] = set()
    for name, question in asked.items():
        ids = {row["record_id"] for row in changes if row["resource"] == name}
        if ids:
            values = {**question.values, "of_these": sorted(ids)}
            fit |= {str(row[0]) for row in await reader.texts(_fitting(question), values)}
    return [
        row
        for row in changes
        if row["resource"] not in asked or row["action"] == "erased" or row["record_id"] in fit
    ]


@cache
def _fitting(question: Question) -> Statement:
    conditions: list[ColumnElement[bool]] = question.conditions()
    id = question.resource.table.c.id
    these = any_of(id, bindparam("of_these", type_=Texts))
    return Statement(select(id).where(these, *conditions))


async def take(
    transaction: Transaction,
    webhook: Record,
    changes: Sequence[Record],
    position: Position,
    *,
    now: datetime,
) -> bool:
    """Put changes into the log and go on to a position, at once; False if somebody else did."""
    values = {
        "at_id": webhook["id"],
        "at_holder": webhook["lease_holder"],
        "at_transaction": webhook["position_transaction"],
        "at_seq": webhook["position_seq"],
        "set_transaction": position[0],
        "set_seq": position[1],
    }
    if await transaction.first(_ADVANCE, values) is None:
        return False
    if changes:
        await transaction.run_many(_ADD, [_new(webhook, row, now) for row in changes])
    return True


def _new(webhook: Record, change: Record, now: datetime) -> Record:
    told = event(change)
    return {
        "id": new_id(),
        "webhook_id": webhook["id"],
        "event_id": told["id"],
        "event_type": told["type"],
        "subject": told["subject"],
        "body": orjson.dumps(told).decode(),
        "status": "pending",
        "attempt_count": 0,
        "attempts": [],
        "next_attempt_at": now,
        "created_at": now,
        "finished_at": None,
    }


async def settle(
    transaction: Transaction,
    row: Record,
    attempt: Mapping[str, Any],
    *,
    next_attempt_at: datetime | None,
    now: datetime,
) -> None:
    """Write down an attempt; without a next one the delivery has ended."""
    has_ended = next_attempt_at is None
    status = "failed" if attempt["error"] else "delivered"
    values = {
        "status": status if has_ended else "pending",
        "attempt_count": row["attempt_count"] + 1,
        "attempts": [*row["attempts"], attempt][-MOST_ATTEMPTS_SHOWN:],
        "next_attempt_at": next_attempt_at,
        "finished_at": now if has_ended else None,
    }
    await transaction.run(
        _SETTLE, {"at_id": row["id"], **{f"set_{name}": value for name, value in values.items()}}
    )


async def note_failure(
    transaction: Transaction, webhook_id: str, *, resting_until: datetime, now: datetime
) -> None:
    """Let a webhook rest; nothing is sent to it until then."""
    await transaction.run(_FAILED, {"at_id": webhook_id, "set_resting": resting_until, "now": now})


async def note_success(transaction: Transaction, webhook_id: str) -> None:
    """Forget the failures of a webhook."""
    await transaction.run(_WELL, {"at_id": webhook_id})


def require_active(webhook: Record) -> None:
    """Refuse to send again what would only wait.

    Raises
    ------
    WebhookPaused
        The webhook is paused.
    """
    if not webhook["is_active"]:
        raise WebhookPaused()


async def redeliver(
    transaction: Transaction, webhook: Record, delivery_id: str, *, now: datetime
) -> Record:
    """Send one delivery again, whatever came of it.

    Raises
    ------
    WebhookPaused, NotFound
        The webhook is paused; it has no such delivery.
    """
    require_active(webhook)
    values = {"at_id": delivery_id, "at_webhook": webhook["id"], "now": now}
    row = await transaction.first(_REDELIVER, values)
    if row is None:
        raise NotFound("There is no such delivery.")
    return row


async def redeliver_failed(
    transaction: Transaction, webhook: Record, *, since: datetime, now: datetime
) -> tuple[int, bool]:
    """Send again what failed or waits after a failure; returns how many, and whether there may be more.

    Raises
    ------
    WebhookPaused
        The webhook is paused.
    """
    require_active(webhook)
    values = {"at_webhook": webhook["id"], "since": since, "now": now, "most": MOST_REDELIVERED}
    count = len(await transaction.texts(_REDELIVER_FAILED, values))
    return count, count == MOST_REDELIVERED


async def hasten(transaction: Transaction, webhook_id: str, *, now: datetime) -> None:
    """Make everything due that waits: the target is thought to be well again."""
    await transaction.run(_HASTEN, {"at_webhook": webhook_id, "now": now})
