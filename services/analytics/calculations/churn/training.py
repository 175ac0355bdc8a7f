"""Learns from a base's own past what bends its purchase model, and uses it only where that helps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from services.analytics.calculations.churn.features import (
    FeatureBase,
    Observation,
    estimate_feature_base,
    features_at,
)
from services.analytics.calculations.churn.judging import (
    calibration_by_horizon,
    judge,
    too_little,
)
from services.analytics.calculations.churn.learning import Lesson, Task, choose_level, settled
from services.analytics.calculations.churn.origins import Origin, Rows, days_back, look_ahead
from services.analytics.calculations.churn.parameters import ChurnParameters
from services.analytics.calculations.churn.residuals import loss, total_shift
from services.analytics.calculations.churn.stacked import (
    Choice,
    ChurnModel,
    HorizonAccuracy,
    Reason,
    Residual,
)
from services.analytics.calculations.churn.targets import TARGETS
from services.analytics.calculations.parameters import Family, Parameters
from services.analytics.calculations.purchase_models.fitting import fit_purchase_model
from services.analytics.calculations.purchase_models.model import PurchaseModel
from services.analytics.calculations.purchases import Floats, Purchases


def train(
    today: Observation,
    earlier: Callable[[int], Observation],
    *,
    model: PurchaseModel,
    parameters: Parameters,
    churn: ChurnParameters | None = None,
    base: FeatureBase | None = None,
) -> ChurnModel:
    """Learn how the purchase model of a base is to be bent.

    Parameters
    ----------
    today
        What is known now of a sample of the base: the same customers for any partition, by a hash
        of their ids.
    earlier
        Gives what was known of them at the end of an earlier day, numbered alike.
    model
        The running purchase model of the base, in days; its family is fitted anew at each origin.
    parameters
        Those of the running model.
    churn
        How is learned.
    base
        What features are told against today, if it is known of the whole base; else of the sample.

    Returns
    -------
    ChurnModel
        With a residual for each target whose stacked forecast was better on the held-out origins.

    Notes
    -----
    At each origin of the past the purchase model is fitted on what was known, features are taken,
    and what came after is set beside; every customer stands there with the own horizon and with
    that of decisions. Each of the newest origins is then forecast from the older ones: the penalty
    is the one that orders customers best there, the level is corrected if that brought totals nearer
    there, and a target is used if it beats the plain forecast by a standard error and its rivals on
    average. Sources: domain specification 4 (calibration); Tashman (2000), rolling origins; Wolpert
    (1992), stacking.
    """
    churn = churn or ChurnParameters()
    if base is None:
        base = _base_of(today, model, parameters)
    back = days_back(base.first_day, today.day, horizon_days=churn.horizon_days, parameters=churn)
    too_few: Reason | None = None
    if len(back) > 1 and np.count_nonzero(today.purchases.has_purchase) < churn.rows_needed:
        # Nothing could be learned, so nothing is looked at.
        too_few, back = "too_few_customers", ()
    origins = tuple(
        _origin_at(
            earlier(today.day - days),
            today,
            base,
            # Rivals are asked only where they are judged.
            churn.rivals if number < churn.held_out_count else (),
            parameters=parameters,
            churn=churn,
        )
        for number, days in enumerate(back)
    )
    features = features_at(today, base=base, rhythm=parameters.rhythm, parameters=churn)
    horizon = np.full(len(features), float(churn.horizon_days))
    now = look_ahead(features, horizon, base=base, day=today.day, today=today)
    found = {
        target: _learn(
            Task(target, base.typical_gap_days, churn),
            origins,
            now,
            day=today.day,
            family=model.family,
            too_few=too_few,
        )
        for target in TARGETS
    }
    return ChurnModel(
        family=model.family,
        base=base,
        residuals={
            target: residual for target, (residual, *_) in found.items() if residual is not None
        },
        choices={target: choice for target, (_, choice, _) in found.items()},
        by_horizon=found["purchase"][2],
        horizon_days=churn.horizon_days,
        origin_days=tuple(origin.day for origin in origins),
    )


def _base_of(
    observation: Observation,
    model: PurchaseModel,
    parameters: Parameters,
    like: FeatureBase | None = None,
) -> FeatureBase:
    return estimate_feature_base(
        observation, model=model, rhythm=parameters.rhythm, value=parameters.value, like=like
    )


def fitted_model(
    purchases: Purchases, parameters: Parameters, *, family: Family | None = None
) -> PurchaseModel:
    """Fit the purchase model of a day, of the running family unless another is named; in days."""
    rhythm = parameters.rhythm
    fit = fit_purchase_model(
        purchases.repeat_count,
        purchases.recency_days,
        purchases.age_days,
        prior=parameters.prior,
        parameters=rhythm if family is None else replace(rhythm, family=family),
    )
    return fit.model


def _origin_at(
    then: Observation,
    today: Observation,
    base: FeatureBase,
    rivals: tuple[Family, ...],
    *,
    parameters: Parameters,
    churn: ChurnParameters,
) -> Origin:
    """Fit and describe what was known on a day, and set beside it what came."""
    known_days = today.day - then.day
    models = {
        family: fitted_model(then.purchases, parameters, family=family)
        for family in dict.fromkeys((base.model.family, *rivals))
    }
    base_then = _base_of(then, models[base.model.family], parameters, like=base)
    features = features_at(then, base=base_then, rhythm=parameters.rhythm, parameters=churn)
    own_horizon = np.minimum(features["own_horizon_days"].to_numpy(), float(known_days))
    common_horizon = np.full(len(features), float(min(churn.horizon_days, known_days)))
    own, common = (
        look_ahead(features, horizon, base=base_then, day=then.day, today=today)
        for horizon in (own_horizon, common_horizon)
    )
    return Origin(then.day, known_days, base_then, own, common, models)


def _learn(
    task: Task,
    origins: Sequence[Origin],
    today: Rows,
    *,
    day: int,
    family: Family,
    too_few: Reason | None,
) -> tuple[Residual | None, Choice, tuple[HorizonAccuracy, ...]]:
    """Learn one target and judge it; no residual if it is not to be used."""
    reason = too_few or too_little(task, origins)
    if reason is not None:
        return None, Choice(False, reason, np.nan, np.nan, {}), ()
    held_out = origins[: min(task.parameters.held_out_count, len(origins) - 1)]
    lessons = [Lesson(task, origins[number + 1 :]) for number in range(len(held_out))]
    penalty, tried = _choose_penalty(task, held_out, lessons)
    level, tried_levels = choose_level(task, origins, held_out_count=len(held_out), day=day)
    trials = [
        settled(residual, origin.common, task=task, level=tried_level)
        for residual, origin, tried_level in zip(tried, held_out, tried_levels, strict=True)
    ]
    choice = judge(task, origins, trials, family=family)
    by_horizon = calibration_by_horizon(task, origins, trials)
    if not choice.is_used:
        return None, choice, by_horizon
    lesson = Lesson(task, origins)
    residual = lesson.residual(lesson.solve(penalty), penalty)
    return settled(residual, today, task=task, level=level), choice, by_horizon


def _choose_penalty(
    task: Task, held_out: Sequence[Origin], lessons: Sequence[Lesson]
) -> tuple[float, list[Residual]]:
    """Choose the penalty under which the held-out origins are told apart best, levels aside."""
    penalties = sorted(task.parameters.penalties, reverse=True)
    best, chosen, kept = np.inf, penalties[0], list[Residual]()
    starts: list[Floats | None] = [None] * len(lessons)
    for penalty in penalties:
        total, tried = 0.0, list[Residual]()
        for number, (lesson, origin) in enumerate(zip(lessons, held_out, strict=True)):
            solution = lesson.solve(penalty, starts[number])
            starts[number] = solution
            tried.append(lesson.residual(solution, penalty))
            for rows in (origin.common, origin.own):
                linear, outcome = task.bent(tried[-1], rows), task.outcome(rows)
                shift = total_shift(linear, float(outcome.sum()), link=task.link)
                total += float(loss(outcome, linear + shift, link=task.link).mean())
        if total < best:
            best, chosen, kept = total, penalty, tried
    return chosen, kept
