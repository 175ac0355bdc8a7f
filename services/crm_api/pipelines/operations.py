"""The rules of pipelines, and what deals ask of them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select

from services.crm_api.deals.table import deals
from services.crm_api.pipelines.table import DEFAULT, pipelines
from services.foundation.calls import Stamp
from services.foundation.database import Reader, Transaction
from services.foundation.problems import Conflict, FieldError, Invalid, invalid
from services.foundation.statements import Record, Statement

Stages = dict[str, dict[str, Any]]
_STAGES = Statement(
    select(pipelines.c.name, pipelines.c.stages).where(
        pipelines.c.key == bindparam("key"), pipelines.c.deleted_at.is_(None)
    )
)
_HELD = Statement(
    select(deals.c.id)
    .where(
        deals.c.pipeline_id == bindparam("key"),
        deals.c.stage == bindparam("stage"),
        deals.c.deleted_at.is_(None),
    )
    .limit(1)
)


_USED = Statement(
    select(deals.c.id)
    .where(deals.c.pipeline_id == bindparam("key"), deals.c.deleted_at.is_(None))
    .limit(1)
)


class PipelineMissing(Invalid):
    code, title = "pipeline_missing", "There is no such pipeline."


class StagesInvalid(Invalid):
    code, title = "stages_invalid", "The stages of a pipeline do not fit together."


class StageHeld(Conflict):
    code, title = "stage_held", "A stage that holds deals cannot be left out or change its kind."


class PipelineUsed(Conflict):
    code, title = "pipeline_used", "A pipeline that holds deals cannot be thrown away."


async def read_pipeline(reader: Reader, key: str) -> Record:
    """Return the name and the stages of a pipeline.

    Raises
    ------
    Invalid
        There is no live pipeline with this key.
    """
    row = await reader.first(_STAGES, {"key": key})
    if row is None:
        raise invalid("/query/pipeline_id", "unknown", f"There is no pipeline {key}.")
    return row


async def stages_of(reader: Reader, key: str) -> Stages:
    """Return the stages of a pipeline by key, in order.

    Raises
    ------
    PipelineMissing
        There is no live pipeline with this key.
    """
    row = await reader.first(_STAGES, {"key": key})
    if row is None:
        message = f"There is no pipeline {key}."
        raise PipelineMissing(message, errors=[FieldError("/body/pipeline_id", "unknown", message)])
    return {stage["key"]: stage for stage in row["stages"]}


async def check_pipeline(
    transaction: Transaction,
    after: Record,
    values: Record,
    /,
    *,
    stamp: Stamp,  # noqa: ARG001
) -> None:
    """Refuse stages that no deal could go through, and changes that deals stand in the way of.

    Raises
    ------
    StagesInvalid, StageHeld
        A rule is broken.
    """
    keys = [stage["key"] for stage in after["stages"]]
    kinds = {stage["kind"] for stage in after["stages"]}
    if len(set(keys)) < len(keys):
        raise _invalid("/body/stages", "Each stage has a key of its own.")
    if kinds != {"open", "won", "lost"}:
        raise _invalid("/body/stages", "A pipeline has open stages, won and lost ones.")
    for number, stage in enumerate(after["stages"]):
        unknown = [key for key in stage["next"] if key not in keys]
        if unknown:
            raise _invalid(f"/body/stages/{number}/next", f"There is no stage {unknown[0]}.")
    before = await transaction.first(_STAGES, {"key": values.get("key") or after["key"]})
    if before is not None and "stages" in values:
        await _check_held(transaction, after, before["stages"])


async def check_unused(transaction: Transaction, current: Record, /, *, stamp: Stamp) -> None:  # noqa: ARG001
    """Refuse to throw away the default pipeline and any that holds deals.

    Raises
    ------
    PipelineUsed
        It is one of these.
    """
    if current["key"] == DEFAULT:
        raise PipelineUsed("Deals that name no pipeline go into this one.")
    held = await transaction.first(_USED, {"key": current["key"]})
    if held is not None:
        raise PipelineUsed(extra={"existing_id": held["id"]})


async def _check_held(
    transaction: Transaction, after: Record, before: list[Mapping[str, Any]]
) -> None:
    kinds = {stage["key"]: stage["kind"] for stage in after["stages"]}
    for stage in before:
        if kinds.get(stage["key"]) == stage["kind"]:
            continue
        held = await transaction.first(_HELD, {"key": after["key"], "stage": stage["key"]})
        if held is not None:
            raise StageHeld(
                f"The stage {stage['key']} holds deals, for instance {held['id']}.",
                extra={"existing_id": held["id"]},
            )


def _invalid(pointer: str, message: str) -> StagesInvalid:
    return StagesInvalid(message, errors=[FieldError(pointer, "stages_invalid", message)])
