"""Runs the items of a batch, each for itself or all or nothing."""

from collections.abc import Sequence
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_core import to_json

from services.crm_api import features
from services.crm_api.batches.holding import hold_all
from services.crm_api.batches.schemas import Batch
from services.crm_api.feature import Feature
from services.crm_api.records import Written
from services.crm_api.schemas import sent_fields
from services.foundation.calls import Stamp
from services.foundation.database import Transaction, UniqueViolation
from services.foundation.problems import (
    Answer,
    Conflict,
    FieldError,
    Invalid,
    Problem,
    field_errors,
)

_STATUS = {"created": 201, "updated": 200, "unchanged": 200, "deleted": 204}


class ItemInvalid(Invalid):
    """An item is not of the shape that its action needs."""


class BatchUndone(Invalid):
    code, title = "batch_undone", "An item failed, so nothing of the batch was written."


async def run_batch(
    transaction: Transaction,
    feature: Feature,
    batch: Batch,
    sent: Sequence[Any],
    *,
    is_atomic: bool,
    stamp: Stamp,
) -> Answer:
    """Do the items in order; the answer has a result for each.

    Raises
    ------
    BatchUndone
        `is_atomic` and an item failed: nothing is written. The problem names the item, unless the
        caller does not see what items were compared with.
    """
    scope = feature.resource.pii_scope
    sees_all = not feature.resource.personal or scope in stamp.scopes
    items = [_read(batch, item) for item in sent]
    wrong = [(index, item) for index, item in enumerate(items) if isinstance(item, ItemInvalid)]
    if is_atomic and wrong:
        raise _undone(wrong)
    good = [item for item in items if not isinstance(item, ItemInvalid)]
    await hold_all(transaction, feature, good)
    results = []
    for index, item in enumerate(items):
        try:
            if isinstance(item, ItemInvalid):
                raise item
            written = await _run(transaction, feature, item, is_atomic=is_atomic, stamp=stamp)
        except Problem as problem:
            if is_atomic and not sees_all:
                # Whether it got so far may tell whether the items before hold what is hidden.
                raise BatchUndone(
                    f"Which item failed is told to a key with the scope {scope}."
                ) from None
            if is_atomic:
                raise _undone([(index, problem)]) from None
            results.append(_failure(index, problem))
        else:
            results.append(
                {
                    "index": index,
                    "status": _STATUS[written.action],
                    "id": written.id,
                    "version": written.version,
                    "problem": None,
                }
            )
    return Answer(orjson.dumps({"items": results}), 207)


def _read(batch: Batch, item: Any) -> Any:
    """Return the item in its shape, or the problem with it."""
    action = item.get("action") if isinstance(item, dict) else None
    shape = batch.items.get(action) if isinstance(action, str) else None
    if shape is None:
        message = f"An object with an action is expected: {', '.join(batch.items)}."
        fault = FieldError("/body/action", "unknown_action", message)
        return ItemInvalid(message, errors=[fault])
    try:
        # As JSON, so that an item is read by the rules of a body that comes alone.
        return shape.model_validate_json(to_json(item, inf_nan_mode="constants"))
    except ValidationError as error:
        errors = field_errors("body", error, model=shape)
        return ItemInvalid(
            f"{errors[0].pointer.removeprefix('/body')}: {errors[0].message}", errors=errors
        )


async def _run(
    transaction: Transaction, feature: Feature, item: Any, *, is_atomic: bool, stamp: Stamp
) -> Written:
    if is_atomic:
        return await _write(transaction, feature, item, stamp)
    try:
        return await transaction.savepoint(lambda: _write(transaction, feature, item, stamp))
    except (UniqueViolation, Conflict):
        # Perhaps a concurrent writer took the reference between our look and our write: look again.
        try:
            return await transaction.savepoint(lambda: _write(transaction, feature, item, stamp))
        except UniqueViolation:
            raise Conflict("Another request writes the same external reference.") from None


async def _write(transaction: Transaction, feature: Feature, item: Any, stamp: Stamp) -> Written:
    if item.action == "create":
        return await feature.create(
            transaction, given=item.data.model_dump(), stamp=stamp, personal=False
        )
    if item.action == "update":
        return await feature.change(
            transaction,
            item.id,
            given=sent_fields(item.data),
            version=item.version,
            stamp=stamp,
            personal=False,
        )
    if item.action == "upsert":
        return await features.upsert(
            transaction,
            feature,
            (item.ref.source, item.ref.id),
            item.data,
            mode=item.mode,
            version=None,
            stamp=stamp,
            personal=False,
        )
    return await features.trash(transaction, feature, item.id, version=item.version, stamp=stamp)


def _undone(failed: Sequence[tuple[int, Problem]]) -> BatchUndone:
    errors = [
        FieldError(f"/body/items/{index}{error.pointer}", error.code, error.message)
        for index, problem in failed
        for error in _errors(problem) or [FieldError("", problem.code, problem.detail)]
    ]
    index, first = failed[0]
    existing = {"existing_id": first.extra["existing_id"]} if "existing_id" in first.extra else {}
    detail = f"Item {index} failed: {first.detail} Nothing was written."
    return BatchUndone(detail, errors=errors, extra=existing)


def _errors(problem: Problem) -> list[FieldError]:
    """Return the faults with their place in the item: rules name it as if `data` were the body."""
    within = "" if isinstance(problem, ItemInvalid) else "/data"
    return [
        FieldError(within + error.pointer.removeprefix("/body"), error.code, error.message)
        for error in problem.errors
    ]


def _failure(index: int, problem: Problem) -> dict[str, Any]:
    return {
        "index": index,
        "status": problem.status,
        "id": None,
        "version": None,
        "problem": {
            "code": problem.code,
            "detail": problem.detail,
            "errors": [error.document() for error in _errors(problem)],
            "existing_id": problem.extra.get("existing_id"),
        },
    }
