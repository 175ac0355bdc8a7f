"""Assigns customers to the arms of experiments once the step is open to them; forgets the erased."""

import logging
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from sqlalchemy import bindparam, case, delete, func, select, update

from services.analytics.calculations.feedback.arms import arm_numbers, is_control, window_days
from services.analytics.calculations.feedback.known import Feedback
from services.analytics.calculations.feedback.parameters import FEATURES, FeedbackParameters
from services.analytics.calculations.purchases import Booleans, Floats, float_column
from services.analytics.calculations.recommendations.candidates import STEPS, StrategyOptions
from services.analytics.calculations.recommendations.trials import may_take_in
from services.analytics.experiments.loading import open_experiments
from services.analytics.experiments.table import (
    experiment_assignments,
    experiments,
)
from services.analytics.frames.clock import day_number
from services.foundation.constructs import is_among
from services.foundation.database import Database, Transaction
from services.foundation.statements import Record, Statement

log = logging.getLogger("phasewise")
_CHUNK = 10_000
_ALWAYS = (-(10**6), 10**6)
_c, _a = experiments.c, experiment_assignments.c
_of_experiment = _a.experiment_id == bindparam("experiment_id")
_KNOWN = Statement(select(_a.unit_id).where(_of_experiment))
_KNOWN_AMONG = Statement(select(_a.unit_id).where(_of_experiment, is_among(_a.unit_id)))
_by = {name: bindparam(name, type_=_c.treated_count.type) for name in ("treated", "control")}
_close_day = bindparam("close_day", type_=_c.windows_close_day.type)
_COUNT = Statement(
    update(experiments)
    .where(_c.id == bindparam("at_id", type_=_c.id.type))
    .values(
        treated_count=_c.treated_count + _by["treated"],
        control_count=_c.control_count + _by["control"],
        windows_close_day=case(
            (func.coalesce(_c.windows_close_day, _close_day) > _close_day, _c.windows_close_day),
            else_=_close_day,
        ),
    )
)
_LOOKED = Statement(
    update(experiments)
    .where(_c.id == bindparam("at_id", type_=_c.id.type))
    .values(
        looked_at_version=bindparam("new_version"),
        looked_at_day=bindparam("new_day"),
        currency=bindparam("new_currency"),
        concerned_count=bindparam("new_concerned"),
        open_count=bindparam("new_open"),
    )
)
_FORGET = Statement(
    delete(experiment_assignments)
    .where(is_among(_a.unit_id))
    .returning(_a.experiment_id, _a.is_treated)
)
_UNCOUNT = Statement(
    update(experiments)
    .where(_c.id == bindparam("at_id", type_=_c.id.type))
    .values(
        treated_count=_c.treated_count - _by["treated"],
        control_count=_c.control_count - _by["control"],
    )
)


@dataclass(frozen=True, slots=True)
class Today:
    """The day that is computed, and the version that it will be shown as.

    `version` is the number that the published version will have. `touched` are the customers that can
    differ from the version before it; None if anybody can.
    """

    as_of_day: int
    time_zone: ZoneInfo
    currency: str
    now: datetime
    version: int
    touched: Collection[str] | None


def span_days(experiment: Record, time_zone: ZoneInfo) -> tuple[int, int]:
    """Return the first day on which an experiment takes people in, and the first on which it does not."""

    def day(name: str, otherwise: int) -> int:
        instant = experiment[name]
        return otherwise if instant is None else day_number(instant.astimezone(time_zone).date())

    # What became of people after an earlier day could be known before the experiment was.
    started = experiment["started_day"]
    first = day("starts_at", _ALWAYS[0])
    return first if started is None else max(first, started), day("ends_at", _ALWAYS[1])


async def assign_new(
    database: Database,
    customers: pd.DataFrame,
    feedback: Feedback,
    today: Today,
    *,
    options: StrategyOptions,
    erased: frozenset[str],
    parameters: FeedbackParameters,
) -> None:
    """Put into an arm whom a running experiment may take in by now, and remember it.

    Whoever objects to profiling takes no part, nor do those that were `erased`.
    """
    for experiment in await open_experiments(database):
        first, end = span_days(experiment, today.time_zone)
        is_past = today.as_of_day < (experiment["looked_at_day"] or first)
        if is_past and experiment["status"] == "running":
            fields = {"experiment": experiment["key"], "as_of_day": today.as_of_day}
            log.info("nobody is assigned as of an earlier day", extra={"fields": fields})
        if experiment["status"] != "running" or is_past or not first <= today.as_of_day < end:
            continue
        is_concerned = _concerned(customers, experiment)
        is_open = may_take_in(experiment["id"], customers["open_experiment_ids"])
        meant = customers.loc[is_concerned & is_open]
        new = await _newcomers(database, meant, experiment, today, erased=erased)
        await _assign(
            database, new, experiment, feedback, today, options=options, parameters=parameters
        )
        looked = {
            "new_version": today.version,
            "new_day": today.as_of_day,
            "new_currency": today.currency,
            "new_concerned": int(is_concerned.sum()),
            "new_open": len(meant),
        }
        values = {"at_id": experiment["id"], **looked}
        await database.write(lambda transaction, v=values: transaction.run(_LOOKED, v))  # type: ignore[misc]


