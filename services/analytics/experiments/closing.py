"""Closes experiments whose windows have closed: reads what became of people, judges once, learns once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import bindparam, func, insert, select, update

from services.analytics.calculations.feedback.arms import arm_numbers
from services.analytics.calculations.feedback.evaluation import Evaluation, evaluate
from services.analytics.calculations.feedback.learning import Belief, faded, learn
from services.analytics.calculations.feedback.parameters import FeedbackParameters
from services.analytics.decisions.table import decisions
from services.analytics.experiments.assigning import span_days
from services.analytics.experiments.loading import open_experiments, write_model
from services.analytics.experiments.operations import note, save
from services.analytics.experiments.results import result_document
from services.analytics.experiments.table import (
    experiment_assignments,
    experiments,
    learned_effects,
)
from services.analytics.frames.outcomes import read_outcomes
from services.analytics.mirror.snapshot import Snapshot
from services.analytics.mirror.touched import whole_units
from services.foundation.database import Database, Transaction
from services.foundation.statements import Record, Statement
from shared.money import from_minor

_CHUNK = 50_000
_NOBODY: Mapping[str, str | None] = dict.fromkeys(("key_id", "key_name", "request_id"))
_c, _a, _e = experiments.c, experiment_assignments.c, learned_effects.c
_PEOPLE = Statement(
    select(experiment_assignments)
    .where(_a.experiment_id == bindparam("experiment_id"))
    .order_by(_a.unit_id)
)
_d = decisions.c
_RECORDED = Statement(
    select(_d.unit_id, func.sum(_d.cost_minor).label("cost_minor"))
    .join(experiment_assignments, _a.unit_id == _d.unit_id)
    .where(
        _a.experiment_id == bindparam("experiment_id"),
        _d.instrument_id == bindparam("instrument_id"),
        _d.status == "executed",
        _d.cost_currency == bindparam("currency"),
        _d.executed_at >= _a.assigned_at,
    )
    .group_by(_d.unit_id)
)
_LOCK = Statement(select(experiments).where(_c.id == bindparam("id")).with_for_update())
_SET_OUTCOME = Statement(
    update(experiment_assignments)
    .where(
        _a.experiment_id == bindparam("at_experiment_id", type_=_a.experiment_id.type),
        _a.unit_id == bindparam("at_unit_id", type_=_a.unit_id.type),
    )
    .values(
        has_succeeded=bindparam("new_has_succeeded", type_=_a.has_succeeded.type),
        contribution=bindparam("new_contribution", type_=_a.contribution.type),
    )
)
_this_effect = (
    _e.instrument_id == bindparam("at_instrument_id"),
    _e.phase == bindparam("at_phase"),
)
_EFFECT = Statement(select(learned_effects).where(*_this_effect).with_for_update())
_ADD_EFFECT = Statement(insert(learned_effects))
_SET_EFFECT = Statement(
    update(learned_effects)
    .where(*_this_effect)
    .values(
        {
            column.name: bindparam(f"set_{column.name}", type_=column.type)
            for column in learned_effects.columns
            if not column.primary_key
        }
    )
)


@dataclass(frozen=True, slots=True)
class Ground:
    """What outcomes are read from and how amounts are understood."""

    snapshot: Snapshot
    as_of: date
    as_of_day: int
    time_zone: ZoneInfo
    base_currency: str
    default_margin: float


async def close_due(
    database: Database, ground: Ground, *, now: datetime, parameters: FeedbackParameters
) -> int:
    """Close what takes nobody in any more and waits for no outcome; tell how many that were.

    Raises
    ------
    MirrorCorrupt
        The mirror is damaged.
    """
    count = 0
    for experiment in await open_experiments(database):
        _, end = span_days(experiment, ground.time_zone)
        takes_in = experiment["status"] == "running" and ground.as_of_day < end
        waits = ground.as_of_day < max(
            experiment["windows_close_day"] or 0,
            experiment["looked_at_day"] or 0,
            experiment["started_day"] or 0,
        )
        if not (takes_in or waits):
            await _close(database, experiment, ground, now=now, parameters=parameters)
            count += 1
    return count


async def _close(
    database: Database,
    experiment: Record,
    ground: Ground,
    *,
    now: datetime,
    parameters: FeedbackParameters,
) -> None:
    people = await database.all(_PEOPLE, {"experiment_id": experiment["id"]})
    recorded = await _recorded_costs(database, experiment, ground.base_currency)
    outcomes = _outcomes(people, ground)
    outcomes["contact_cost"] = outcomes["contact_cost"].fillna(experiment["contact_cost"])
    outcomes["recorded_cost"] = outcomes.index.map(recorded).astype(np.float64)
    await _store_outcomes(database, experiment["id"], outcomes)
    seed = int(arm_numbers(experiment["key"], ["draws"])[0] * 2**32)
    evaluation = evaluate(
        outcomes,
        incentive=experiment["incentive_cost"],
        seed=seed,
        parameters=parameters,
    )
    result = result_document(evaluation, outcomes, assigned_count=len(people))

    async def close(transaction: Transaction) -> None:
        row = await transaction.first(_LOCK, {"id": experiment["id"]})
        if row is None or row["status"] == "closed":
            return
        after = {**row, "status": "closed", "closed_at": now, "updated_at": now}
        after |= {
            "version": row["version"] + 1,
            "result": {**result, "currency": ground.base_currency},
        }
        after |= {"needs_review": evaluation.is_harmful}
        await save(transaction, after)
        await note(transaction, row["id"], "closed", ["result", "status"], now=now, by=_NOBODY)
        await _learn(transaction, row, evaluation, ground, now=now, parameters=parameters)

    await database.write(close)


async def _recorded_costs(
    database: Database, experiment: Record, currency: str
) -> dict[str, float]:
    """Return what people said that the step had cost, by customer; only amounts in base currency."""
    asked = {
        "experiment_id": experiment["id"],
        "instrument_id": experiment["instrument_id"],
        "currency": currency,
    }
    rows = await database.all(_RECORDED, asked)
    return {row["unit_id"]: float(from_minor(int(row["cost_minor"]), currency)) for row in rows}


def _outcomes(people: Sequence[Record], ground: Ground) -> pd.DataFrame:
    """Return those who are still customers, with what they did; whole units at a time."""
    names = [column.name for column in experiment_assignments.columns]
    frame = pd.DataFrame(people, columns=names).set_index("unit_id")
    frame = frame.drop(columns=["has_succeeded", "contribution"])
    found = []
    for start in range(0, len(frame), _CHUNK):
        some = frame.iloc[start : start + _CHUNK]
        ids = whole_units(pa.array(some.index.tolist(), pa.string()), ground.snapshot)
        outcome = read_outcomes(
            ground.snapshot.restricted_to(ids.to_pylist()),
            some[["assigned_day", "window_days", "is_under_contract"]],
            as_of=ground.as_of,
            time_zone=ground.time_zone,
            base_currency=ground.base_currency,
            default_margin=ground.default_margin,
        )
        found.append(some.join(outcome, how="inner"))
    if found:
        return pd.concat(found)
    return frame.assign(has_succeeded=np.zeros(0, np.bool_), contribution=np.zeros(0))


async def _store_outcomes(database: Database, experiment_id: str, outcomes: pd.DataFrame) -> None:
    columns = (outcomes.index, outcomes["has_succeeded"], outcomes["contribution"])
    rows = [
        {
            "at_experiment_id": experiment_id,
            "at_unit_id": unit_id,
            "new_has_succeeded": bool(has_succeeded),
            "new_contribution": float(contribution),
        }
        for unit_id, has_succeeded, contribution in zip(*columns, strict=True)
    ]
    for start in range(0, len(rows), _CHUNK):
        some = rows[start : start + _CHUNK]
        await database.write(lambda transaction, r=some: transaction.run_many(_SET_OUTCOME, r))  # type: ignore[misc]


async def _learn(
    transaction: Transaction,
    experiment: Record,
    evaluation: Evaluation,
    ground: Ground,
    *,
    now: datetime,
    parameters: FeedbackParameters,
) -> None:
    """Update what is believed of the instrument in the phase; nobody in an arm teaches nothing."""
    counts = evaluation.rows[0].counts
    if not counts.n1 or not counts.n0:
        return
    where = {"at_instrument_id": experiment["instrument_id"], "at_phase": experiment["phase"]}
    known = await transaction.first(_EFFECT, where)
    belief = Belief(experiment["prior_mean"], experiment["prior_sd"])
    if known is not None:
        days = ground.as_of_day - known["learned_day"]
        belief = faded(Belief(known["mean"], known["sd"]), days=days, parameters=parameters)
    lesson = learn(belief, counts)
    values: dict[str, Any] = {
        "mean": lesson.after.mean,
        "sd": lesson.after.sd,
        "data_weight": lesson.data_weight,
        "learned_day": ground.as_of_day,
        "learned_at": now,
        "experiment_ids": [*(known["experiment_ids"] if known else ()), experiment["id"]],
        "response_model": write_model(evaluation.responders.model),
    }
    if known is None:
        names = {"instrument_id": experiment["instrument_id"], "phase": experiment["phase"]}
        await transaction.run(_ADD_EFFECT, names | values)
    else:
        sets = {f"set_{name}": value for name, value in values.items()}
        await transaction.run(_SET_EFFECT, where | sets)
