"""What recommendations need to know of experiments, read before anything is computed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sqlalchemy import or_, select

from services.analytics.calculations.feedback.known import Feedback, Holdout
from services.analytics.calculations.feedback.responders import ResponseModel
from services.analytics.experiments.table import experiments, learned_effects
from services.foundation.database import Reader
from services.foundation.statements import Record, Statement

_c = experiments.c
OPEN = or_(_c.status == "running", _c.status == "stopped")
_OPEN = Statement(select(experiments).where(OPEN).order_by(_c.id))
_HARMFUL = Statement(select(_c.strategy_id, _c.instrument_id).where(_c.needs_review.is_(True)))
_EFFECTS = Statement(
    select(learned_effects).order_by(learned_effects.c.instrument_id, learned_effects.c.phase)
)


async def open_experiments(reader: Reader) -> list[Record]:
    """Return the experiments that take people in or wait for outcomes."""
    return await reader.all(_OPEN)


async def learned(reader: Reader) -> list[Record]:
    """Return what results have taught."""
    return await reader.all(_EFFECTS)


async def load_holdouts(reader: Reader) -> list[Holdout]:
    """Return the experiments that are not closed; their control groups are left alone until then."""
    return [
        Holdout(
            row["id"],
            row["key"],
            row["phase"],
            row["strategy_id"],
            row["instrument_id"],
            row["channel_id"],
            row["holdout_share"],
            tuple(row["tiers"]),
        )
        for row in await open_experiments(reader)
    ]


async def load_feedback(reader: Reader) -> Feedback:
    """Return all that experiments change about recommendations."""
    rows = await learned(reader)
    harmful = await reader.all(_HARMFUL)
    return Feedback(
        {(row["instrument_id"], row["phase"]): (row["mean"], row["sd"]) for row in rows},
        {
            (row["instrument_id"], row["phase"]): read_model(row["response_model"])
            for row in rows
            if row["response_model"] is not None
        },
        frozenset((row["strategy_id"], row["instrument_id"]) for row in harmful),
        tuple(await load_holdouts(reader)),
    )


def write_model(model: ResponseModel | None) -> dict[str, Any] | None:
    """Write a response model down."""
    if model is None:
        return None
    names = ("mean", "spread", "treated", "control")
    return {name: getattr(model, name).tolist() for name in names}


def read_model(document: Mapping[str, Any]) -> ResponseModel:
    """Read a response model back."""
    return ResponseModel(**{name: np.array(values) for name, values in document.items()})