def _concerned(customers: pd.DataFrame, experiment: Record) -> Booleans:
    """Tell whom an experiment is about: of its phase and tiers, and nobody who objects to profiling."""
    objects = customers["has_profiling_objection"].to_numpy(dtype=np.bool_, na_value=False)
    is_concerned: Booleans = _is(customers["phase"], experiment["phase"]) & ~objects
    if experiment["tiers"]:
        is_concerned &= customers["tier"].isin(experiment["tiers"]).to_numpy()
    return is_concerned


async def _newcomers(
    database: Database,
    found: pd.DataFrame,
    experiment: Record,
    today: Today,
    *,
    erased: frozenset[str],
) -> pd.DataFrame:
    """Return those to whom the step is open on this day and who are in none of the arms yet.

    Who can never get it has the same outcome in both arms, and would hide the effect on the others.
    """
    follows = experiment["looked_at_version"] == today.version - 1
    if today.touched is not None and follows:
        found = found[found["unit_id"].isin(today.touched)]
        asked = {"experiment_id": experiment["id"], "ids": found["unit_id"].tolist()}
        rows = await database.all(_KNOWN_AMONG, asked)
    else:
        rows = await database.all(_KNOWN, {"experiment_id": experiment["id"]})
    known = erased.union(row["unit_id"] for row in rows)
    return found.loc[~found["unit_id"].isin(known)] if known else found


def _contact_cost(people: pd.DataFrame, experiment: Record, options: StrategyOptions) -> Floats:
    """Say what it costs to reach each: over the channel tried, else that in which it is recommended."""
    cost = np.full(len(people), experiment["contact_cost"])
    if experiment["channel_id"] is not None:
        return cost
    tried = [
        number
        for number, candidate in enumerate(options.candidates)
        if candidate.instrument_id == experiment["instrument_id"]
    ]
    for rank in range(1, STEPS + 1):
        is_tried = people[f"step{rank}_option"].isin(tried).to_numpy()
        cost = np.where(is_tried, float_column(people, f"step{rank}_contact_cost"), cost)
    return cost


def _is(column: pd.Series, word: str) -> Booleans:
    return (column == word).to_numpy(dtype=np.bool_, na_value=False)


async def _assign(
    database: Database,
    new: pd.DataFrame,
    experiment: Record,
    feedback: Feedback,
    today: Today,
    *,
    options: StrategyOptions,
    parameters: FeedbackParameters,
) -> None:
    for start in range(0, len(new), _CHUNK):
        people = new.iloc[start : start + _CHUNK]
        rows = list(
            _rows(people, experiment, feedback, today, options=options, parameters=parameters)
        )
        treated = sum(row["is_treated"] for row in rows)
        close_day = today.as_of_day + max(row["window_days"] for row in rows)
        counts = {"treated": treated, "control": len(rows) - treated, "close_day": close_day}

        async def write(
            transaction: Transaction,
            rows: list[dict[str, Any]] = rows,
            counts: dict[str, int] = counts,
        ) -> None:
            await transaction.insert_many(experiment_assignments, rows)
            await transaction.run(_COUNT, {"at_id": experiment["id"], **counts})

        await database.write(write)


def _rows(
    people: pd.DataFrame,
    experiment: Record,
    feedback: Feedback,
    today: Today,
    *,
    options: StrategyOptions,
    parameters: FeedbackParameters,
) -> Iterator[dict[str, Any]]:
    """Write down the arm of each, and what was known and expected of it on that day."""
    unit_ids = people["unit_id"].tolist()
    numbers = arm_numbers(experiment["key"], unit_ids)
    is_treated = ~is_control(numbers, holdout_share=experiment["holdout_share"])
    horizon = float_column(people, "churn_horizon_days")
    windows = window_days(experiment["phase"], horizon, parameters=parameters)
    effect = feedback.effects.get((experiment["instrument_id"], experiment["phase"]))
    columns = {
        "unit_id": unit_ids,
        "u": numbers.tolist(),
        "is_treated": is_treated.tolist(),
        "window_days": windows.tolist(),
        "tier": people["tier"].astype(object).where(people["tier"].notna(), None).tolist(),
        "is_under_contract": _is(people["churn_basis"], "contract").tolist(),
        "expected_contribution": _known(float_column(people, "clv_365") * windows / 365),
        "contact_cost": _contact_cost(people, experiment, options).tolist(),
        **{name: _known(float_column(people, name)) for name in FEATURES},
    }
    same = {
        "experiment_id": experiment["id"],
        "assigned_at": today.now,
        "assigned_day": today.as_of_day,
        "expected_effect": experiment["prior_mean"] if effect is None else effect[0],
        "has_succeeded": None,
        "contribution": None,
    }
    for values in zip(*columns.values(), strict=True):
        yield same | dict(zip(columns, values, strict=True))


def _known(values: Any) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]


async def forget(transaction: Transaction, unit_ids: Collection[str]) -> None:
    """Delete the assignments of customers that were erased or object to profiling."""
    gone = await transaction.all(_FORGET, {"ids": sorted(unit_ids)})
    counts = Counter((row["experiment_id"], bool(row["is_treated"])) for row in gone)
    for experiment_id in sorted({name for name, _ in counts}):
        lost = {"treated": counts[experiment_id, True], "control": counts[experiment_id, False]}
        await transaction.run(_UNCOUNT, {"at_id": experiment_id, **lost})
