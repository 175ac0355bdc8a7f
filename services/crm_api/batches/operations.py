"""Runs the items of a batch, each for itself or all or nothing."""

from typing import Any

import orjson

from services.crm_api import features
from services.crm_api.features import Feature
from services.crm_api.records import Written
from services.crm_api.schemas import sent_fields
from services.foundation.calls import Stamp
from services.foundation.database import Transaction, UniqueViolation
from services.foundation.problems import Answer, Conflict, FieldError, Problem

_STATUS = {"created": 201, "updated": 200, "unchanged": 200, "deleted": 204}


async def run_batch(
    transaction: Transaction, feature: Feature, body: Any, *, is_atomic: bool, stamp: Stamp
) -> Answer:
    """Do the items in order; the answer has a result for each.

    Raises
    ------
    Problem
        `is_atomic` and an item failed: the problem names it, and nothing is written.
    """
    results = []
    for index, item in enumerate(body.items):
        try:
            written = await _run(transaction, feature, item, is_atomic=is_atomic, stamp=stamp)
        except Problem as problem:
            if is_atomic:
                problem.errors = tuple(
                    FieldError(_pointer(index, error.pointer), error.code, error.message)
                    for error in problem.errors
                ) or (FieldError(f"/body/items/{index}", problem.code, problem.detail),)
                raise
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


def _pointer(index: int, pointer: str) -> str:
    return f"/body/items/{index}/data{pointer.removeprefix('/body')}"


def _failure(index: int, problem: Problem) -> dict[str, Any]:
    return {
        "index": index,
        "status": problem.status,
        "id": None,
        "version": None,
        "problem": {
            "code": problem.code,
            "detail": problem.detail,
            "errors": [
                error.document() | {"pointer": error.pointer.removeprefix("/body")}
                for error in problem.errors
            ],
            "existing_id": problem.extra.get("existing_id"),
        },
    }
